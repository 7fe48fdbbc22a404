"""How a video is encoded: codecs, containers, and what each encoder is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ..errors import OptionError
from .color import MATRICES, UNSPECIFIED, ColorTags, YuvConverter, rgb8_frame, rgb16_frame

if TYPE_CHECKING:
    import av


Codec = Literal["h264", "prores", "ffv1"]


class Recipe(NamedTuple):
    """How a codec is used."""

    encoder: str  # ffmpeg's name
    suffixes: tuple[str, ...]  # of the files that can hold it
    sound: str  # the codec of the sound beside it
    even: tuple[int, int]  # height and width are padded to multiples of this


RECIPES: dict[str, Recipe] = {
    "h264": Recipe("libx264", (".mp4", ".mov", ".m4v", ".mkv"), "aac", (2, 2)),
    "prores": Recipe("prores_ks", (".mov",), "pcm_s24le", (1, 2)),
    "ffv1": Recipe("ffv1", (".mkv",), "pcm_s24le", (1, 1)),
}
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# As small a file and as near to the source as slower presets make, in half their time.
PRESET = "faster"
QUALITY = 17  # no difference can be seen at normal distance
# Of x264, the same on every machine: its pictures depend on their number, which it would take from the cores.
THREADS = 4


@dataclass(frozen=True)
class VideoSpec:
    """What is written, and how."""

    size: tuple[int, int]  # height, width of the pictures
    recipe: Recipe
    rate: Fraction | None  # frames per second; None: frames are not shown equally long
    tick: Fraction  # 1/n second that times are counted in
    quality: int  # h264's constant rate factor
    bit_depth: int  # of the source
    color: ColorTags
    pixel_aspect: Fraction
    metadata: Mapping[str, str]

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width in the file."""
        (height, width), (rows, columns) = self.size, self.recipe.even
        return -(-height // rows) * rows, -(-width // columns) * columns


class Encoding(NamedTuple):
    """What an encoder is given."""

    options: dict[str, str]
    pixel_format: str
    color: ColorTags
    to_frame: Callable[[np.ndarray], av.VideoFrame]  # from RGB (H, W, 3)


def choose_encoding(spec: VideoSpec) -> Encoding:
    """What the encoder of a recipe is given."""
    color, size, deep = spec.color, spec.padded_size, spec.bit_depth > 8
    encoder = spec.recipe.encoder
    if encoder == "ffv1":
        options = {"level": "3", "slices": "4", "slicecrc": "1"}
        color = ColorTags(color.primaries, color.transfer, 0, True)
        if deep:
            return Encoding(options, "gbrp16le", color, rgb16_frame)
        return Encoding(options, "bgr0", color, rgb8_frame)
    if color.matrix not in (*MATRICES, UNSPECIFIED):  # the source is RGB
        color = ColorTags(color.primaries, color.transfer, color.matrix_for(size), False)
    if encoder == "prores_ks":
        options = {"profile": "3", "vendor": "apl0"}  # 422 HQ, by number as older versions need it
        pixel_format, depth = "yuv422p10le", 10
    else:
        options = {"crf": str(spec.quality), "preset": PRESET, "threads": str(THREADS)}
        if spec.rate is None:
            options["bf"] = "0"  # MP4 can't say how long frames last that are stored out of order
        pixel_format, depth = ("yuv420p10le", 10) if deep else ("yuv420p", 8)
    return Encoding(options, pixel_format, color, YuvConverter(size, color, depth, pixel_format))


def recipe_of(codec: str) -> Recipe:
    """How a codec is used. Raises OptionError for one that can't be written."""
    if codec not in RECIPES:
        raise OptionError(
            f"{codec!r} is not a codec that can be written: choose one of {', '.join(RECIPES)}."
        )
    return RECIPES[codec]
