"""The files of a store: edits of frames, and arrays. Read without pickle; damaged ones count as absent."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..boxes import Box
from ..crops.patch import Patch

FORMAT = 1  # raise it when files change: older ones then count as absent
ABOUT = "about.json"
FAST = 1  # of zlib's levels: it has to keep up with the frames
PNG = (cv2.IMWRITE_PNG_COMPRESSION, FAST)
DAMAGED = (  # what readers raise for files that were cut short, changed or made by others
    *(OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, cv2.error),
)


def write_patches(path: Path, owner: str, patches: Sequence[Patch | None]) -> None:
    """Write the edits of consecutive frames, losslessly: pixels as PNG, supports as bits.

    owner: what the file is part of; it can be read under this name only
    """
    with zipfile.ZipFile(path, "w", compresslevel=FAST) as archive:
        for i, patch in enumerate(patches):
            if patch is not None:
                archive.writestr(f"{i}.png", _encoded(patch))
                bits = np.packbits(patch.support).tobytes()
                archive.writestr(f"{i}.bits", bits, compress_type=zipfile.ZIP_DEFLATED)
        boxes = [None if patch is None else [int(edge) for edge in patch.box] for patch in patches]
        archive.writestr(ABOUT, json.dumps({"format": FORMAT, "owner": owner, "boxes": boxes}))


def _encoded(patch: Patch) -> bytes:
    if patch.pixels.shape != (*patch.box.size, 3) or patch.support.shape != patch.box.size:
        raise ValueError(f"pixels {patch.pixels.shape} and support {patch.support.shape} in {patch.box}")
    if patch.pixels.dtype not in (np.uint8, np.uint16) or patch.support.dtype != bool:
        raise ValueError(f"pixels are {patch.pixels.dtype}, their support {patch.support.dtype}")
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(patch.pixels), PNG)
    if not done:
        raise ValueError(f"pixels {patch.pixels.shape} could not be encoded as PNG")
    return encoded.tobytes()


def read_patches(path: Path, owner: str) -> list[Patch | None] | None:
    """Read what `write_patches` wrote; None where it is absent, damaged or of another owner."""
    try:
        with zipfile.ZipFile(path) as archive:
            boxes = _about(archive, owner)["boxes"]
            return [box and _patch(archive, i, Box(*box)) for i, box in enumerate(boxes)]
    except DAMAGED:
        return None


def _patch(archive: zipfile.ZipFile, i: int, box: Box) -> Patch:
    encoded = np.frombuffer(archive.read(f"{i}.png"), np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)  # as it was encoded: RGB stays RGB
    if pixels is None or pixels.shape != (*box.size, 3):
        raise ValueError(f"picture {i} is none of {box}")
    height, width = box.size
    bits = np.frombuffer(archive.read(f"{i}.bits"), np.uint8)
    support = np.unpackbits(bits, count=height * width).reshape(box.size).astype(bool)
    return Patch(box, pixels, support)


def write_arrays(path: Path, owner: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as NumPy's npz, compressed. ValueError for arrays of Python objects."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=FAST) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
        about = {"format": FORMAT, "owner": owner, "names": list(arrays)}
        archive.writestr(ABOUT, json.dumps(about))


def read_arrays(path: Path, owner: str) -> dict[str, np.ndarray] | None:
    """Read what `write_arrays` wrote; None where it is absent, damaged or of another owner."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _array(archive, name) for name in _about(archive, owner)["names"]}
    except DAMAGED:
        return None


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to the end, where the checksum is compared
    return array


def _about(archive: zipfile.ZipFile, owner: str) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(archive.read(ABOUT))
    if about["format"] != FORMAT or about["owner"] != owner:
        raise ValueError(f"written for {about['owner']}, not for {owner}")
    return about
