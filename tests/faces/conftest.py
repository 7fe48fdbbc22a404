"""What the tests of faces share: the networks that find them, and a portrait."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks


@pytest.fixture(scope="session")
def networks() -> FaceNetworks:
    """What finds and follows faces."""
    return load_face_networks()


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """The upper half of a woman, (400, 512, 3) uint8."""
    data = pytest.importorskip(
        "skimage.data", reason="scikit-image, whose portrait is used, is not installed"
    )
    return np.ascontiguousarray(data.astronaut()[:400])


@pytest.fixture(scope="session")
def pair(portrait: np.ndarray) -> Callable[..., np.ndarray]:
    """Draws two heads into a frame (400, 900, 3), given their places and scales."""

    def draw(
        left: tuple[float, float], right: tuple[float, float], scales: tuple[float, float]
    ) -> np.ndarray:
        frame = np.full((400, 900, 3), 120, np.uint8)
        for (x, y), scale in zip((left, right), scales, strict=True):
            head = cv2.resize(portrait[40:210, 140:305], None, fx=scale, fy=scale)
            top, start = int(y - head.shape[0] / 2), int(x - head.shape[1] / 2)
            frame[top : top + head.shape[0], start : start + head.shape[1]] = head
        return frame

    return draw
