"""Sound from any file: mono for the networks to hear, and a stream to write beside the picture."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, OptionError
from ..times import Seconds
from .container import SOUND, check_file, close_container, is_cover, open_container, packets
from .mix import CUSTOMARY, Listener, folded, peak_of, two_from

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer


FILE_RATES = (32_000, 44_100, 48_000)  # Hz; written as they are, others become 48 kHz
SAMPLES_AT_ONCE = 1 << 16  # that are handed on of a sound in memory, or of silence
# A file may leave out or repeat this much, in seconds, before it counts as a gap: coarse time stamps jitter.
JITTER = 0.05
LONGEST_SILENCE = 600  # seconds that may be missing; more of them are a broken time stamp


@dataclass(frozen=True, eq=False)
class SoundArray:
    """A sound in memory."""

    samples: np.ndarray  # (channels, n) float, in [-1, 1]; six or eight channels are 5.1 or 7.1
    rate: int  # Hz


SoundSource = str | os.PathLike[str] | SoundArray


def read_mono(
    source: SoundSource,
    sample_rate: int,
    start: Seconds = 0,
    duration: Seconds | None = None,
) -> np.ndarray:
    """Read a sound, mixed to one channel and resampled.

    sample_rate:     of the result, in Hz
    start, duration: the part to read, in seconds; time 0 is a video file's first frame
    returns:         (samples,) float32 in [-1, 1]; no longer than the sound is

    All of it is in memory then; `voice.Voice` reads in blocks. Samples that are not numbers become silence.
    Raises InputError without sound, OptionError where it ends before `start`.
    """
    begin, most = _part(start, duration)
    with Decoder(source) as sound:
        chunks = list(_cut(sound.heard(sample_rate), sample_rate, begin, most))
        heard = sound.seconds
    if not chunks:
        raise OptionError(
            f"The start is at {float(begin):g} s, but the sound is {heard:g} s long. Choose an earlier start."
        )
    return np.concatenate(chunks, axis=1)[0]


SoundChange = Callable[[Iterator[np.ndarray], int], Iterator[np.ndarray]]


class SoundStream:
    """A part of a sound in chunks (channels, n) float32, exactly as long as asked for.

    source:   a file, or a sound in memory
    start:    seconds left out at the beginning; time 0 is a video file's first frame
    duration: seconds, to the nearest sample; where the sound is shorter, silence follows

    `rate` is the source's own where files commonly have it, else 48 kHz; `channels` is 1 or 2. More channels
    become two as ITU-R BS.775 has it, as much quieter as it takes that nothing clips. Each iteration reads
    the source anew, and keeps no more of it than a chunk. Raises InputError without sound.

    change:   what the chunks go through at last, with their rate; it gives as many samples
    """

    def __init__(
        self, source: SoundSource, start: Seconds, duration: Seconds, change: SoundChange | None = None
    ) -> None:
        self._source, self._change = source, change
        self._start, most = _part(start, duration)
        with Decoder(source) as sound:
            source_rate, self._given, self._known = sound.rate, sound.channels, sound.has_known_places
        self.channels = min(self._given, 2)
        self.rate = source_rate if source_rate in FILE_RATES else 48_000
        self.samples = max(1, round((most or 0) * self.rate))

    def __iter__(self) -> Iterator[np.ndarray]:
        yield from self._exact() if self._change is None else self._change(self._exact(), self.rate)

    def _exact(self) -> Iterator[np.ndarray]:
        left = self.samples  # to be handed on
        gain = self._gain
        for chunk in self._mixed():
            yield np.clip(chunk if gain == 1 else chunk * np.float32(gain), -1, 1)
            left -= chunk.shape[1]
        while left:
            yield np.zeros((self.channels, min(left, SAMPLES_AT_ONCE)), np.float32)
            left -= min(left, SAMPLES_AT_ONCE)

    @property
    def notes(self) -> list[str]:
        """What a listener should know of the mix."""
        found = []
        if not self._known:
            found.append(unknown_places(self._given))
        if self._gain < 1:
            found.append(
                f"the sound's {self._given} channels, mixed to two, became "
                f"{-20 * math.log10(self._gain):.1f} dB quieter, so that nothing clips"
            )
        return found

    @cached_property
    def _gain(self) -> float:
        """What keeps a mix of more than two channels below full scale; it takes a look at all of it."""
        return 1.0 if self._given <= 2 else min(1.0, 1 / max(peak_of(self._mixed()), 1e-9))

    def _mixed(self) -> Iterator[np.ndarray]:
        """The part that is asked for, as far as the source goes; louder than full scale here and there."""
        with Decoder(self._source) as sound:
            resampled = _resampled(sound.as_two(), sound.rate, self.rate, self.channels)
            yield from _cut(resampled, self.rate, self._start, Fraction(self.samples, self.rate))


def unknown_places(channels: int) -> str:
    """What to say of channels of which nobody knows where they belong."""
    return (
        f"the sound's {channels} channels don't say which loudspeakers they are for: their mean is used; "
        "export it as stereo, 5.1 or 7.1 to have them mixed rightly"
    )


class Decoder:
    """Decodes a sound from time 0 on in chunks (channels, n) float32 at its own rate."""

    def __init__(self, source: SoundSource) -> None:
        self._container: InputContainer | None = None
        self._samples = 0  # decoded so far
        places: Sequence[str] = ()
        if isinstance(source, SoundArray):
            self.rate, self._chunks = source.rate, _array_chunks(source)
            places = CUSTOMARY.get(len(np.atleast_2d(source.samples)), ())
        else:
            self._container, stream, zero = _open(Path(source))
            until = _known_end(stream)
            frames = _decoded(self._container, stream)
            head = next(frames, None)  # what the container says about the rate is not always true
            self.rate = head.sample_rate if head is not None else stream.rate
            places = [channel.name for channel in head.layout.channels] if head is not None else ()
            self._chunks = _aligned(chain([head] if head else [], frames), self.rate, zero, until)
        self._head = next(self._chunks, None)
        if self._head is None:
            self.close()
            name = "The sound" if isinstance(source, SoundArray) else str(source)
            raise InputError(f"{name} holds no sample of sound: choose a recording that isn't empty.")
        self.channels = self._head.shape[0]
        self._weights = two_from(places) if len(places) == self.channels else None
        self._listener = Listener(self.rate)

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[np.ndarray]:
        chunk = self._head
        while chunk is not None:
            self._samples += chunk.shape[1]
            yield chunk if chunk.shape[0] == self.channels else _spread(chunk, self.channels)
            chunk = next(self._chunks, None)

    @property
    def has_known_places(self) -> bool:
        """Whether it is known how the channels become two."""
        return self.channels <= 2 or self._weights is not None

    @property
    def seconds(self) -> float:
        """Length of what was decoded so far."""
        return self._samples / self.rate

    @property
    def seconds_cancelled(self) -> float:
        """How much of what was heard so far cancels itself in the mean of its channels."""
        return self._listener.cancelled / self.rate

    def as_two(self) -> Iterator[np.ndarray]:
        """The sound with at most two channels, (channels, n); more of them are mixed."""
        return folded(self, self._weights)

    def heard(self, rate: int) -> Iterator[np.ndarray]:
        """The sound as a listener hears it, (1, n) in [-1, 1] at a rate in Hz."""
        several = self.as_two() if self.has_known_places else self
        for chunk in _resampled(self._listener(several), self.rate, rate, channels=1):
            yield np.clip(chunk, -1, 1)

    def close(self) -> None:
        self._chunks.close()
        if self._container is not None:
            close_container(self._container)


def _open(path: Path) -> tuple[InputContainer, AudioStream, Fraction | None]:
    """Open a file's first sound, and find the moment of its first video frame on the container's clock."""
    check_file(path, SOUND)
    container = open_container(path, SOUND)
    sounds = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if not sounds:
        close_container(container)
        raise InputError(f"{path} has no sound: choose a file with a voice in it.")
    pictures = [stream for stream in container.streams.video if not is_cover(stream)]
    zero = None
    if pictures and pictures[0].start_time is not None and pictures[0].time_base:
        zero = pictures[0].start_time * pictures[0].time_base
    return container, sounds[0], zero


def _known_end(stream: AudioStream) -> Fraction | None:
    """When a sound in MP4 ends; its last packet is longer than that, filled up with silence."""
    # A file of fragments doesn't count its packets.
    if stream.frames and stream.duration and stream.time_base:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    return None


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
    """Decode all that can be decoded."""
    import av

    for packet in packets(container, stream):
        try:
            frames = stream.decode(packet)
        except (av.FFmpegError, OSError, ValueError):
            continue  # becomes a gap
        yield from frames


def _aligned(
    frames: Iterable[av.AudioFrame], rate: int, zero: Fraction | None, until: Fraction | None
) -> Generator[np.ndarray, None, None]:
    """Sound from `zero` to `until`: what is outside is cut off, what begins later or is missing is silent."""
    written = 0
    for frame in frames:
        chunk = _clean(_as_float(frame))
        if frame.sample_rate != rate:
            chunk = _whole(chunk, frame.sample_rate, rate)
        if frame.pts is not None and frame.time_base is not None:
            moment = frame.pts * frame.time_base
            zero = moment if zero is None else zero
            ahead = round((moment - zero) * rate) - written
            if ahead > LONGEST_SILENCE * rate:
                zero, ahead, until = moment - Fraction(written, rate), 0, None
            if written == 0 or abs(ahead) > JITTER * rate:
                for at in range(0, ahead, SAMPLES_AT_ONCE):
                    yield np.zeros((chunk.shape[0], min(SAMPLES_AT_ONCE, ahead - at)), np.float32)
                chunk = chunk[:, max(0, -ahead) :]
                written += max(0, ahead)
            if until is not None:
                chunk = chunk[:, : max(0, round((until - zero) * rate) - written)]
        written += chunk.shape[1]
        if chunk.size:
            yield chunk


def _array_chunks(sound: SoundArray) -> Generator[np.ndarray, None, None]:
    samples = np.atleast_2d(np.asarray(sound.samples))
    if samples.ndim != 2 or sound.rate <= 0:
        raise ValueError(f"expected samples (channels, n) and a rate, got {samples.shape} and {sound.rate}")
    for at in range(0, samples.shape[1], SAMPLES_AT_ONCE):
        yield _clean(samples[:, at : at + SAMPLES_AT_ONCE])


def _as_float(frame: av.AudioFrame) -> np.ndarray:
    """Samples (channels, n), integers scaled to [-1, 1]."""
    if frame.format.name in ("s64", "s64p"):  # which av can't make an array of
        rows = [np.frombuffer(memoryview(plane), np.int64) for plane in frame.planes]
        count = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)
        samples = np.stack([row[:count] for row in rows])
    else:
        samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / 2.0 ** (8 * samples.dtype.itemsize - 1)
    return samples


def _clean(samples: np.ndarray) -> np.ndarray:
    """Silence instead of what is no number, and nothing beyond full scale."""
    with np.errstate(over="ignore"):
        samples = np.nan_to_num(samples.astype(np.float32), nan=0, posinf=0, neginf=0)
    return np.clip(samples, -1, 1)


def _spread(chunk: np.ndarray, channels: int) -> np.ndarray:
    return np.repeat(chunk.mean(axis=0, keepdims=True), channels, axis=0)


def _cut(
    chunks: Iterable[np.ndarray], rate: int, start: Fraction, most: Fraction | None
) -> Iterator[np.ndarray]:
    """Keep the samples from `start` on, for at most `most` seconds."""
    skipped = round(start * rate)
    left = None if most is None else max(1, round(most * rate))
    for chunk in chunks:
        kept = chunk[:, skipped : left if left is None else skipped + left]
        skipped = max(0, skipped - chunk.shape[1])
        if kept.size:
            yield kept
            left = None if left is None else left - kept.shape[1]
        if left == 0:
            return


def _resampled(chunks: Iterable[np.ndarray], rate: int, wanted: int, channels: int) -> Iterator[np.ndarray]:
    """Resample chunk by chunk, as if it were done at once."""
    if rate == wanted:
        yield from chunks
        return
    import soxr

    stream = soxr.ResampleStream(rate, wanted, channels, dtype="float32", quality="HQ")
    for chunk in chunks:
        yield _as_rows(stream.resample_chunk(_as_columns(chunk)))
    yield _as_rows(stream.resample_chunk(_as_columns(np.zeros((channels, 0), np.float32)), last=True))


def _whole(chunk: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    import soxr

    return _as_rows(soxr.resample(_as_columns(chunk), rate, wanted))


def _as_columns(chunk: np.ndarray) -> np.ndarray:
    """The layout of soxr: (n, channels), or (n,) for one."""
    return np.ascontiguousarray(chunk[0] if chunk.shape[0] == 1 else chunk.T)


def _as_rows(samples: np.ndarray) -> np.ndarray:
    return samples[None] if samples.ndim == 1 else samples.T


def _part(start: Seconds, duration: Seconds | None) -> tuple[Fraction, Fraction | None]:
    if not math.isfinite(start) or start < 0:
        raise OptionError(f"The start is {float(start):g}, but must be 0 seconds or more. Please change it.")
    if duration is None:
        return Fraction(start), None
    if not math.isfinite(duration) or duration <= 0:
        raise OptionError(
            f"The duration is {float(duration):g}, but must be more than 0 seconds. Please change it."
        )
    return Fraction(start), Fraction(duration)
