"""Small copies of clips that any browser plays and jumps about in; two of them show the same moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..images import eight_bit, shrink, shrunk_size
from ..media.color import ColorTags
from ..media.sound import SoundStream
from ..media.writer import VideoWriter
from ..types import Pixels

PROXY_SIDE = 960  # pixels of the longer side, at most
PROXY_QUALITY = 20  # constant rate factor

SeePair = Callable[[Pixels, Pixels, Fraction, Fraction], None]


@dataclass(frozen=True)
class Look:
    """How one side of a pair is shown."""

    path: Path  # of the file to write, .mp4
    size: tuple[int, int]  # height, width of the frames that come
    color: ColorTags
    pixel_aspect: Fraction = Fraction(1)
    sound: SoundStream | None = None

    @property
    def scale(self) -> float:
        """By how much frames are shrunk, at most 1."""
        return min(1.0, PROXY_SIDE / max(self.size))


@contextmanager
def writing_pair(before: Look, after: Look) -> Iterator[SeePair]:
    """Write two small copies at the same times; both appear when the block ends, and neither where it fails.

    gives: what is handed each pair of frames (H, W, 3), uint8 or uint16, with time and duration in seconds
    """
    with ExitStack() as stack:
        writers = [(look, stack.enter_context(_writer(look))) for look in (before, after)]

        def see(first: Pixels, second: Pixels, time: Fraction, duration: Fraction) -> None:
            for (look, writer), pixels in zip(writers, (first, second), strict=True):
                writer.write(eight_bit(shrink(pixels[:, :], look.scale)), time, duration)

        yield see


def _writer(look: Look) -> VideoWriter:
    return VideoWriter(
        look.path,
        shrunk_size(look.size, look.scale),
        quality=PROXY_QUALITY,
        color=look.color,
        pixel_aspect=look.pixel_aspect,
        sound=look.sound,
        for_jumps=True,
    )
