"""Write files whole or not at all, and tell one content from another."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import numpy as np

UNFINISHED = ".retalk-"  # how the names of files begin that are still being written


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write RGB uint8 (h, w, 3) as PNG. Raises InputError where the place can't be written."""
    import cv2  # here, so that small files can be written where OpenCV is missing
    import numpy as np

    done, encoded = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    if not done:
        raise InputError(f"The picture for {path} could not be encoded as PNG.")
    write_file(path, encoded.tobytes())


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then give it its own. Raises InputError."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a file; what is written there takes the file's own name at the end.

    Where the block raises, nothing is left and an older file stays. Raises InputError for an OSError.
    """
    temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(6)}{path.suffix}")
    try:
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} can't be written ({error.strerror}). Choose another place.") from error


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
