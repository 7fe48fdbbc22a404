"""A voice of any length, heard in blocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from .sound import Decoder, SoundSource, unknown_places

VOICE_BLOCK = 1 << 20  # samples; a minute at 16 kHz, 4 MB
BLOCKS_KEPT = 4  # blocks; what is no longer than that is decoded once


class Voice:
    """A sound as one channel that is sliced like an array of samples, without being in memory.

    `voice[a:b]` is (b - a,) float32 in [-1, 1], exactly what `read_mono` has there. Asking in rising order
    decodes on; going back farther than some minutes decodes from the beginning. The length is known after a
    look at all of it. Close it, or use it as a context manager. Raises InputError without sound.
    """

    def __init__(self, source: SoundSource, rate: int) -> None:
        """rate: samples a second, in Hz"""
        self._source, self._rate = source, rate
        self._blocks: OrderedDict[int, np.ndarray] = OrderedDict()
        self._reading: Iterator[np.ndarray] | None = None  # of the blocks that follow
        self._next = 0  # the block that it gives next
        self._length: int | None = None
        self.notes: list[str] = []  # what a person should know of it, once its length is known

    def __enter__(self) -> Voice:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and of what is kept of it."""
        self._stop()
        self._blocks.clear()

    def __len__(self) -> int:
        if self._length is None:
            self._restart()
            while self._read_on():
                pass
            assert self._length is not None
        return self._length

    def __getitem__(self, part: slice) -> np.ndarray:
        """The samples from `part.start` to `part.stop`, in steps of one."""
        first, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError(f"a voice is read forwards, one sample after the other, not in steps of {step}")
        if first >= stop:
            return np.zeros(0, np.float32)
        pieces = []
        for number in range(first // VOICE_BLOCK, (stop - 1) // VOICE_BLOCK + 1):
            begin = number * VOICE_BLOCK
            pieces.append(self._block(number)[max(first - begin, 0) : stop - begin])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def part(self, first: int, count: int) -> VoicePart:
        """The samples from `first` on, `count` of them at most, sliced like the whole."""
        return VoicePart(self, first, max(0, min(count, len(self) - first)))

    def _block(self, number: int) -> np.ndarray:
        if number not in self._blocks:
            if self._reading is None or number < self._next:
                self._restart()
            while number not in self._blocks and self._read_on():
                pass
        return self._blocks[number]

    def _read_on(self) -> bool:
        """Decode the next block; False at the end."""
        assert self._reading is not None
        block = next(self._reading, None)
        if block is None:
            self._reading = None
            return False
        self._blocks[self._next] = block
        self._next += 1
        while len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return True

    def _restart(self) -> None:
        self._stop()
        self._blocks.clear()
        self._reading, self._next = self._read(), 0

    def _stop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.close()  # type: ignore[attr-defined]

    def _read(self) -> Iterator[np.ndarray]:
        """The blocks from the beginning; notes the length at the end."""
        length, held = 0, 0
        block = np.empty(VOICE_BLOCK, np.float32)
        with closing(Decoder(self._source)) as sound:
            for chunk in sound.heard(self._rate):
                samples = chunk[0]
                length += len(samples)
                while len(samples):
                    taken = min(VOICE_BLOCK - held, len(samples))
                    block[held : held + taken] = samples[:taken]
                    samples, held = samples[taken:], held + taken
                    if held == VOICE_BLOCK:
                        yield block
                        block, held = np.empty(VOICE_BLOCK, np.float32), 0
            if self._length is None:
                self._length, self.notes = length, list(_notes(sound))
        if held:
            yield block[:held].copy()


@dataclass(frozen=True, eq=False)
class VoicePart:
    """A part of a voice, sliced as if it were all there is."""

    whole: Voice
    first: int  # of the whole's samples
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, part: slice) -> np.ndarray:
        """The samples from `part.start` to `part.stop`, in steps of one."""
        first, stop, step = part.indices(self.count)
        return self.whole[self.first + first : self.first + stop : step]


def _notes(sound: Decoder) -> Iterator[str]:
    if not sound.has_known_places:
        yield unknown_places(sound.channels)
    if sound.seconds_cancelled:
        yield (
            f"the voice's channels cancel each other for {sound.seconds_cancelled:.0f} s, so the louder one "
            "was listened to there: one of them is probably wired the wrong way round"
        )
