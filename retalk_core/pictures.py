"""Write pictures and small files whole or not at all."""

from __future__ import annotations

import secrets
from pathlib import Path

import cv2
import numpy as np

from .errors import InputError


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write RGB uint8 (h, w, 3) as PNG. Raises InputError where the place can't be written."""
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    if not done:
        raise InputError(f"The picture for {path} could not be encoded as PNG.")
    write_file(path, encoded.tobytes())


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then give it its own. Raises InputError."""
    temporary = path.with_name(f".retalk-{secrets.token_hex(6)}{path.suffix}")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} can't be written ({error.strerror}). Choose another place.") from error
