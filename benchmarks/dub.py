"""Time and memory of a whole dub: `python benchmarks/dub.py [--clip CLIP --voice VOICE]`.

Each run is a process of its own. Seconds per frame leave out what starting Python and its libraries takes;
the whole process has a column of its own. The long clip is the short one, ten times over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE, portrait
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream, read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter

RATE = 25  # frames per second
SHORT = 6  # seconds
SIZES = ((700, 700), (1080, 1920))  # height, width


class Run(NamedTuple):
    """One dub as a process."""

    frames: int
    work: float  # seconds of wall clock, by the report
    wall: float  # seconds of wall clock, all in all
    cpu: float  # seconds
    peak: float  # MB


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--clip", type=Path, help="a clip of your own; default: a portrait that moves")
    words.add_argument("--voice", type=Path, default=SHIPPED_VOICE)
    args = words.parse_args()
    print("| clip | frames | s/frame | of it check | CPU s/frame | whole process s | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks = []
        for size in SIZES:
            for times in (1, 10) if size == SIZES[0] else (1,):
                clip = folder / f"{size[1]}x{size[0]}_{times}.mp4"
                voice = folder / f"voice_{times}.wav"
                seconds = write_clip(clip, args.clip, size, times)
                _write_voice(voice, args.voice, seconds)
                peaks.append(_report(clip, voice, folder))
    print(f"\npeak memory, 10 times longer: {peaks[1] / peaks[0]:.3f} times")


def _report(clip: Path, voice: Path, folder: Path) -> float:
    report = folder / "report.json"
    command = [sys.executable, "-m", "retalk_nodes", "dub", str(clip), str(voice), "-q"]
    command += ["-o", str(folder / "out.mp4"), "--report", str(report)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the dub of {clip.name} failed")
    wall = time.perf_counter() - begun
    told = json.loads(report.read_text())
    spent, frames = told["seconds"], told["frames_out"]
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    work, check = sum(spent.values()) / frames, spent.get("check", 0) / frames
    figures = f"{frames} | {work:.3f} | {check:.3f} | {cpu / frames:.3f} | {wall:.1f} | {peak:.0f}"
    print(f"| {clip.stem} | {figures} |", flush=True)
    return peak


def write_clip(path: Path, given: Path | None, size: tuple[int, int], times: int) -> Fraction:
    frames = SHORT * RATE
    height, width = size
    source = None if given is None else [frame.pixels for frame in open_clip(given).frames(range(frames))]
    still = portrait() if source is None else source[0]
    with VideoWriter(path, size, rate=Fraction(RATE), quality=14) as writer:
        for i in range(frames * times):
            k = i % (2 * frames)
            k = k if k < frames else 2 * frames - 1 - k  # to and fro, so that no cut comes in
            picture = still if source is None else source[min(k, len(source) - 1)]
            affine = _fitting(picture, size) if source is not None else _swaying(picture, size, k / RATE)
            shown = cv2.warpAffine(picture, affine, (width, height), flags=cv2.INTER_AREA)
            writer.write(shown, Fraction(i, RATE), Fraction(1, RATE))
    return Fraction(frames * times, RATE)


def _fitting(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    scale = min(size[0] / picture.shape[0], size[1] / picture.shape[1])
    left = (size[1] - scale * picture.shape[1]) / 2
    return np.array([[scale, 0, left], [0, scale, 0]], np.float32)


def _swaying(picture: np.ndarray, size: tuple[int, int], seconds: float) -> np.ndarray:
    affine = cv2.getRotationMatrix2D((224, 120), 4 * np.sin(seconds), 1)
    scale = 1.6 * size[0] / picture.shape[0]
    affine *= scale
    affine[:, 2] += np.array([size[1] / 2, size[0] / 2]) - scale * np.array([224, 160])
    affine[0, 2] += 0.02 * size[0] * np.sin(2.3 * seconds)
    return affine.astype(np.float32)


def _write_voice(path: Path, given: Path, seconds: Fraction) -> None:
    rate = 16_000
    samples = read_mono(given, rate)
    wanted = round(seconds * rate)
    repeated = np.tile(samples, -(-wanted // len(samples)))[:wanted]
    stream = SoundStream(SoundArray(repeated[None], rate), 0, seconds)
    import soundfile

    soundfile.write(path, np.concatenate(list(stream), axis=1).T, stream.rate)


if __name__ == "__main__":
    main()
