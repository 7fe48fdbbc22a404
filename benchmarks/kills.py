"""Stop dubs at every moment and run them again: `python benchmarks/kills.py [--weights FOLDER --clip CLIP]`.

A case is a `retalk dub` in a process of its own that a signal ends, or that runs out of room. Told are cases
after which something is half written or something older is lost, unfinished files stay, words or exit status
are not those of the docs, or the same command, run again, doesn't finish with the same frames and sound.

One process imports everything and forks the children, which send themselves the signal. Cases with weights,
and those at any time by the embedded engine, start the command anew and get it from outside. Full disks are
small ones in memory, which only root can mount.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # children are forked, and threads don't come along

import av
import cv2
import numpy as np
import this_pack
import torch
from kill_cases import FULL, Case, all_cases
from kill_runs import CHUNK, Ended, Harm, make_room, place_of, run_apart, run_dub

SIDE, RATE, SECONDS = 160, Fraction(25), 0.52  # of the clip
BRIEF = "0.16"  # seconds that are dubbed with weights
KEPT = {"stand-ins": CHUNK, "weights": 16}  # frames that are kept at a time
KINDS = ("KILL", "TERM", "INT", "HUP", "two", *FULL)
RESULTS = ("out.mp4", "sheet.png", "chart.png", "report.json")
TOLD = ("frames_out", "frames_edited", "untouched", "measured", "doubts")  # in a report, whenever it was made
UNFINISHED = ".retalk-"
SENTENCE = re.compile(r"retalk: [^\n]+\.\n")

Found = tuple[Case, Ended, list[str]]


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--clip", type=Path, help="its beginning is dubbed; default: a portrait that moves")
    words.add_argument("--voice", type=Path, help="default: the demo's")
    words.add_argument("--weights", type=Path, help="a folder with the files of the preset fast")
    words.add_argument("--only", default="", help="cases whose words hold this")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--json", type=Path, help="write what became of each case")
    words.add_argument("-v", "--verbose", action="store_true", help="show every case")
    args = words.parse_args()
    began = time.monotonic()
    prepare()
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        bench = Bench(Path(name), args.weights and args.weights.resolve())
        run_apart(partial(bench.write_inputs, args.clip, args.voice))
        cases = [case for case in all_cases(args.seed, args.weights is not None) if args.only in str(case)]
        if os.geteuid() != 0:
            cases = [case for case in cases if case.by != "disk"]
            print("full disks are not tried: only root can mount one")
        found = list(_told(bench, cases, args.verbose))
    if args.json:
        rows = [{"case": str(case), **asdict(case), **asdict(end), "faults": bad} for case, end, bad in found]
        args.json.write_text(json.dumps(rows, indent=1))
    return summary(found, time.monotonic() - began)


def prepare() -> None:
    """Import everything, so that forked children needn't."""
    import librosa  # noqa: F401
    import soxr  # noqa: F401
    from retalk_nodes.models import checkpoint  # noqa: F401
    from retalk_nodes.retalk_core.cli import commands  # noqa: F401
    from retalk_nodes.retalk_core.dub import pipeline  # noqa: F401

    sys.path.append(str(this_pack.ROOT / "tests" / "helpers"))
    importlib.import_module("standins")
    av.logging.set_level(None)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _told(bench: Bench, cases: list[Case], verbose: bool) -> Iterator[Found]:
    for case in cases:
        ended, faults = bench.tried(case)
        if faults or verbose:
            print(f"{case}: {ended.status}, {'; '.join(faults) or 'fine'}")
            print("".join(f"  | {line}\n" for line in ended.said.splitlines()[-8:]), end="", flush=True)
        yield case, ended, faults


def summary(found: list[Found], wall: float) -> int:
    """Print a table; gives the exit status."""
    print(f"| engine, stage | {' | '.join(KINDS)} | finished all the same | faulty |")
    print(f"| --- |{' --- |' * (len(KINDS) + 2)}")
    for row in dict.fromkeys((case.engine, case.stage) for case, _, _ in found):
        here = [each for each in found if (each[0].engine, each[0].stage) == row]
        by = Counter("two" if " " in case.by else case.by for case, _, _ in here)
        counts = " | ".join(str(by[kind] or "") for kind in KINDS)
        done = sum(ended.status == 0 for _, ended, _ in here)
        faulty = sum(bool(faults) for _, _, faults in here)
        print(f"| {', '.join(row)} | {counts} | {done} | {faulty} |")
    faulty = sum(bool(faults) for _, _, faults in found)
    statuses = Counter(ended.status for _, ended, _ in found)
    told = ", ".join(f"{count} with {status}" for status, count in sorted(statuses.items()))
    print(f"{len(found)} cases, {faulty} faulty; ended {told}; {wall:.0f} s")
    return 1 if faulty or not found else 0


@dataclass(frozen=True)
class Whole:
    """What an undisturbed dub makes and takes."""

    seconds: float  # by the clock
    room: int  # bytes, of all that it writes
    largest: int  # bytes of its largest file
    seen: Mapping[str, str]  # by a result's name: what is seen and heard in it


class Bench:
    """Where cases are tried, one after the other."""

    def __init__(self, folder: Path, weights: Path | None) -> None:
        self._folder, self._weights = folder, weights
        self._older = folder / "older"
        self._wholes: dict[tuple[str, bool], Whole] = {}

    def write_inputs(self, clip: Path | None, voice: Path | None) -> None:
        """Write what is dubbed, and what stands for older results."""
        from long_voice import SOUND_RATE, moving_portrait, speech
        from retalk_nodes.retalk_core.files import write_picture
        from retalk_nodes.retalk_core.media.reader import open_clip
        from retalk_nodes.retalk_core.media.writer import VideoWriter
        from scenes import write_voice

        shown = moving_portrait() if clip is None else (frame.pixels for frame in open_clip(clip).frames())
        write_voice(
            self._folder / "voice.wav", speech(SOUND_RATE, voice)[: int(SECONDS * SOUND_RATE)], SOUND_RATE
        )
        with VideoWriter(self._folder / "clip.mp4", (SIDE, SIDE), rate=RATE) as writer:
            for i, pixels in enumerate(islice(shown, int(SECONDS * RATE))):
                small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
                writer.write(small, i / RATE, 1 / RATE)
        self._older.mkdir()
        shutil.copy(self._folder / "clip.mp4", self._older / "out.mp4")
        for name in ("sheet.png", "chart.png"):
            write_picture(self._older / name, np.full((90, 90, 3), 70, np.uint8))
        (self._older / "report.json").write_text('{"older": true}\n')

    def tried(self, case: Case) -> tuple[Ended, list[str]]:
        """Try a case: how it ended, and what is wrong."""
        anew = case.engine == "weights" or (case.engine, case.stage) == ("embedded", "any")
        whole = self._whole(case.engine, anew)
        older = sum(-(-path.stat().st_size // 4096) * 4096 for path in self._older.iterdir())
        room = (older if case.older else 0) + round(case.share * whole.room)
        with place_of(case, self._folder / "case", room) as folder:
            self._lay_out(case, folder)
            ended = self._run(case.engine, folder, _harm(case, whole), anew)
            faults = list(self._after_stop(case, folder, ended, whole))
            chunks = len(list(folder.glob("work/*/chunk_*")))
            if case.by == "disk":
                make_room(folder)
            again = self._run(case.engine, folder, Harm(), anew)
            faults += [f"again: {fault}" for fault in self._after_rest(case, folder, again, whole, chunks)]
        return ended, faults

    def _whole(self, engine: str, anew: bool) -> Whole:
        """An undisturbed dub; of two the second one's time counts, since the first fills caches."""
        if (engine, anew) not in self._wholes:
            folder = self._folder / "whole"
            for _ in range(1 if engine == "weights" else 2):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                ended = self._run(engine, folder, Harm(), anew)
                if ended.status:
                    raise SystemExit(f"an undisturbed dub by {engine} failed: {ended.said}")
            sizes = [-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*")]
            largest = max(path.stat().st_size for path in folder.rglob("*"))
            seen = {name: look(folder / name) for name in RESULTS}
            self._wholes[engine, anew] = Whole(ended.seconds, sum(sizes), largest, seen)
        return self._wholes[engine, anew]

    def _run(self, engine: str, folder: Path, harm: Harm, anew: bool) -> Ended:
        inputs = [str(self._folder / "clip.mp4"), str(self._folder / "voice.wav")]
        words = ["dub", *inputs, "-q", "--phones", "off", "-o", RESULTS[0]]
        words += ["--sheet", RESULTS[1], "--chart", RESULTS[2], "--report", RESULTS[3]]
        if engine == "embedded":
            words += ["--engine", "embedded"]
        else:
            words += ["--engine", "retalk", "--work-dir", "work", "--precision", "fp32"]
        if engine == "stand-ins":
            words += ["--mask-smoothing", "0.2"]  # one part goes on from the one before
        if engine == "weights":
            words += ["--preset", "fast", "--duration", BRIEF, "--models", str(self._weights)]
        return run_dub(words, folder, harm, anew=anew, stand_ins=engine == "stand-ins")

    def _lay_out(self, case: Case, folder: Path) -> None:
        """Put older results in their places."""
        for path in self._older.iterdir() if case.older else ():
            shutil.copy(path, folder)
        if case.linked:
            (folder / "behind").mkdir()
            (folder / RESULTS[0]).replace(folder / "behind" / "there.mp4")
            (folder / RESULTS[0]).symlink_to("behind/there.mp4")

    # What is wrong

    def _after_stop(self, case: Case, folder: Path, ended: Ended, whole: Whole) -> Iterator[str]:
        """What is wrong once a dub was stopped."""
        states = self._states(folder, whole)
        fine = ("new", "older" if case.older else "absent")
        yield from (f"{name} is {state}" for name, state in states.items() if state not in fine)
        video, *beside = states.values()
        if video != "new" and "new" in beside:
            yield "something new lies beside no new video"
        yield from _wrong_words(case, ended, video)
        if ended.status != -9:
            yield from _unfinished(folder)
        if case.linked and not (folder / RESULTS[0]).is_symlink():
            yield "the link is gone"

    def _after_rest(self, case: Case, folder: Path, ended: Ended, whole: Whole, chunks: int) -> Iterator[str]:
        """What is wrong once the same command ran again."""
        if ended.status or ended.said:
            yield f"ended with {ended.status}: {ended.said[-300:]}"
            return
        for name, state in self._states(folder, whole).items():
            if state != "new":
                yield f"{name} is {state}"
        yield from _unfinished(folder)
        if case.linked and not (folder / RESULTS[0]).is_symlink():
            yield "the link is gone"
        if case.engine in KEPT:
            told = json.loads((folder / "report.json").read_text())
            kept = min(chunks * KEPT[case.engine], told["frames_out"])
            if told["frames_resumed"] != kept:
                yield f"{told['frames_resumed']} frames were taken over of {kept}"

    def _states(self, folder: Path, whole: Whole) -> dict[str, str]:
        """Of each result: absent, older, new or anything else."""
        return {name: self._state(folder / name, whole.seen[name]) for name in RESULTS}

    def _state(self, path: Path, wanted: str) -> str:
        if not path.exists():
            return "absent"
        if path.read_bytes() == (self._older / path.name).read_bytes():
            return "older"
        try:
            return "new" if look(path) == wanted else "another"
        except Exception as error:
            return f"broken ({error})"


def _harm(case: Case, whole: Whole) -> Harm:
    if case.by == "disk":
        return Harm()
    if case.by == "limit":
        return Harm(largest=round(case.share * whole.largest))
    return Harm(case.by, case.moment, case.share * whole.seconds)


def _wrong_words(case: Case, ended: Ended, video: str) -> Iterator[str]:
    """Whether exit status and words are those that the docs promise."""
    fitting = {0, 1} if case.by in FULL else {0, -9} if case.by == "KILL" else {0, 130}
    if ended.late:
        yield "it never ended"
    elif ended.status not in fitting:
        yield f"ended with {ended.status}"
    if case.moment is not None and not ended.reached:
        yield "its moment never came"
    if "Traceback" in ended.said or "Exception ignored" in ended.said:
        yield "a traceback"
    elif ended.status in (0, -9) and ended.said:
        yield "it said something"
    elif ended.status > 0 and not SENTENCE.fullmatch(ended.said):
        yield "not one sentence"
    elif ended.status > 0 and ("finished" in ended.said) != (video == "new"):
        yield f"its words don't fit a video that is {video}"
    if ended.status == 0 and video != "new":
        yield "it says that it is done"


def _unfinished(folder: Path) -> Iterator[str]:
    for path in folder.rglob(f"{UNFINISHED}*"):
        yield f"{path.relative_to(folder)} stays"


def look(path: Path) -> str:
    """What is seen and heard in a result, as a hash. Raises whatever a broken one makes readers raise."""
    digest = hashlib.sha256()
    if path.suffix == ".json":
        told = json.loads(path.read_text())
        digest.update(json.dumps([told[key] for key in TOLD]).encode())
    elif path.suffix == ".png":
        picture = cv2.imread(str(path))
        digest.update(repr(picture.shape).encode() + picture.tobytes())
    else:
        with av.open(str(path)) as container:
            container.streams.video[0].thread_count = 1
            for frame in container.decode(*container.streams.video, *container.streams.audio):
                digest.update(f"{frame.pts} {frame.time_base}".encode() + frame.to_ndarray().tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
