"""Open media files and take packets and frames from them, whatever state the files are in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream


TEXT_FORMATS = {"tty"}  # ffmpeg draws text files
NO_PROTOCOL = "none"  # the name of none: whatever a file points to stays closed
BUFFER = 1 << 16  # bytes that are read at once
LISTS = re.compile(  # how files begin that name others
    rb"\s*(?:#EXTM3U|ffconcat version|\[playlist\]|\[reference\]|v=0\r?\no=|<asx\b|<smil\b|"
    rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:MPD|playlist|CompositionPlaylist)\b)",
    re.IGNORECASE | re.DOTALL,
)

MOST_SIDE, MOST_PIXELS = 16_384, 100_000_000  # of a picture
MOST_ASPECT = 1000  # its longer side divided by the shorter


class Kind(NamedTuple):
    """What a file is read for, in the words of a refusal."""

    wanted: str
    shape: str
    export: str


PICTURES = Kind("give the path of a video or picture file", "a video", "MP4")
SOUND = Kind("give the path of a sound file, or of a video with sound", "sound", "WAV")


def check_file(path: Path, kind: Kind = PICTURES) -> None:
    """Raise InputError unless this is a file with something in it."""
    wanted = kind.wanted
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: {wanted}.")
        if not path.is_file():
            raise InputError(f"{path} does not exist: check the name, or {wanted}.")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes): copy or download it again, or {wanted}.")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read ({reason_of(error)}): {wanted}.") from error


def open_container(path: Path, kind: Kind = PICTURES) -> InputContainer:
    """Open a file of pictures or sound, and no other file: not even one that it points to.

    Raises InputError for anything else, lists of files among it.
    """
    import av

    # Titles in old encodings must not stop us; newer versions of av read past them without being told.
    lenient = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
    options = {"protocol_whitelist": NO_PROTOCOL}
    try:
        file = _OneFile(path)
        try:
            if LISTS.match(file.beginning(1024)):
                raise InputError(
                    f"{path} is a list that names other files or addresses, and those are not opened: "
                    f"{kind.wanted} itself."
                )
            return av.open(file, container_options=options, buffer_size=BUFFER, **lenient)
        except BaseException:
            file.close()
            raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as {kind.shape} ({reason_of(error)}): it may be incomplete or of another "
            f"kind, so try to play it, and export it again as {kind.export}."
        ) from error


@contextmanager
def reading(path: Path, kind: Kind = PICTURES) -> Iterator[InputContainer]:
    """Have a file open as `open_container` does."""
    container = open_container(path, kind)
    try:
        yield container
    finally:
        close_container(container)


def close_container(container: InputContainer) -> None:
    """Close a file, once the threads that decode it are at rest.

    Whoever forgets a decoder at work waits for its threads and holds Python's lock meanwhile. Where ffmpeg's
    messages go to Python, as torchvision makes them, a thread with something to say waits for that lock: then
    all of Python stands still. To bring them to rest first is done without the lock.
    """
    for stream in container.streams:
        if stream.codec_context is not None:
            stream.codec_context.flush_buffers()
    container.close()


class _OneFile:
    """A file for ffmpeg to read, so that it needs to open none itself. Raises OSError.

    ffmpeg is told the name's ending only: in names it would look for addresses and for numbered pictures.
    The file is closed when the container that reads it is closed and forgotten.
    """

    _file = -1

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        ending = re.fullmatch(r"\.[a-z0-9]{1,12}", path.suffix, re.ASCII | re.IGNORECASE)
        self.name = f"file{path.suffix if ending else ''}"

    def beginning(self, count: int) -> bytes:
        found = self.read(count)
        self.seek(0)
        return found

    def read(self, count: int) -> bytes:
        return os.read(self._file, count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._file, offset, whence)

    def tell(self) -> int:
        return self.seek(0, os.SEEK_CUR)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    __del__ = close


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of pictures that is no cover; raises InputError where there is none."""
    names = set(container.format.name.split(","))
    if not names & TEXT_FORMATS:
        for stream in container.streams.video:
            if stream.codec_context is not None and not is_cover(stream):
                stream.thread_type = "AUTO"
                return stream
    held = "only sound" if container.streams.audio else "no pictures"
    raise InputError(f"{path} holds {held}: a video or a picture is needed here.")


def check_size(width: int, height: int, path: Path) -> None:
    """Raise InputError for pictures that would take minutes each; to be asked before one is decoded."""
    longest, shortest = max(width, height), min(width, height)
    if longest > MOST_SIDE or width * height > MOST_PIXELS or longest > MOST_ASPECT * max(shortest, 1):
        raise InputError(
            f"{path} holds pictures of {width}x{height} pixels, but at most {MOST_SIDE} a side, "
            f"{MOST_PIXELS // 10**6} million in all and a side {MOST_ASPECT} times the other can be worked "
            "on: scale or cut it first."
        )


def is_cover(stream: VideoStream) -> bool:
    """Tell whether the picture is the cover of a piece of music."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def is_picture_file(container: InputContainer, stream: VideoStream) -> bool:
    """Tell whether the file is of a kind made for pictures, even if it holds several."""
    names = container.format.name.split(",")
    brand = container.metadata.get("major_brand", "").strip()
    return (
        any(name.endswith("_pipe") or name in ("image2", "gif", "apng", "ico") for name in names)
        or "webp" in stream.codec_context.name
        or brand in ("avif", "heic", "heix", "mif1")
    )


def packets(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[av.Packet | None]:
    """Read until the end or until nothing more can be read; None asks the decoder for what it holds."""
    import av

    try:
        yield from container.demux(stream)
    except (av.FFmpegError, OSError, ValueError):
        yield None


def decode(source: Iterable[av.Packet | None], stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Decode all that can be decoded."""
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


def reason_of(error: BaseException) -> str:
    """What went wrong, in the system's words, without the path that the sentence names anyway."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
