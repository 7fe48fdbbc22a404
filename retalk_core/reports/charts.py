"""Draw what a dub did: loudness and mouth over time, mouths before and after, what was heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from ..times import timecode
from .report import Stretch

PAPER, INK, GREY = (255, 255, 255), (40, 40, 40), (200, 200, 200)
BLUE, ORANGE, GREEN = (70, 110, 190), (225, 130, 40), (50, 150, 90)
FONT = cv2.FONT_HERSHEY_SIMPLEX
CHART_SIZE = (420, 1280)  # of a chart: height, width
PLOT = (60, 40, 1260, 340)  # left, top, right, bottom
COLUMNS = 8  # of a sheet
MEL_SIZE = (320, 1280)  # of a drawn spectrogram: height, width at most


@dataclass(frozen=True, eq=False)
class Scene:
    """What a chart draws, for T output frames."""

    times: np.ndarray  # (T,) seconds
    loudness: np.ndarray  # (T,) 0..1
    wanted: np.ndarray | None  # (T,) 0..1, where the engine plans the mouth's opening
    seen: np.ndarray | None  # (n,) n <= T openings found in the result, eye distances
    cuts: np.ndarray  # frames that begin a shot
    untouched: Sequence[Stretch]


class Mouth(NamedTuple):
    """One mouth of a sheet; pictures of one size, (h, w, 3) uint8 RGB."""

    seconds: float
    before: np.ndarray
    after: np.ndarray
    mask: np.ndarray  # white where pixels may have changed


def draw_chart(scene: Scene) -> np.ndarray:
    """Draw loudness, the wanted and the found mouth opening, cuts and untouched stretches as RGB uint8."""
    left, top, right, bottom = PLOT
    picture = np.full((*CHART_SIZE, 3), 255, np.uint8)
    length = max(float(scene.times[-1]), 0.04)

    def place(seconds: float) -> int:
        return int(left + (right - left) * min(max(seconds / length, 0), 1))

    for stretch in scene.untouched:
        cv2.rectangle(picture, (place(stretch.start), top), (place(stretch.end), bottom), (232, 232, 232), -1)
    cv2.rectangle(picture, (left, top), (right, bottom), GREY, 1)
    for cut in scene.cuts.tolist():
        cv2.line(
            picture, (place(scene.times[cut]), top), (place(scene.times[cut]), bottom), (150, 90, 160), 1
        )
    for tick in np.linspace(0, length, 7):
        cv2.putText(
            picture,
            timecode(float(tick))[:9],
            (place(tick) - 34, bottom + 20),
            FONT,
            0.4,
            INK,
            1,
            cv2.LINE_AA,
        )
    curves = [("loudness", scene.loudness, BLUE)]
    if scene.wanted is not None:
        curves.append(("mouth, wanted", scene.wanted, ORANGE))
    if scene.seen is not None and np.isfinite(scene.seen).any():
        curves.append(
            ("mouth, found in the result", scene.seen / max(np.nanpercentile(scene.seen, 99), 0.02), GREEN)
        )
    for i, (name, values, colour) in enumerate(curves):
        _curve(picture, scene.times[: len(values)], values, colour, length)
        cv2.putText(picture, name, (left + 10 + 260 * i, 26), FONT, 0.5, colour, 1, cv2.LINE_AA)
    cv2.putText(picture, "grey: left as it was", (left + 800, 26), FONT, 0.5, (120, 120, 120), 1, cv2.LINE_AA)
    return picture


def draw_sheet(mouths: Sequence[Mouth], worst: Sequence[Mouth] = ()) -> np.ndarray:
    """Lay out mouths as RGB uint8: each before, after and where it was edited, one below the other.

    mouths: a choice of all
    worst:  those that lost most of their sharpness
    """
    if not mouths and not worst:
        return _line("No frame was edited.", 420)
    columns = COLUMNS if max(len(mouths), len(worst)) > COLUMNS else max(len(mouths), len(worst))
    parts = [_block(mouths, columns)] if mouths else []
    if worst:
        block = _block(worst, columns)
        parts += [_line("The least sharp, compared with the source:", block.shape[1]), block]
    return np.vstack(parts)


def draw_mel(mel: np.ndarray) -> np.ndarray:
    """Draw a log-mel spectrogram (80, columns) in [-4, 4] as RGB uint8: low notes below, loud ones bright."""
    height, width = MEL_SIZE
    grey = np.round((mel[::-1] + 4) / 8 * 255).clip(0, 255).astype(np.uint8)
    size = (min(max(mel.shape[1], 320), width), height)
    return cv2.cvtColor(
        cv2.applyColorMap(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.COLORMAP_INFERNO),
        cv2.COLOR_BGR2RGB,
    )


def _curve(
    picture: np.ndarray, times: np.ndarray, values: np.ndarray, colour: tuple[int, int, int], length: float
) -> None:
    left, top, right, bottom = PLOT
    x = left + (right - left) * times / length
    y = bottom - (bottom - top) * np.clip(values, 0, 1.05) / 1.1
    points = np.stack([x, y], axis=1)
    most = 4 * (right - left)  # more points than that can't be seen
    points = points[:: max(len(points) // most, 1)]
    points = points[np.isfinite(points[:, 1])]
    cv2.polylines(picture, [np.round(points * 16).astype(np.int32)], False, colour, 1, cv2.LINE_AA, shift=4)


def _line(text: str, width: int) -> np.ndarray:
    line = np.full((34, width, 3), 255, np.uint8)
    cv2.putText(line, text, (6, 23), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return line


def _block(mouths: Sequence[Mouth], columns: int) -> np.ndarray:
    tiles = [_tile(mouth) for mouth in mouths]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def _tile(mouth: Mouth) -> np.ndarray:
    label = np.full((20, mouth.before.shape[1], 3), 255, np.uint8)
    cv2.putText(label, timecode(mouth.seconds), (4, 14), FONT, 0.4, INK, 1, cv2.LINE_AA)
    tile = np.vstack([label, mouth.before, mouth.after, mouth.mask])
    return cv2.copyMakeBorder(tile, 0, 4, 2, 2, cv2.BORDER_CONSTANT, value=PAPER)
