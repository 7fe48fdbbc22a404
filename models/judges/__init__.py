"""Networks that judge pictures and faces: SyncNet, Inception, ArcFace."""
