"""What an hour costs in memory: `python benchmarks/long_voice.py [--minutes 1 60] [--only KIND ...]`.

Kinds: `embedded` and `retalk` listen only, as far as the drive and every mel window; `day` reads and drives
a voice of the given minutes without a file; `dub` is a whole dub by the embedded engine, of a clip of 160x160
at 5 frames per second that is as long as the voice: the demo's portrait, moving, or `--clip` again and again.
Each is a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "benchmarks")]

import conftest  # noqa: E402, F401, brings the pack
import numpy as np  # noqa: E402

RATE = Fraction(5)  # frames per second
SIDE = 160  # pixels
KINDS = ("embedded", "retalk", "dub")
SOUND_RATE = 44_100  # Hz


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=int, nargs="+", default=[1, 60])
    words.add_argument("--only", choices=(*KINDS, "day"), nargs="+", default=KINDS)
    words.add_argument("--clip", type=Path, help="a clip to repeat; default: the demo's portrait, moving")
    words.add_argument("--voice", type=Path, help="a voice to repeat; default: the demo's")
    words.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = words.parse_args()
    if args.child:
        run(args.child[0], Path(args.child[1]), args.minutes[0])
        Path(args.child[1], "peak").write_text(f"{own_peak()}")
        return
    print("| what | minutes | wall s | CPU s | peak MB | times the first |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in args.only:
            peaks: list[float] = []
            for minutes in args.minutes:
                if kind != "day":
                    write_voice(folder / "voice.wav", minutes, args.voice)
                if kind == "dub":
                    write_clip(folder / "clip.mp4", minutes, args.clip)
                wall, cpu, peak = measure(kind, folder, minutes)
                peaks.append(peak)
                times = peak / peaks[0]
                print(
                    f"| {kind} | {minutes} | {wall:.0f} | {cpu:.0f} | {peak:.0f} | {times:.3f} |", flush=True
                )


def measure(kind: str, folder: Path, minutes: int) -> tuple[float, float, float]:
    """Seconds by the clock, seconds of work, and the peak in MB of one run."""
    begun, told = time.perf_counter(), folder / "peak"
    child = [sys.executable, __file__, "--child", kind, str(folder), "--minutes", str(minutes)]
    process = subprocess.Popen(child)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{kind} of {minutes} minutes failed")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, float(told.read_text())


def own_peak() -> float:
    """MB that this program had at most; what the system tells a parent includes the parent's own."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(kind: str, folder: Path, minutes: int) -> None:
    """The work itself."""
    from retalk_nodes.retalk_core.compute.provider import LocalNetworks
    from retalk_nodes.retalk_core.dub.options import DubOptions
    from retalk_nodes.retalk_core.dub.pipeline import dub
    from retalk_nodes.retalk_core.media.reader import open_clip
    from retalk_nodes.retalk_core.media.voice import Voice
    from retalk_nodes.retalk_core.stages.lips.syncers import SYNCERS
    from retalk_nodes.retalk_core.stages.speech import SAMPLE_RATE
    from retalk_nodes.retalk_core.visemes.drive import mouth_drive, sample_drive

    if kind == "dub":
        options = DubOptions(engine="embedded")
        dub(
            open_clip(folder / "clip.mp4"), folder / "voice.wav", folder / "out.mp4", options, LocalNetworks()
        )
        return
    if kind == "day":
        sample_drive(mouth_drive(Babble(minutes), phones=False), times_of(minutes))
        return
    with Voice(folder / "voice.wav", SAMPLE_RATE) as voice:
        sample_drive(mouth_drive(voice, phones=None if kind == "embedded" else False), times_of(minutes))
        if kind == "retalk":
            heard = SYNCERS["lnet"].spectrogram(voice)
            for first in range(0, int(60 * minutes * RATE), 16):
                SYNCERS["lnet"].windows(heard, [(first + i) / RATE for i in range(16)])


class Babble:
    """A voice that is made where it is read."""

    def __init__(self, minutes: int) -> None:
        self._said = np.resize(speech(16_000), 60 * 16_000)
        self._length = minutes * len(self._said)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> np.ndarray:
        return self._said[np.arange(*part.indices(self._length)) % len(self._said)]


def times_of(minutes: int) -> list[Fraction]:
    return [i / RATE for i in range(int(60 * minutes * RATE))]


def speech(rate: int, path: Path | None = None) -> np.ndarray:
    """A voice or the shipped one, (samples,), with a pause behind it."""
    from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE
    from retalk_nodes.retalk_core.media.sound import read_mono

    return np.concatenate([read_mono(path or SHIPPED_VOICE, rate), np.zeros(rate, np.float32)])


def write_voice(path: Path, minutes: int, voice: Path | None) -> None:
    said = np.resize(speech(SOUND_RATE, voice), 60 * SOUND_RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        for minute in range(minutes):
            level = 0.5 + 0.4 * np.sin(minute)
            file.writeframes((level * 32767 * said).astype("<i2").tobytes())


def write_clip(path: Path, minutes: int, clip: Path | None) -> None:
    from retalk_nodes.retalk_core.media.writer import VideoWriter

    shown = itertools.cycle(moving_portrait() if clip is None else pictures_of(clip))
    with VideoWriter(path, (SIDE, SIDE), rate=RATE) as writer:
        for i, picture in zip(range(int(60 * minutes * RATE)), shown, strict=False):  # shown has no end
            writer.write(picture, i / RATE, 1 / RATE)


def pictures_of(path: Path) -> Iterator[np.ndarray]:
    """A clip's pictures at so few a second and of that size, (SIDE, SIDE, 3) uint8."""
    import cv2
    from retalk_nodes.retalk_core.media.reader import open_clip

    clip = open_clip(path)
    times = np.array([float(time) for time in clip.times])
    wanted = np.searchsorted(times, np.arange(0, float(clip.end), float(1 / RATE)).clip(0, times[-1]))
    for frame in clip.frames(wanted.tolist()):
        yield cv2.resize(frame.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def moving_portrait() -> Iterator[np.ndarray]:
    """The demo's portrait, moved about without an end, (SIDE, SIDE, 3) uint8."""
    import cv2
    from retalk_nodes.retalk_core.cli.demo import portrait

    picture = portrait()[:320, 64:384]
    for i in itertools.count():
        shift = 6 * np.sin(i / 7)
        affine = np.array([[SIDE / 320, 0, shift], [0, SIDE / 320, shift / 2]], np.float32)
        yield cv2.warpAffine(
            picture, affine, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )


if __name__ == "__main__":
    main()
