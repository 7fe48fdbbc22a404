"""CPBD gives the recorded figures, and less for softer pictures."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from recordings import metric_recording
from retalk_nodes.retalk_core.metrics.pictures.cpbd import blur_detection, edge_widths, mean_cpbd

pytest.importorskip("skimage", reason="scikit-image isn't installed")


def test_pictures_get_the_recorded_figures() -> None:
    recorded = metric_recording("cpbd")

    seen = 0
    for name, value in zip(recorded["names"], recorded["values"], strict=True):
        if str(name) in recorded:
            assert blur_detection(recorded[str(name)]) == pytest.approx(value, abs=1e-9), name
            seen += 1
    assert seen >= 6


def test_blur_lowers_it() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (256, 256)).astype(np.float32)
    picture = cv2.resize(cv2.GaussianBlur(picture, (0, 0), 2), (512, 512))

    figures = [blur_detection(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (0.3, 1.5, 3, 6)]

    assert all(a >= b for a, b in pairwise(figures)) and figures[0] > figures[-1]


def test_an_edge_is_as_wide_as_its_ramp() -> None:
    rise, steep = [0, 40, 100, 160, 200], [200, 100, 0]
    column = np.concatenate([np.zeros(15), rise, np.full(11, 200), steep, np.zeros(9)])

    widths = edge_widths(np.tile(column, (20, 1)))[10]

    assert {int(x): int(widths[x]) for x in np.flatnonzero(widths)} == {17: 4, 32: 2}


def test_no_frame_has_no_figure() -> None:
    assert mean_cpbd(np.zeros(0)) is None
    assert blur_detection(np.zeros((128, 128))) == 0
