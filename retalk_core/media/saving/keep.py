"""Keep a finished file as it is, packet by packet, with words of one's own beside the pictures."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...files import settle
from ...unfinished import unfinished_name
from ..container import reading, reason_of, video_stream

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

_HOLDERS = {  # the formats of files that can hold any words
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
_KINDS = ("video", "audio", "subtitle")  # of streams; players need no others
PLAYED = ("h264", "hevc", "vp8", "vp9", "av1")  # by browsers, some of them by newer ones


def suffix_of(path: Path) -> str:
    """The ending that suits what is in a file, whatever it is called. Raises InputError."""
    with reading(path) as container:
        names, brand = container.format.name.split(","), container.metadata.get("major_brand", "")
    said = path.suffix.lower()
    if "mp4" in names:
        return said if said in (".mp4", ".m4v", ".mov") else ".mov" if brand.startswith("qt") else ".mp4"
    if "matroska" in names:
        return said if said in (".mkv", ".webm") else ".mkv"
    return said or f".{names[0]}"


def is_played(path: Path) -> bool:
    """Whether browsers play a file of this codec and container. Raises InputError."""
    with reading(path) as container:
        codec = video_stream(container, path).codec_context.codec.canonical_name
    return path.suffix.lower() in (".mp4", ".m4v", ".webm") and codec in PLAYED


def keep(source: Path, target: Path, words: Mapping[str, str]) -> None:
    """Write a file's packets to another file of the same kind; it appears when it is complete.

    words: metadata, added to the file's own; left out where its container holds none
    raises: InputError where the file can't be read or written
    """
    unfinished = unfinished_name(target, target.suffix)
    try:
        if target.suffix.lower() in _HOLDERS:
            _copy_packets(source, unfinished, words)
        else:
            shutil.copyfile(source, unfinished)
        settle(unfinished)
        unfinished.replace(target)
    except OSError as error:  # ffmpeg's are among them
        raise InputError(
            f"{target} can't be written ({reason_of(error)}): check that the disk has room and that its "
            "folder may be written to."
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _copy_packets(source: Path, target: Path, words: Mapping[str, str]) -> None:
    import av

    form = _HOLDERS[target.suffix.lower()]
    options = {"movflags": "faststart+use_metadata_tags"} if form in ("mp4", "mov") else {}
    with (
        reading(source) as container,
        av.open(f"file:{target}", "w", format=form, container_options=options) as written,
    ):
        written.metadata.update({**container.metadata, **words})
        copies = _streams(container, written)
        for packet in container.demux(list(copies)):
            if packet.dts is not None:
                packet.stream = copies[packet.stream]
                written.mux(packet)


def _streams(container: InputContainer, written: OutputContainer) -> dict[Any, Any]:
    """The same streams in another file, by those of the first one."""
    copies: dict[Any, Any] = {}
    for stream in container.streams:
        if stream.type in _KINDS and stream.codec_context is not None:
            copies[stream] = copy = written.add_stream_from_template(stream, opaque=True)
            copy.metadata.update(stream.metadata)
            if "mp4" in container.format.name:  # else a player may not know of which kind they are
                copy.codec_context.codec_tag = stream.codec_context.codec_tag
    return copies
