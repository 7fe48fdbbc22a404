"""Heads in frames: a portrait moved about, turned meshes, landscapes without any, real clips."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from retalk_nodes.retalk_core.faces.mesh import RIGID_POINTS, RIGID_SHAPE
from retalk_nodes.retalk_core.faces.track import TrackedFace
from retalk_nodes.retalk_core.types import Frame

FPS = 25
HEAD = np.array([222.0, 128.0])  # the middle of the portrait's face
HEAD_HEIGHT = 106.0  # pixels from forehead to chin
Pair = tuple[float, float]


def moved(
    picture: np.ndarray,
    centre: tuple[float, float],
    scale: float = 1.0,
    angle: float = 0.0,
    size: tuple[int, int] = (400, 512),
    onto: np.ndarray | None = None,
) -> np.ndarray:
    """A frame (height, width, 3) with the portrait's head brought to a place, onto grey or another frame."""
    matrix = cv2.getRotationMatrix2D(HEAD.tolist(), angle, scale)
    matrix[:, 2] += np.array(centre) - HEAD
    shrunk = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale) if scale < 0.7 else picture
    frame = np.full((*size, 3), 120, np.uint8) if onto is None else onto.copy()
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT
    return cv2.warpAffine(shrunk, matrix, size[::-1], dst=frame, flags=flags, borderMode=border)


def clip(pictures: list[np.ndarray], fps: int = FPS) -> Iterator[Frame]:
    """Pictures as a stream of frames."""
    return (Frame(i, Fraction(i, fps), picture) for i, picture in enumerate(pictures))


def centres(tracked: TrackedFace) -> np.ndarray:
    """The middle of each box, (T, 2)."""
    boxes = tracked.track.boxes.numpy()
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def covered(picture: np.ndarray) -> np.ndarray:
    """The picture with its face covered."""
    covered = picture.copy()
    covered[50:220, 140:305] = 90
    return covered


def landscape(seed: int, size: tuple[int, int] = (400, 512)) -> np.ndarray:
    """A picture without a face: coarse random patches."""
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def turned_mesh(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """A mesh (468, 3) whose rigid points are those of a head turned so many degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    mesh = np.zeros((468, 3), np.float32)
    mesh[list(RIGID_POINTS)] = 10 * RIGID_SHAPE @ (about_z @ about_y @ about_x).T + 300
    return mesh


def media_frames(media: Path, name: str, count: int) -> Iterator[Frame]:
    """The first frames of a real clip."""
    video = cv2.VideoCapture(str(media / f"{name}.mp4"))
    for i in range(count):
        read, picture = video.read()
        if not read:
            return
        yield Frame(i, Fraction(i, FPS), cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
