"""How the embedded engine's mouths look, flicker and cost: contact sheets and figures, before and after.

python benchmarks/mouths.py CLIP VOICE -o FOLDER [--frames 20-59] [--seconds 4]
python benchmarks/mouths.py --compare BEFORE.json AFTER.json

The first writes CLIP.json and CLIP.png: the mouth in each of those frames, at one size, in the clip and in
the encoded dub. Run it with the program as it was and as it is, and compare both files.

inside   mean change of luminance, of 255, from frame to frame inside the inner lips, the head held still;
         over pixels that are between the lips in both frames. The clip's own and the dub's.
shut     the largest gap of the lips, in eye distances, in frames that are wanted shut.
CPU      milliseconds of the processor for each frame that the engine edits, with what it learns of each shot.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import this_pack  # noqa: F401 - before what it makes importable
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.patch import paste_patch
from retalk_nodes.retalk_core.dub.analysis import Analysis, analyse
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.session import Session, begin_session
from retalk_nodes.retalk_core.dub.stream import make_engine
from retalk_nodes.retalk_core.faces.canonical import (
    INNER_LIP,
    Pose,
    head_poses,
    load_mouth_model,
    measure_mouth,
)
from retalk_nodes.retalk_core.faces.mesh import find_mesh, region_of_points
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.writer import VideoWriter

SIDE = (200, 320)  # pixels of a mouth on the sheet, height and width
REACH = (0.42, 0.2, 0.325)  # eye distances beside, above and below the mouth
COLUMNS = 5
SHUT = 0.02  # of the wanted opening


class Seen(NamedTuple):
    """One frame's mouth, upright."""

    picture: np.ndarray  # (*SIDE, 3)
    inside: np.ndarray  # SIDE bool
    opening: float  # eye distances


def main() -> None:
    """Measure a clip, or compare what was measured."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("clip", nargs="?")
    words.add_argument("voice", nargs="?")
    words.add_argument("-o", "--output", type=Path, default=Path("mouths"))
    words.add_argument("--frames", default="20-59")
    words.add_argument("--seconds", type=float, default=4.0)
    words.add_argument("--compare", nargs=2, type=Path)
    given = words.parse_args()
    if given.compare:
        compare(*given.compare)
        return
    if given.voice is None:
        words.error("name a clip and a voice")
    given.output.mkdir(parents=True, exist_ok=True)
    first, last = (int(number) for number in given.frames.split("-"))
    measure(given.clip, given.voice, given.output / Path(given.clip).stem, (first, last + 1), given.seconds)


def measure(clip: str, voice: str, stem: Path, shown: tuple[int, int], seconds: float) -> None:
    """Dub, look at the encoded file again, and write the figures and the sheet."""
    options = DubOptions(duration=seconds, engine="embedded")
    networks = LocalNetworks(device="cpu", precision="fp32")
    with begin_session(open_clip(clip), voice, options, networks) as session:
        analysis = analyse(session)
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "dub.mp4"
            cpu = _dub(session, analysis, path)
            before = [_look(session, frame.pixels, analysis, i) for i, frame in _source(analysis)]
            after = [
                _look(session, frame.pixels, analysis, i) for i, frame in enumerate(open_clip(path).frames())
            ]
    shut = [
        seen.opening for seen, opening in zip(after, analysis.plan.opening, strict=True) if opening < SHUT
    ]
    figures = {
        "frames": len(after),
        "inside of the source": _flicker(before),
        "inside": _flicker(after),
        "shut": max(shut, default=None),
        "r of the opening": float(np.corrcoef([seen.opening for seen in after], analysis.plan.opening)[0, 1]),
        "CPU ms a frame": cpu,
    }
    stem.with_suffix(".json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures))
    _write_sheet(stem.with_suffix(".png"), before, after, range(shown[0], min(shown[1], len(after))))


def compare(before: Path, after: Path) -> None:
    """Print two files of figures side by side."""
    was, now = (json.loads(path.read_text()) for path in (before, after))
    print("| figure | before | after |\n| --- | --- | --- |")
    for name in was:
        cells = ["-" if value is None else f"{value:.4g}" for value in (was[name], now[name])]
        print(f"| {name} | {cells[0]} | {cells[1]} |")


def _source(analysis: Analysis) -> list[tuple[int, object]]:
    return list(enumerate(analysis.clip.frames(analysis.timeline.source)))


def _dub(session: Session, analysis: Analysis, path: Path) -> float:
    """Write the dub; returns the engine's own milliseconds of the processor for each frame."""
    timeline, spent = analysis.timeline, 0.0
    frames = [frame for _, frame in _source(analysis)]
    for frame in frames:
        frame.pixels  # noqa: B018 - decoded before the clock runs
    edits = make_engine(session, analysis).edits(iter(frames))
    with VideoWriter(path, analysis.clip.size, rate=timeline.rate) as writer:
        for index in range(len(frames)):
            begun = time.process_time()
            frame, patch = next(edits)
            spent += time.process_time() - begun
            pixels = frame.pixels.copy()
            if patch is not None:
                paste_patch(pixels, patch)
            writer.write(pixels, timeline.times[index], timeline.durations[index])
    return 1000 * spent / len(frames)


def _look(session: Session, pixels: np.ndarray, analysis: Analysis, index: int) -> Seen:
    """A frame's mouth, found anew, in the pose that the track gives its head."""
    known = analysis.tracked.track.mesh[analysis.plan.rows[index]].numpy()
    pose = head_poses(known[None])
    mesh = find_mesh(session.faces.mesh, pixels, region_of_points(known)).points
    affine = _upright(pose)
    picture = cv2.warpAffine(
        pixels, affine, SIDE[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    lips = mesh[list(INNER_LIP), :2] - 0.5
    placed = lips @ affine[:, :2].T + affine[:, 2]
    inside = np.zeros(SIDE, np.uint8)
    cv2.fillPoly(inside, [np.round(placed).astype(np.int32)], 1)
    opening, _ = measure_mouth(head_poses(mesh[None]).to_canonical(mesh[None]))
    return Seen(picture, inside > 0, float(opening[0]))


def _upright(pose: Pose) -> np.ndarray:
    middle = load_mouth_model().reference[[13, 14]].mean(axis=0)
    side, above, below = REACH
    corners = middle + np.array([(-side, -above, 0), (side, -above, 0), (-side, below, 0)], np.float32)
    placed = (pose.to_frame(corners[None])[0, :, :2] - 0.5).astype(np.float32)
    return cv2.getAffineTransform(placed, np.array([(0, 0), (SIDE[1], 0), (0, SIDE[0])], np.float32))


def _flicker(seen: list[Seen]) -> float:
    total, count = 0.0, 0
    for first, second in pairwise(seen):
        both = first.inside & second.inside
        change = np.abs(_luminance(first.picture) - _luminance(second.picture))
        total, count = total + float(change[both].sum()), count + int(both.sum())
    return total / max(count, 1)


def _luminance(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) @ np.array((0.299, 0.587, 0.114), np.float32)


def _write_sheet(path: Path, before: list[Seen], after: list[Seen], shown: range) -> None:
    rows = []
    for start in range(shown.start, shown.stop, COLUMNS):
        for seen in (before, after):
            cells = [seen[i].picture for i in range(start, min(start + COLUMNS, shown.stop))]
            cells += [np.zeros_like(cells[0])] * (COLUMNS - len(cells))
            rows.append(np.hstack(cells))
    if rows:
        cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
