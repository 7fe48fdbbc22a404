"""Whether the sync expert's trainer learns: real clips by heart, and dubs by the embedded engine, split.

python benchmarks/training_sync.py WORK --faces CLIP ... --voices SOUND ... [--held-faces 2] [--held-voices 3]

Real clips with their own sound, of which the last is kept back: twenty seconds can only be learnt by heart.
Each face (a picture will do) dubbed with each voice, unmarked: the last faces with the last voices are kept
back, and dubs that show one of them with one who is learnt from are left out, so no face and no voice is on
both sides. Such dubs teach loudness: this proves plumbing, not an expert. What was made is taken as it is.

On dubs the expert first learns from one clip at a time, in which statistics take away who it is and lips
remain; then from several, by whose statistics it is judged.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import this_pack
import torch
from retalk_nodes.retalk_core.training.checkpoints import BEST, load_state, saved_steps
from retalk_nodes.retalk_core.training.data.layouts import VIDEO_SUFFIXES, find_videos
from retalk_nodes.retalk_core.training.data.offsets import judge_sync
from retalk_nodes.retalk_core.training.data.sets import open_set, prepare_set
from retalk_nodes.retalk_core.training.data.talks import Talk, TalkSet
from retalk_nodes.retalk_core.training.export import export_run
from retalk_nodes.retalk_core.training.runs import read_settings, start
from retalk_nodes.retalk_core.training.settings import from_plain
from retalk_nodes.retalk_core.training.tasks.sync import SyncRun, SyncTask

SEVERAL = ("windows=16", "pace.batch=4")
EVERY = 20  # steps between two looks


def make_dubs(args: argparse.Namespace) -> TalkSet:
    """Every face with every voice, and a table of who is who."""
    folder = args.work / "dubs"
    folder.mkdir(parents=True, exist_ok=True)
    faces, voices, rows = args.faces, args.voices, []
    held_faces, held_voices = faces[-args.held_faces :], voices[-args.held_voices :]
    for face in faces:
        for voice in voices:
            held = {face in held_faces, voice in held_voices}
            name = f"{face.stem}__{voice.stem}.mp4"
            if held == {True, False}:
                continue
            if not (folder / name).exists():
                words = [sys.executable, str(this_pack.ROOT), "dub", str(face), str(voice)]
                words += ["-o", str(folder / name), "--engine", "embedded", "--mark", "off"]
                words += ["--duration", str(args.seconds), "-q"]
                subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            rows.append((name, face.stem, voice.stem, "held" if held == {True} else "train"))
    return prepared(folder, args.work / "set", rows, "dubs of one's own making")


def real_clips(args: argparse.Namespace) -> TalkSet:
    """The clips among the faces as they are; the last one is kept back."""
    clips = [face for face in args.faces if face.suffix in VIDEO_SUFFIXES][: args.real]
    folder = args.work / "real"
    folder.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        if not (folder / clip.name).exists():
            (folder / clip.name).symlink_to(clip.resolve())
    rows = [(clip.name, clip.stem, clip.stem, "held" if clip == clips[-1] else "train") for clip in clips]
    return prepared(folder, args.work / "real_set", rows, "test clips")


def prepared(folder: Path, into: Path, rows: Sequence[tuple[str, ...]], rights: str) -> TalkSet:
    """A set of the videos in a table."""
    with (folder / "talks.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "speaker", "voice", "split"), *rows])
    known = {row[0] for row in rows}
    prepare_set([video for video in find_videos(folder) if video.name in known], into, rights)
    return open_set(into)


def settings_of(folder: Path, steps: int, words: Sequence[str]) -> SyncRun:
    """A small run into a folder."""
    pace = {"steps": steps, "validate_every": EVERY, "save_every": EVERY, "device": "cpu"}
    run: SyncRun = read_settings("sync", None, ["preset=tiny", *SEVERAL, *words])
    return from_plain(replace(run, out=str(folder)), {"pace": pace})


def alone_first(talks: TalkSet, folder: Path, args: argparse.Namespace) -> list[str]:
    """Learn from one clip at a time; gives the word by which the next run begins there."""
    run = settings_of(folder, args.alone, [*args.settings, "windows=48", "pace.batch=1"])
    start("sync", run, talks=talks, tell=print)
    return [f"init_from={export_run(folder, folder / 'alone.safetensors')}"]


def learnt_from(talks: TalkSet, folder: Path, args: argparse.Namespace, dubs: bool) -> None:
    """Train on a set and tell what came of it: of dubs by the best step, of real clips by the last."""
    print(f"{len(talks.train)} clips to learn from, {len(talks.held)} kept back", flush=True)
    begun = time.process_time()
    words = [*args.settings]
    if dubs and args.alone:
        words += alone_first(talks, folder.with_name(f"{folder.name}_alone"), args)
    run = settings_of(folder, args.steps, words)
    start("sync", run, talks=talks, tell=print)
    path = folder / BEST if dubs else saved_steps(folder)[-1][1]
    task, state = SyncTask(run, talks), load_state(path)
    expert = task.networks["expert"].eval()
    expert.load_state_dict(state.mean)
    print(f"{time.process_time() - begun:.0f} CPU-seconds; judged at step {state.step}")
    for name, chosen in (("learnt from", talks.train), ("kept back", talks.held)):
        own = [judge_sync(expert, talk, run.shape.side) for talk in chosen]  # type: ignore[arg-type]
        auc, found = (np.mean([each[key] for each in own]) for key in ("auc", "found"))
        print(f"{name}: AUC {auc:.3f}, offset found {found:.0%}{exchanged(expert, chosen, run)}", flush=True)


def exchanged(expert: torch.nn.Module, chosen: Sequence[Talk], run: SyncRun) -> str:
    """AUC with another voice's sound in the place of each clip's own, in words."""
    found = []
    for talk in chosen:
        others = [each for each in chosen if each.voice != talk.voice]
        if others:
            found.append(judge_sync(expert, talk, run.shape.side, others[0])["auc"])  # type: ignore[arg-type]
    return f", sounds exchanged {np.mean(found):.3f}" if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--faces", type=Path, nargs="+", required=True)
    parser.add_argument("--voices", type=Path, nargs="+", required=True)
    parser.add_argument("--held-faces", type=int, default=2)
    parser.add_argument("--held-voices", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--alone", type=int, default=120, help="steps before, of dubs, from a clip at a time")
    parser.add_argument("--real", type=int, default=99, help="how many of the clips are learnt by heart")
    parser.add_argument("--settings", nargs="*", default=[], help="words such as heat=0.2")
    parser.add_argument("--run", default="run", help="its folder in WORK; another one learns anew")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.real:
        learnt_from(real_clips(args), args.work / f"real_{args.run}", args, dubs=False)
    learnt_from(make_dubs(args), args.work / args.run, args, dubs=True)


if __name__ == "__main__":
    main()
