"""Faces painted as blots on skin: alike on both halves, one person's the same in every picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL

SKINS = ((190, 140, 115), (235, 200, 180), (120, 80, 60), (205, 160, 120))


def blots(person: int, side: int = 160) -> np.ndarray:
    """One person's skin (side, side, 3) uint8."""
    half = np.random.default_rng(person).uniform(0.45, 1.25, (9, 5)).astype(np.float32)
    whole = np.concatenate([half, half[:, -2::-1]], axis=1)
    pattern = cv2.resize(whole, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(pattern * np.array(SKINS[person % len(SKINS)]), 0, 255).astype(np.uint8)


def painted(faces: Sequence[tuple[np.ndarray, int]], size: tuple[int, int]) -> np.ndarray:
    """A picture (*size, 3) of people, given their meshes (468, 3); the last one is in front."""
    picture = np.full((*size, 3), 100, np.uint8)
    for mesh, person in faces:
        oval = mesh[list(FACE_OVAL), :2]
        low, high = oval.min(axis=0), oval.max(axis=0)
        scale = (high - low) / 160
        affine = np.array([[scale[0], 0, low[0]], [0, scale[1], low[1]]])
        skin = cv2.warpAffine(blots(person), affine, size[::-1], borderMode=cv2.BORDER_REPLICATE)
        inside = np.zeros(size, np.uint8)
        cv2.fillPoly(inside, [np.round(oval).astype(np.int32)], 1)
        picture[inside > 0] = skin[inside > 0]
    return picture
