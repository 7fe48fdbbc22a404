"""What happens to a voice on its way to a listener: rooms, noise, microphones, codecs, other throats."""

from __future__ import annotations

import io

import av
import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve

SAMPLE_RATE = 16_000
CODECS = (("mp3", "mp3", 32_000), ("mp3", "mp3", 64_000), ("aac", "adts", 32_000), ("libopus", "ogg", 16_000))


def spoil(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """A voice (n,) float32 as it may be recorded, of the same length and in time with the original."""
    sound = samples / max(float(np.abs(samples).max()), 1e-6)
    if rng.random() < 0.4:
        sound = np.clip(sound * rng.uniform(1, 4), -1, 1)
    if rng.random() < 0.6:
        sound = _in_a_room(rng, sound)
    if rng.random() < 0.8:
        sound = sound + _noise(rng, len(sound)) * np.std(sound) * 10 ** (-rng.uniform(8, 45) / 20)
    if rng.random() < 0.7:
        sound = _coloured(rng, sound)
    if rng.random() < 0.15:
        sound = _telephone(sound)
    if rng.random() < 0.25:
        sound = _coded(rng, sound)
    if rng.random() < 0.1:
        sound = np.round(sound * 127) / 127
    return sound.astype(np.float32)


def breathe(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """A voice (n,) with breath: noise that follows its level, as a synthesiser's buzz has too little."""
    level = np.sqrt(np.maximum(fftconvolve(samples**2, np.ones(240) / 240, "same"), 0))
    high = np.diff(rng.normal(size=len(samples)), prepend=0.0)  # treble, where breath is
    return samples + (level * high * rng.uniform(0, 0.25)).astype(np.float32)


def _in_a_room(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """With reflections and a tail; the direct sound stays where it is."""
    length = rng.uniform(0.1, 0.7)  # seconds until the tail has fallen by 60 dB
    time = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / length)
    tail[: int(rng.uniform(0.002, 0.02) * SAMPLE_RATE)] = 0
    tail *= rng.uniform(0.05, 0.7) / np.sqrt(np.square(tail).sum() + 1e-9)
    tail[0] = 1
    return fftconvolve(sound, tail)[: len(sound)]


def _noise(rng: np.random.Generator, length: int) -> np.ndarray:
    """Noise of any colour, hum, or murmuring, of unit strength."""
    kind = rng.random()
    fast = next_fast_len(length, real=True)
    frequency = rfftfreq(fast, 1 / SAMPLE_RATE) + 20
    noise = irfft(rfft(rng.normal(size=fast)) * frequency ** -rng.uniform(-0.3, 1.2), fast)[:length]
    if kind < 0.25:
        time = np.arange(length) / SAMPLE_RATE
        base = rng.choice([50.0, 60.0, 120.0])
        hum = sum(np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) / k for k in range(1, 12))
        noise = noise / noise.std() + rng.uniform(0.5, 2) * hum
    elif kind < 0.6:  # swells as a crowd or a street does
        slow = np.interp(
            np.arange(length), np.arange(0, length + 4000, 4000), rng.uniform(0, 1, length // 4000 + 2)
        )
        noise = noise * (0.3 + slow)
    return noise / max(float(noise.std()), 1e-9)


def _coloured(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """Through a microphone: a smooth curve of up to 12 dB either way."""
    knots = np.array([0, 150, 400, 1000, 2500, 4500, 8000])
    gains = rng.normal(scale=4, size=len(knots)).clip(-12, 12)
    fast = next_fast_len(len(sound) + SAMPLE_RATE // 10, real=True)
    curve = np.interp(rfftfreq(fast, 1 / SAMPLE_RATE), knots, gains)
    return irfft(rfft(sound, fast) * 10 ** (curve / 20), fast)[: len(sound)]


def _telephone(sound: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz, mu-law."""
    narrow = soxr.resample(sound, SAMPLE_RATE, 8000)
    narrow = narrow / max(float(np.abs(narrow).max()), 1e-6)
    code = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    wide = soxr.resample(np.sign(code) * (256 ** np.abs(code) - 1) / 255, 8000, SAMPLE_RATE)
    fast = next_fast_len(len(wide) + SAMPLE_RATE // 10, real=True)
    frequency = rfftfreq(fast, 1 / SAMPLE_RATE)
    return irfft(rfft(wide, fast) * (frequency > 300) * (frequency < 3400), fast)[: len(sound)]


def _coded(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """Through a lossy codec and back; the codec's delay is taken out again."""
    codec, container, rate = CODECS[int(rng.integers(len(CODECS)))]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=SAMPLE_RATE)
        stream.bit_rate, stream.layout = rate, "mono"
        frame = av.AudioFrame.from_ndarray((sound.clip(-1, 1) * 32767).astype(np.int16)[None], "s16", "mono")
        frame.rate = SAMPLE_RATE
        resampler = av.AudioResampler(
            stream.format, "mono", SAMPLE_RATE, frame_size=stream.frame_size or None
        )
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as file:
        back = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        parts = [out for frame in file.decode(audio=0) for out in back.resample(frame)] + back.resample(None)
    coded = np.concatenate([part.to_ndarray()[0] for part in parts])
    return _in_time(np.pad(coded, (0, SAMPLE_RATE)), sound)


def _in_time(late: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """`late` moved back to where it fits `sound` best, and cut to its length."""
    most = 4000  # samples
    match = fftconvolve(late[: len(sound) + most], sound[::-1])[len(sound) - 1 : len(sound) - 1 + most]
    shift = int(match.argmax())
    return np.pad(late[shift:], (0, max(len(sound) - len(late) + shift, 0)))[: len(sound)]
