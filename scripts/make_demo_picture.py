"""Draw docs/demo.png: the demo's portrait before, and after at moments of one sentence, above the voice.

Needs scikit-image, which brings Pillow, and pocketsphinx; the voice is the recording that ships.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE, portrait
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import dub
from retalk_nodes.retalk_core.files import write_picture
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import read_mono
from retalk_nodes.retalk_core.stages.speech import SAMPLE_RATE

TARGET = Path(__file__).resolve().parents[1] / "docs" / "demo.png"
FACE = (161, 60, 285, 190)  # left, top, right, bottom in the portrait
MOUTH = (178, 122, 268, 176)
TILE, CLOSE = (198, 208), (198, 119)  # pixels; of the face, of the mouth
PICTURES_TOP, CAPTION_TOP = 34, 376
GAP, MARGIN = 6, 14
WAVE_TOP, WAVE_HEIGHT = 446, 62
INK, SOFT, ACCENT, BLUE, PAPER = (
    (40, 44, 52),
    (115, 121, 131),
    (186, 60, 40),
    (150, 168, 196),
    (255, 255, 255),
)
COLOURS = 256  # of the palette


class Moment(NamedTuple):
    """What is heard at a time of the shipped voice: the sound itself and the letters around it."""

    seconds: float
    before: str
    sound: str
    after: str
    meaning: str


MOMENTS = (
    Moment(0.88, "", "…", "", "a pause: at rest"),
    Moment(1.16, "m", "y", "", "open"),
    Moment(1.92, "m", "o", "ved", "narrow"),
    Moment(2.76, "nob", "o", "dy", "open"),
    Moment(2.96, "nobod", "y", "", "wide"),
    Moment(3.08, "", "b", "ut", "lips meet"),
)
# Words of the voice and when each begins and ends, in seconds.
WORDS = (
    ("My", 1.06, 1.20),
    ("lips", 1.21, 1.61),
    ("were", 1.62, 1.77),
    ("moved", 1.78, 2.11),
    ("by", 2.18, 2.37),
    ("nobody", 2.38, 3.02),
    ("but", 3.19, 3.41),
    ("you.", 3.42, 3.65),
)
SHOWN = (0.72, 3.76)  # seconds of the voice


def main() -> None:
    before, after = faces()
    tiles = len(MOMENTS) + 1
    width = 2 * MARGIN + tiles * TILE[0] + (tiles + 1) * GAP
    sheet = Image.new("RGB", (width, WAVE_TOP + WAVE_HEIGHT + 44), PAPER)
    pen = ImageDraw.Draw(sheet)
    left = [MARGIN + i * (TILE[0] + GAP) + (2 * GAP if i else 0) for i in range(tiles)]
    for corner, picture in zip(left, [before, *after], strict=True):
        sheet.paste(picture, (corner, PICTURES_TOP))
    write(pen, (left[0], 6), "before", font(17), INK)
    write(
        pen,
        (left[1], 6),
        "after, while the voice says “My lips were moved by nobody but you.”",
        font(17),
        INK,
    )
    write(pen, (left[0], CAPTION_TOP), "one photograph", font(18), INK)
    write(pen, (left[0], CAPTION_TOP + 28), "that never moved", font(14), SOFT)
    draw_voice(pen, left[1], width - MARGIN)
    for corner, moment in zip(left[1:], MOMENTS, strict=True):
        draw_caption(pen, corner, moment)
        x = place(moment.seconds, left[1], width - MARGIN)
        foot = corner + TILE[0] // 2
        pen.line(
            [(foot, WAVE_TOP - 20), (foot, WAVE_TOP - 14), (x, WAVE_TOP - 6), (x, WAVE_TOP + WAVE_HEIGHT)],
            ACCENT,
            1,
        )
        pen.ellipse((x - 4, WAVE_TOP - 10, x + 4, WAVE_TOP - 2), ACCENT)
    TARGET.parent.mkdir(exist_ok=True)
    sheet.quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG).save(TARGET, optimize=True)
    print(f"{TARGET.name}: {sheet.width}x{sheet.height}, {TARGET.stat().st_size} bytes")


def faces() -> tuple[Image.Image, list[Image.Image]]:
    """The face before, and after at each of the moments, dubbed without loss."""
    with tempfile.TemporaryDirectory() as name:
        picture, output = Path(name) / "portrait.png", Path(name) / "dub.mkv"
        write_picture(picture, portrait())
        options = DubOptions(codec="ffv1", phones=True, check=False)
        dub(open_clip(picture), SHIPPED_VOICE, output, options, LocalNetworks())
        clip = open_clip(output)
        wanted = [round(moment.seconds * float(clip.rate or 25)) for moment in MOMENTS]
        after = [crop(frame.pixels) for frame in clip.frames(wanted)]
    return crop(portrait()), after


def crop(pixels: np.ndarray) -> Image.Image:
    """The face, and below it the mouth once more from closer by."""
    picture, gap = Image.fromarray(pixels), 4
    both = Image.new("RGB", (TILE[0], TILE[1] + gap + CLOSE[1]), PAPER)
    both.paste(picture.resize(TILE, Image.Resampling.LANCZOS, box=FACE), (0, 0))
    both.paste(picture.resize(CLOSE, Image.Resampling.LANCZOS, box=MOUTH), (0, TILE[1] + gap))
    return both


def draw_caption(pen: ImageDraw.ImageDraw, left: int, moment: Moment) -> None:
    """The word with its sound marked, and what the mouth does."""
    x = float(left)
    for text, colour in ((moment.before, INK), (moment.sound, ACCENT), (moment.after, INK)):
        write(pen, (x, CAPTION_TOP - 4), text, font(22), colour)
        x += pen.textlength(text, font(22))
    write(pen, (left, CAPTION_TOP + 28), moment.meaning, font(14), SOFT)


def draw_voice(pen: ImageDraw.ImageDraw, left: int, right: int) -> None:
    """The voice as a wave, with its words below."""
    samples = read_mono(SHIPPED_VOICE, SAMPLE_RATE)
    heard = samples[round(SHOWN[0] * SAMPLE_RATE) : round(SHOWN[1] * SAMPLE_RATE)]
    middle = WAVE_TOP + WAVE_HEIGHT / 2
    for x, part in zip(range(left, right, 2), np.array_split(heard, -(-(right - left) // 2)), strict=True):
        reach = max(float(np.abs(part).max()) / float(np.abs(heard).max()) * WAVE_HEIGHT / 2, 0.5)
        pen.line([(x, middle - reach), (x, middle + reach)], BLUE, 1)
    for word, begin, end in WORDS:
        x = place((begin + end) / 2, left, right)
        write(pen, (x - pen.textlength(word, font(17)) / 2, WAVE_TOP + WAVE_HEIGHT + 8), word, font(17), INK)
    write(pen, (MARGIN, middle - 10), "the voice", font(17), INK)


def place(seconds: float, left: int, right: int) -> float:
    return left + (right - left) * (seconds - SHOWN[0]) / (SHOWN[1] - SHOWN[0])


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def write(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    face: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    colour: tuple[int, int, int],
) -> None:
    pen.text(at, text, colour, face)


if __name__ == "__main__":
    main()
