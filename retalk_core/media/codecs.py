"""Which codecs a video can be written with, and what goes with each."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..errors import OptionError

Codec = Literal["h264", "hevc", "prores", "ffv1"]
CodecChoice = Literal["auto", "h264", "hevc", "prores", "ffv1"]

QUALITY = 17  # of h264 and hevc; no difference can be seen at normal distance


class Recipe(NamedTuple):
    """How a codec is used."""

    encoder: str  # ffmpeg's name
    suffixes: tuple[str, ...]  # of the files that can hold it
    sound: str  # the codec of the sound beside it
    even: tuple[int, int]  # height and width are padded to multiples of this


RECIPES: dict[str, Recipe] = {
    "h264": Recipe("libx264", (".mp4", ".mov", ".m4v", ".mkv"), "aac", (2, 2)),
    "hevc": Recipe("libx265", (".mp4", ".mov", ".m4v", ".mkv"), "aac", (2, 2)),
    "prores": Recipe("prores_ks", (".mov",), "pcm_s24le", (1, 2)),
    "ffv1": Recipe("ffv1", (".mkv",), "pcm_s24le", (1, 1)),
}


def recipe_of(codec: str) -> Recipe:
    """How a codec is used. Raises OptionError for one that can't be written."""
    if codec not in RECIPES:
        raise OptionError(
            f"{codec!r} is not a codec that can be written: choose one of {', '.join(RECIPES)}."
        )
    return RECIPES[codec]


def codec_for(wanted: CodecChoice, bit_depth: int, *, two_moments: bool = False) -> Codec:
    """The codec that a choice means for a clip.

    bit_depth:   of the clip
    two_moments: its frames are interlaced, which hevc can't say of a frame

    `auto` is h264, which plays everywhere, but for clips of more than 8 bit: editing programs refuse
    H.264 of 10 bit and take HEVC of 10 bit. Raises OptionError for hevc where it can't be.
    """
    if wanted == "hevc" and two_moments:
        raise OptionError(
            "The clip is interlaced, and hevc can't keep that: choose h264, prores or ffv1, or deinterlace "
            "it."
        )
    if wanted != "auto":
        return wanted
    return "hevc" if bit_depth > 8 and not two_moments else "h264"


def suffixes_of(wanted: CodecChoice) -> tuple[str, ...]:
    """The endings that a file may have before it is known what `auto` means. Raises OptionError."""
    return recipe_of("h264" if wanted == "auto" else wanted).suffixes
