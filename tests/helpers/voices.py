"""Voices to move a mouth to: babble, what a synthesiser says, what a file holds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.visemes import phones as phones_module

SAMPLE_RATE = 16_000
needs_recogniser = pytest.mark.skipif(not phones_module.find_spec("pocketsphinx"), reason="no pocketsphinx")
needs_voice = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng")


def babble_of(seconds: float) -> np.ndarray:
    """Syllables of a buzzing throat, irregular in length, pitch, vowel and strength; no words."""
    rng = np.random.default_rng(7)
    length = int(seconds * SAMPLE_RATE)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < length:
        samples = int(rng.uniform(0.09, 0.28) * SAMPLE_RATE)
        time = np.arange(samples) / SAMPLE_RATE
        pitch, first, second = rng.uniform(100, 160), rng.uniform(300, 800), rng.uniform(900, 2200)
        partials = np.arange(1, 28) * pitch
        strength = 1 / (1 + ((partials - first) / 120) ** 2) + 0.5 / (1 + ((partials - second) / 160) ** 2)
        buzz = (strength[:, None] * np.sin(2 * np.pi * partials[:, None] * time)).sum(0)
        parts.append(rng.uniform(0.3, 1) * buzz * np.hanning(samples) ** 0.4)
        parts.append(np.zeros(int(rng.uniform(0.02, 0.09) * SAMPLE_RATE)))
    voice = np.concatenate(parts)[:length]
    return (0.2 * voice / np.abs(voice).max()).astype(np.float32)


def spoken(folder: Path, text: str, language: str, speed: int = 150) -> np.ndarray:
    path = folder / "voice.wav"
    subprocess.run(["espeak-ng", "-v", language, "-s", str(speed), "-w", str(path), text], check=True)
    return decoded(path)


def decoded(path: Path) -> np.ndarray:
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
