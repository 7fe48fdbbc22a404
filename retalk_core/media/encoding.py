"""How a video is encoded: containers, and what each encoder is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..types import Pixels
from .codecs import Recipe
from .color import (
    MATRICES,
    UNSPECIFIED,
    ColorTags,
    LightLevels,
    YuvConverter,
    flagged,
    rgb8_frame,
    rgb16_frame,
)
from .fields import ENCODER_FLAGS, FIELD_ORDER, KEPT, Interlacing
from .planes.kept import PlaneKeeper, WantedPlanes
from .saving.hardware import hardware_encoding, is_hardware

if TYPE_CHECKING:
    import av


CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# As small a file and as near to the source as slower presets make, in half their time.
PRESET = "faster"
# Of x264, the same on every machine: its pictures depend on their number, which it would take from the cores.
THREADS = 4
JUMP_FRAMES = 10  # that are decoded at most where a player jumps to
# Of x265: pictures depend on how many frames it works on at once, but not on its other threads.
X265 = "log-level=error:frame-threads=2"


@dataclass(frozen=True)
class VideoSpec:
    """What is written, and how."""

    size: tuple[int, int]  # height, width of the pictures
    recipe: Recipe
    rate: Fraction | None  # frames per second; None: frames are not shown equally long
    tick: Fraction  # 1/n second that times are counted in
    quality: int  # constant rate factor of h264 and hevc
    bit_depth: int  # of the source
    color: ColorTags
    pixel_aspect: Fraction
    interlacing: Interlacing
    light: LightLevels
    metadata: Mapping[str, str]
    for_jumps: bool = False  # a key frame every so often, and quickly made

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width in the file."""
        (height, width), (rows, columns) = self.size, self.recipe.even
        if self.interlacing in KEPT and self.recipe.encoder != "ffv1":
            rows *= 2  # each field is padded
        return -(-height // rows) * rows, -(-width // columns) * columns


class Encoding(NamedTuple):
    """What an encoder is given."""

    options: dict[str, str]
    pixel_format: str
    color: ColorTags
    to_frame: Callable[[np.ndarray], av.VideoFrame]  # from RGB (H, W, 3)
    # from pictures that are stored as it takes them; None for others
    keep: Callable[[Pixels], av.VideoFrame | None] = lambda picture: None


def choose_encoding(spec: VideoSpec) -> Encoding:
    """What the encoder of a recipe is given."""
    color, size, deep = spec.color, spec.padded_size, spec.bit_depth > 8
    encoder, fields = spec.recipe.encoder, _field_options(spec)
    if encoder == "ffv1":
        options = {"level": "3", "slices": "4", "slicecrc": "1", **fields}
        color = ColorTags(color.primaries, color.transfer, 0, True)
        if deep:
            return Encoding(options, "gbrp16le", color, flagged(rgb16_frame, spec.interlacing))
        return Encoding(options, "bgr0", color, flagged(rgb8_frame, spec.interlacing))
    if color.matrix not in (*MATRICES, UNSPECIFIED):  # the source is RGB
        color = ColorTags(color.primaries, color.transfer, color.matrix_for(size), False)
    depth = 10 if deep or encoder == "prores_ks" else 8
    if is_hardware(encoder):
        pixel_format, options = hardware_encoding(encoder, spec.quality, deep=deep)
    elif encoder == "prores_ks":
        options = {"profile": "3", "vendor": "apl0"}  # 422 HQ, by number as older versions need it
        pixel_format = "yuv422p10le"
    else:
        options = _x265_options(spec) if encoder == "libx265" else _x264_options(spec)
        pixel_format = "yuv420p10le" if deep else "yuv420p"
    if spec.rate is None and encoder not in ("prores_ks", "libx265"):
        options["bf"] = "0"  # MP4 can't say how long frames last that are stored out of order
    converter = YuvConverter(size, color, depth, pixel_format, spec.interlacing)
    keeper = PlaneKeeper(WantedPlanes(size, color, depth, pixel_format, spec.interlacing))
    return Encoding({**options, **fields}, pixel_format, color, converter, keeper)


def _x264_options(spec: VideoSpec) -> dict[str, str]:
    light = spec.light.for_x264()
    options = {"crf": str(spec.quality), "preset": PRESET, "threads": str(THREADS)}
    if spec.for_jumps:
        options |= {"preset": "superfast", "g": str(JUMP_FRAMES), "bf": "0"}
    return {**options, "x264-params": light} if light else options


def _x265_options(spec: VideoSpec) -> dict[str, str]:
    """It takes some of its options in a list of its own only."""
    told = [X265, *filter(None, [spec.light.for_x265()]), *(["bframes=0"] if spec.rate is None else [])]
    return {"crf": str(spec.quality), "preset": PRESET, "x265-params": ":".join(told)}


def _field_options(spec: VideoSpec) -> dict[str, str]:
    """What tells an encoder that a frame's lines show two moments."""
    if spec.interlacing not in KEPT:
        return {}
    flags = ENCODER_FLAGS.get(spec.recipe.encoder)
    return {"field_order": FIELD_ORDER[spec.interlacing], **({"flags": flags} if flags else {})}
