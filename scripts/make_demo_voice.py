"""Speak the demo's voice with espeak-ng and store it as retalk_core/demo_voice.flac, 16 kHz mono.

The voice ships with the project so that the demo speaks on a machine without espeak-ng, too.
Needs espeak-ng and the package soundfile, which librosa brings.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import librosa
import soundfile

SAMPLE_RATE = 16_000  # Hz
TARGET = Path(__file__).resolve().parents[1] / "retalk_core" / "demo_voice.flac"

# Lips that meet (m, b, p), lips that round (oo, oh, w), a pause to come to rest in.
TEXT = "Hello! My lips were moved by nobody but you. ... Who would put a bigger smile upon my mouth?"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "voice.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(spoken), TEXT], check=True)
        voice, _ = librosa.load(spoken, sr=SAMPLE_RATE, mono=True)
    voice *= 0.7 / abs(voice).max()
    soundfile.write(TARGET, voice, SAMPLE_RATE, subtype="PCM_16")
    print(f"{TARGET.name}: {len(voice) / SAMPLE_RATE:.1f} s, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
