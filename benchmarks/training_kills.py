"""Kill training at any moment and start it again: python benchmarks/training_kills.py [--times 20] [--seed 0]

A process prepares a set of drawn clips, or trains L-Net on cartoons, and is sent SIGKILL after a random time.
Then everything under a final name must be whole, and no more may be lost than the last interval: a clip that
was finished, or a step that was saved. The same command, run again to its end, must leave what a run leaves
that nobody disturbed: the same clips byte for byte, every tensor bit for bit. Processes are forked from one
that has imported everything and computed nothing (networks that have can't be forked), and are killed again
in the same folder until they come to their end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # children are forked, and threads don't come along

import cv2
import this_pack
import torch
from retalk_nodes.retalk_core.training.checkpoints import BEST, load_state, saved_steps
from retalk_nodes.retalk_core.training.data.layouts import find_videos
from retalk_nodes.retalk_core.training.data.prepare import Prepared, read_line
from retalk_nodes.retalk_core.training.data.sets import CLIPS, prepare_set
from retalk_nodes.retalk_core.training.journal import LOG
from retalk_nodes.retalk_core.training.runs import start
from retalk_nodes.retalk_core.training.tasks.lnet import LNET_TINY
from retalk_nodes.retalk_core.unfinished import UNFINISHED

VIDEOS, FRAMES = 3, 15  # of the set
STEPS, SAVE_EVERY = 24, 3  # of the run


@dataclass
class Tally:
    """What became of the kills."""

    kills: int = 0
    ends: int = 0  # runs that came to their end
    most_lost: int = 0  # steps or clips that were done and had to be done again
    faults: list[str] = field(default_factory=list)


def forked(work: Callable[[Callable[[int], None]], None], seconds: float | None) -> tuple[int, int, float]:
    """Work in a process that is killed after some seconds: its status, how far it got, its seconds."""
    reader, writer = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            work(lambda done: os.write(writer, f"{done}\n".encode()) and None)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    os.close(writer)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    told = b""
    while block := os.read(reader, 1 << 16):
        told += block
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    lines = told.decode().split()
    return status, int(lines[-1]) if lines else 0, time.monotonic() - begun


# A set


def prepare(videos: Path, folder: Path, tell: Callable[[int], None]) -> None:
    prepare_set(find_videos(videos), folder, "drawn for this", progress=lambda done, total: tell(done))


def torn_clips(folder: Path) -> tuple[list[Prepared], list[str]]:
    """The clips that are finished, and what is half written."""
    done, faults = [], []
    for path in sorted((folder / CLIPS).glob("*")) if (folder / CLIPS).is_dir() else []:
        if path.name.startswith(UNFINISHED):
            continue
        if path.suffix == ".zip":
            try:
                with zipfile.ZipFile(path) as archive:
                    bad = archive.testzip()
            except (OSError, zipfile.BadZipFile) as error:
                bad = str(error)
            faults += [f"{path.name}: {bad}"] if bad else []
        elif (line := read_line(path)) is None:
            faults.append(f"{path.name} is torn")
        else:
            whole = hashlib.sha256((folder / CLIPS / line.file).read_bytes()).hexdigest() == line.sha256
            done.append(line)
            faults += [] if whole else [f"{line.file} isn't what its line says"]
    return done, faults


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file, but for where a report says nothing new."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(UNFINISHED)
    }


def kill_prepare(work: Path, times: int, chance: random.Random) -> Tally:
    """Kill the preparing of a set."""
    videos = work / "videos"
    videos.mkdir()
    for number in range(VIDEOS):
        scenes.speaking_clip(videos / f"person{number}.mkv", FRAMES + number)
    whole, tally = work / "whole", Tally()
    _, _, seconds = forked(lambda tell: prepare(videos, whole, tell), None)
    wanted = contents(whole)
    folder = work / "set"
    while tally.kills < times:
        finished, _ = torn_clips(folder)
        stamps = {line.id: (folder / CLIPS / line.file).stat().st_mtime_ns for line in finished}
        status, told, _ = forked(lambda tell: prepare(videos, folder, tell), chance.uniform(0, seconds))
        after, faults = torn_clips(folder)
        tally.faults += faults
        for line in finished:
            if (folder / CLIPS / line.file).stat().st_mtime_ns != stamps[line.id]:
                tally.faults.append(f"{line.id} was prepared again")
        tally.most_lost = max(tally.most_lost, told - len(after))
        if status == -signal.SIGKILL:
            tally.kills += 1
        if status == 0 or tally.kills == times:
            status, _, _ = forked(lambda tell: prepare(videos, folder, tell), None)
            tally.ends += 1
            if status != 0 or contents(folder) != wanted:
                tally.faults.append(f"the set isn't the undisturbed one (status {status})")
            shutil.rmtree(folder)
    return tally


# A run


def train(folder: Path, tell: Callable[[int], None]) -> None:
    """L-Net on cartoons; tells the step that is done."""
    pace = replace(LNET_TINY.pace, steps=STEPS, save_every=SAVE_EVERY, tell_every=1, validate_every=12)
    run = replace(LNET_TINY, out=str(folder), data="cartoons", pace=replace(pace, device="cpu", batch=2))
    begun = saved_steps(folder)[-1][0] if folder.is_dir() and saved_steps(folder) else 0
    if begun < STEPS:
        start("lnet", run, progress=lambda done, total: tell(begun + done))


def torn_states(folder: Path) -> tuple[int, list[str]]:
    """The latest step that can be gone on from, and what is half written."""
    faults, latest = [], 0
    paths = [path for _, path in saved_steps(folder)] if folder.is_dir() else []
    for path in (*paths, *([folder / BEST] if (folder / BEST).exists() else [])):
        try:
            state = load_state(path)
            latest = max(latest, 0 if path.name == BEST else state.step)
        except Exception as error:
            faults.append(f"{path.name}: {error}")
    log = folder / LOG
    for line in log.read_text().splitlines() if log.exists() else []:
        try:
            json.loads(line)
        except ValueError:
            faults.append(f"a torn line: {line[:40]}")
    return latest, faults


def last_state(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(saved_steps(folder)[-1][1])


def kill_train(work: Path, times: int, chance: random.Random) -> Tally:
    """Kill a run."""
    tally, whole, folder = Tally(), work / "whole_run", work / "run"
    _, _, seconds = forked(lambda tell: train(whole, tell), None)
    wanted = last_state(whole)
    while tally.kills < times:
        status, done, _ = forked(lambda tell: train(folder, tell), chance.uniform(0, seconds))
        latest, faults = torn_states(folder)
        tally.faults += faults
        if status == -signal.SIGKILL:
            tally.kills += 1
            # The step that is told may be one whose state is being written.
            tally.most_lost = max(tally.most_lost, done - latest)
        if status == 0 or tally.kills == times:
            forked(lambda tell: train(folder, tell), None)
            tally.ends += 1
            found = last_state(folder)
            if found.keys() != wanted.keys() or not all(
                torch.equal(found[key], wanted[key]) for key in found
            ):
                tally.faults.append("the last state isn't the undisturbed one")
            shutil.rmtree(folder)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    chance, faulty = random.Random(args.seed), 0
    with tempfile.TemporaryDirectory(prefix="training-kills-") as name:
        for what, kill, unit in (
            ("prepare", kill_prepare, "clips told but not kept"),
            ("train", kill_train, f"steps, saved every {SAVE_EVERY}"),
        ):
            tally = kill(Path(name), args.times, chance)
            faulty += len(tally.faults)
            words = f"{tally.kills} kills, {tally.ends} ends, most lost {tally.most_lost} {unit}"
            print(f"{what}: {words}; {len(tally.faults)} faults {tally.faults[:5] or ''}", flush=True)
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.path.append(str(this_pack.ROOT / "tests" / "helpers"))
    import scenes

    sys.exit(main())
