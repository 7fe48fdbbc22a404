"""Open media files and take packets and frames from them, whatever state the files are in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream


NOT_VIDEO = {"tty", "hls", "concat", "dash"}  # ffmpeg draws text files, and follows lists to other files

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
    """Open a file of pictures or sound; raises InputError for anything else."""
    import av

    # Titles in old encodings must not stop us; newer versions of av read past them without being told.
    lenient = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
    try:
        # "file:" keeps ffmpeg from taking a name with a colon for a network address.
        return av.open(f"file:{path}", **lenient)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as {kind.shape} ({reason_of(error)}): it may be incomplete or of another "
            f"kind, so try to play it, and export it again as {kind.export}."
        ) from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of pictures that is no cover; raises InputError where there is none."""
    names = set(container.format.name.split(","))
    if not names & NOT_VIDEO:
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
