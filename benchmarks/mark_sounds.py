"""What a mark in sound survives, and where none is found; for benchmarks/marks.py."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import this_pack
from retalk_nodes.retalk_core.marks import sound as search
from retalk_nodes.retalk_core.marks.cells.spectrum import SOUND_BITS
from retalk_nodes.retalk_core.marks.identity import id_prefix
from retalk_nodes.retalk_core.marks.sound import find_sound_mark
from retalk_nodes.retalk_core.marks.sound_lay import marked_sound
from retalk_nodes.retalk_core.media.sound import read_mono

SOUND_RATE = 44_100
LANGUAGES = ("en-us", "de", "fr", "it", "pt-br", "pl", "nl", "tr")
VARIANTS = ("m1", "f1", "m3", "f3", "m4", "f4", "m7", "f5")


def coded_sound(samples: np.ndarray, encoder: str, bits: int, rate: int = SOUND_RATE) -> np.ndarray:
    """Encode a sound and decode it again."""
    held = io.BytesIO()
    with av.open(held, "w", format="matroska") as container:
        stream: Any = container.add_stream(encoder, rate=rate)
        stream.bit_rate, stream.layout = bits, "mono"
        form = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(format=form, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate = rate
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    held.seek(0)
    back = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    with av.open(held) as container:
        parts = [each.to_ndarray()[0] for frame in container.decode(audio=0) for each in back.resample(frame)]
    return np.concatenate(parts)


def resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """Samples at another rate."""
    import soxr

    return soxr.resample(samples, SOUND_RATE, rate)


def telephone(samples: np.ndarray) -> tuple[np.ndarray, int]:
    """8 kHz, 8 bit µ-law."""
    narrow = resampled(samples, 8000)
    steps = np.rint(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127)
    return (np.sign(steps) * np.expm1(np.abs(steps) / 127 * np.log(256)) / 255).astype(np.float32), 8000


def at_tempo(samples: np.ndarray, tempo: float) -> np.ndarray:
    """Quicker or slower, at the same pitch."""
    import librosa

    return librosa.effects.time_stretch(samples, rate=tempo)


def with_noise(samples: np.ndarray) -> np.ndarray:
    """Noise 20 dB below the sound."""
    noise = np.random.default_rng(0).standard_normal(len(samples)) * np.sqrt((samples**2).mean()) / 10
    return (samples + noise).astype(np.float32)


SOUND_ATTACKS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, int]]] = {
    "none": lambda samples: (samples, SOUND_RATE),
    "aac64": lambda samples: (coded_sound(samples, "aac", 64_000), SOUND_RATE),
    "mp3_64": lambda samples: (coded_sound(samples, "libmp3lame", 64_000), SOUND_RATE),
    "opus24": lambda samples: (coded_sound(resampled(samples, 48_000), "libopus", 24_000, 48_000), 48_000),
    "telephone": telephone,
    "tempo+3": lambda samples: (at_tempo(samples, 1.03), SOUND_RATE),
    "tempo-3": lambda samples: (at_tempo(samples, 0.97), SOUND_RATE),
    "cut": lambda samples: (coded_sound(samples[round(1.3 * SOUND_RATE) :], "aac", 64_000), SOUND_RATE),
    "noise20": lambda samples: (with_noise(samples), SOUND_RATE),
    "16k": lambda samples: (resampled(samples, 16_000), 16_000),
}


def stretches(sounds: Sequence[Path], seconds: float, spoken: int) -> Iterator[tuple[str, np.ndarray]]:
    """Stretches of recordings, one behind the other and none twice, and as many of synthetic voices."""
    count = round(seconds * SOUND_RATE)
    if sounds:
        whole = np.concatenate([read_mono(path, SOUND_RATE) for path in sounds])
        for place in range(len(whole) // count):
            yield f"recorded {place}", whole[place * count : (place + 1) * count]
    for place in range(spoken):
        yield f"spoken {place}", _said(place, count)


def _said(place: int, count: int) -> np.ndarray:
    """So many samples of espeak-ng, another text and another voice at each place."""
    sys.path.insert(0, str(this_pack.ROOT / "scripts"))
    import soxr
    from listener_speakers import espeak
    from listener_texts import draw_sentence

    rng = np.random.default_rng(place)
    language = LANGUAGES[place % len(LANGUAGES)]
    variant = VARIANTS[place // len(LANGUAGES) % len(VARIANTS)]
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        text = draw_sentence(rng, language)
        speed, pitch = int(rng.integers(120, 200)), int(rng.integers(20, 75))
        said = espeak().speak(text, f"{language}+{variant}", speed, pitch)
        parts.append(soxr.resample(said.samples, 16_000, SOUND_RATE))
    return np.concatenate(parts)[:count]


def run_sound(args: argparse.Namespace) -> None:
    """Mark stretches of speech, attack them and search."""
    rng, results = np.random.default_rng(args.seed), dict[str, list[tuple[bool, bool, float]]]()
    quality: list[tuple[float, float]] = []
    for name, clean in stretches(args.sounds, args.seconds, args.spoken):
        key, number = rng.bytes(16), int(rng.integers(0, 1 << 63))
        laid = np.concatenate(list(marked_sound([clean[None]], SOUND_RATE, number, key=key)), axis=1)[0]
        change = ((laid - clean) ** 2).sum()
        quality.append((float(10 * np.log10((clean**2).sum() / change)), _stoi(clean, laid)))
        for attack in args.attacks:
            found = find_sound_mark(*SOUND_ATTACKS[attack](laid), key=key)
            whole = found.id == id_prefix(number, SOUND_BITS)
            results.setdefault(attack, []).append((found.present, whole, found.score))
        print(f"{name}: SNR {quality[-1][0]:.1f} dB, STOI {quality[-1][1]:.4f}", flush=True)
    print("| attack | stretches | present | id whole | least score |", "| --- " * 5 + "|", sep="\n")
    for attack, each in results.items():
        present, whole, score = zip(*each, strict=True)
        print(f"| {attack} | {len(each)} | {sum(present)} | {sum(whole)} | {min(score):.1f} |")
    noise, clear = np.array(quality).T
    print(f"SNR {noise.min():.1f} to {noise.max():.1f} dB; STOI {clear.min():.4f} to {clear.max():.4f}")


def _stoi(clean: np.ndarray, laid: np.ndarray) -> float:
    """Short-time objective intelligibility, by pystoi; not a number where that isn't installed."""
    try:
        from pystoi import stoi
    except ImportError:
        return float("nan")
    return float(stoi(clean, laid, SOUND_RATE))


def run_false_sound(args: argparse.Namespace) -> None:
    """Look under many keys in speech without a mark, and under wrong keys in marked speech."""
    counts = {"unmarked": [0, 0], "wrong key": [0, 0]}
    largest = dict.fromkeys(counts, 0.0)
    for name, clean in stretches(args.sounds, args.seconds, args.spoken):
        laid = np.concatenate(
            list(marked_sound([clean[None]], SOUND_RATE, 1 << 60, key=b"the mark's")), axis=1
        )
        for kind, samples in (("unmarked", clean), ("wrong key", laid[0])):
            folded = list(search.folded_sound(*SOUND_ATTACKS["aac64"](samples), tempos=args.tempos))
            for number in range(args.keys):
                found = search.read_folded(folded, f"{name} {number}".encode(), len(search.TEMPOS))
                counts[kind][0] += 1
                counts[kind][1] += found.present
                largest[kind] = max(largest[kind], found.score)
                needed = found.threshold
        print(name, {kind: (*counts[kind], round(largest[kind], 2)) for kind in counts}, flush=True)
    for kind, (trials, found_in) in counts.items():
        print(f"{kind}: {found_in} of {trials}, largest score {largest[kind]:.2f}, threshold {needed:.2f}")
