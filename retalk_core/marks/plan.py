"""What a dub is marked with, and the marks that its clip and voice carry already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import InputError
from .cells.payload import PICTURE_BITS
from .cells.spectrum import SOUND_BITS
from .choice import MarkedPlace
from .found import PUBLIC_KEY
from .identity import id_prefix
from .lay import FaceMarker, FrameMarker
from .perth import perth_marked
from .sound_lay import marked_sound

LEAST_KEY = 16  # bytes of a private key


@dataclass(frozen=True, eq=False)
class Marking:
    """How one dub is marked."""

    where: MarkedPlace
    number: int  # 64 bits
    key: bytes = PUBLIC_KEY
    picture: bool = True  # False: the frames carry such a mark already
    sound: bool = True  # False: the voice does
    before: tuple[str, ...] = ()  # marks of earlier dubs, in words
    perth: bool = False  # whether Perth's mark is laid into the sound, too

    @cached_property
    def face(self) -> FaceMarker | None:
        """Marks patches."""
        return FaceMarker(self.key, self.number) if self.picture and self.where == "face" else None

    @cached_property
    def frame(self) -> FrameMarker | None:
        """Marks finished frames."""
        return FrameMarker(self.key, self.number) if self.picture and self.where == "frame" else None

    def mark_sound(self, chunks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
        """A sound as it is written beside marked pictures; see `SoundStream`'s change."""
        heard = perth_marked(chunks, rate) if self.perth else chunks
        marked = marked_sound(heard, rate, self.number, key=self.key) if self.sound else heard
        yield from (chunk for chunk in marked if chunk.shape[1])

    @property
    def words(self) -> str:
        """What was marked, for a report."""
        place = {"face": "on the face, inside the edit", "frame": "over the whole frame"}[self.where]
        parts = [
            f"picture {place}" if self.picture else "",
            "sound" if self.sound else "",
            "sound by Perth" if self.perth else "",
        ]
        whose = "the public key" if self.key == PUBLIC_KEY else "a private key"
        carried = f"{id_prefix(self.number, PICTURE_BITS):08x}"
        short = f"{id_prefix(self.number, SOUND_BITS):04x}"
        told = " and ".join(filter(None, parts)) or "nothing anew"
        known = f"{carried}, in sound {short}" if self.sound else carried
        return f"{told}; id {known}, under {whose}"


def read_key(path: Path | None) -> bytes:
    """A private key out of a file, all of its bytes; the public one without. Raises InputError."""
    if path is None:
        return PUBLIC_KEY
    try:
        key = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} can't be read as a key ({error.strerror}). Check the path.") from error
    if len(key) < LEAST_KEY:
        raise InputError(
            f"{path} has {len(key)} bytes, but a key has {LEAST_KEY} or more: give a longer one."
        )
    return key
