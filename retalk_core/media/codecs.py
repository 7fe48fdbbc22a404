"""Which codecs a video can be written with, and what goes with each."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..errors import OptionError

Codec = Literal["h264", "prores", "ffv1"]

QUALITY = 17  # of h264; no difference can be seen at normal distance


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


def recipe_of(codec: str) -> Recipe:
    """How a codec is used. Raises OptionError for one that can't be written."""
    if codec not in RECIPES:
        raise OptionError(
            f"{codec!r} is not a codec that can be written: choose one of {', '.join(RECIPES)}."
        )
    return RECIPES[codec]
