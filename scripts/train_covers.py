"""Train the network that finds what lies before a mouth, on faces with things drawn over them.

Give it clips and pictures whose mouths are free: every fifth part of each clip is kept back to judge by.
Writes models/weights/mouth_cover.safetensors. On two cores it takes about twenty minutes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from draw_covers import MARGIN, SIDE, change_face, draw_cover, lay_before, light_face, spoil
from retalk_nodes.models.checkpoint import WEIGHTS
from retalk_nodes.models.faces.cover import CELLS, CoverFinder
from retalk_nodes.retalk_core.cli.demo import portrait
from retalk_nodes.retalk_core.covers.view import SIDE as SEEN
from retalk_nodes.retalk_core.covers.view import SKIN_POINTS, as_seen, cut, view_affine
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.files import write_picture
from retalk_nodes.retalk_core.media.reader import open_clip
from safetensors.torch import save_file
from torch import Tensor

TARGET = WEIGHTS / "mouth_cover.safetensors"
FREE = 0.36  # of the examples have nothing before them
UNITS = 63.0  # of a view's numbers, to keep them in a byte
LOST_FACES = 2.0  # what it costs to see something where there is nothing, against the other mistake


@dataclass(frozen=True, eq=False)
class Face:
    """A face cut out of a frame, with a margin around its view."""

    picture: np.ndarray  # (160, 160, 3) uint8
    points: np.ndarray  # (468, 2) in its pixels


def faces_of(path: Path) -> list[Face]:
    """All faces of one person in a clip or a picture."""
    clip, networks = open_clip(path), load_face_networks()
    track = track_faces(clip.frames(range(len(clip))), networks).track
    found = []
    for row, frame in enumerate(clip.frames(range(len(clip)))):
        if track.present[row]:
            points = track.mesh[row].numpy()[:, :2]
            affine = view_affine(points, SIDE - 2 * MARGIN)
            affine[:, 2] += MARGIN
            picture = np.rint(cut(frame.pixels, affine, SIDE) * 255).astype(np.uint8)
            found.append(Face(picture, (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)))
    return found


def example(face: Face, rng: np.random.Generator, free: bool) -> tuple[np.ndarray, np.ndarray]:
    """A view (6, 64, 64) and how much of each cell (32, 32) is covered."""
    picture, points = face.picture.astype(np.float32) / 255, face.points
    picture = change_face(picture, points, rng)
    skin = _skin(picture, points)
    if rng.random() < 0.5:
        picture = light_face(picture, rng)
        skin = _skin(picture, points)
    shown = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(0 if free else 1 + int(rng.random() < 0.15)):
        drawn = draw_cover(picture, points, rng)
        picture = lay_before(picture, drawn, rng)
        shown = np.maximum(shown, drawn.shown)
    hidden = _skin(picture, points)
    skin = hidden if rng.random() < 0.5 else skin
    level = float(picture[::4, ::4].mean())
    picture = spoil(picture.clip(0, 1), rng)
    skin = skin * float(picture[::4, ::4].mean()) / max(level, 1e-3)
    affine = _trembling(rng)
    seen = cv2.warpAffine(
        picture, affine, (SEEN, SEEN), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_AREA
    )
    there = cv2.warpAffine(shown, affine, (SEEN, SEEN), borderMode=cv2.BORDER_REPLICATE)
    cells = cv2.resize(there, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    # The mesh isn't exactly where the face is, least of all behind a hand.
    wrong = rng.normal(0, 1.0 if free else 2.2, 2) + rng.normal(0, 0.4, points.shape)
    tint = np.exp(rng.normal(0, 0.08, 3))
    return as_seen(seen.clip(0, 1), skin * tint, points + wrong, affine), cells


def _trembling(rng: np.random.Generator) -> np.ndarray:
    """An affine (2, 3) from a face's pixels to the view's, a little off."""
    scale = SEEN / (SIDE - 2 * MARGIN) * np.exp(rng.normal(0, 0.06))
    angle, middle = rng.normal(0, 0.08), SIDE / 2 + rng.normal(0, 2.5, 2)
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    return np.column_stack([turn, SEEN / 2 - turn @ middle])


def _skin(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = points[list(SKIN_POINTS)].round().astype(int).clip(1, SIDE - 2).T
    return np.median(cv2.blur(picture, (3, 3))[y, x], axis=0).clip(0, 1)


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples in little memory; each is seen several times, mirrored or not."""

    views: Tensor  # (n, 6, 64, 64) int8, in 64ths
    cells: Tensor  # (n, 32, 32) uint8, of 255


def draw_examples(clips: list[list[Face]], count: int, seed: int) -> Examples:
    """Draw examples; each depends on its number and the seed alone."""
    views = torch.empty(count, 6, SEEN, SEEN, dtype=torch.int8)
    cells = torch.empty(count, CELLS, CELLS, dtype=torch.uint8)
    with get_context("spawn").Pool(initializer=_begin_drawing, initargs=(clips, seed)) as drawers:
        for number, (view, covered) in enumerate(drawers.imap(_draw, range(count), chunksize=50)):
            views[number], cells[number] = torch.from_numpy(view), torch.from_numpy(covered)
    print(f"{count} examples drawn", flush=True)
    return Examples(views, cells)


_TASK: dict[str, Any] = {}  # of a process that draws


def _begin_drawing(clips: list[list[Face]], seed: int) -> None:
    cv2.setNumThreads(1)
    _TASK.update(clips=clips, seed=seed)


def _draw(number: int) -> tuple[np.ndarray, np.ndarray]:
    """One example in bytes."""
    rng = np.random.default_rng((_TASK["seed"], number))
    clip = _TASK["clips"][int(rng.integers(len(_TASK["clips"])))]
    face = clip[int(rng.integers(len(clip)))]
    view, covered = example(face, rng, free=rng.random() < FREE)
    small = np.rint(view * UNITS).clip(-127, 127).astype(np.int8)
    return small, np.rint(covered * 255).astype(np.uint8)


def loss_of(logits: Tensor, cells: Tensor) -> Tensor:
    """Cross entropy, where seeing something that isn't there costs more."""
    weight = 1 + (LOST_FACES - 1) * (cells < 0.05)
    return F.binary_cross_entropy_with_logits(logits, cells, weight=weight)


def train(examples: Examples, steps: int, batch: int) -> CoverFinder:
    """Train on examples in random order; prints the loss now and then."""
    torch.manual_seed(0)
    network = CoverFinder().train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    begun, recent, order = time.time(), [], torch.empty(0, dtype=torch.long)
    for step in range(steps):
        if len(order) < batch:
            order = torch.randperm(len(examples.views))
        some, order = order[:batch], order[batch:]
        views, cells = examples.views[some].float() / UNITS, examples.cells[some].float() / 255
        views[:, :3] += 0.06 * torch.randn(batch, 3, 1, 1)  # the skin's colour is never quite known
        if step % 2:
            views, cells = views.flip(3), cells.flip(2)
        loss = loss_of(network(views.contiguous(memory_format=torch.channels_last)), cells)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        recent.append(float(loss.detach()))
        if step % 200 == 199:
            print(
                f"step {step + 1}: loss {np.mean(recent[-200:]):.4f}, {time.time() - begun:.0f} s", flush=True
            )
    return network.eval()


def judge(network: CoverFinder, examples: Examples) -> str:
    """What the network finds and what it makes up, in examples that it never saw."""
    with torch.inference_mode():
        found = torch.cat([network(some.float() / UNITS) for some in examples.views.split(64)]) > 0
    there = examples.cells > 127
    free = ~there.any(dim=(1, 2))
    seen = float((found & there).sum() / there.sum())
    made_up = float((found & ~there & (examples.cells == 0)).float().mean())
    some = float((found[free].float().mean(dim=(1, 2)) > 0.02).float().mean())
    return f"of covered cells {seen:.3f} found; {made_up:.4f} made up; {some:.3f} of free faces have some"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--examples", type=int, default=32_000)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("-o", "--output", type=Path, default=TARGET)
    given = parser.parse_args()
    still = Path(given.output).with_name("portrait.tmp.png")
    write_picture(still, portrait())
    try:
        clips = [faces_of(path) for path in (*given.clips, still)]
    finally:
        still.unlink()
    kept_back = [clip[::5] for clip in clips]
    learned = [[face for i, face in enumerate(clip) if i % 5 or len(clip) == 1] for clip in clips]
    network = train(draw_examples(learned, given.examples, seed=1), given.steps, given.batch)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, given.output)
    print(judge(network, draw_examples(kept_back, 1000, seed=2)))


if __name__ == "__main__":
    main()
