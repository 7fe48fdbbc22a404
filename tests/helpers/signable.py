"""Small files of every kind that is signed, and what happens to files on their way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import scenes
from retalk_nodes.retalk_core.files import write_picture
from retalk_nodes.retalk_core.media.saving.keep import keep
from videos import gradient, write

KINDS = (".mp4", ".mov", ".wav", ".m4a", ".png", ".mkv")
RATE = 16_000


def make_file(path: Path) -> Path:
    """A small file of the kind that its name says."""
    if path.suffix in (".wav", ".m4a"):
        _write_sound(path)
    elif path.suffix == ".png":
        write_picture(path, gradient())
    else:
        codec = {".mov": "prores", ".mkv": "ffv1"}.get(path.suffix, "h264")
        write(path, [gradient()] * 6, codec=codec)
    return path


def _write_sound(path: Path) -> None:
    samples = np.asarray(scenes.babble(0.5), np.float32).reshape(1, -1)
    with av.open(str(path), "w", format="ipod" if path.suffix == ".m4a" else "wav") as container:
        stream: Any = container.add_stream("aac" if path.suffix == ".m4a" else "pcm_s16le", rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate = RATE
        for converted in av.AudioResampler(stream.format, "mono", RATE).resample(frame):
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))


def flip_a_byte(path: Path) -> None:
    """Change one bit in the middle of a file, where its pictures or samples are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remux(path: Path, target: Path) -> Path:
    """Write the same packets to another file, as ComfyUI's Save Video and many others do."""
    keep(path, target, {})
    return target
