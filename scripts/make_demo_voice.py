"""Speak the demo's voice with espeak-ng and store it as retalk_core/cli/demo_voice.flac, 16 kHz mono.

The voice ships with the project so that the demo speaks on a machine without espeak-ng, too.
Needs espeak-ng and the package soundfile, which librosa brings.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import librosa
import soundfile
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE, SPEAK, TEXT

SAMPLE_RATE = 16_000  # Hz


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "voice.wav"
        subprocess.run(["espeak-ng", *SPEAK, "-w", str(spoken), TEXT], check=True)
        voice, _ = librosa.load(spoken, sr=SAMPLE_RATE, mono=True)
    voice *= 0.7 / abs(voice).max()
    soundfile.write(SHIPPED_VOICE, voice, SAMPLE_RATE, subtype="PCM_16")
    print(f"{SHIPPED_VOICE.name}: {len(voice) / SAMPLE_RATE:.1f} s, {SHIPPED_VOICE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
