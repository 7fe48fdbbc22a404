"""The light a mouth is seen in: pictures of like light are preferred, and take on the frame's."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ...crops.patch import box_around
from ...faces.canonical import eye_distance
from ...images import white_of
from ...types import Pixels
from .face import Texture

DARK = 0.02  # added to colours before their ratio is taken: black says nothing of its light
# Where skin and lips are compared: around the mouth and on the lips' middles, never inside them.
SKIN_SPOTS = (
    *(2, 97, 326, 164, 165, 391, 92, 322, 186, 410, 57, 287, 43, 273, 106, 335, 182, 406, 83, 313, 18),
    *(200, 201, 421, 194, 418, 204, 424, 202, 422, 212, 432, 216, 436, 206, 426, 203, 423, 207, 427),
    *(210, 430, 211, 431, 32, 262, 208, 428, 199, 175, 171, 396, 140, 369, 205, 425, 36, 266, 214, 434),
)
LIP_SPOTS = (11, 72, 302, 73, 303, 74, 304, 184, 408, 16, 85, 315, 86, 316, 90, 320, 91, 321)
LIP_SHARE = 0.4  # of a spot on the lips, which shine and crease: of one on the skin
_SPOT = 0.03  # eye distances that a spot's colour is averaged over
_REACH = 0.085  # eye distances over which spots are heard together: the sharpness of a shadow's edge
GRID = 18  # places to a side at which the ratio is worked out; it is smooth in between
_CALM = 0.07  # of its logarithm; what differs less from place to place is the mouth's shape, not the light
_MOST = 3.5  # of its logarithm
_HUE = 0.06  # of its logarithm, by which the channels may differ from what is usual about a place
_ROUNDS = 3
UNIT = 0.35  # of the logarithm of colours; a picture in a light that differs so much costs 1
DEAREST = 6.0  # the most that a light costs: where none is alike, the shape decides


def light_mismatch(wanted: np.ndarray, offered: np.ndarray) -> np.ndarray:
    """Cost (n, m) of showing m pictures in the light of n frames; colours of skin (n, 3) and (m, 3)."""
    step = np.log(wanted[:, None] + DARK) - np.log(offered[None] + DARK)
    return np.minimum((step**2).mean(axis=2) / UNIT**2, DEAREST)


def in_one_light(pictures: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """Small pictures (m, 3 n) as they would be in one and the same light; their skin's colours are (m, 3)."""
    gain = (np.median(lights, axis=0) + DARK) / (lights + DARK)
    lit = pictures.reshape(len(pictures), -1, 3) * gain[:, None]
    return lit.reshape(pictures.shape).astype(np.float32)


def relit(texture: Texture, frame: Pixels, points: np.ndarray) -> Texture:
    """A lent picture in the light of a frame (H, W, 3) with the same face's points (468, 2) there.

    The ratio of the two lights is smooth but for what is as strong as a shadow's edge, which it carries
    across the mouth.
    """
    spots = np.array((*SKIN_SPOTS, *LIP_SPOTS))
    here = _colours(frame, points[spots], _SPOT * eye_distance(points, 1.0))
    places, unit = texture.points[spots] - texture.corner, eye_distance(texture.points, 1.0)
    there = _colours(texture.picture, places, _SPOT * unit)
    ratio = np.log((here + DARK) / (there + DARK)).clip(-_MOST, _MOST)
    share = np.where(np.arange(len(spots)) < len(SKIN_SPOTS), 1.0, LIP_SHARE)
    share *= _same_stuff(ratio, share, places)
    size = texture.picture.shape[:2]
    field = _spread(ratio, share, places, size, unit)
    gain = cv2.resize(np.exp(field), size[::-1], interpolation=cv2.INTER_CUBIC)
    white = white_of(texture.picture)
    bright = float(np.exp(np.average(ratio.mean(axis=1), weights=share)))
    offset = DARK * white
    lit = (texture.picture[:, :].astype(np.float32) + offset) * gain - offset
    return replace(texture, picture=lit.clip(0, white), sharpness=texture.sharpness * bright)


def _same_stuff(ratio: np.ndarray, share: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How surely each spot (n,) shows the same skin or lip in both pictures.

    The colour of light changes slowly over a face. Where one picture shows lip and the other skin or teeth,
    because a mesh lies beside a stretched lip, the hue of their ratio stands out of what is around it.
    """
    hue = ratio - ratio.mean(axis=1, keepdims=True)
    spread = np.maximum(np.abs(places - places.mean(axis=0)).max(axis=0), 1)
    plane = np.column_stack([np.ones(len(places)), (places - places.mean(axis=0)) / spread])
    sure = np.ones(len(ratio))
    for _ in range(_ROUNDS):
        weight = (share * sure)[:, None]
        slope = np.linalg.lstsq(plane * np.sqrt(weight), hue * np.sqrt(weight), rcond=None)[0]
        away = np.abs(hue - plane @ slope).max(axis=1)
        sure = 1 / (1 + np.square(away / _HUE)) ** 2
    return sure


def _spread(
    ratio: np.ndarray, share: np.ndarray, places: np.ndarray, size: tuple[int, int], unit: float
) -> np.ndarray:
    """Ratios (n, 3) at places (n, 2) of a picture, brought to a grid over all of it: (18, 18, 3) float32."""
    usual = np.average(ratio, axis=0, weights=share)
    off = ratio - usual
    off = np.sign(off) * np.maximum(np.abs(off) - _CALM, 0)
    y = (np.arange(GRID) + 0.5) * size[0] / GRID
    x = (np.arange(GRID) + 0.5) * size[1] / GRID
    reach = 2 * (_REACH * unit) ** 2
    down = np.exp(-((y[:, None] - places[:, 1]) ** 2) / reach)
    along = np.exp(-((x[:, None] - places[:, 0]) ** 2) / reach)
    weight = np.einsum("yn,xn,n->yxn", down, along, share)
    total = weight.sum(axis=2)[..., None]
    # Where no spot is near, all of them are heard, the nearest most.
    return (usual + (weight @ off) / (total + 1e-3)).astype(np.float32)


def _colours(picture: Pixels, places: np.ndarray, reach: float) -> np.ndarray:
    """The mean colours (n, 3) in [0, 1] around places (n, 2) of a picture; beyond its edges, at them."""
    box = box_around(places, picture.shape[:2], margin=2 * reach + 2)
    side = 2 * max(round(reach), 0) + 1
    part = cv2.blur(picture[box.slices], (side, side))
    x, y = (places - box.corner).astype(int).T
    height, width = part.shape[:2]
    found = part[y.clip(0, height - 1), x.clip(0, width - 1)]
    return (found / white_of(picture)).astype(np.float32)
