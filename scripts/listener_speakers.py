"""The synthesisers that the viseme listener learns from, each with its own times of its speech sounds.

espeak-ng speaks by formants in all languages; flite, festival and open_jtalk have voices made of
people's recordings. Needs libespeak-ng, flite, festival with festvox-kdlpc16k, festvox-kallpc16k (and
festvox-us-slt-hts for tests), open_jtalk with its dictionary and a voice.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import tempfile
import wave
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

SAMPLE_RATE = 16_000
PHONEME, AUDIO_RETRIEVAL, EVENTS, IPA = 7, 1, 1, 2  # of espeak-ng's interface
SPEED, PITCH, PITCH_RANGE = 1, 3, 4
JTALK_DICTIONARY = "/var/lib/mecab/dic/open-jtalk/naist-jdic"

# fmt: off
ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ", "b": "b",
    "ch": "tʃ",
    "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l", "em": "m", "en": "n", "er": "ɚ", "ey": "eɪ",
    "f": "f",
    "g": "ɡ", "hh": "h", "hv": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n",
    "ng": "ŋ", "nx": "n", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t",
    "th": "θ",
    "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ", "pau": "_", "h#": "_",
    "brth": "_",
}
ROMAJI = {
    "a": "a", "i": "i", "u": "ɯ", "e": "e", "o": "o", "A": "a", "I": "i", "U": "ɯ", "E": "e", "O": "o",
    "N": "ɴ", "cl": "_",
    "pau": "_", "sil": "_", "sh": "ʃ", "ch": "tʃ", "ts": "ts", "j": "dʒ", "f": "ɸ", "y": "j", "w": "w",
    "r": "ɾ", "v": "v",
    "py": "p", "by": "b", "my": "m", "ry": "ɾ", "ny": "n", "ky": "k", "gy": "ɡ", "hy": "h",
}
# fmt: on


class Speech(NamedTuple):
    """A voice and its sounds."""

    samples: np.ndarray  # (n,) float32 at 16 kHz
    phones: list[tuple[str, float, float]]  # IPA, start and stop in seconds; "_" is a pause
    bursts: bool  # whether the time of a stop begins with its burst, as espeak-ng has it


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """libespeak-ng, which may be started once in a process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate = self._library.espeak_Initialize(AUDIO_RETRIEVAL, 200, None, EVENTS | IPA)
        self._sound: list[bytes] = []
        self._events: list[tuple[float, str]] = []
        self._callback = _CALLBACK(self._receive)  # kept: the library calls it later
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, speed: int = 155, pitch: int = 50, spread: int = 50) -> Speech:
        """Say a text; voice: a language and, after a plus, a variant. ValueError: there is none."""
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice}.")
        for parameter, value in ((SPEED, speed), (PITCH, pitch), (PITCH_RANGE, spread)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._sound, self._events = [], []
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, 1, None, None)
        self._library.espeak_Synchronize()
        samples = np.frombuffer(b"".join(self._sound), "<i2").astype(np.float32) / 32768
        stops = [start for start, _ in self._events[1:]] + [len(samples) / self._rate]
        phones = [(name, start, stop) for (start, name), stop in zip(self._events, stops, strict=True)]
        return Speech(_resampled(samples, self._rate), phones, bursts=True)

    def _receive(self, samples, count, events) -> int:  # noqa: ANN001, ctypes' pointers
        if samples and count > 0:
            self._sound.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type:
            if events[index].type == PHONEME:
                raw = ctypes.string_at(ctypes.addressof(events[index].id), 8).split(b"\0")[0]
                # a change of language stands in brackets before the sound
                name = re.sub(r"\(.*?\)", "", raw.decode("utf8", "ignore"))
                self._events.append((events[index].sample / self._rate, name or "_"))
            index += 1
        return 0


@lru_cache(maxsize=1)
def espeak() -> Espeak:
    """The one that this process has."""
    return Espeak()


def flite(text: str, voice: str, stretch: float = 1.0, pitch: float = 110.0) -> Speech:
    """flite's English: kal16, awb, rms or slt."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        settings = (f"duration_stretch={stretch:.3f}", f"int_f0_target_mean={pitch:.1f}")
        command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(path)]
        command += [part for setting in settings for part in ("--setf", setting)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        samples = read_wave(path)
    pairs = [pair.rsplit(":", 1) for pair in told.split()]
    return Speech(samples, _phones([(name, float(stop)) for name, stop in pairs], ARPABET), bursts=False)


def festival(texts: list[str], voice: str) -> list[Speech]:
    """What a festival voice says, all sentences in one go; voice: such as ked_diphone."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"(voice_{voice})"]
        for index, text in enumerate(texts):
            lines += [
                f'(set! said (utt.synth (Utterance Text "{text}")))',
                f'(utt.save.wave said "{folder}/{index}.wav" \'riff)',
                f'(utt.save.segs said "{folder}/{index}.lab")',
            ]
        script = Path(folder) / "speak.scm"
        script.write_text("\n".join(lines), "utf8")
        subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
        return [_from_labels(Path(folder), index) for index in range(len(texts))]


def _from_labels(folder: Path, index: int) -> Speech:
    rows = [line.split() for line in (folder / f"{index}.lab").read_text("utf8").splitlines()]
    ends = [(row[2], float(row[0])) for row in rows if len(row) == 3]
    return Speech(read_wave(folder / f"{index}.wav"), _phones(ends, ARPABET), bursts=False)


def open_jtalk(text: str, voice: str, speed: float = 1.0, shift: float = 0.0) -> Speech:
    """Japanese; voice: a path of an .htsvoice. `speed` 1 is usual, `shift` in semitones."""
    with tempfile.TemporaryDirectory() as folder:
        sound, trace = Path(folder) / "voice.wav", Path(folder) / "trace.txt"
        command = [
            "open_jtalk",
            "-x",
            JTALK_DICTIONARY,
            "-m",
            voice,
            "-r",
            f"{speed:.2f}",
            "-fm",
            f"{shift:.1f}",
        ]
        command += ["-ow", str(sound), "-ot", str(trace)]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)
        told = re.findall(r"^(\d+) (\d+) \S*?-(\w+)\+", trace.read_text("utf8"), re.MULTILINE)
        samples = read_wave(sound)
    return Speech(samples, _phones([(name, int(stop) / 1e7) for _, stop, name in told], ROMAJI), bursts=False)


def read_wave(path: Path) -> np.ndarray:
    """A WAV of 16 bits as (n,) float32 at 16 kHz, mono."""
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return _resampled(data.mean(1).astype(np.float32) / 32768, file.getframerate())


def _phones(ends: list[tuple[str, float]], names: dict[str, str]) -> list[tuple[str, float, float]]:
    starts = [0.0, *(stop for _, stop in ends[:-1])]
    return [(names.get(name, name), start, stop) for (name, stop), start in zip(ends, starts, strict=True)]


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    return samples if rate == SAMPLE_RATE else soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32)
