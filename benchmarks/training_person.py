"""Fit a small E-Net to a speaker: python benchmarks/training_person.py CLIP OTHER [OTHER ...] [--steps 160]

A small E-Net, drawing 384 pixels, learns from the other clips first. Then `retalk train personalise` fits it
to the speaker of CLIP, of which stretches are kept back: half of them choose the best step, the others judge.
Told are the mean distances there of bicubic enlarging, of the network before and after. What was written is
verified, and redraws faces as a dub asks it to. L-Net's faces are sharp ones made small: this measures what
fitting does, not how a dub looks.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import this_pack  # noqa: F401 - makes the pack importable
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.stages.lips.enet import enhance_identity
from retalk_nodes.retalk_core.training.data.layouts import Video
from retalk_nodes.retalk_core.training.data.sets import open_talk, prepare_set
from retalk_nodes.retalk_core.training.data.talks import TalkSet
from retalk_nodes.retalk_core.training.export import export_run
from retalk_nodes.retalk_core.training.personalise import Personal, personalise
from retalk_nodes.retalk_core.training.runs import start
from retalk_nodes.retalk_core.training.tasks.enet import ENET_TINY
from retalk_nodes.retalk_core.weights.commands import verify
from retalk_nodes.retalk_core.weights.files import ModelFiles

RIGHTS = "clips for tests"
WORDS = ("frames=1", "rate=2e-3", "momentum=0.9", "pace.batch=2", "pace.validate_every=20", "pace.device=cpu")


def trained_first(clips: list[Path], work: Path, steps: int) -> Path:
    """A small E-Net that learnt from some clips, as a file."""
    videos = [Video(clip, clip.name, clip.stem, clip.stem) for clip in clips]
    lines = prepare_set(videos, work / "set", RIGHTS)
    talks = tuple(open_talk(work / "set", line) for line in lines if not line.dropped)
    pace = replace(ENET_TINY.pace, steps=steps, batch=2, validate_every=40, draw_every=10**9, device="cpu")
    run = replace(ENET_TINY, side=96, out=str(work / "run"), half_steps=20, whole_steps=10**9, pace=pace)
    run = replace(run, fool_weight=0.0)
    start("enet", run, talks=TalkSet(talks, talks[:1], {"licences": [RIGHTS]}))
    return export_run(work / "run", work / "first.safetensors")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path)
    parser.add_argument("others", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=160, help="of the training before")
    parser.add_argument("--fit", type=int, default=120, help="steps of fitting")
    parser.add_argument("--strip", type=Path, help="a picture to write: before and after")
    parser.add_argument("--keep", type=Path, help="where to leave what was fitted")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(prefix="training-person-") as name:
        work, begun = Path(name), time.process_time()
        first = trained_first(args.others, work, args.steps)
        print(f"trained first in {time.process_time() - begun:.0f} CPU-seconds", flush=True)
        begun = time.process_time()
        wanted = Personal(begin=first, lnet="small", words=(*WORDS, f"pace.steps={args.fit}"))
        output = args.keep or work / "person.safetensors"
        try:
            made = personalise(args.clip, output, RIGHTS, wanted, args.strip)
        except InputError as error:
            print(error)
            return 1
        print(f"fitted in {time.process_time() - begun:.0f} CPU-seconds")
        print(json.dumps(made, indent=1))
        print("\n".join(verify(ModelFiles([output.parent]), ["enet"])))
        network = load_network(catalog["enet"], output)
        drawn = enhance_identity(network, torch.rand(2, 96, 96, 3), torch.rand(2, 384, 384, 3))
        print(f"redraws {tuple(drawn.shape)}, finite: {bool(torch.isfinite(drawn).all())}")
    return 0 if made["better"] and made["after"]["distance"] < made["after"]["bicubic"] else 1


if __name__ == "__main__":
    sys.exit(main())
