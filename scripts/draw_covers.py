"""Draw what people hold before their mouths over pictures of faces, for `train_covers.py` to learn from.

Faces are (160, 160, 3) float32 in [0, 1] with their mesh in pixels: the view of `covers/view.py` at 96
pixels, with a margin of 32. Every number drawn here is a guess at what footage shows; none was fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from retalk_nodes.retalk_core.covers.view import LIP_INSIDE, LIP_OUTLINE, OVAL

SIDE, MARGIN = 160, 32
WORDS = ("BREAKING NEWS", "hello there", "00:12:45", "@someone", "LIVE", "we will see", "Subscribe!", "ABC")


@dataclass(frozen=True, eq=False)
class Drawn:
    """Something before a face."""

    colours: np.ndarray  # (160, 160, 3)
    shown: np.ndarray  # (160, 160) in [0, 1]


def smooth_noise(rng: np.random.Generator, sigma: float, channels: int = 1) -> np.ndarray:
    """Noise (160, 160, channels) of deviation 1 whose spots are about `sigma` pixels large."""
    small = max(int(SIDE / max(sigma, 1)), 2)
    noise = rng.standard_normal((small, small, channels)).astype(np.float32)
    return cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).reshape(SIDE, SIDE, channels)


def filled(points: np.ndarray, soft: float = 0.0) -> np.ndarray:
    """A polygon (n, 2) as a mask (160, 160)."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), soft) if soft > 0.3 else mask


# Faces as they may look


def change_face(face: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another person's skin, lips and beard on the same face; only the mesh tells where."""
    dark = np.log(face + 0.04)
    lips = filled(points[list(LIP_OUTLINE)], 1.2) * (1 - filled(points[list(LIP_INSIDE)], 0.8))
    if rng.random() < 0.5:
        tint = rng.normal(0, 0.16, 3) + rng.normal(0, 0.2)
        dark += lips[..., None] * tint.astype(np.float32)
    if rng.random() < 0.3:  # lips nearly of the skin's colour
        around = cv2.GaussianBlur(dark, (0, 0), 14)
        dark += rng.uniform(0.2, 0.75) * lips[..., None] * (around - dark)
    if rng.random() < 0.6:
        middle = dark.mean(axis=(0, 1))
        dark = middle + (dark - middle) * rng.uniform(0.6, 1.5)
    if rng.random() < 0.3:
        dark += 0.12 * rng.random() * smooth_noise(rng, rng.uniform(1, 12))
    if rng.random() < 0.42:
        dark = grow_beard(dark, points, lips, rng)
    return np.exp(dark) - 0.04


def grow_beard(
    dark: np.ndarray, points: np.ndarray, lips: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A moustache, a goatee, stubble or a full beard over the logarithm of a face."""
    hairy = np.zeros((SIDE, SIDE), np.float32)
    kind = rng.integers(5)
    apart = np.linalg.norm(points[61] - points[291])
    if kind in (0, 1, 3):
        line = points[[61, 40, 37, 0, 267, 270, 291]] - (0, rng.uniform(0.05, 0.16) * apart)
        wide = int(apart * rng.uniform(0.1, 0.3)) + 1
        cv2.polylines(hairy, [np.round(line).astype(np.int32)], False, 1.0, wide)
    if kind in (1, 2, 3):
        chin = np.array([points[200] if rng.random() < 0.5 else points[18], points[152]])
        size = apart * rng.uniform(0.2, 0.45, 2)
        cv2.ellipse(hairy, (chin.mean(0).tolist(), (size * (2, 2.2)).tolist(), 0.0), 1.0, -1)
    if kind in (3, 4):
        ring = points[list(OVAL)]
        below = ring[:, 1] > points[2, 1] + rng.uniform(-0.4, 0.6) * apart
        middle = points[[13, 14]].mean(axis=0)
        inner = middle + (ring[below] - middle) * rng.uniform(0.45, 0.8)
        hairy = np.maximum(hairy, filled(np.concatenate([ring[below] * 1.0, inner[::-1]])))
    hairy = cv2.GaussianBlur(hairy, (0, 0), rng.uniform(1.0, 5))
    strokes = cv2.blur(smooth_noise(rng, rng.uniform(1.0, 2.5))[..., 0], (1, int(rng.integers(1, 6))))
    shade = rng.choice([-1.3, -0.9, -0.5, 0.3], p=[0.35, 0.3, 0.25, 0.1]) * rng.uniform(0.4, 1.2)
    amount = (hairy * (1 - 0.9 * lips)).clip(0, 1) * (0.75 + 0.25 * strokes).clip(0, 1.3)
    return dark + amount[..., None] * np.float32(shade) * rng.uniform(0.75, 1.1, 3).astype(np.float32)


def light_face(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slopes of light, the edge of a shadow, a coloured lamp, a glint."""
    lit = np.zeros((SIDE, SIDE, 3), np.float32)
    y, x = (np.mgrid[:SIDE, :SIDE] / SIDE - 0.5).astype(np.float32)
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * np.pi)
        lit += (rng.normal(0, 0.6) * (x * np.cos(angle) + y * np.sin(angle)))[..., None]
    if rng.random() < 0.35:  # a shadow's edge, or a lamp's from the side
        angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35)
        bent = x * np.cos(angle) + y * np.sin(angle) + 0.04 * smooth_noise(rng, 40)[..., 0]
        edge = 1 / (1 + np.exp(-((bent - place) * rng.choice([15, 40, 120, 250])).clip(-30, 30)))
        colour = rng.normal(0, 0.12, 3) - rng.uniform(0.2, 1.2)
        lit += edge[..., None] * colour.astype(np.float32)
    if rng.random() < 0.25:
        lit += rng.normal(0, 0.2) * smooth_noise(rng, 30)
    if rng.random() < 0.3:
        angle = rng.uniform(0, 2 * np.pi)
        slope = (x * np.cos(angle) + y * np.sin(angle))[..., None]
        lit += slope * rng.normal(0, 0.6, 3).astype(np.float32)
    return face * np.exp(lit)


# What may lie before them


def stuff(face: np.ndarray, points: np.ndarray, rng: np.random.Generator, skin: float = 0.42) -> np.ndarray:
    """The colours (160, 160, 3) of what something is made of: skin (as often as is said), or anything."""
    kind = rng.random()
    if kind < skin:  # skin: this face's own, or like it
        spot = (
            points[int(rng.choice([50, 280, 205, 425, 151, 5, 199, 36, 266]))].astype(int).clip(3, SIDE - 4)
        )
        base = face[spot[1] - 3 : spot[1] + 4, spot[0] - 3 : spot[0] + 4].mean(axis=(0, 1))
        base = base * np.exp(rng.normal(0, rng.choice([0.02, 0.1, 0.3]), 3))
        base = base * np.exp(rng.normal(0, rng.choice([0.03, 0.15, 0.4])))
    else:
        base = rng.random(3) ** 1.3
        if rng.random() < 0.4:
            base = np.full(3, base.mean()) * rng.uniform(0.9, 1.1, 3)
    made = np.log(np.broadcast_to(base.astype(np.float32), face.shape) + 0.03)
    made = made + rng.uniform(0, 0.25) * smooth_noise(rng, rng.uniform(15, 70))
    if rng.random() < 0.6:
        made = made + rng.uniform(0, 0.12) * smooth_noise(rng, rng.uniform(1, 8))
    if kind > skin and rng.random() < 0.45:
        made = made + _pattern(rng)
    return np.exp(made) - 0.03


def _pattern(rng: np.random.Generator) -> np.ndarray:
    """Stripes, a grid or rows of dots, as the logarithm of their colours."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(3), np.log(30)))
    across = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    along = np.sin((y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / (period * rng.uniform(0.7, 1.5)))
    wave = (
        across if rng.random() < 0.6 else across * along if rng.random() < 0.5 else np.maximum(across, along)
    )
    if rng.random() < 0.6:
        wave = np.tanh(6 * wave)
    return wave[..., None] * (rng.normal(0, 0.5) + rng.normal(0, 0.4, 3)).astype(np.float32)


def _capsule(mask: np.ndarray, a: np.ndarray, b: np.ndarray, wide: float) -> None:
    start, end = (tuple(np.round(p * 16).astype(int).tolist()) for p in (a, b))
    cv2.line(mask, start, end, 1.0, max(int(wide), 1), cv2.LINE_AA, shift=4)


def hand(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fingers side by side, with or without a palm, from any side."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    middle = points[[13, 14]].mean(axis=0) + rng.normal(0, 16, 2)
    angle = rng.uniform(0, 2 * np.pi)
    out, side = np.array((np.cos(angle), np.sin(angle))), np.array((-np.sin(angle), np.cos(angle)))
    wide, fingers = rng.uniform(7, 16), int(rng.choice([1, 2, 3, 4, 5], p=[0.35, 0.1, 0.15, 0.3, 0.1]))
    for i in range(fingers):
        tip = (
            middle + side * (i - (fingers - 1) / 2) * wide * rng.uniform(0.85, 1.2) + out * rng.normal(-6, 8)
        )
        spread = out + side * (i - fingers / 2) * rng.normal(0, 0.06)
        _capsule(mask, tip, tip + spread * rng.uniform(30, 160), wide)
    if rng.random() < (0.2 if fingers == 1 else 0.7):
        size = rng.uniform(18, 45, 2)
        palm = middle + out * rng.uniform(0, 50)
        cv2.ellipse(mask, (palm.tolist(), (2 * size).tolist(), float(np.degrees(angle))), 1.0, -1)
        _capsule(mask, palm, palm + out * 200, 1.4 * size.min())
    return mask


def finger(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One finger across the lips, as for silence, mostly from below."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    angle = rng.normal(np.pi / 2, 0.35) if rng.random() < 0.7 else rng.uniform(0, 2 * np.pi)
    out = np.array((np.cos(angle), np.sin(angle)))
    tip = points[[13, 14]].mean(axis=0) + rng.normal(0, 1, 2) * np.array((9, 4)) - out * rng.uniform(2, 26)
    _capsule(mask, tip, tip + out * 200, rng.uniform(7, 18))
    return mask


def _shaded_edges(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darker towards a shape's rim, and between fingers: the logarithm (160, 160, 1)."""
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    return (-rng.uniform(0, 0.5) * np.exp(-depth / rng.uniform(0.8, 5)))[..., None]


def face_mask(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A surgical mask or a scarf over nose or lips, cheeks and chin."""
    if rng.random() < 0.35:
        edge = points[2] * (1, 0) + (0, rng.uniform(points[4, 1] - 12, points[18, 1]))
        low = np.array([(-5, SIDE + 5), (SIDE + 5, SIDE + 5)])
        bend = rng.normal(0, 9, 4)
        top = [(SIDE + 5, edge[1] + bend[0]), (110, edge[1] + bend[1]), (50, edge[1] + bend[2])]
        return filled(np.array([*low, *top, (-5, edge[1] + bend[3])]))
    ring = points[[234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365]]
    ring = np.concatenate([ring, points[[397, 288, 361, 323, 454]]])
    skip = int(rng.integers(0, 6))
    ring = ring[skip : len(ring) - skip]
    high = points[int(rng.choice([197, 195, 5, 4, 2, 164]))] + rng.normal(0, 2, 2)
    middle = points[13]
    outline = np.concatenate([middle + (ring - middle) * rng.uniform(0.8, 1.08), high[None]])
    return filled(outline + rng.normal(0, 1.5, outline.shape))


def microphone(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A head and a stalk, from any side but above."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    angle = rng.uniform(-0.35, np.pi + 0.35)
    out = np.array((np.cos(angle), np.sin(angle)))
    place = points[[13, 14]].mean(axis=0) + out * rng.uniform(-5, 45) + rng.normal(0, 6, 2)
    size = rng.uniform(5, 26)
    box = (place.tolist(), (2 * size, 2 * size * rng.uniform(0.9, 1.6)), float(np.degrees(angle)) - 90)
    cv2.ellipse(mask, box, 1.0, -1)
    _capsule(mask, place, place + out * 220, size * rng.uniform(0.25, 1.2))
    return mask


def cup(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A rim before the lips and what hangs under it, tilted."""
    wide, angle = rng.uniform(16, 48), rng.normal(0, 0.35)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    rim = points[[13, 14]].mean(axis=0) + rng.normal(0, 7, 2) + (0, rng.uniform(-8, 14))
    corners = np.array([(-1, 0), (1, 0), (rng.uniform(0.6, 1.1), rng.uniform(1.5, 4))]) * wide
    corners = np.concatenate([corners, corners[2:] * (-1, 1)])
    mask = filled(rim + corners @ turn.T)
    cv2.ellipse(
        mask, (rim.tolist(), (2 * wide, wide * rng.uniform(0.1, 0.7)), float(np.degrees(angle))), 1.0, -1
    )
    return mask


def blob(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Anything round or angular, of any size."""
    middle = points[[13, 14]].mean(axis=0) + rng.normal(0, 26, 2)
    count = int(rng.integers(3, 12))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    away = rng.uniform(0.5, 1.3, count) * rng.uniform(5, 50)
    corners = middle + away[:, None] * np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.4, 1)], 1)
    return filled(corners, rng.choice([0.0, 0.0, 1.5]))


def caption(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Letters over the picture, or a board with them."""
    mask = np.zeros((SIDE, SIDE), np.uint8)  # OpenCV writes into no other numbers
    place = (int(rng.integers(-60, 40)), int(points[13, 1] + rng.normal(4, 22)))
    size, thick = rng.uniform(0.35, 1.5), int(rng.integers(1, 5))
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
    cv2.putText(mask, str(rng.choice(WORDS)) * 2, place, font, size, 255, thick, cv2.LINE_AA)
    if rng.random() < 0.3:
        mask[max(place[1] - int(26 * size), 0) : max(place[1] + int(8 * size), 0)] = 255
    return mask.astype(np.float32) / 255


def strands(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hair, a string or a cable across the lower face."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    start = np.array((rng.uniform(0, SIDE), rng.choice([0, SIDE])))
    bend, end = points[14] + rng.normal(0, 24, 2), rng.uniform(0, SIDE, 2)
    for _ in range(int(rng.integers(1, 14))):
        a, b, c = (p + rng.normal(0, 4, 2) for p in (start, bend, end))
        t = np.linspace(0, 1, 24)[:, None]
        curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * (2 * b - (a + c) / 2) + t**2 * c
        wide = int(rng.choice([1, 1, 2, 3, 5]))
        cv2.polylines(mask, [np.round(curve * 16).astype(np.int32)], False, 1.0, wide, cv2.LINE_AA, 4)
    return mask


Shape = Callable[[np.ndarray, np.random.Generator], np.ndarray]
SHAPES: Sequence[Shape] = (hand, finger, face_mask, microphone, cup, blob, caption, strands)
OFTEN = (0.22, 0.12, 0.16, 0.09, 0.07, 0.06, 0.15, 0.13)


def draw_cover(face: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> Drawn:
    """Something before a face, in its own light, with its shadow left to `lay_before`."""
    shape = SHAPES[int(rng.choice(len(SHAPES), p=OFTEN))]
    mask = shape(points, rng)
    colours = stuff(face, points, rng, skin=0.85 if shape is finger else 0.42)
    if shape in (caption, strands):
        ink = rng.choice([0.03, 0.95], p=[0.4, 0.6]) if shape is caption else rng.uniform(0.02, 0.5)
        colours = np.broadcast_to(np.float32(ink) * rng.uniform(0.75, 1.0, 3).astype(np.float32), face.shape)
    else:
        colours = colours * np.exp(_shaded_edges(mask, rng))
    if shape is not face_mask and rng.random() < 0.08:
        mask = mask * rng.uniform(0.5, 0.9)  # something one can see through
    if rng.random() < 0.25:
        length = int(rng.integers(2, 12))
        kernel = np.eye(length) if rng.random() < 0.5 else np.ones((1, length))
        mask = cv2.filter2D(mask, -1, (kernel / kernel.sum()).astype(np.float32))
    return Drawn(colours, cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.6)))


def lay_before(face: np.ndarray, drawn: Drawn, rng: np.random.Generator) -> np.ndarray:
    """A face with something before it, which may throw a shadow on it."""
    if rng.random() < 0.4:
        shift = np.float32([[1, 0, rng.normal(0, 5)], [0, 1, rng.normal(3, 5)]])
        shade = cv2.warpAffine(drawn.shown, shift, (SIDE, SIDE))
        shade = cv2.GaussianBlur(shade, (0, 0), rng.uniform(1, 8))
        face = face * (1 - rng.uniform(0.1, 0.6) * shade)[..., None]
    return face + drawn.shown[..., None] * (drawn.colours - face)


def spoil(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What cameras and codecs do: blur, few pixels, noise, blocks."""
    if rng.random() < 0.5:
        face = cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, 3))
    if rng.random() < 0.4:
        few = int(rng.integers(26, 120))
        face = cv2.resize(
            cv2.resize(face, (few, few), interpolation=cv2.INTER_AREA),
            (SIDE, SIDE),
            interpolation=cv2.INTER_LINEAR,
        )
    level = rng.choice([1.0, 0.5, 0.2, 0.08], p=[0.55, 0.2, 0.15, 0.1])
    face = face * level
    if rng.random() < 0.5:
        face = face + rng.normal(0, rng.choice([0.005, 0.015, 0.04]) * level**0.5, face.shape).astype(
            np.float32
        )
    if rng.random() < 0.5:
        eight = (face.clip(0, 1) * 255).astype(np.uint8)
        _, coded = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(8, 90))])
        face = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.float32) / 255
    return face
