"""Wav2Lip is shown what it learned from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.stages.lips.wav2lip import pair_small
from scenes import portrait


@pytest.mark.parametrize("size", [(300, 260), (96, 96), (70, 88), (411, 203)])
def test_faces_are_shrunk_as_opencv_does_it_then_hidden(size: tuple[int, int]) -> None:
    face = cv2.resize(portrait(), size[::-1], interpolation=cv2.INTER_AREA)
    other = face[:, ::-1].copy()
    pair = pair_small(*(torch.from_numpy(each / np.float32(255))[None] for each in (face, other)))[0]
    hidden, whole = (
        cv2.resize(each, (96, 96), interpolation=cv2.INTER_LINEAR)[..., ::-1].transpose(2, 0, 1)
        for each in (face, other)
    )
    assert np.abs(255 * pair[3:].numpy() - whole).max() <= 1.01
    assert np.abs(255 * pair[3:].numpy() - whole).mean() < 0.35  # whole numbers there
    assert np.abs(255 * pair[:3, :48].numpy() - hidden[:, :48]).max() <= 1.01
    assert (pair[:3, 48:] == 0).all()
