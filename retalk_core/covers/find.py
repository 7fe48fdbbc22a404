"""Look for what lies before a lower face, in one frame."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ...models.faces.cover import CELLS, CoverFinder
from ..compute.devices import cpu_threads
from ..types import Pixels
from .view import LIP_OUTLINE, look_at_lower_face, view_affine

SURE_COVER = 0.5  # likelihood of a cell in which something lies before the face
LEAST_CELLS = 3  # fewer, and what is seen is a mistake
SMALLEST = 24  # pixels between the eyes' outer corners; a smaller face doesn't show what lies before it


def find_cover(network: CoverFinder, pixels: Pixels, points: np.ndarray) -> np.ndarray | None:
    """Tell where something lies before the lower face.

    pixels:  (H, W, 3) uint8 or uint16
    points:  (468, 2 or 3) the face in it
    returns: likelihoods (32, 32) uint8, 255 where it is certain, over the window of `view.COVER_WINDOW`;
             None where nothing lies before it
    """
    apart = np.linalg.norm(points[33, :2] - points[263, :2])
    if not np.isfinite(points).all() or apart < SMALLEST:
        return None
    seen = torch.from_numpy(look_at_lower_face(pixels, points).picture)[None]
    with torch.inference_mode(), cpu_threads(1):
        likely = torch.sigmoid(network(seen.to(memory_format=torch.channels_last)))[0].numpy()
    if (likely > SURE_COVER).sum() < LEAST_CELLS:
        return None
    return np.rint(likely * 255).astype(np.uint8)


def lips_hidden(cover: np.ndarray, points: np.ndarray) -> float:
    """The share of the lips (468, 2 or 3) that a cover (32, 32) hides; the mouth's inside counts."""
    lips = _cells(points, LIP_OUTLINE)
    return float((cover[lips] > SURE_COVER * 255).mean()) if lips.any() else 0.0


def patch_hidden(cover: np.ndarray, points: np.ndarray) -> float:
    """The same share of lips and all that moves with them."""
    lips = _cells(points, LIP_OUTLINE).astype(np.uint8)
    around = cv2.dilate(lips, np.ones((7, 7), np.uint8)) > 0
    return float((cover[around] > SURE_COVER * 255).mean()) if around.any() else 0.0


def _cells(points: np.ndarray, outline: tuple[int, ...]) -> np.ndarray:
    """The cells (32, 32) bool inside an outline of the mesh."""
    affine = view_affine(points, CELLS)
    placed = points[list(outline), :2] @ affine[:, :2].T + affine[:, 2] - 0.5
    mask = np.zeros((CELLS, CELLS), np.uint8)
    cv2.fillPoly(mask, [np.round(placed * 16).astype(np.int32)], 1, lineType=cv2.LINE_8, shift=4)
    return mask > 0
