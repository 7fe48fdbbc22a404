"""Whether the sync expert's trainer learns: dubs by the embedded engine, split by face and by voice.

python benchmarks/training_sync.py WORK --faces CLIP ... --voices SOUND ... [--seconds 4] [--steps 120]

Each face is dubbed with each voice, unmarked; the last face and the last voice are kept back, and dubs that
show one of them only are left out. Such dubs teach loudness: this proves plumbing, not an expert.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import this_pack
import torch
from retalk_nodes.retalk_core.training.checkpoints import BEST, load_state
from retalk_nodes.retalk_core.training.data.layouts import find_videos
from retalk_nodes.retalk_core.training.data.offsets import judge_sync
from retalk_nodes.retalk_core.training.data.sets import open_set, prepare_set
from retalk_nodes.retalk_core.training.runs import start
from retalk_nodes.retalk_core.training.tasks.sync import SYNC_TINY, SyncTask


def make_dubs(work: Path, faces: list[Path], voices: list[Path], seconds: float) -> Path:
    """Every face with every voice, and a table of who is who."""
    folder = work / "dubs"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for face in faces:
        for voice in voices:
            name = f"{face.stem}__{voice.stem}.mp4"
            if not (folder / name).exists():
                words = [sys.executable, str(this_pack.ROOT), "dub", str(face), str(voice)]
                words += ["-o", str(folder / name), "--engine", "embedded", "--mark", "off"]
                words += ["--duration", str(seconds), "-q"]
                subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            held = {face == faces[-1], voice == voices[-1]}
            split = "held" if held == {True} else "train" if held == {False} else "neither"
            if split != "neither":
                rows.append((name, face.stem, voice.stem, split))
    with (folder / "talks.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "speaker", "voice", "split"), *rows])
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--faces", type=Path, nargs="+", required=True)
    parser.add_argument("--voices", type=Path, nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=120)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = make_dubs(args.work, args.faces, args.voices, args.seconds)
    known = {row["file"] for row in csv.DictReader((folder / "talks.csv").open())}
    videos = [video for video in find_videos(folder) if video.name in known]
    prepare_set(videos, args.work / "set", "dubs of one's own making")
    talks = open_set(args.work / "set")
    print(f"{len(talks.train)} dubs to learn from, {len(talks.held)} kept back")
    pace = replace(SYNC_TINY.pace, steps=args.steps, validate_every=20, save_every=20, device="cpu")
    run = replace(SYNC_TINY, out=str(args.work / "run"), pace=pace)
    begun = time.process_time()
    start("sync", run, talks=talks, tell=print)
    print(f"{time.process_time() - begun:.0f} CPU-seconds")
    task, state = SyncTask(run, talks), load_state(args.work / "run" / BEST)
    expert = task.networks["expert"].eval()
    expert.load_state_dict(state.mean)
    print(f"best at step {state.step}")
    for name, chosen in (("learnt from", talks.train), ("kept back", talks.held)):
        own = [judge_sync(expert, talk, run.shape.side) for talk in chosen]  # type: ignore[arg-type]
        others = [
            judge_sync(expert, talk, run.shape.side, chosen[i - 1])["auc"]  # type: ignore[arg-type]
            for i, talk in enumerate(chosen)
        ]
        auc, found = (np.mean([each[key] for each in own]) for key in ("auc", "found"))
        print(f"{name}: AUC {auc:.3f}, offset found {found:.0%}, sounds exchanged {np.mean(others):.3f}")


if __name__ == "__main__":
    main()
