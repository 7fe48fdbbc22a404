"""A prepared clip in one file: what a dub would see of it, in the very pixels, and where to cut.

A zip holds the part of each frame around the face as _PNG, bit for bit, the affines of both framings, the
voice, and where they were read the coefficients. Crops are cut from that as a dub cuts them from frames, so
they are the same to the last bit.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from ...crops.affine import UNIT_CORNERS, apply_affine, invert
from ...crops.cut import cut_crop
from ...crops.framing import SIDES
from ...errors import InputError
from ...files import written_whole
from ...images import resize
from ...stages.coefficients import coefficient_windows, unpack
from ...stages.speech import cut_windows, log_mel
from .talks import LEARNT_AFTER, LEARNT_RATE

FRAMINGS = ("face", "portrait")
_MARGIN = 3  # blocks that are averaged, around what a crop shows
_SPARE = 4  # pixels beyond that
_MOST_BYTES = 1 << 30  # of small pictures that stay in memory
_SMALL = 128  # pixels of a side, up to which they do
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)


@dataclass(frozen=True, eq=False)
class FacePart:
    """The part of a frame around a face."""

    pixels: np.ndarray  # (h, w, 3) uint8 RGB
    corner: tuple[int, int]  # its top and left in the frame


def face_part(pixels: np.ndarray, affines: Mapping[str, np.ndarray]) -> FacePart:
    """What is needed of a frame (H, W, 3) to cut all framings' crops from it."""
    boxes = [_reach(affine, SIDES[framing]) for framing, affine in affines.items()]
    size = np.array(pixels.shape[1::-1])
    low = np.min([box[0] for box in boxes], axis=0).clip(0, size - 1).astype(int)
    high = np.max([box[1] for box in boxes], axis=0).clip(low + 1, size).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]]
    return FacePart(np.ascontiguousarray(part), (int(low[1]), int(low[0])))


def _reach(affine: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The corners of what a crop looks at, x and y in the frame."""
    to_frame = invert(affine)
    step = np.linalg.norm(to_frame[:, :2], axis=1) / side
    margin = _MARGIN * np.ceil(np.maximum(step, 1)) + _SPARE
    corners = apply_affine(to_frame, UNIT_CORNERS)
    return np.floor(corners.min(axis=0) - margin), np.ceil(corners.max(axis=0) + margin)


def write_talk(
    path: Path, regions: Iterable[FacePart], arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """Write a clip whole or not at all.

    regions: T of them, in order
    arrays:  frame_size (2,), usable and shot (T,), voice (samples,) at 16 kHz, face and portrait (T, 2, 3),
             and perhaps coefficients (T, 262)
    raises:  InputError where it can't be written
    """
    corners = []
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for row, region in enumerate(regions):
            corners.append(region.corner)
            done, encoded = cv2.imencode(".png", np.ascontiguousarray(region.pixels[..., ::-1]), _PNG)
            assert done, "a part of a frame is a picture"
            archive.writestr(f"frames/{row:06d}.png", encoded.tobytes())
        for name, array in {**arrays, "corners": np.array(corners)}.items():
            held = io.BytesIO()
            np.save(held, array, allow_pickle=False)
            archive.writestr(f"{name}.npy", held.getvalue())
        archive.writestr("about.json", json.dumps(about))


class KeptTalk:
    """A prepared clip; see `talks.Talk`. What is read is remembered as far as memory is given for it."""

    def __init__(self, path: Path, name: str, speaker: str, voice: str) -> None:
        """Nothing is read yet."""
        self.path, self.name, self.speaker, self.voice = path, name, speaker, voice

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "name": self.name, "speaker": self.speaker, "voice": self.voice}

    def _read(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{self.path} can't be read ({type(error).__name__}): prepare its set again."
            ) from error

    def array(self, name: str) -> np.ndarray:
        """One of the arrays. Raises InputError where it isn't there."""
        read: np.ndarray = np.load(io.BytesIO(self._read(f"{name}.npy")), allow_pickle=False)
        return read

    @cached_property
    def about(self) -> dict[str, Any]:
        """What is known of it."""
        known: dict[str, Any] = json.loads(self._read("about.json"))
        return known

    @cached_property
    def usable(self) -> np.ndarray:
        return self.array("usable")

    @cached_property
    def shot(self) -> np.ndarray:
        return self.array("shot")

    @cached_property
    def _affines(self) -> dict[str, np.ndarray]:
        return {framing: self.array(framing) for framing in FRAMINGS}

    @cached_property
    def _corners(self) -> np.ndarray:
        return self.array("corners")

    @cached_property
    def _size(self) -> tuple[int, int]:
        height, width = self.array("frame_size").tolist()
        return height, width

    @cached_property
    def samples(self) -> Tensor:
        """The voice (samples,) at 16 kHz."""
        return torch.from_numpy(self.array("voice"))

    @cached_property
    def _mel(self) -> Tensor:
        return log_mel(self.samples)

    @property
    def times(self) -> tuple[Fraction, ...]:
        """When each frame is shown, in seconds."""
        return tuple(Fraction(row, LEARNT_RATE) for row in range(len(self.usable)))

    def frame(self, row: int) -> np.ndarray:
        """The whole frame (H, W, 3) uint8 RGB; black where it isn't needed."""
        encoded = np.frombuffer(self._read(f"frames/{row:06d}.png"), np.uint8)
        part = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        assert part is not None, "what was encoded can be decoded"
        frame = np.zeros((*self._size, 3), np.uint8)
        top, left = self._corners[row]
        frame[top : top + part.shape[0], left : left + part.shape[1]] = part[..., ::-1]
        return frame

    def crop(self, framing: str, row: int) -> np.ndarray:
        """What a dub cuts there, (S, S, 3) RGB in [0, 1]."""
        return cut_crop(self.frame(row), self._affines[framing][row], SIDES[framing])

    def _pictures(self, framing: str, rows: Sequence[int], side: int) -> Tensor:
        return torch.stack([self._picture(framing, int(row), side) for row in rows])

    def _picture(self, framing: str, row: int, side: int) -> Tensor:
        key = (str(self.path), framing, row, side)
        known = _REMEMBERED.get(key)
        if known is None:
            known = resize(torch.from_numpy(self.crop(framing, row))[None], side)[0]
            if side <= _SMALL:
                _REMEMBERED.put(key, known)
        return known

    def faces(self, rows: Sequence[int], side: int) -> Tensor:
        return self._pictures("face", rows, side)

    def references(self, rows: Sequence[int], side: int) -> Tensor:
        raise InputError(
            f"{self.name} has no calm faces, which reference=neutral asks for: choose reference=other."
        )

    def portraits(self, rows: Sequence[int], side: int) -> Tensor:
        return self._pictures("portrait", rows, side)

    def mels(self, rows: Sequence[int]) -> Tensor:
        return cut_windows(self._mel, [Fraction(int(row), LEARNT_RATE) for row in rows])

    @cached_property
    def _coefficients(self) -> Tensor:
        if "coefficients" not in self.about["arrays"]:
            raise InputError(
                f"{self.name} has no coefficients, which D-Net learns from: prepare the set again with "
                "--coefficients, for which the 3DMM regressor must be installed."
            )
        return torch.from_numpy(self.array("coefficients"))

    def windows(self, rows: Sequence[int]) -> Tensor:
        chosen, shot = torch.as_tensor(np.asarray(rows)), torch.from_numpy(self.shot)
        return coefficient_windows(unpack(self._coefficients), shot, chosen, LEARNT_AFTER)


class _Remembered:
    """Small pictures of all clips, the latest used ones."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._held: OrderedDict[tuple[str, str, int, int], Tensor] = OrderedDict()

    def get(self, key: tuple[str, str, int, int]) -> Tensor | None:
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(self, key: tuple[str, str, int, int], picture: Tensor) -> None:
        self._held[key] = picture
        self._bytes += picture.nbytes
        while self._bytes > self._most:
            self._bytes -= self._held.popitem(last=False)[1].nbytes


_REMEMBERED = _Remembered(_MOST_BYTES)
