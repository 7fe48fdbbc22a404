"""Several channels of sound as two to write, and as one to listen to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

HALF_POWER = 0.5**0.5  # -3 dB
# What each loudspeaker gives the left and the right side, by ITU-R BS.775: the centre and the surrounds 3 dB
# quieter, no low-frequency effects. A speaker behind both sides stands in both surrounds, as does one above.
WEIGHTS = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (HALF_POWER, HALF_POWER),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "BC": (0.5, 0.5),
    "TC": (0.5, 0.5),
    "TFC": (0.5, 0.5),
    "TBC": (0.5, 0.5),
    **dict.fromkeys(("SL", "BL", "WL", "SDL", "TFL", "TBL", "TSL", "SSL", "TTL"), (HALF_POWER, 0.0)),
    **dict.fromkeys(("SR", "BR", "WR", "SDR", "TFR", "TBR", "TSR", "SSR", "TTR"), (0.0, HALF_POWER)),
}
# The order that is customary where only the number of channels is known, as of an array.
CUSTOMARY = {
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
LISTENED = 5  # seconds over which it is judged whether channels cancel each other
CANCELLED = 12.0  # dB by which a mean must be quieter than one channel alone would make it
STEADY = 3.0  # dB by which another channel must be louder to be listened to instead
FADE = 0.02  # seconds from one way of listening to another


def two_from(names: Sequence[str]) -> np.ndarray | None:
    """How channels become two, (2, channels); None where one of their names is of no known place."""
    if not all(name in WEIGHTS for name in names):
        return None
    return np.array([WEIGHTS[name] for name in names], np.float32).T


def folded(chunks: Iterable[np.ndarray], weights: np.ndarray | None) -> Iterator[np.ndarray]:
    """Chunks (channels, n) with at most two channels; without weights (2, channels) the mean serves both."""
    for chunk in chunks:
        if chunk.shape[0] <= 2:
            yield chunk
        elif weights is None:
            yield np.repeat(chunk.mean(axis=0, keepdims=True), 2, axis=0)
        else:
            yield weights @ chunk


def peak_of(chunks: Iterable[np.ndarray]) -> float:
    """The largest magnitude of any sample."""
    return max((float(np.abs(chunk).max(initial=0)) for chunk in chunks), default=0.0)


class Listener:
    """Makes one channel of several: their mean, or the loudest alone while they cancel each other.

    It is judged over some seconds at a time, so that a pause isn't filled with what the voice covers up.
    """

    def __init__(self, rate: int) -> None:
        self._length = LISTENED * rate  # samples judged together
        self._fade = max(1, round(FADE * rate))
        self._begun = False
        self._way: int | None = None  # the channel that is listened to; None: the mean
        self.cancelled = 0  # samples whose channels cancelled each other

    def __call__(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """From chunks (channels, n) to chunks (1, n), however they are cut."""
        waiting: list[np.ndarray] = []
        held = 0
        for chunk in chunks:
            if chunk.shape[0] == 1:
                yield chunk
                continue
            while held + chunk.shape[1] >= self._length:
                head, chunk = np.split(chunk, [self._length - held], axis=1)
                yield self._listen(np.concatenate([*waiting, head], axis=1))
                waiting, held = [], 0
            waiting.append(chunk)
            held += chunk.shape[1]
        if held:
            yield self._listen(np.concatenate(waiting, axis=1))

    def _listen(self, sound: np.ndarray) -> np.ndarray:
        before, self._way = self._way, self._choose(sound)
        if self._way is not None:
            self.cancelled += sound.shape[1]
        heard = _way(sound, self._way)
        if before != self._way and self._begun:
            ramp = np.minimum(np.arange(sound.shape[1], dtype=np.float32) / self._fade, 1)
            heard = ramp * heard + (1 - ramp) * _way(sound, before)
        self._begun = True
        return heard[None]

    def _choose(self, sound: np.ndarray) -> int | None:
        """The channel to listen to, or None for the mean."""
        power = np.square(sound, dtype=np.float64).mean(axis=1)
        loudest = int(power.argmax())
        mixed = np.square(sound.mean(axis=0), dtype=np.float64).mean()
        alone = power[loudest] / len(sound) ** 2  # of the mean, if the other channels were silent
        if mixed >= alone * 10 ** (-CANCELLED / 10):
            return None
        if self._way is not None and power[loudest] < power[self._way] * 10 ** (STEADY / 10):
            return self._way
        return loudest


def _way(sound: np.ndarray, way: int | None) -> np.ndarray:
    return sound.mean(axis=0) if way is None else sound[way]
