from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import torch
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.covers.view import view_affine
from retalk_nodes.retalk_core.crops.patch import Patch, paste_patch
from retalk_nodes.retalk_core.engines.uncovered import UncoveredEngine, without_covers
from retalk_nodes.retalk_core.faces.canonical import load_mouth_model
from retalk_nodes.retalk_core.types import FaceTrack, Frame
from scenes import drawn_track

FACE = (130 * load_mouth_model().reference + (200, 120, 0)).astype(np.float32)
SKIN, CUP, DRAWN = (190, 140, 120), (40, 60, 160), (250, 250, 250)
BOX = Box(130, 180, 280, 330)


class Whitewash:
    """Paints all of a box in frames, two frames late; keeps what it was shown."""

    resumed = 3

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def edits(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Patch | None]]:
        for frame in list(frames):
            self.shown.append(frame.pixels)
            pixels = np.full((*BOX.size, 3), DRAWN, np.uint8)
            yield frame, Patch(BOX, pixels, np.ones(BOX.size, bool))


def scene() -> tuple[list[Frame], np.ndarray, FaceTrack]:
    """Three frames, of which the middle one has a disc before the chin; the disc; the track."""
    disc = np.zeros((420, 400), np.uint8)
    cv2.circle(disc, (215, 250), 40, 255, -1)
    free = np.full((420, 400, 3), SKIN, np.uint8)
    covered = np.where(disc[..., None] > 0, CUP, free).astype(np.uint8)
    found = cv2.warpAffine(disc, view_affine(FACE, 32), (32, 32))
    cover = np.stack([np.zeros_like(found), found, np.zeros_like(found)])
    track = replace(drawn_track([FACE] * 3, (420, 400)), cover=torch.from_numpy(cover))
    frames = [Frame(i, Fraction(i, 25), pixels) for i, pixels in enumerate((free, covered, free))]
    return frames, disc > 0, track


def test_the_engine_sees_no_cover_and_the_result_has_it_as_it_was() -> None:
    frames, disc, track = scene()
    inner = Whitewash()
    engine = UncoveredEngine(inner, track, np.arange(3), np.ones(3))
    edits = list(engine.edits(iter(frames)))
    assert [frame is given for (frame, _), given in zip(edits, frames, strict=True)] == [True] * 3
    assert np.abs(inner.shown[1][disc].astype(float) - SKIN).max() < 15
    assert inner.shown[0] is frames[0].pixels
    after = frames[1].pixels.copy()
    patch = edits[1][1]
    assert patch is not None
    paste_patch(after, patch)
    core = cv2.erode(disc.astype(np.uint8), np.ones((5, 5))) > 0
    assert np.array_equal(after[core], frames[1].pixels[core])
    away = cv2.dilate(disc.astype(np.uint8), np.ones((41, 41))) == 0
    away[: BOX.top] = away[BOX.bottom :] = away[:, : BOX.left] = away[:, BOX.right :] = False
    assert (after[away] == DRAWN).all()
    assert engine.resumed == 3


def test_frames_that_are_left_alone_are_not_looked_at() -> None:
    frames, _, track = scene()
    inner = Whitewash()
    list(UncoveredEngine(inner, track, np.arange(3), np.zeros(3)).edits(frames))
    assert inner.shown[1] is frames[1].pixels


def test_lent_pictures_are_without_covers_too() -> None:
    frames, disc, track = scene()

    def frames_at(rows: Sequence[int], /) -> Iterable[Frame]:
        return (frames[row] for row in rows)

    bare = list(without_covers(frames_at, track)([0, 1]))
    assert bare[0] is frames[0]
    assert np.abs(bare[1].pixels[disc].astype(float) - SKIN).max() < 15
    assert without_covers(frames_at, replace(track, cover=None)) is frames_at
