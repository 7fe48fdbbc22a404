"""A mark over whole frames is read in what a crop has left."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.marks.cells.payload import picture_chips, threshold
from retalk_nodes.retalk_core.marks.cells.plane import frame_plane
from retalk_nodes.retalk_core.marks.cells.swing import Swung
from retalk_nodes.retalk_core.marks.frame import FRAME_SAMPLES, read_frame

NUMBER = 0x1234_ABCD


def swung(crop: tuple[float, float, float, float], strength: float, seed: int = 0) -> Swung:
    """What swings in a part of a marked frame: left, top, right, bottom as shares."""
    fine = 8
    whole = np.kron(picture_chips(b"key", frame_plane(), NUMBER), np.ones((fine, fine)))
    left, top, right, bottom = (round(share * len(whole)) for share in crop)
    part = whole[top:bottom, left:right].astype(np.float32)
    part = cv2.resize(part, (FRAME_SAMPLES, FRAME_SAMPLES), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(seed).standard_normal((2, *part.shape))
    return Swung(noise[0] + 1j * noise[1] + strength * part * 1j, np.full(part.shape, 2.0))


@pytest.mark.parametrize(
    "crop", [(0, 0, 1, 1), (0.05, 0.05, 0.95, 0.95), (0.1, 0, 1, 0.9), (0.03, 0, 0.9, 1)]
)
def test_a_cropped_frame_is_read(crop: tuple[float, float, float, float]) -> None:
    reading = read_frame(swung(crop, 0.5), b"key")
    assert reading.number == NUMBER and reading.score > threshold(1)


def test_nothing_is_found_where_nothing_is() -> None:
    for seed in range(3):
        assert read_frame(swung((0, 0, 1, 1), 0, seed), b"key").score < threshold(1)


def test_nobody_looks_for_crops_who_does_not_want_to() -> None:
    assert read_frame(swung((0.1, 0.1, 0.9, 0.9), 0.5), b"key", cropped=False).number is None
