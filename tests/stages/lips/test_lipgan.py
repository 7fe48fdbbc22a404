"""LipGAN is shown what it learned from."""

from __future__ import annotations

import torch
from retalk_nodes.retalk_core.stages.lips.lipgan import LIPGAN, pair_whole_first
from retalk_nodes.retalk_core.stages.lips.wav2lip import pair_small


def test_the_whole_picture_comes_before_the_one_without_its_lower_half() -> None:
    faces, references = torch.rand(2, 2, 120, 90, 3)
    pairs, other = pair_whole_first(faces, references), pair_small(faces, references)
    assert torch.equal(pairs[:, :3], other[:, 3:]) and torch.equal(pairs[:, 3:], other[:, :3])
    assert (pairs[:, 3:, 48:] == 0).all() and (pairs[:, :3, 48:] > 0).any()


def test_it_says_so() -> None:
    assert LIPGAN.wants.pictures == ("whole", "hidden") and LIPGAN.wants.rounds == "behind"
