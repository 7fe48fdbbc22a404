"""Video files to read, made without the code under test, and what was written with it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from retalk_nodes.retalk_core.media.clip import Clip
from retalk_nodes.retalk_core.media.color import ColorTags
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream
from retalk_nodes.retalk_core.media.writer import VideoWriter
from scenes import babble

NTSC = Fraction(30000, 1001)
BT601, BT709 = ColorTags(6, 6, 6, False), ColorTags(1, 1, 1, False)
FULL601, FULL709 = ColorTags(6, 6, 6, True), ColorTags(1, 1, 1, True)


def numbered(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture (H, W, 3) that says its number in gray: `index_in` reads it again."""
    return np.full((height, width, 3), 20 + 5 * (index % 40), np.uint8)


def index_in(pixels: np.ndarray) -> int:
    scale = 1 if pixels.dtype == np.uint8 else 257
    return round((float(pixels.mean()) / scale - 20) / 5)


def gradient(height: int = 64, width: int = 96) -> np.ndarray:
    """A smooth picture (H, W, 3) of many colours."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / width, 255 * y / height, 255 - 127.5 * (x / width + y / height)], -1).astype(
        np.uint8
    )


def make(
    path: Path,
    stamps: Sequence[int] = range(10),
    *,
    tick: Fraction = Fraction(1, 25),
    rate: Fraction = Fraction(25),
    size: tuple[int, int] = (48, 64),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write numbered frames at given ticks, without any of the code under test."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = stream.time_base = tick
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered(index, *size), "rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = stamp, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write(
    path: Path, pictures: Sequence[np.ndarray], rate: Fraction = Fraction(25), **options: object
) -> Clip:
    """Write pictures with the code under test and open the result."""
    with VideoWriter(path, pictures[0].shape[:2], rate=rate, **options) as writer:
        for i, pixels in enumerate(pictures):
            writer.write(pixels, i / rate, 1 / rate)
    return open_clip(path)


def shown(clip: Clip, indices: Sequence[int] | None = None) -> list[int]:
    return [index_in(frame.pixels) for frame in clip.frames(indices)]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def distance(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Largest and mean difference in levels of 8 bit."""
    difference = np.abs(one.astype(int) - other.astype(int)) / (1 if one.dtype == np.uint8 else 257)
    return float(difference.max()), float(difference.mean())


def tone_of(seconds: float, rate: int = 48000, hertz: float = 440, channels: int = 1) -> SoundArray:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return SoundArray(np.tile(wave.astype(np.float32), (channels, 1)), rate)


def speaking_clip(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Pictures (H, W, 3) at 25 frames a second, without a loss, with a voice of their own."""
    seconds = Fraction(len(pictures), 25)
    sound = SoundArray(babble(float(seconds))[None].astype(np.float32), 16_000)
    stream = SoundStream(sound, 0, seconds)
    size = pictures[0].shape[0], pictures[0].shape[1]
    with VideoWriter(path, size, rate=Fraction(25), codec="ffv1", sound=stream) as writer:
        for index, picture in enumerate(pictures):
            writer.write(picture, Fraction(index, 25), Fraction(1, 25))
    return path
