"""Lay a mark into sound as it streams by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.fft import irfft, rfft

from .cells.code import encode_number
from .identity import id_prefix
from .cells.spectrum import (
    BAND_BINS,
    BANDS,
    BLOCK_HOPS,
    BLOCKS,
    FIRST_BIN,
    SOUND_BITS,
    SOUND_CHECK,
    WINDOW_HOPS,
    hop_of,
    sound_layout,
    window_of,
)

DECIBELS = 1.2  # by which a cell becomes louder or quieter
LEAST_SOUND_RATE = 8000  # Hz
_HOPS_AT_ONCE = 512


def marked_sound(chunks: Iterable[np.ndarray], rate: int, number: int, *, key: bytes) -> Iterator[np.ndarray]:
    """A sound with a mark in it, as many samples as it has.

    chunks: (channels, n) float in [-1, 1], of any n
    rate:   Hz; a sound below LEAST_SOUND_RATE stays as it is
    number: the dub's, of 64 bits; the mark carries the first SOUND_BITS of it
    gives:  chunks (channels, n) float32, some of them empty

    Silence stays silent, for a mark is a gain. All channels have the same.
    """
    if rate < LEAST_SOUND_RATE:
        yield from chunks
        return
    marker = _Marker(rate, number, key)
    for chunk in chunks:
        yield marker.add(np.asarray(chunk, np.float32))
    yield marker.finish()


class _Marker:
    """Weighted overlap-add: windows of four hops, each with its own gains."""

    def __init__(self, rate: int, number: int, key: bytes) -> None:
        code = encode_number(id_prefix(number, SOUND_BITS), SOUND_BITS, SOUND_CHECK)
        signs = sound_layout(key).chips(code).reshape(BLOCKS, BANDS)
        self._gains = 10 ** (np.repeat(signs, BAND_BINS, axis=1) * (DECIBELS / 20)).astype(np.float32)
        self._hop, self._window = hop_of(rate), window_of(rate)
        self._margin = (WINDOW_HOPS - 1) * self._hop
        self._hops = 0  # windows that were marked
        self._given = self._taken = 0  # samples
        self._input: np.ndarray | None = None  # what the next windows see
        self._output: np.ndarray | None = None  # what windows to come still add to

    def add(self, chunk: np.ndarray) -> np.ndarray:
        """Take samples in; give those that are finished."""
        self._taken += chunk.shape[1]
        if self._input is None or self._output is None:  # the first window ends with the first hop
            self._input = np.zeros((len(chunk), self._margin), np.float32)
            self._output = np.zeros((len(chunk), self._margin), np.float32)
        self._input = np.concatenate([self._input, chunk], axis=1)
        done = [self._mark(_HOPS_AT_ONCE) for _ in range(self._ready // _HOPS_AT_ONCE)]
        done.append(self._mark(self._ready))
        return self._cut(np.concatenate(done, axis=1))

    def finish(self) -> np.ndarray:
        """The samples that are left."""
        if self._input is None:
            return np.zeros((1, 0), np.float32)
        left = self._taken - self._given
        rest = self.add(np.zeros((len(self._input), len(self._window) + self._hop), np.float32))
        return rest[:, :left]

    @property
    def _ready(self) -> int:
        assert self._input is not None
        return max((self._input.shape[1] - self._margin) // self._hop, 0)

    def _mark(self, hops: int) -> np.ndarray:
        """Mark the next windows, (channels, hops * hop)."""
        assert self._input is not None and self._output is not None
        if not hops:
            return self._input[:, :0]
        hop, size = self._hop, len(self._window)
        windows = np.lib.stride_tricks.sliding_window_view(self._input, size, axis=1)[:, : hops * hop : hop]
        spectrum = rfft(windows * self._window, axis=2)
        blocks = (self._hops + np.arange(hops)) // BLOCK_HOPS % BLOCKS
        spectrum[:, :, FIRST_BIN : FIRST_BIN + self._gains.shape[1]] *= self._gains[blocks]
        back = irfft(spectrum, size, axis=2) * (self._window / 1.5)
        total = np.zeros((len(self._input), self._margin + hops * hop), np.float32)
        total[:, : self._margin] = self._output
        for place in range(hops):
            total[:, place * hop : place * hop + size] += back[:, place]
        self._input, self._output = self._input[:, hops * hop :], total[:, hops * hop :]
        self._hops += hops
        return total[:, : hops * hop]

    def _cut(self, done: np.ndarray) -> np.ndarray:
        """Leave out what lies before the sound's first sample."""
        before = self._hops * self._hop - done.shape[1]  # counted from a margin before the sound
        done = done[:, max(self._margin - before, 0) :]
        self._given += done.shape[1]
        return done.clip(-1, 1)
