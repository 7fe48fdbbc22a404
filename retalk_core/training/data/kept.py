"""A prepared clip in one file: what a dub would see of it, in the very pixels, and where to cut.

A zip holds the part of each frame around the face as a PNG, bit for bit, the affines of all framings, five
points of the face, the voice, and where they were asked for coefficients and calm portraits. Crops are cut
from that as a dub cuts them from frames, so they are the same to the last bit; calm portraits are rounded to
eight bits.
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
from ...crops.cut import cut_crop, reframe
from ...crops.framing import SIDES
from ...errors import InputError
from ...files import written_whole
from ...images import resize
from ...stages.coefficients import coefficient_windows, unpack
from ...stages.speech import cut_windows, log_mel
from ...types import FaceCrops
from .talks import LEARNT_AFTER, LEARNT_RATE

FRAMINGS = ("face", "portrait", "gpen")
CALMED = "calm"  # the folder of portraits as D-Net calms them
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
    path: Path,
    regions: Iterable[FacePart],
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    calm: Iterable[tuple[int, np.ndarray]] = (),
) -> None:
    """Write a clip whole or not at all.

    regions: T of them, in order
    arrays:  frame_size (2,), usable and shot (T,), voice (samples,) at 16 kHz, face, portrait and gpen
             (T, 2, 3), five (T, 5, 2) points in frame pixels, and perhaps coefficients (T, 262)
    calm:    rows, and their portraits (256, 256, 3) uint8 RGB with a calm expression
    raises:  InputError where it can't be written
    """
    corners = []
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for row, region in enumerate(regions):
            corners.append(region.corner)
            archive.writestr(_entry(f"frames/{row:06d}.png"), _encoded(region.pixels))
        for row, portrait in calm:
            archive.writestr(_entry(f"{CALMED}/{row:06d}.png"), _encoded(portrait))
        for name, array in {**arrays, "corners": np.array(corners)}.items():
            held = io.BytesIO()
            np.save(held, array, allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), held.getvalue())
        archive.writestr(_entry("about.json"), json.dumps(about))


def _entry(name: str) -> zipfile.ZipInfo:
    """A file of the zip without the time of its making: the same clip gives the same bytes."""
    return zipfile.ZipInfo(name)


def _encoded(pixels: np.ndarray) -> bytes:
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]), _PNG)
    assert done, "pixels are a picture"
    return encoded.tobytes()


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
    def _five(self) -> np.ndarray:
        return self.array("five")

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
        part = self._pixels(f"frames/{row:06d}.png")
        frame = np.zeros((*self._size, 3), np.uint8)
        top, left = self._corners[row]
        frame[top : top + part.shape[0], left : left + part.shape[1]] = part
        return frame

    def _pixels(self, name: str) -> np.ndarray:
        """A picture of the zip, uint8 RGB."""
        pixels = cv2.imdecode(np.frombuffer(self._read(name), np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise InputError(f"{self.path} holds a damaged picture ({name}): prepare its set again.")
        return pixels[..., ::-1]

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
        """As a dub has them: calm portraits in the face's framing, and the frame where they don't reach."""
        if not self.about.get("calm"):
            raise InputError(
                f"{self.name} has no calm faces, which reference=neutral and mixed ask for: prepare the set "
                "again with --references, for which D-Net must be installed, or choose reference=other."
            )
        return torch.stack([self._reference(int(row), side) for row in rows])

    def _reference(self, row: int, side: int) -> Tensor:
        key = (str(self.path), CALMED, row, side)
        known = _REMEMBERED.get(key)
        if known is None:
            known = resize(self.calm_face(row)[None], side)[0]
            if side <= _SMALL:
                _REMEMBERED.put(key, known)
        return known

    def calm_face(self, row: int) -> Tensor:
        """The reference at full size, (384, 384, 3)."""
        portrait = torch.from_numpy(self._pixels(f"{CALMED}/{row:06d}.png") / np.float32(255))
        base = torch.from_numpy(self.crop("face", row))[None]
        here, there = (self.crops_of(framing, [row]) for framing in ("portrait", "face"))
        return reframe(portrait[None], here, there, side=SIDES["face"], base=base)[0][0]

    def crops_of(self, framing: str, rows: Sequence[int]) -> FaceCrops:
        """Where a framing's crops of some rows lie in their frames."""
        chosen = list(rows)
        count = len(chosen)
        return FaceCrops(
            frame_to_crop=torch.from_numpy(self._affines[framing][chosen]),
            framing=framing,
            present=torch.ones(count, dtype=torch.bool),
            weight=torch.ones(count),
            frame_size=self._size,
        )

    def points(self, rows: Sequence[int]) -> Tensor:
        chosen = np.asarray(list(rows), int)
        inside = [apply_affine(self._affines["face"][row], self._five[row]) for row in chosen]
        return torch.from_numpy(np.stack(inside).astype(np.float32))

    def portraits(self, rows: Sequence[int], side: int) -> Tensor:
        if self.about.get("sharp"):
            raise InputError(
                f"{self.name} holds sharp faces only, for E-Net: for D-Net name the set it was made of."
            )
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
