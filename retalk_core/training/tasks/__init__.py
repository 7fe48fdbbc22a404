"""What is learnt: the sync expert, D-Net, L-Net, E-Net; each says its stages, samples and losses."""
