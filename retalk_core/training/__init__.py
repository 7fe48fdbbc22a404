"""Train the paper's networks: losses, the loop, checkpoints, export; data/ and tasks/ hold what is learnt."""
