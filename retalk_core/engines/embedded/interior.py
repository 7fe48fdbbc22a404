"""A mouth's inside where no picture of the clip shows it: in stills, or where it never opens or shuts."""

from __future__ import annotations

import cv2
import numpy as np

from ...crops.patch import Box
from ...faces.canonical import INNER_LIP
from .face import Face, Texture, lent_opening

MISSING = (0.3, 0.6)  # of the wanted opening: a texture open less than this is filled wholly, not at all
THROAT = (48 / 255, 22 / 255, 26 / 255)  # RGB under a bright picture
TONGUE = (0.55, 0.26, 0.27)
TEETH = (0.68, 0.61, 0.53)
TEETH_LENGTH = 0.055  # eye distances, at most
OPEN = 0.03  # eye distances; a texture this much more open than wanted shows teeth
SHUT_BELOW = 0.03  # eye distances; a mouth less open than this shows none
LINE = 0.62  # brightness between shut lips, of the lips' own
SHOWN_FROM = (0.02, 0.06)  # eye distances of opening: teeth come into view


def fill_interior(
    dressed: np.ndarray, face: Face, textures: list[Texture], box: Box, eye_distance: float
) -> np.ndarray:
    """Draw throat, tongue and upper teeth between the lips, as far as the texture has no open mouth to lend.

    dressed: (h, w, 3) float32 in [0, 1], the textured mouth in its box
    """
    lent = lent_opening(textures)
    need = 1 - np.clip((lent / max(face.opening, 1e-6) - MISSING[0]) / (MISSING[1] - MISSING[0]), 0, 1)
    gap = face.opening * eye_distance
    if need == 0 or gap < 1:
        return dressed
    inside = _inner_mask(face.target, box, softness=0.006 * eye_distance)
    across, depth = _mouth_coordinates(face.target, box)
    light = float(np.clip(_cheek(dressed, face.target, box), 0.15, 1))
    drawn = _throat_and_tongue(across, depth, face.opening, light)
    drawn = _teeth(drawn, across, depth, face.opening, gap, eye_distance, light)
    share = (need * inside)[..., None]
    return dressed + share * (drawn - dressed)


def darken_line(
    dressed: np.ndarray, face: Face, textures: list[Texture], box: Box, eye_distance: float
) -> np.ndarray:
    """Shade the line between shut lips where the texture's mouth is open: its teeth would line it with white.

    dressed: (h, w, 3) float32 in [0, 1], the textured mouth in its box
    """
    surplus = np.clip((lent_opening(textures) - face.opening) / OPEN, 0, 1)
    need = surplus * np.clip(1 - face.opening / SHUT_BELOW, 0, 1)
    if need == 0:
        return dressed
    line = _inner_mask(face.target, box, softness=0.004 * eye_distance)
    x, y = (face.target[[14, 17]].mean(axis=0) - box.corner).astype(int)  # the lower lip's middle
    lip = dressed[np.clip(y, 0, box.size[0] - 1), np.clip(x, 0, box.size[1] - 1)]
    share = np.minimum(np.float32(1.6) * need * line, 1)[..., None]
    return dressed + share * (np.minimum(dressed, LINE * lip) - dressed)


def _inner_mask(points: np.ndarray, box: Box, softness: float) -> np.ndarray:
    outline = np.round((points[list(INNER_LIP)] - box.corner - 0.5) * 16).astype(np.int32)
    mask = np.zeros(box.size, np.float32)
    cv2.fillPoly(mask, [outline], 1.0, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), max(softness, 0.4))


def _mouth_coordinates(points: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel: across the mouth, −1..1 between its corners, and down it, 0..1 from lip to lip."""
    left, right = points[78], points[308]
    axis = (right - left) / 2
    half = max(float(np.linalg.norm(axis)), 1.0)
    axis = axis / half
    down = np.array((-axis[1], axis[0]))
    centre = (left + right) / 2
    height, width = box.size
    x = box.left + np.arange(width) + 0.5 - centre[0]
    y = (box.top + np.arange(height) + 0.5 - centre[1])[:, None]
    across = (x * axis[0] + y * axis[1]) / half
    below = x * down[0] + y * down[1]

    def lip(indices: tuple[int, ...]) -> np.ndarray:
        place = points[list(indices)] - centre
        return np.interp(across, place @ axis / half, place @ down)

    upper = lip((78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308))
    lower = lip((78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308))
    return across, (below - upper) / np.maximum(lower - upper, 1.0)


def _cheek(dressed: np.ndarray, points: np.ndarray, box: Box) -> float:
    """Brightness of the skin beside the mouth, so that the inside is lit as the face is."""
    place = np.clip((points[[216, 436, 200]] - box.corner).astype(int), 0, np.array(box.size[::-1]) - 1)
    return float(dressed[place[:, 1], place[:, 0]].mean(axis=1).max() / 0.6)


def _throat_and_tongue(across: np.ndarray, depth: np.ndarray, opening: float, light: float) -> np.ndarray:
    throat = np.array(THROAT, np.float32) * light
    tongue = np.array(TONGUE, np.float32) * light * 0.75
    rise = 0.45 * np.clip((opening - 0.06) / 0.08, 0, 1)  # the wider the mouth, the more of the tongue shows
    shown = np.clip((depth - 1 + rise - 0.18 * across**2) / 0.22, 0, 1) * np.clip(1.15 - abs(across), 0, 1)
    return throat + (0.7 * shown)[..., None].astype(np.float32) * (tongue - throat)


def _teeth(
    drawn: np.ndarray,
    across: np.ndarray,
    depth: np.ndarray,
    opening: float,
    gap: float,
    eye_distance: float,
    light: float,
) -> np.ndarray:
    length = min(TEETH_LENGTH * eye_distance, 0.5 * gap) / max(gap, 1)  # of the gap
    edge = length * (1 - 0.35 * across**2)
    notch = 0.06 * np.abs(np.sin(np.pi * across / 0.21)) if eye_distance > 40 else 0.0
    soft = max(1.2 / max(gap, 1), 0.06)
    shown = np.clip((edge - notch * length - depth) / soft + 0.5, 0, 1)
    shown *= np.clip((0.8 - abs(across)) / 0.25, 0, 1)
    shown *= np.clip((opening - SHOWN_FROM[0]) / (SHOWN_FROM[1] - SHOWN_FROM[0]), 0, 1)
    shade = 0.62 + 0.38 * np.clip(depth / max(length, 1e-3), 0, 1)  # the lip's shadow
    teeth = np.array(TEETH, np.float32) * light * shade[..., None].astype(np.float32)
    return drawn + shown[..., None].astype(np.float32) * (teeth - drawn)
