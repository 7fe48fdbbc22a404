"""What marks in picture and sound survive, what they cost, and how often one is found where none is.

python benchmarks/marks.py picture CLIP ... --voices VOICE ... --rows FILE [--faces 200 300]
python benchmarks/marks.py sound [SOUND ...] [--spoken 40] [--attacks aac64 opus24]
python benchmarks/marks.py false CLIP ... --voices VOICE ... [--keys 100]
python benchmarks/marks.py false-sound [SOUND ...] [--spoken 20] [--keys 100]
python benchmarks/marks.py region CLIP ... --voices VOICE VOICE ...
python benchmarks/marks.py cost

`picture` dubs each clip with the embedded engine, brings it to faces of so many pixels from forehead to
chin, marks it under a key and with a number of chance, writes it with x264 at CRF 18, and attacks what was
written; a row for each trial goes into a file. `false` looks for marks under many keys in clips without one,
cropped and encoded anew, and under wrong keys in marked ones; it prints the largest score beside the
threshold, which is worked out, not fitted. `region` marks whole frames and puts another dub's face back.
`sound` takes stretches of recordings that don't overlap, and of espeak-ng's voices.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import cv2
import mark_material as material
import mark_pictures as pictures
import mark_sounds as sounds
import numpy as np
from mark_material import Shown
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import Patch
from retalk_nodes.retalk_core.faces.canonical import load_mouth_model
from retalk_nodes.retalk_core.marks.lay import FrameMarker
from retalk_nodes.retalk_core.marks.picture import find_own_mark

HIDDEN = ["crf18", "crf28", "half", "crop5", "crop10", "reframed"]


def run_cost(_: argparse.Namespace) -> None:
    """CPU seconds of a frame's mark, and memory over many frames."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(rng.integers(0, 255, (700, 700, 3), np.uint8), (0, 0), 3)
    mesh = load_mouth_model().reference[:, :2] * 160 + (350, 330)  # its eyes are 160 pixels apart
    marker = FrameMarker(b"key", 1 << 60)
    for count in (300, 3000):  # laid and looked for, as a stream
        find_own_mark(((marker.mark(pixels, i / 25), i / 25) for i in range(count)), [mesh] * count, b"key")
        print(
            f"{count} frames: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at the peak"
        )
    box = Box(200, 320, 500, 580)
    patch = Patch(box, pixels[box.slices].copy(), np.ones((260, 300), bool))
    shown = [Shown(pixels, patch, mesh, i / 25) for i in range(100)]
    for where in ("face", "frame"):
        least = min(material.marked(shown, b"key", 1 << 60, where).seconds for _ in range(5))
        print(f"{where}: {least:.4f} CPU s a frame at 700x700, the least of five times 100")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    picture = kinds.add_parser("picture")
    picture.add_argument("--rows", type=Path, required=True)
    picture.add_argument("--faces", type=float, nargs="+", default=[200.0])
    picture.add_argument("--attacks", nargs="+", default=list(material.ATTACKS))
    picture.add_argument("--numbers", type=int, default=1)
    picture.add_argument("--where", choices=("face", "frame"), default="face")
    picture.set_defaults(run=pictures.run_picture)
    false = kinds.add_parser("false")
    false.add_argument("--attacks", nargs="+", default=HIDDEN)
    false.add_argument("--keys", type=int, default=120)
    false.set_defaults(run=pictures.run_false)
    region = kinds.add_parser("region")
    region.add_argument("--qualities", type=int, nargs="+", default=[18, 26])
    region.set_defaults(run=pictures.run_region)
    for each in (picture, false, region):
        each.add_argument("clips", type=Path, nargs="+")
        each.add_argument("--voices", type=Path, nargs="+", required=True)
        each.add_argument("--seconds", type=float, default=5.0)
        each.add_argument("--seed", type=int, default=0)
    sound = kinds.add_parser("sound")
    sound.add_argument("--attacks", nargs="+", default=list(sounds.SOUND_ATTACKS))
    sound.set_defaults(run=sounds.run_sound)
    silent = kinds.add_parser("false-sound")
    silent.add_argument("--keys", type=int, default=100)
    silent.add_argument("--tempos", type=float, nargs="+", default=[1.0])
    silent.set_defaults(run=sounds.run_false_sound)
    for each in (sound, silent):
        each.add_argument("sounds", type=Path, nargs="*")
        each.add_argument("--spoken", type=int, default=40)
        each.add_argument("--seconds", type=float, default=10.0)
        each.add_argument("--seed", type=int, default=0)
    kinds.add_parser("cost").set_defaults(run=run_cost)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
