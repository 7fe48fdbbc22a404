"""Streams of frames in and out of video files: exact times, true colours, memory that doesn't grow."""

from __future__ import annotations

import os
import queue
import secrets
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from statistics import median_low
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np

from .errors import InputError, OptionError
from .types import Frame

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

    from .sound import SoundStream

T = TypeVar("T")
Codec = Literal["h264", "prores", "ffv1"]

UNSPECIFIED = 2  # in primaries, transfer and matrix
STILL_RATE = Fraction(25)  # frames per second of a clip that doesn't say
MOST_KEPT = 32  # frames kept at once for playing backwards
MOST_BYTES = 200_000_000  # of those frames
NEAR = 24  # frames; decoding this far ahead is quicker than seeking
# Chroma at full precision: without it a round trip shifts colours by several levels.
SCALER_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
NOT_VIDEO = {"tty", "hls", "concat", "dash"}  # ffmpeg draws text files, and follows lists to other files
MATRICES = {  # ffmpeg's number: its name, the weights of red and blue in luma
    1: ("bt709", 0.2126, 0.0722),
    4: ("fcc", 0.30, 0.11),
    5: ("bt470", 0.299, 0.114),
    6: ("smpte170m", 0.299, 0.114),
    7: ("smpte240m", 0.212, 0.087),
    9: ("bt2020", 0.2627, 0.0593),
    10: ("bt2020", 0.2627, 0.0593),
}


@dataclass(frozen=True)
class ColorTags:
    """How a file says its numbers are colours, in the numbering of ITU-T H.273; nothing said by default."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool | None = None  # False: black is 16 and white 235, of 255

    def matrix_for(self, size: tuple[int, int]) -> int:
        """The matrix to convert with: the tagged one, or else BT.601 below 720 lines and BT.709 from there.

        Lines are counted on the shorter side, so that turning a picture doesn't change its colours.
        """
        return self.matrix if self.matrix in MATRICES else (6 if min(size) < 720 else 1)


class _Turn(NamedTuple):
    """What makes stored pixels upright: swap rows with columns, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def degrees(self) -> int:
        if self.transpose:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_x and self.mirror_y else 0

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1])


@dataclass(frozen=True)
class _Index:
    """Where a file keeps its frames."""

    stream: int
    stamps: tuple[int, ...] | None  # presentation time of each frame in ticks; None: frames are only counted
    numbers: dict[int, int]  # of counted frames that decoding can start from, by decoding time
    keys: tuple[int, ...]  # frames that decoding can start from
    broken: frozenset[int]  # frames whose data is known to be incomplete


@dataclass(frozen=True, eq=False)
class Clip:
    """A video file, or a still picture, whose frames can be streamed as often as needed."""

    path: Path
    size: tuple[int, int]  # height, width of the upright picture
    times: tuple[Fraction, ...]  # seconds since the first frame
    end: Fraction  # seconds; when the last frame stops showing
    rate: Fraction | None  # frames per second; None: frames are not shown equally long
    bit_depth: int
    color: ColorTags
    rotation: int  # degrees clockwise that the stored pixels are turned by; already done
    pixel_aspect: Fraction  # width of a pixel divided by its height
    has_sound: bool
    is_still: bool
    damaged: set[int]  # frames found so far that can't be decoded and show the one before instead
    _turn: _Turn = field(repr=False)
    _index: _Index = field(repr=False)

    def __len__(self) -> int:
        return len(self.times)

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        """Decode frames in the order asked for; all of them by default.

        Runs forwards and backwards and repeats are cheap, jumps cost a seek. Pixels are (H, W, 3) RGB: uint8,
        or uint16 over its whole range for clips above 8 bit. A repeated frame is the same array: don't write
        into it. Memory doesn't grow with the clip. Raises InputError if no frame can be decoded at all.
        """
        with _Reader(self) as reader:
            for index in range(len(self)) if indices is None else indices:
                yield Frame(index, self.times[index], reader.pixels(index))


def open_clip(path: str | os.PathLike[str]) -> Clip:
    """Find out what a video or picture file holds; reads its packets, decodes one frame.

    Raises InputError for anything that doesn't hold pictures.
    """
    path = Path(path)
    check_file(path)
    with open_container(path) as container:
        stream = _video_stream(container, path)
        table = _read_table(container, stream, path)
        declared = [rate for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate) if rate]
        has_sound = any(sound.codec_context is not None for sound in container.streams.audio)
        is_still = _is_picture_file(container, stream) and len(table.durations) == 1
        tick = stream.time_base or Fraction(1, 1000)
    first, color, aspect = _first_frame(path, table.index)
    turn = _upright(first)
    size = (first.width, first.height) if turn.transpose else (first.height, first.width)
    times, end, rate = _clock(table, tick, [] if is_still else declared)
    return Clip(
        path=path,
        size=size,
        times=times,
        end=end,
        rate=rate,
        bit_depth=_bit_depth(first),
        color=color,
        rotation=turn.degrees,
        pixel_aspect=1 / aspect if turn.transpose else aspect,
        has_sound=has_sound,
        is_still=is_still,
        damaged=set(),
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


# Opening


@dataclass(frozen=True)
class _Table:
    """What the packets of a stream say about its frames, in the order of showing."""

    index: _Index
    durations: tuple[int, ...]  # ticks; 0 where the file doesn't say


def check_file(path: Path) -> None:
    """Raise InputError unless this is a file with something in it."""
    wanted = "give the path of a video or picture file"
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a video: {wanted}.")
        if not path.is_file():
            raise InputError(f"{path} does not exist: check the name, or {wanted}.")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes): copy or download it again, or {wanted}.")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read ({_reason(error)}): {wanted}.") from error


def open_container(path: Path) -> InputContainer:
    """Open a file of pictures or sound; raises InputError for anything else."""
    import av

    try:
        # "file:" keeps ffmpeg from taking a name with a colon for a network address.
        return av.open(f"file:{path}", metadata_errors="ignore")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as a video ({_reason(error)}): it may be incomplete or of another kind, "
            "so try to play it, and export it again as MP4."
        ) from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    names = set(container.format.name.split(","))
    if not names & NOT_VIDEO:
        for stream in container.streams.video:
            if stream.codec_context is not None and not is_cover(stream):
                stream.thread_type = "AUTO"
                return stream
    held = "only sound" if container.streams.audio else "no pictures"
    raise InputError(f"{path} holds {held}: a video or a picture is needed here.")


def is_cover(stream: VideoStream) -> bool:
    """Tell whether the picture is the cover of a piece of music."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _is_picture_file(container: InputContainer, stream: VideoStream) -> bool:
    names = container.format.name.split(",")
    brand = container.metadata.get("major_brand", "").strip()
    return (
        any(name.endswith("_pipe") or name in ("image2", "gif", "apng", "ico") for name in names)
        or "webp" in stream.codec_context.name
        or brand in ("avif", "heic", "heix", "mif1")
    )


def _read_table(container: InputContainer, stream: VideoStream, path: Path) -> _Table:
    """List the frames without decoding them."""
    entries: list[tuple[int | None, int, bool, bool]] = []
    numbers: dict[int, int] = {}
    for packet in packets(container, stream):
        if packet is not None and packet.size and not packet.is_discard:
            if packet.is_keyframe and packet.dts is not None:
                numbers[packet.dts] = len(entries)
            entries.append((packet.pts, packet.duration or 0, packet.is_keyframe, packet.is_corrupt))
    if not entries:
        raise InputError(f"{path} holds no frames: it may be incomplete, so copy or export it again.")
    # What ffmpeg reports as an AVI's presentation times are its decoding times.
    stamped = container.format.name != "avi" and all(entry[0] is not None for entry in entries)
    if stamped:
        # dict: of packets that claim the same moment only one can be shown
        entries = list(
            {entry[0]: entry for entry in sorted(entries, key=lambda entry: entry[0] or 0)}.values()
        )
    return _Table(
        _Index(
            stream=stream.index,
            stamps=tuple(entry[0] or 0 for entry in entries) if stamped else None,
            numbers={} if stamped else numbers,
            keys=tuple(i for i, entry in enumerate(entries) if entry[2]),
            broken=frozenset(i for i, entry in enumerate(entries) if stamped and entry[3]),
        ),
        durations=tuple(entry[1] for entry in entries),
    )


def _first_frame(path: Path, index: _Index) -> tuple[av.VideoFrame, ColorTags, Fraction]:
    """Decode one frame, since only that shows the true size, format and colours."""
    with open_container(path) as container:
        stream = container.streams[index.stream]
        for frame in _decoded(container, stream):
            return frame, _color_tags(frame, stream.codec_context), stream.sample_aspect_ratio or Fraction(1)
    raise InputError(
        f"{path} holds no frame that can be decoded: it may be damaged, so export it again as H.264 in MP4."
    )


def _color_tags(frame: av.VideoFrame, context: Any) -> ColorTags:  # noqa: ANN401 - a stub lacks its tags
    primaries, transfer = int(context.color_primaries), int(context.color_trc)
    if frame.format.is_rgb:  # whatever else is said, there is nothing to convert
        return ColorTags(primaries, transfer, 0, True)
    full = {1: False, 2: True}.get(int(frame.color_range))
    if full is None and frame.format.name.startswith("yuvj"):
        full = True
    return ColorTags(primaries, transfer, int(frame.colorspace), full)


def _upright(frame: av.VideoFrame) -> _Turn:
    """Read the display matrix, which phones write instead of turning the pixels."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return _Turn()
    a, b, _, c, d = np.frombuffer(memoryview(data), np.int32)[:5]
    if abs(a) >= abs(b):
        return _Turn(False, bool(a < 0), bool(d < 0))
    return _Turn(True, bool(c < 0), bool(b < 0))


def _bit_depth(frame: av.VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


# Time


def _clock(
    table: _Table, tick: Fraction, declared: list[Fraction]
) -> tuple[tuple[Fraction, ...], Fraction, Fraction | None]:
    """Work out when each frame is shown, when the last one ends, and the rate if it is constant."""
    count = len(table.durations)
    if table.index.stamps is None or count == 1:
        rate = next((rate for rate in declared if 0 < rate <= 1000), STILL_RATE)
        seconds = table.durations[-1] * tick
        if count == 1 and declared and seconds > 0 and abs(seconds - 1 / rate) > tick:
            rate = 1 / seconds
        return tuple(i / rate for i in range(count)), count / rate, rate
    stamps = table.index.stamps
    ticks = [stamp - stamps[0] for stamp in stamps]
    gap = median_low(after - before for before, after in pairwise(ticks))
    # Less than half a gap is what is left of a frame when a container cuts it to the length of the sound.
    last = table.durations[-1] if table.durations[-1] * 2 >= gap else gap
    found = _constant_rate(ticks, tick, declared)
    if found is not None and last * tick * found < Fraction(3, 2):
        return tuple(i / found for i in range(count)), count / found, found
    return tuple(t * tick for t in ticks), (ticks[-1] + last) * tick, None


def _constant_rate(ticks: list[int], tick: Fraction, declared: list[Fraction]) -> Fraction | None:
    """Find the rate that explains all times, if there is one.

    Milliseconds hide whether a short clip has 30 or 30000/1001 frames per second; then what the container
    declares decides.
    """
    measured = (len(ticks) - 1) / (ticks[-1] * tick)
    usual = [rate for guess in (*declared, measured) for rate in _usual_rates(guess)]
    for rate in chain(usual, declared, [measured]):
        # A container can round each time by a tick, unless its ticks are frames.
        allowed = tick if 3 * tick * rate <= 1 else 0
        if rate > 0 and all(abs(t * tick - i / rate) <= allowed for i, t in enumerate(ticks)):
            return rate
    return None


def _usual_rates(guess: Fraction) -> list[Fraction]:
    """The whole rate and the NTSC rate that are nearest, the nearer one first, if they are near at all."""
    whole = Fraction(round(guess))
    ntsc = Fraction(round(guess * 1001 / 1000) * 1000, 1001)
    near = [rate for rate in (whole, ntsc) if rate > 0 and abs(rate - guess) < guess / 100]
    return sorted(near, key=lambda rate: abs(rate - guess))


# Reading


def packets(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[av.Packet | None]:
    """Read until the end or until nothing more can be read; None asks the decoder for what it holds."""
    import av

    try:
        yield from container.demux(stream)
    except (av.FFmpegError, OSError, ValueError):
        yield None


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Decode all that can be decoded."""
    return _decode(packets(container, stream), stream)


def _decode(source: Iterable[av.Packet | None], stream: VideoStream) -> Iterator[av.VideoFrame]:
    import av

    cut_short = "mpegts" not in stream.container.format.name  # what "corrupt" means: a stream can go on
    for packet in source:
        if packet is not None and packet.is_corrupt and cut_short:
            continue  # its error would take along the frames that the decoder still holds
        try:
            frames = stream.decode(packet)
        except (av.FFmpegError, OSError, ValueError):
            continue  # the reader notices that a frame is missing
        yield from frames


class _Reader:
    """Decodes the frames of one clip in any order, keeping no more than a short run of them."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        height, width = clip.size
        frame_bytes = height * width * (3 if clip.bit_depth <= 8 else 6)
        self._run = max(1, min(MOST_KEPT, MOST_BYTES // frame_bytes))
        self._to_rgb = _RgbConverter(clip)
        self._kept: dict[int, np.ndarray] = {}
        self._last = -2  # the frame asked for before this one; -2: none
        self._shown: tuple[int, np.ndarray] | None = None  # the last frame converted
        self._held: tuple[int, av.VideoFrame] | None = None  # the last good frame
        self._ahead: tuple[int, av.VideoFrame] | None = None  # decoded already, but not reached
        self._restart()

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def pixels(self, index: int) -> np.ndarray:
        """Pixels (H, W, 3) of one frame."""
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

    def _take(self, index: int) -> np.ndarray:
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
            self._shown = number, self._to_rgb(frame)
        return self._shown[1]

    def _key_before(self, index: int) -> int:
        keys = self._clip._index.keys
        place = bisect_right(keys, index) - 1
        return keys[place] if place >= 0 else 0

    def _jump(self, index: int) -> None:
        """Place the decoder so that the frame, or a good one before it, comes next."""
        import av

        stamps = self._clip._index.stamps
        moments = {number: stamp for stamp, number in self._clip._index.numbers.items()}
        key = self._key_before(index)
        while key > 0 and (stamps is not None or key in moments):
            try:
                self._container.seek(stamps[key] if stamps else moments[key], stream=self._stream)
            except (av.FFmpegError, OSError, ValueError):
                break
            self._begin()
            self._ahead = next(self._decoder, None)
            if self._ahead is not None and self._ahead[0] <= index:
                return
            key = self._key_before(key - 1)  # not all key frames are where decoding can start
        self._container.close()
        self._restart()

    def _restart(self) -> None:
        self._container = open_container(self._clip.path)
        self._stream: Any = self._container.streams[self._clip._index.stream]
        self._stream.codec_context.thread_type = "AUTO"
        self._begin()

    def _begin(self) -> None:
        self._held = self._ahead = None
        self._decoder = self._numbered()

    def _numbered(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decoded frames with their place in the clip."""
        stamps, numbers = self._clip._index.stamps, self._clip._index.numbers
        source = packets(self._container, self._stream)
        first = next(source, None)
        index = numbers.get(first.dts, 0) - 1 if first is not None and first.dts is not None else -1
        for frame in _decode(chain([first], source), self._stream):
            if stamps is None or frame.pts is None:
                found = index + 1
            else:
                found = bisect_left(stamps, frame.pts)
                if found == len(stamps) or stamps[found] != frame.pts:
                    continue
            if index < found < len(self._clip):
                index = found
                if not frame.is_corrupt and found not in self._clip._index.broken:
                    yield found, frame


# Colour


class _Filter:
    """A chain of ffmpeg filters, built anew when the frames that come in change their kind."""

    def __init__(self, describe: Callable[[av.VideoFrame], list[tuple[str, str]]]) -> None:
        self._describe = describe
        self._kind: tuple[object, ...] = ()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        kind = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
        if kind != self._kind:
            self._graph = self._build(frame)
            self._kind = kind
        self._graph.push(frame)
        return self._graph.pull()

    def _build(self, frame: av.VideoFrame) -> Any:  # noqa: ANN401 - av has no public name for it in all versions
        from av.filter import Graph

        graph = Graph()
        last = graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:"
            f"pixel_aspect=1/1:colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
        )
        for name, options in (*self._describe(frame), ("buffersink", "")):
            following = graph.add(name, options) if options else graph.add(name)
            last.link_to(following)
            last = following
        graph.configure()
        return graph


def _rgb_to_yuv(matrix: int, full_range: bool, depth: int) -> np.ndarray:
    """The affine map (3, 4) from RGB in [0, 1] to YUV as whole numbers of this depth."""
    _, red, blue = MATRICES[matrix]
    unit, top = 1 << (depth - 8), (1 << depth) - 1
    luma, chroma, black = (top, top, 0) if full_range else (219 * unit, 224 * unit, 16 * unit)
    y = np.array([red, 1 - red - blue, blue])
    u = (np.array([0, 0, 1]) - y) / (2 * (1 - blue))
    v = (np.array([1, 0, 0]) - y) / (2 * (1 - red))
    return np.column_stack([np.stack([y * luma, u * chroma, v * chroma]), [black, 128 * unit, 128 * unit]])


def _inverse(affine: np.ndarray) -> np.ndarray:
    """The affine map (3, 4) back."""
    back = np.linalg.inv(affine[:, :3])
    return np.column_stack([back, -back @ affine[:, 3]])


def _plane(plane: Any, dtype: type[np.generic]) -> np.ndarray:  # noqa: ANN401 - av names it since 15
    """A plane's pixels (H, W), to read and to write."""
    values = np.frombuffer(memoryview(plane), dtype)
    return values.reshape(plane.height, -1)[:, : plane.width]


class _RgbConverter:
    """Turns decoded frames into upright RGB (H, W, 3)."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._filter = _Filter(self._describe)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        import av

        try:
            pixels = self._to_array(self._filter(frame))
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"{self._clip.path} has colours of a kind that can't be read ({frame.format.name}): export "
                "it again as H.264 in MP4."
            ) from error
        return self._clip._turn.apply(pixels)

    def _describe(self, frame: av.VideoFrame) -> list[tuple[str, str]]:
        height, width = self._clip.size[::-1] if self._clip._turn.transpose else self._clip.size
        scale = f"w={width}:h={height}:flags={SCALER_FLAGS}"
        deep = self._clip.bit_depth > 8
        if frame.format.is_rgb or frame.format.name.startswith(("pal8", "gray", "ya", "mono")):
            return [("scale", f"{scale}:out_range=pc"), ("format", "rgb48le" if deep else "rgb24")]
        color = self._clip.color
        matrix = MATRICES[color.matrix_for(self._clip.size)][0]
        stored = "pc" if color.full_range else "tv"
        scale += f":in_range={stored}:in_color_matrix={matrix}"
        if deep:
            whole = f"yuv444p{_bit_depth(frame)}le"
            return [("scale", f"{scale}:out_range={stored}:out_color_matrix={matrix}"), ("format", whole)]
        return [("scale", f"{scale}:out_range=pc"), ("format", "rgb24")]

    def _to_array(self, frame: av.VideoFrame) -> np.ndarray:
        """RGB of frames that the filter has made; colours below 16 bit are still YUV.

        ffmpeg would make white from 10 bit a little gray: it shifts bits where it should multiply.
        """
        import cv2

        if frame.format.is_rgb:
            return frame.to_ndarray()
        color = self._clip.color
        weights = _inverse(
            _rgb_to_yuv(color.matrix_for(self._clip.size), bool(color.full_range), _bit_depth(frame))
        )
        planes = [_plane(plane, np.uint16) for plane in frame.planes]
        return cv2.transform(cv2.merge(planes), weights * 65535)


class _YuvConverter:
    """Turns RGB (H, W, 3) into frames of a YUV format, the exact inverse of reading them."""

    def __init__(self, size: tuple[int, int], color: ColorTags, bit_depth: int, pixel_format: str) -> None:
        self._depth = bit_depth
        self._matrix = color.matrix_for(size)
        self._full_range = bool(color.full_range)
        stored = "pc" if self._full_range else "tv"
        name = MATRICES[self._matrix][0]
        steps = [
            (
                "scale",
                f"flags={SCALER_FLAGS}:in_range={stored}:out_range={stored}"
                f":in_color_matrix={name}:out_color_matrix={name}",
            ),
            ("format", pixel_format),
            ("setparams", f"color_primaries={color.primaries}:color_trc={color.transfer}"),
        ]
        self._filter = _Filter(lambda _: steps)

    def __call__(self, pixels: np.ndarray) -> av.VideoFrame:
        import av
        import cv2

        dtype: type[np.generic] = np.uint8 if self._depth == 8 else np.uint16
        if pixels.dtype == np.uint8 and dtype == np.uint16:
            pixels = pixels.astype(np.uint16) * 257
        weights = _rgb_to_yuv(self._matrix, self._full_range, self._depth)
        weights[:, :3] /= np.iinfo(pixels.dtype).max
        # OpenCV rounds; ffmpeg's own conversion to full range rounds chroma down in some versions.
        yuv = cv2.transform(pixels, weights)
        height, width = pixels.shape[:2]
        frame = av.VideoFrame(width, height, "yuv444p" if self._depth == 8 else f"yuv444p{self._depth}le")
        for plane, values in zip(frame.planes, cv2.split(yuv), strict=True):
            _plane(plane, dtype)[:] = values
        frame.colorspace, frame.color_range = self._matrix, 2 if self._full_range else 1
        return self._filter(frame)


# Writing


class _Recipe(NamedTuple):
    """How a codec is used."""

    encoder: str
    suffixes: tuple[str, ...]
    sound: str
    even: tuple[int, int]  # height and width are padded to multiples of this


RECIPES: dict[str, _Recipe] = {
    "h264": _Recipe("libx264", (".mp4", ".mov", ".m4v", ".mkv"), "aac", (2, 2)),
    "prores": _Recipe("prores_ks", (".mov",), "pcm_s24le", (1, 2)),
    "ffv1": _Recipe("ffv1", (".mkv",), "pcm_s24le", (1, 1)),
}
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# As small a file and as near to the source as slower presets make, in half their time.
PRESET = "faster"
QUALITY = 17  # no difference can be seen at normal distance


def supported_suffixes(codec: Codec) -> tuple[str, ...]:
    """Endings of file names that a codec can be written to."""
    return _recipe(codec).suffixes


class VideoWriter:
    """Writes a video, sound and all; it appears under its name only when it is complete.

    path:       ends in one of `supported_suffixes(codec)`
    size:       height, width of the pictures; 4:2:0 and 4:2:2 need even sides, so the last row or column is
                repeated where a side is odd (`padded_size`)
    rate:       frames per second, or None where frames are not shown equally long
    tick:       1/n second that times are counted in, such as `exact_tick` finds; by default a whole number of
                them is a frame, or 1/90000 without a rate. Matroska always counts milliseconds
    codec:      h264 (AAC sound) · prores (422 HQ) · ffv1 (lossless RGB), both with PCM sound
    quality:    h264's constant rate factor, 0 to 51, lower is better
    bit_depth:  of the source; above 8 gives 10 bit, or 16 with ffv1
    color:      tags of the file, and how RGB becomes YUV; without a matrix as in `ColorTags.matrix_for`
    sound:      interleaved with the picture as it is written
    metadata:   title, comment and keys of your own

    Use it as a context manager: leaving it by an exception leaves nothing behind. Raises InputError if the
    file can't be written, OptionError for a choice that doesn't exist.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: tuple[int, int],
        *,
        rate: Fraction | None = None,
        tick: Fraction | None = None,
        codec: Codec = "h264",
        quality: int | None = None,
        bit_depth: int = 8,
        color: ColorTags | None = None,
        sound: SoundStream | None = None,
        metadata: Mapping[str, str] | None = None,
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        self.path = Path(path)
        self.size = size
        self._recipe = _recipe(codec)
        self._check_target(codec)
        self._rate = rate
        exact = rate is not None and rate.numerator <= 1_000_000
        self._tick = tick or Fraction(1, rate.numerator if rate and exact else 90_000)
        if self._tick.numerator != 1:
            raise ValueError(f"a tick must be 1/n second, not {self._tick}")
        self._quality = QUALITY if quality is None else quality
        if not 0 <= self._quality <= 51:
            raise OptionError(f"The quality is {quality}, but must be from 0 (best) to 51; 17 suits most.")
        self._bit_depth = bit_depth
        self._color = color or ColorTags()
        self._sound = sound
        self._metadata = dict(metadata or {})
        self._pixel_aspect = pixel_aspect
        self._waiting: queue.Queue[tuple[np.ndarray, Fraction, Fraction] | None] = queue.Queue(4)
        self._error: BaseException | None = None
        self._abandoned = False
        self._written = 0

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width in the file."""
        (height, width), (rows, columns) = self.size, self._recipe.even
        return -(-height // rows) * rows, -(-width // columns) * columns

    def __enter__(self) -> VideoWriter:
        suffix = self.path.suffix.lower()
        self._temporary = self.path.with_name(f".retalk-{secrets.token_hex(6)}{suffix}")
        try:
            self._temporary.touch(exist_ok=False)  # before any work, so that a missing right shows at once
        except OSError as error:
            raise self._unwritable(error) from error
        self._thread = threading.Thread(target=self._encode_all, name="retalk-encode", daemon=True)
        self._thread.start()
        return self

    def write(self, pixels: np.ndarray, time: Fraction, duration: Fraction) -> None:
        """Hand over one picture (H, W, 3) RGB, uint8 or full-range uint16; don't change it afterwards.

        time, duration: seconds since the first frame, and how long it shows
        """
        if pixels.shape != (*self.size, 3) or pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"expected RGB of size {self.size}, got {pixels.shape} {pixels.dtype}")
        if self._error is not None:
            raise self._explain(self._error)
        self._waiting.put((pixels, time, duration))
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                return
            self._waiting.put(None)
            self._thread.join()
            if self._error is not None:
                raise self._explain(self._error)
            if not self._written:
                raise ValueError("no frame was written")
            try:
                self._temporary.replace(self.path)
            except OSError as reason:
                raise self._unwritable(reason) from reason
        finally:
            self._abandon()

    def _abandon(self) -> None:
        """Stop encoding and remove what there is; nothing is left to do after a success."""
        self._abandoned = True
        while self._thread.is_alive():
            with suppress(queue.Full):
                self._waiting.put(None, timeout=0.01)
        self._thread.join()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _encode_all(self) -> None:
        """Encode in the background what `write` hands over."""
        try:
            with _Muxer(self) as muxer:
                while (item := self._waiting.get()) is not None and not self._abandoned:
                    muxer.add(*item)
                if not self._abandoned and self._written:
                    muxer.finish()
        except BaseException as error:  # raised again where the caller can see it
            self._error = error
            while not self._abandoned and self._waiting.get() is not None:
                pass  # so that the caller never waits for a full queue

    def _check_target(self, codec: str) -> None:
        suffix = self.path.suffix.lower()
        if suffix not in self._recipe.suffixes:
            wanted = " or ".join(self._recipe.suffixes)
            raise InputError(f"{self.path.name} can't hold {codec} video: end its name in {wanted}.")
        if not self.path.parent.is_dir():
            raise InputError(f"The folder {self.path.parent} does not exist: create it, or choose another.")
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder: choose another name for the video.")

    def _explain(self, error: BaseException) -> BaseException:
        import av

        return self._unwritable(error) if isinstance(error, OSError | av.FFmpegError) else error

    def _unwritable(self, error: BaseException) -> InputError:
        return InputError(
            f"{self.path} can't be written ({_reason(error)}): check that the disk has room and that its "
            "folder may be written to, or choose another."
        )


class _Muxer:
    """One file being written, used by one thread."""

    def __init__(self, writer: VideoWriter) -> None:
        import av

        suffix = writer.path.suffix.lower()
        movie = CONTAINERS[suffix] in ("mp4", "mov")
        options = {"movflags": "faststart+use_metadata_tags"} if movie else {}
        self._container: OutputContainer = av.open(
            f"file:{writer._temporary}", "w", format=CONTAINERS[suffix], container_options=options
        )
        self._container.metadata.update(writer._metadata)
        self._tick = writer._tick
        self._last_stamp = -1
        self._durations: dict[int, int] = {}  # of frames inside the encoder, in ticks
        self._size = writer.padded_size
        self._video = self._add_video(writer)
        self._sound = (
            _SoundTrack(self._container, writer._sound, writer._recipe.sound) if writer._sound else None
        )

    def __enter__(self) -> _Muxer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._container.close()
        else:
            with suppress(Exception):  # the first error is the one that counts
                self._container.close()

    def add(self, pixels: np.ndarray, time: Fraction, duration: Fraction) -> None:
        """Encode one frame, and the sound up to it."""
        if self._sound is not None:
            self._sound.write_until(time)
        frame = self._to_frame(self._pad(pixels))
        frame.pts = self._last_stamp = max(round(time / self._tick), self._last_stamp + 1)
        frame.time_base = self._tick
        self._durations[frame.pts] = max(1, round((time + duration) / self._tick) - frame.pts)
        self._mux(self._video.encode(frame))

    def finish(self) -> None:
        """Write what the encoders still hold."""
        self._mux(self._video.encode(None))
        if self._sound is not None:
            self._sound.finish()

    def _mux(self, packets: Iterable[av.Packet]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration or 0)
            self._container.mux(packet)

    def _pad(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        if (height, width) == self._size:
            return np.ascontiguousarray(pixels)
        return np.pad(pixels, ((0, self._size[0] - height), (0, self._size[1] - width), (0, 0)), "edge")

    def _add_video(self, writer: VideoWriter) -> VideoStream:
        encoder = writer._recipe.encoder
        deep = writer._bit_depth > 8
        color = writer._color
        options: dict[str, str] = {}
        if encoder == "libx264":
            options = {"crf": str(writer._quality), "preset": PRESET}
            if writer._rate is None:
                options["bf"] = "0"  # MP4 can't say how long frames last that are stored out of order
            pixel_format, depth = ("yuv420p10le", 10) if deep else ("yuv420p", 8)
        elif encoder == "prores_ks":
            options = {"profile": "3", "vendor": "apl0"}  # 422 HQ, by number as older versions need it
            pixel_format, depth = "yuv422p10le", 10
        else:
            options = {"level": "3", "slices": "4", "slicecrc": "1"}
            pixel_format, depth = ("gbrp16le", 16) if deep else ("bgr0", 8)
        self._to_frame: Callable[[np.ndarray], av.VideoFrame]
        if encoder == "ffv1":
            color = ColorTags(color.primaries, color.transfer, 0, True)
            self._to_frame = _rgb16_frame if deep else _rgb8_frame
        else:
            if color.matrix not in (*MATRICES, UNSPECIFIED):  # the source is RGB
                color = ColorTags(color.primaries, color.transfer, color.matrix_for(self._size), False)
            self._to_frame = _YuvConverter(self._size, color, depth, pixel_format)
        rate = (writer._rate or Fraction(25)).limit_denominator(100_000)  # ffmpeg's fractions are of 32 bits
        stream: Any = self._container.add_stream(encoder, rate=rate, options=options)
        stream.height, stream.width = self._size
        stream.pix_fmt = pixel_format
        stream.thread_type = "AUTO"
        stream.time_base = self._tick
        context = stream.codec_context
        context.time_base = self._tick
        context.color_primaries, context.color_trc = color.primaries, color.transfer
        context.colorspace = color.matrix
        context.color_range = {None: 0, False: 1, True: 2}[color.full_range]
        context.sample_aspect_ratio = writer._pixel_aspect
        return stream


class _SoundTrack:
    """The sound of a file being written."""

    def __init__(self, container: OutputContainer, sound: SoundStream, codec: str) -> None:
        self._container = container
        self._chunks = iter(sound)
        self._rate = sound.rate
        self._layout = "mono" if sound.channels == 1 else "stereo"
        self._samples = 0  # written so far
        self._stream: Any = container.add_stream(codec, rate=sound.rate)
        context: Any = self._stream.codec_context
        context.layout = self._layout
        context.format = "fltp" if codec == "aac" else "s32"
        context.time_base = Fraction(1, sound.rate)
        if codec == "aac":
            context.bit_rate = 96_000 * (1 + sound.channels)  # 288 kbit/s stereo: no second loss to be heard

    def write_until(self, time: Fraction) -> None:
        """Keep up with the picture."""
        while self._samples <= time * self._rate:
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            self._write(chunk)

    def finish(self) -> None:
        for chunk in self._chunks:
            self._write(chunk)
        self._container.mux(self._stream.encode(None))

    def _write(self, chunk: np.ndarray) -> None:
        import av

        if self._stream.codec_context.format.name == "fltp":
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), "fltp", self._layout)
        else:
            whole = np.clip(np.rint(chunk.T.astype(np.float64) * 2**31), -(2**31), 2**31 - 1)
            frame = av.AudioFrame.from_ndarray(whole.astype(np.int32).reshape(1, -1), "s32", self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._samples
        self._samples += chunk.shape[1]
        self._container.mux(self._stream.encode(frame))


def _rgb8_frame(pixels: np.ndarray) -> av.VideoFrame:
    import av

    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="bgr0")


def _rgb16_frame(pixels: np.ndarray) -> av.VideoFrame:
    import av

    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.uint16) * 257
    return av.VideoFrame.from_ndarray(pixels, "gbrp16le")


def _recipe(codec: str) -> _Recipe:
    if codec not in RECIPES:
        raise OptionError(
            f"{codec!r} is not a codec that can be written: choose one of {', '.join(RECIPES)}."
        )
    return RECIPES[codec]


def _reason(error: BaseException) -> str:
    """What went wrong, in the system's words, without the path that the sentence names anyway."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
