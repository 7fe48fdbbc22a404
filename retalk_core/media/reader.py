"""Read the frames of a clip as often and in any order: exact times, true colours, bounded memory."""

from __future__ import annotations

import os
import queue
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import InputError
from ..times import timecode
from ..types import Frame
from .clip import Clip
from .color import ColorTags, bit_depth_of, color_tags_of, light_levels_of
from .container import (
    check_file,
    check_size,
    close_container,
    decode,
    is_picture_file,
    open_container,
    packets,
    reading,
    video_stream,
)
from .fields import KEPT, Interlacing, deinterlaced, interlacing_of, upside_down
from .frame_index import Clock, FrameIndex, clock, read_table
from .planes.layout import are_same
from .planes.stored import AreaReader, StoredPicture
from .planes.turn import Turn

if TYPE_CHECKING:
    import av

MOST_FRAMES_KEPT = 32  # frames kept at once for playing backwards
MOST_BYTES = 200_000_000  # of those frames
NEAR = 24  # frames; decoding this far ahead is quicker than seeking

T = TypeVar("T")


def open_clip(path: str | os.PathLike[str]) -> Clip:
    """Find out what a video or picture file holds; reads its packets, decodes one frame.

    Raises InputError for anything that doesn't hold pictures.
    """
    path = Path(path)
    check_file(path)
    with reading(path) as container:
        stream = video_stream(container, path)
        check_size(stream.codec_context.width, stream.codec_context.height, path)
        table = read_table(container, stream, path)
        said = (stream.guessed_rate, stream.average_rate, stream.base_rate)
        declared = [Fraction(rate) for rate in said if rate]  # newer versions of av have a class of their own
        has_sound = any(sound.codec_context is not None for sound in container.streams.audio)
        is_still = is_picture_file(container, stream) and len(table.durations) == 1
        tick = Fraction(stream.time_base or Fraction(1, 1000))
    first, color, aspect = _first_frame(path, table.index)
    check_size(first.width, first.height, path)  # a header can be wrong
    turn, interlacing = _upright(first), interlacing_of(first)
    if turn.mirror_y and not turn.transpose:
        interlacing = upside_down(interlacing, first.height)
    clocked = clock(table, tick, [] if is_still else declared)
    return _FileClip(
        path=path,
        first=0,
        size=turn.stored((first.height, first.width)),
        times=clocked.times,
        end=clocked.end,
        rate=clocked.rate,
        bit_depth=bit_depth_of(first),
        color=color,
        rotation=turn.degrees,
        pixel_aspect=1 / aspect if turn.transpose else aspect,
        interlacing=interlacing,
        light=light_levels_of(first),
        has_sound=has_sound,
        is_still=is_still,
        damaged=set(),
        notes=_notes(clocked),
        _turn=turn,
        _index=table.index,
    )


def prefetch(items: Iterable[T], ahead: int = 4) -> Iterator[T]:
    """Produce items in a background thread, at most `ahead` of the consumer, so that both work at once.

    An exception of the producer is raised here, in its turn. When the consumer stops early, the producer
    stops after the item it is working on.
    """
    ready: queue.Queue[tuple[bool, Any]] = queue.Queue(max(1, ahead))
    stopped = threading.Event()

    def produce() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                ready.put((True, item))
                if stopped.is_set():
                    return
            ready.put((False, None))
        except BaseException as error:  # the consumer's to handle, whatever it is
            ready.put((False, error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=produce, name="retalk-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            going_on, item = ready.get()
            if going_on:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        stopped.set()
        while thread.is_alive():  # a full queue would keep the thread waiting
            with suppress(queue.Empty):
                ready.get(timeout=0.01)
        thread.join()


@dataclass(frozen=True, eq=False)
class _FileClip(Clip):
    """A clip whose frames are decoded from a file. Raises InputError if no frame can be decoded at all."""

    _turn: Turn = field(repr=False)
    _index: FrameIndex = field(repr=False)
    _was: Interlacing = "none"  # before it was deinterlaced

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        with _Reader(self, self._turn, self._index, self._was) as reader:
            for index in range(len(self)) if indices is None else indices:
                yield Frame(index, self.times[index], reader.picture(index))

    def deinterlaced(self) -> Clip:
        """The same clip with one moment in each frame, whether its file calls itself interlaced or not."""
        if self.is_still or self.interlacing == "undone":
            return self
        return replace(self, interlacing="undone", _was=self.interlacing)


def _notes(clocked: Clock) -> tuple[str, ...]:
    if not clocked.closed:
        return ()
    return (
        f"time stamps of the clip are broken: they jump by {timecode(clocked.closed)} in all, which was left "
        "out; each frame there is shown as long as the others",
    )


def _first_frame(path: Path, index: FrameIndex) -> tuple[av.VideoFrame, ColorTags, Fraction]:
    """Decode one frame, since only that shows the true size, format and colours."""
    with reading(path) as container:
        stream: Any = container.streams[index.stream]
        for frame in decode(packets(container, stream), stream):
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            return frame, color_tags_of(frame, stream.codec_context), aspect
    raise InputError(
        f"{path} holds no frame that can be decoded: it may be damaged, so export it again as H.264 in MP4."
    )


def _upright(frame: av.VideoFrame) -> Turn:
    """Read the display matrix, which phones write instead of turning the pixels."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(memoryview(data), np.int32)[:5]
    if abs(a) >= abs(b):
        return Turn(False, bool(a < 0), bool(d < 0))
    return Turn(True, bool(c < 0), bool(b < 0))


class _Reader:
    """Decodes the frames of one clip in any order, keeping no more than a short run of them."""

    def __init__(self, clip: Clip, turn: Turn, index: FrameIndex, was: Interlacing) -> None:
        """Get ready.

        turn:  makes the clip's stored pixels upright
        index: where its file keeps the frames
        was:   how they were interlaced, where the clip is deinterlaced
        """
        self._clip, self._index, self._was = clip, index, was
        self._undo = clip.interlacing == "undone"
        height, width = clip.size
        frame_bytes = height * width * (5 if clip.bit_depth <= 8 else 9)  # as stored, and as RGB
        self._run = max(1, min(MOST_FRAMES_KEPT, MOST_BYTES // frame_bytes))
        self._areas = AreaReader(
            clip.path,
            turn.stored(clip.size),
            clip.color,
            clip.bit_depth,
            interlaced=clip.interlacing in KEPT,
            turn=turn,
        )
        self._kept: dict[int, StoredPicture] = {}
        self._last = -2  # the frame asked for before this one; -2: none
        self._shown: tuple[int, StoredPicture] | None = None  # the last frame taken
        self._held: tuple[int, av.VideoFrame] | None = None  # the last good frame
        self._ahead: tuple[int, av.VideoFrame] | None = None  # decoded already, but not reached
        self._restart()

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        close_container(self._container)
        del self._decoder, self._stream, self._container  # its file is closed when nothing holds it any more

    def picture(self, index: int) -> StoredPicture:
        """One frame."""
        if index not in self._kept:
            backwards = index == self._last - 1
            self._fill(max(0, index - self._run + 1) if backwards else index, index)
        self._last = index
        return self._kept[index]

    def _fill(self, first: int, last: int) -> None:
        """Keep a run of frames, and no others."""
        position = self._held[0] if self._held is not None else -1
        key = self._key_before(first)
        if first < position or (first - position > NEAR and key > position):
            self._jump(first)
        self._kept = {}  # before decoding, so that two runs are never in memory
        self._kept = {index: self._take(index) for index in range(first, last + 1)}

    def _take(self, index: int) -> StoredPicture:
        """Decode on to a frame; where it is missing, the one before it stands in."""
        while self._held is None or self._held[0] < index:
            if self._ahead is None:
                self._ahead = next(self._decoder, None)
            if self._ahead is None or self._ahead[0] > index:
                break
            self._held, self._ahead = self._ahead, None
        standing_in = self._held or self._ahead
        if standing_in is None:
            raise InputError(
                f"{self._clip.path} can't be decoded any more: it may have been changed meanwhile, try again."
            )
        number, frame = standing_in
        if number != index:
            self._clip.damaged.add(index)
        if self._shown is None or self._shown[0] != number:
            again = self._shown is not None and are_same(self._shown[1].frame, frame)
            picture = self._shown[1] if self._shown is not None and again else None
            self._shown = number, picture or StoredPicture(frame, self._areas)
        return self._shown[1]

    def _key_before(self, index: int) -> int:
        keys = self._index.keys
        place = bisect_right(keys, index) - 1
        return keys[place] if place >= 0 else 0

    def _jump(self, index: int) -> None:
        """Place the decoder so that the frame, or a good one before it, comes next."""
        import av

        stamps = self._index.stamps
        moments = {number: stamp for stamp, number in self._index.numbers.items()}
        key = self._key_before(max(index - 1, 0) if self._undo else index)
        while key > 0 and (stamps is not None or key in moments):
            try:
                self._container.seek(stamps[key] if stamps else moments[key], stream=self._stream)
            except (av.FFmpegError, OSError, ValueError):
                break
            self._begin(from_start=False)
            self._ahead = next(self._decoder, None)
            if self._ahead is not None and self._ahead[0] <= index:
                return
            key = self._key_before(key - 1)  # not all key frames are where decoding can start
        close_container(self._container)
        self._restart()

    def _restart(self) -> None:
        self._container = open_container(self._clip.path)
        self._stream: Any = self._container.streams[self._index.stream]
        self._stream.codec_context.thread_type = "AUTO"
        self._begin()

    def _begin(self, *, from_start: bool = True) -> None:
        self._held = self._ahead = None
        self._decoder = self._numbered()
        if self._undo:
            every = self._was == "none"
            self._decoder = deinterlaced(self._decoder, every=every, from_start=from_start)

    def _numbered(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decoded frames with their place in the clip."""
        stamps, numbers = self._index.stamps, self._index.numbers
        source = packets(self._container, self._stream)
        first = next(source, None)
        index = numbers.get(first.dts, 0) - 1 if first is not None and first.dts is not None else -1
        for frame in decode(chain([first], source), self._stream):
            if stamps is None or frame.pts is None:
                found = index + 1
            else:
                found = bisect_left(stamps, frame.pts)
                if found == len(stamps) or stamps[found] != frame.pts:
                    continue
            if index < found < len(self._clip):
                index = found
                if not frame.is_corrupt and found not in self._index.broken:
                    yield found, frame
