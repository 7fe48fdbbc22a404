"""Encoders in graphics cards: which there are, whether one opens on this machine, and what it is given."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from ...errors import OptionError

if TYPE_CHECKING:
    from ..codecs import Recipe

# In the order in which they are tried: NVIDIA, Intel, AMD, Apple
HARDWARE_KINDS = ("nvenc", "qsv", "amf", "videotoolbox")
CODECS = ("h264", "hevc")  # that they write
TRIAL_SIDE = 256  # pixels; some refuse smaller pictures


def is_hardware(encoder: str) -> bool:
    """Whether one of ffmpeg's encoders computes outside the processor."""
    return encoder.rpartition("_")[2] in HARDWARE_KINDS


def in_hardware(recipe: Recipe, codec: str, bit_depth: int) -> Recipe:
    """The same recipe with the first encoder in hardware that opens here.

    Raises OptionError, which says what each of them answered.
    """
    if codec not in CODECS:
        raise OptionError(
            f"No hardware writes {codec}: choose h264 or hevc as encoder, or switch hardware off."
        )
    refused = []
    for encoder in hardware_encoders(codec):
        reason = why_closed(encoder, deep=bit_depth > 8)
        if not reason:
            return recipe._replace(encoder=encoder)
        refused.append(f"{encoder}: {reason}")
    said = "; ".join(refused) or "FFmpeg has none"
    depth = " of 10 bit" if bit_depth > 8 else ""
    raise OptionError(f"No hardware encoder for {codec}{depth} opens here ({said}): switch hardware off.")


def hardware_encoders(codec: str) -> tuple[str, ...]:
    """Those encoders of a codec that this ffmpeg was built with, whatever the machine has."""
    return tuple(_built(f"{codec}_{kind}" for kind in HARDWARE_KINDS))


def _built(names: Iterator[str]) -> Iterator[str]:
    import av

    yield from (name for name in names if name in av.codecs_available)


@functools.cache
def why_closed(encoder: str, *, deep: bool) -> str:
    """Why an encoder takes no picture on this machine; "" where it takes one."""
    import av

    pixel_format, options = hardware_encoding(encoder, 23, deep=deep)
    try:
        context = av.CodecContext.create(encoder, "w")
        context.width = context.height = TRIAL_SIDE
        context.pix_fmt = pixel_format
        context.time_base = Fraction(1, 25)
        context.options = options
        frame = av.VideoFrame(TRIAL_SIDE, TRIAL_SIDE, pixel_format)
        frame.pts = 0
        context.encode(frame)
        context.encode(None)
    except (av.FFmpegError, ValueError, OSError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def hardware_encoding(encoder: str, quality: int, *, deep: bool) -> tuple[str, dict[str, str]]:
    """The pixel format that an encoder takes, and its options for a quality as libx264 counts it."""
    kind = encoder.rpartition("_")[2]
    options = {
        "nvenc": {"preset": "p5", "rc": "constqp", "qp": f"{quality}"},
        "qsv": {"preset": "slow", "global_quality": f"{max(quality, 1)}"},
        "amf": {"quality": "quality", "rc": "cqp", "qp_i": f"{quality}", "qp_p": f"{quality}"},
        # Apple's goes from 1 to 100, the best; ffmpeg wants it times 118.
        "videotoolbox": {"flags": "+qscale", "global_quality": f"{118 * max(100 - 2 * quality, 1)}"},
    }[kind]
    if deep and encoder.startswith("hevc"):
        options["profile"] = "main10"
    return ("p010le" if deep else "nv12"), options
