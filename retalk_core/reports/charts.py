"""Draw what a dub did: loudness and mouth over time, mouths before and after, what was heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from ..times import timecode
from .lettering import Colour, words_size, write_words
from .report import Stretch

PAPER, INK, GREY = (255, 255, 255), (40, 40, 40), (200, 200, 200)
BLUE, ORANGE, GREEN = (70, 110, 190), (225, 130, 40), (50, 150, 90)
RED = (215, 70, 60)
LETTERS = 14  # pixels
CHART_SIZE = (420, 1280)  # of a chart: height, width
PLOT = (60, 40, 1260, 340)  # left, top, right, bottom
COLUMNS = 8  # of a sheet
MEL_SIZE = (320, 1280)  # of a drawn spectrogram: height, width at most
TIME_HEIGHT = 20  # pixels, above a mouth of a sheet
ROWS = ("before", "after", "edited")  # of a sheet


class Curve(NamedTuple):
    """One line of a chart."""

    name: str
    words: str
    values: np.ndarray  # (n,) about 0..1, of the first n frames; NaN where nothing is known
    colour: Colour


@dataclass(frozen=True, eq=False)
class Scene:
    """What a chart draws, for T output frames."""

    times: np.ndarray  # (T,) seconds
    loudness: np.ndarray  # (T,) 0..1
    wanted: np.ndarray | None  # (T,) 0..1, where the engine plans the mouth's opening
    seen: np.ndarray | None  # (n,) n <= T openings found in the result, eye distances
    cuts: np.ndarray  # frames that begin a shot
    untouched: Sequence[Stretch]
    doubtful: Sequence[tuple[float, float]] = ()  # ranges of seconds in which something looks wrong

    def curves(self) -> Iterator[Curve]:
        """What there is to draw."""
        yield Curve("loudness", "loudness", self.loudness, BLUE)
        if self.wanted is not None:
            yield Curve("wanted", "mouth, wanted", self.wanted, ORANGE)
        if self.seen is not None and np.isfinite(self.seen).any():
            most = max(float(np.nanpercentile(self.seen, 99)), 0.02)
            yield Curve("found", "mouth, found in the result", self.seen / most, GREEN)


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
    for start, end in scene.doubtful:
        cv2.rectangle(picture, (place(start), bottom - 12), (place(end), bottom), RED, -1)
    cv2.rectangle(picture, (left, top), (right, bottom), GREY, 1)
    for cut in scene.cuts.tolist():
        cv2.line(
            picture, (place(scene.times[cut]), top), (place(scene.times[cut]), bottom), (150, 90, 160), 1
        )
    for tick in np.linspace(0, length, 7):
        words = timecode(float(tick))[:9]
        write_words(
            picture, words, (place(tick) - words_size(words, LETTERS)[0] // 2, bottom + 8), LETTERS, INK
        )
    for i, curve in enumerate(scene.curves()):
        _curve(picture, scene.times[: len(curve.values)], curve.values, curve.colour, length)
        write_words(picture, curve.words, (left + 10 + 260 * i, 14), LETTERS + 2, curve.colour)
    if scene.untouched:
        write_words(picture, "grey: left as it was", (left + 800, 14), LETTERS + 2, (120, 120, 120))
    if scene.doubtful:
        write_words(picture, "red: looks wrong", (left + 1010, 14), LETTERS + 2, RED)
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
    write_words(line, text, (6, 10), LETTERS + 2, INK)
    return line


def _block(mouths: Sequence[Mouth], columns: int) -> np.ndarray:
    """Mouths beside each other; each row of pictures has its name at the left."""
    tiles = [_tile(mouth) for mouth in mouths]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    names = _names(mouths[0])
    rows = [np.hstack([names, *tiles[i : i + columns]]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def _names(mouth: Mouth) -> np.ndarray:
    """What the rows of a tile show, (h, w, 3), as high as the tile."""
    width = max(words_size(name, LETTERS)[0] for name in ROWS) + 12
    names = np.full((len(_tile(mouth)), width, 3), 255, np.uint8)
    top = TIME_HEIGHT
    for name, picture in zip(ROWS, (mouth.before, mouth.after, mouth.mask), strict=True):
        height = words_size(name, LETTERS)[1]
        write_words(names, name, (6, top + (len(picture) - height) // 2), LETTERS, INK)
        top += len(picture)
    return names


def _tile(mouth: Mouth) -> np.ndarray:
    label = np.full((TIME_HEIGHT, mouth.before.shape[1], 3), 255, np.uint8)
    write_words(label, timecode(mouth.seconds), (4, 3), LETTERS - 1, INK)
    tile = np.vstack([label, mouth.before, mouth.after, mouth.mask])
    return cv2.copyMakeBorder(tile, 0, 4, 2, 2, cv2.BORDER_CONSTANT, value=PAPER)
