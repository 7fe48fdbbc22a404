"""A mouth's inside in layers: throat and tongue, the lower row of teeth, the upper one, lips over them."""

from __future__ import annotations

import numpy as np

from ...boxes import Box
from ...crops.patch import box_around
from ...faces.canonical import INNER_LIP
from .face import Face, Texture, lent_opening
from .lips import Between, between_lips, pixel_centres
from .teeth import Teeth, light_about, on_arch, sample_row

TONGUE = (1.9, 1.5, 1.5)  # its colour, in throats
TONGUE_SHOWN = (0.06, 0.14)  # eye distances of opening: the tongue comes into view
EDGE = 0.022  # eye distances over which a lip's edge fades
TOUCH = (0.004, 0.03)  # eye distances: lips this near touch, and these let all of the inside be seen
DIM = (0.4, 0.04)  # least light that falls in, and the gap that lets all in, in eye distances
LIP_SHADOW = (0.3, 0.02)  # how dark it is right under the upper lip, and how far down, in eye distances
CORNERS = (0.6, 1.05, 0.5)  # from where to where it grows dark towards the corners, and how much
FADING = (0.7, 1.0, 0.7)  # from where to where it fades into the lips at the corners, and how much
WARMTH = (0.8, 1.15, 1.1)  # what shades the inside is red
LIGHTING = (0.3, 3.0)
OPEN = 0.03  # eye distances; a texture this much more open than wanted has no line between its lips
SHUT_BELOW = 0.02  # eye distances; lips less open than this are shut
LINE = (0.5, 0.008)  # how much darker the line between shut lips is, and its half width in eye distances


def fill_inside(
    dressed: np.ndarray, face: Face, textures: list[Texture], teeth: Teeth, box: Box, eye_distance: float
) -> None:
    """Put the mouth's inside between the lips, in place, or the line where they meet.

    dressed: (h, w, 3) float32 in [0, 1], the lips in their box
    """
    margin = 3 * LINE[1] * eye_distance + 2
    place = box_around(face.target[list(INNER_LIP)], (box.bottom, box.right), margin).shared(box)
    if min(place.size) < 1:
        return
    positions = pixel_centres(place)
    between = between_lips(face.target, positions)
    part = dressed[place.slices_in(box)]
    surplus = np.clip((lent_opening(textures) - face.opening) / OPEN, 0, 1)
    need = surplus * np.clip(1 - face.opening / SHUT_BELOW, 0, 1)
    if need > 0:
        part *= 1 - np.float32(need) * _line(between, eye_distance)[..., None]
    gap = between.gap / eye_distance
    shown = between.mask(max(EDGE * eye_distance, 1.0)) * _ramp(gap, *TOUCH)
    shown *= 1 - FADING[2] * _ramp(np.abs(between.across), *FADING[:2])
    if not shown.any():
        return
    drawn = _layers(face, teeth, positions, between)
    drawn *= np.clip(light_about(dressed, face.target - box.corner) / teeth.skin, *LIGHTING)
    shade = _shade(between, gap, eye_distance)[..., None] ** np.array(WARMTH, np.float32)
    part += shown[..., None] * (drawn * shade - part)


def _shade(between: Between, gap: np.ndarray, eye_distance: float) -> np.ndarray:
    """How much light falls in (h, w)."""
    shade = 1 - LIP_SHADOW[0] * np.exp(-np.maximum(between.below, 0) / (LIP_SHADOW[1] * eye_distance))
    shade *= DIM[0] + (1 - DIM[0]) * _ramp(gap, 0, DIM[1])
    return shade * (1 - CORNERS[2] * _ramp(np.abs(between.across), *CORNERS[:2]))


def _line(between: Between, eye_distance: float) -> np.ndarray:
    """How much darker the line is on which the lips meet (h, w)."""
    away = (between.below - between.above) / (2 * max(LINE[1] * eye_distance, 0.7))
    return LINE[0] * np.exp(-(away**2)) * _ramp(-np.abs(between.across), -1, -0.85)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)


def _layers(face: Face, teeth: Teeth, positions: np.ndarray, between: Between) -> np.ndarray:
    """What is behind the lips (h, w, 3), in the light in which the teeth were seen."""
    drawn = teeth.throat + _tongue(between, face.opening) * (np.array(TONGUE, np.float32) - 1) * teeth.throat
    x, y = on_arch(face.jaws, face.jaws.upper, positions)
    shift = face.jaws.lower - face.jaws.upper
    lower = sample_row(teeth.lower, teeth.fineness, x - shift[0], y - shift[1])
    upper = sample_row(teeth.upper, teeth.fineness, x, y)
    for layer in (lower, upper):
        drawn = drawn * (1 - layer[..., 3:]) + layer[..., :3]
    return drawn


def _tongue(between: Between, opening: float) -> np.ndarray:
    """How far the tongue is seen (h, w, 1): behind the lower teeth, the more the wider the mouth."""
    depth = between.below / np.maximum(between.gap, 1)
    rise = 0.5 * np.clip((opening - TONGUE_SHOWN[0]) / (TONGUE_SHOWN[1] - TONGUE_SHOWN[0]), 0, 1)
    hump = (depth - 1 + rise - 0.18 * between.across**2) / 0.3
    return (np.clip(hump, 0, 1) * np.clip(1.1 - np.abs(between.across), 0, 1))[..., None].astype(np.float32)
