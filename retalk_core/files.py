"""Write files whole or not at all, and tell one content from another."""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .places import find_target, open_stream, unwritable
from .unfinished import unfinished_name

if TYPE_CHECKING:
    import numpy as np

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")  # suffixes of the pictures that are written
JPEG_QUALITY = 95
PNG_HEAD = 33  # bytes: the signature and the first chunk, behind which others may stand
MAKER = b"tEXtSoftware\0ReTalk"  # a chunk of a PNG that says who wrote it
SIGNED = (len(MAKER) - 4).to_bytes(4, "big") + MAKER + zlib.crc32(MAKER).to_bytes(4, "big")


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write RGB uint8 (h, w, 3) as PNG, or as JPEG where the name ends so. Raises InputError."""
    import cv2  # here, so that small files can be written where OpenCV is missing
    import numpy as np

    kind = path.suffix.lower()
    kind = kind if kind in PICTURE_SUFFIXES else ".png"
    bgr = np.ascontiguousarray(picture[..., ::-1])
    done, encoded = cv2.imencode(
        kind, bgr, [] if kind == ".png" else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise InputError(f"The picture for {path} could not be encoded as {kind[1:].upper()}.")
    content = encoded.tobytes()
    if kind == ".png":
        content = content[:PNG_HEAD] + SIGNED + content[PNG_HEAD:]
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def is_own_picture(path: Path) -> bool:
    """Whether a file is a PNG that `write_picture` wrote."""
    try:
        if not path.is_file():  # a pipe would wait for its writer
            return False
        with path.open("rb") as file:
            return file.read(PNG_HEAD + len(SIGNED))[PNG_HEAD:] == SIGNED
    except OSError:
        return False


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a device, a pipe or a name such as /dev/stdout is written to.

    Raises InputError.
    """
    try:
        stream = open_stream(path)
        if stream is not None:
            with stream:
                stream.write(content)
            return
    except OSError as error:
        raise unwritable(path, error) from error
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a file; what is written there takes the file's own name at the end.

    Where the block raises, nothing is left and an older file stays. A link stays one: what it leads to is
    replaced. Raises InputError for an OSError, and for a name that stands for no file.
    """
    target = find_target(path)
    temporary = unfinished_name(target)
    try:
        try:
            yield temporary
            settle(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def settle(path: Path) -> None:
    """Wait until the disk has all of a file. Raises OSError where it has no room after all."""
    with path.open("rb+") as file:
        try:
            os.fsync(file.fileno())  # some disks tell only now that they are full
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # this kind of disk can't be asked
                raise


def free_name(path: Path) -> Path:
    """A name beside a file that nothing has yet: clip_2.mp4 for clip.mp4, and so on."""
    names = (path.with_name(f"{path.stem}_{number}{path.suffix}") for number in count(2))
    return next(name for name in names if not os.path.lexists(name))


def existing_folder(folder: Path, otherwise: str = ": create it, or choose another") -> Path:
    """The same folder. Raises InputError with what to do otherwise, where there is none."""
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike a Path's, it never raises
        raise InputError(f"The folder {folder} does not exist{otherwise}.")
    return folder


def sha256_of(path: Path) -> str:
    """The hash of a file's whole content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
