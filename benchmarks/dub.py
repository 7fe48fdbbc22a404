"""Time and memory of a whole dub: `python benchmarks/dub.py [--clip CLIP --voice VOICE --seconds 10]`.

Each run is a process of its own. Seconds per frame leave out what starting Python and its libraries takes;
the whole process has a column of its own. The long clip is the short one, ten times over. What is behind `--`
goes to the dub: `python benchmarks/dub.py --seconds 10 -- --mark off`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import this_pack
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE, portrait
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream, read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter

RATE = 25  # frames per second
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
    words.add_argument("--seconds", type=int, default=6, help="of the short clip")
    words.add_argument("--short", action="store_true", help="leave the long clip out")
    words.add_argument("options", nargs="*", help="of the dub, behind --")
    args = words.parse_args()
    print("| clip | frames | s/frame | of it check | CPU s/frame | whole process s | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks = []
        for size in SIZES:
            for times in (1, 10) if size == SIZES[0] and not args.short else (1,):
                clip = folder / f"{size[1]}x{size[0]}_{times}.mp4"
                voice = folder / f"voice_{times}.wav"
                seconds = write_clip(clip, args.clip, size, times, args.seconds)
                _write_voice(voice, args.voice, seconds)
                peaks.append(_report(clip, voice, folder, args.options))
    if args.short:
        return
    print(f"\npeak memory, 10 times longer: {peaks[1] / peaks[0]:.3f} times")


def _report(clip: Path, voice: Path, folder: Path, options: Sequence[str]) -> float:
    report = folder / "report.json"
    command = [sys.executable, str(this_pack.ROOT), "dub", str(clip), str(voice), "-q", *options]
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


def write_clip(path: Path, given: Path | None, size: tuple[int, int], times: int, short: int = 6) -> Fraction:
    frames = short * RATE
    height, width = size
    source = None
    if given is not None:
        clip = open_clip(given)
        source = [frame.pixels for frame in clip.frames(range(min(frames, len(clip))))]
    there = frames if source is None else len(source)
    still = portrait() if source is None else source[0]
    with VideoWriter(path, size, rate=Fraction(RATE), quality=14) as writer:
        for i in range(frames * times):
            k = i % (2 * there)
            k = k if k < there else 2 * there - 1 - k  # to and fro, so that no cut comes in
            picture = still if source is None else source[k]
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
