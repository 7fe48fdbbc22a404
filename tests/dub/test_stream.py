"""Both ways to dub consume one stream, and what every frame goes through is a step in it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.patch import Patch
from retalk_nodes.retalk_core.dub import stream
from retalk_nodes.retalk_core.dub.analysis import Analysis
from retalk_nodes.retalk_core.dub.frames import dub_pictures
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import Showing, dub
from retalk_nodes.retalk_core.dub.session import Session
from retalk_nodes.retalk_core.dub.stream import (
    Finished,
    Step,
    check_protected,
    keep_marked,
    keep_neighbours,
    keep_protected,
)
from retalk_nodes.retalk_core.engines.embedded.engine import EmbeddedEngine
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.faces.edits import tracked_face
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL
from retalk_nodes.retalk_core.faces.people.overlaps import Neighbour
from retalk_nodes.retalk_core.marks.plan import Marking
from retalk_nodes.retalk_core.media.clip import clip_of_pictures
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray
from retalk_nodes.retalk_core.types import Frame
from scenes import RATE, babble, drawn_mesh, drawn_track, pixels_of

OPTIONS = DubOptions(engine="embedded", codec="ffv1", phones=False, check=False)
CORNER = Box(0, 0, 4, 4)


@pytest.fixture
def voice() -> SoundArray:
    return SoundArray(babble(0.72)[None], RATE)


def mark(shown: Finished) -> Finished:
    """Put a white corner into a frame, whatever else was put there."""
    pixels = shown.after[:, :].copy()
    pixels[CORNER.slices] = np.iinfo(pixels.dtype).max
    height, width = pixels.shape[:2]
    return replace(shown, patch=Patch(Box(0, 0, width, height), pixels, np.ones((height, width), bool)))


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame of every dub goes through one more step."""
    before = stream.steps_of

    def steps_of(session: Session, analysis: Analysis, marking: Marking | None = None) -> list[Step]:
        return [*before(session, analysis, marking), mark]

    monkeypatch.setattr(stream, "steps_of", steps_of)


@pytest.mark.usefixtures("marked")
def test_a_step_reaches_every_frame_of_a_file(
    talking_clip: Path, tmp_path: Path, voice: SoundArray, networks_on_disk: LocalNetworks
) -> None:
    options = replace(OPTIONS, edit_only=((Fraction(1, 5), Fraction(2, 5)),))
    dub(open_clip(talking_clip), voice, tmp_path / "out.mkv", options, networks_on_disk)
    for before, after in zip(pixels_of(talking_clip), pixels_of(tmp_path / "out.mkv"), strict=True):
        assert (after[CORNER.slices] == 255).all() and not (before[CORNER.slices] == 255).all()


@pytest.mark.usefixtures("marked")
def test_the_same_step_reaches_every_picture_in_memory(
    talking_clip: Path, voice: SoundArray, networks_on_disk: LocalNetworks
) -> None:
    pictures = torch.from_numpy(np.stack(pixels_of(talking_clip))).float() / 255
    dubbed = dub_pictures(pictures, Fraction(25), voice, OPTIONS, networks_on_disk)
    assert len(dubbed.images) == len(pictures)
    assert bool((dubbed.images[:, :4, :4] == 1).all()) and bool((dubbed.support == 1).all())


def test_a_frame_that_isnt_edited_is_handed_on_as_it_was() -> None:
    frame = Frame(3, Fraction(1), np.zeros((8, 8, 3), np.uint8))
    assert Finished(0, frame, None).after is frame.picture


def test_an_edit_leaves_the_clips_own_frame_alone() -> None:
    frame = Frame(3, Fraction(1), np.zeros((8, 8, 3), np.uint8))
    white = np.full((4, 4, 3), 255, np.uint8)
    shown = Finished(0, frame, Patch(CORNER, white, np.eye(4, dtype=bool)))
    assert shown.after[:, :].sum() == 4 * 3 * 255 and not frame.pixels.any() and not shown.before[:, :].any()


def test_what_is_protected_is_taken_out_of_an_edit() -> None:
    frame = Frame(0, Fraction(0), np.zeros((8, 8, 3), np.uint8))
    white = np.full((4, 4, 3), 200, np.uint8)
    shown = Finished(0, frame, Patch(CORNER, white, np.ones((4, 4), bool)))
    left = np.zeros((8, 8), np.float32)
    left[:, :2] = 1
    after = keep_protected(left)(shown).after[:, :]
    assert not after[:, :2].any() and (after[:4, 2:4] == 200).all()
    assert keep_protected(np.ones((8, 8), np.float32))(shown).patch is None


def test_other_peoples_faces_stay_as_they_are() -> None:
    own, other = drawn_mesh(30, (40, 40)), drawn_mesh(30, (75, 40))
    track = drawn_track([own], (100, 140))
    outline = other[list(FACE_OVAL), :2]
    before = np.full((100, 140, 3), 50, np.uint8)
    patch = Patch(Box(10, 10, 130, 90), np.full((80, 120, 3), 200, np.uint8), np.ones((80, 120), bool))
    shown = Finished(0, Frame(0, Fraction(0), before), patch)
    tracked = replace(tracked_face(track), neighbours=((Neighbour(outline, before=False),),))

    after = keep_neighbours(tracked, np.array([0]))(shown).after[:, :]

    assert (after[40, 85:95] == 50).all()  # the other's cheek
    assert (after[40, 30:45] == 200).all()  # the followed one's own
    alone = replace(tracked, neighbours=((),))
    assert keep_neighbours(alone, np.array([0]))(shown).patch is patch


def test_a_mask_for_each_output_frame_keeps_what_is_white_in_it() -> None:
    frame = Frame(5, Fraction(0), np.zeros((8, 8, 3), np.uint8))
    white = np.full((4, 4, 3), 200, np.uint8)
    shown = Finished(0, frame, Patch(CORNER, white, np.ones((4, 4), bool)))
    left, right = np.zeros((16, 16, 3), np.uint16), np.zeros((8, 8, 3), np.uint8)
    left[:, :4] = 65535
    right[:, 2:] = 255
    step = keep_marked([Frame(0, Fraction(0), left), Frame(1, Fraction(1), right)])
    first, second = step(shown).after[:, :], step(shown).after[:, :]
    assert not first[:, :1].any() and (first[:4, 3:4] == 200).all()
    assert (second[:4, :2] == 200).all() and not second[:, 2:].any()


def test_a_mask_is_used_up_by_frames_without_an_edit_too() -> None:
    frame = Frame(0, Fraction(0), np.zeros((8, 8, 3), np.uint8))
    masks = [Frame(i, Fraction(i), np.full((8, 8, 3), 255 * i, np.uint8)) for i in range(2)]
    step = keep_marked(masks)
    assert step(Finished(0, frame, None)).patch is None
    edit = Patch(CORNER, np.full((4, 4, 3), 200, np.uint8), np.ones((4, 4), bool))
    assert step(Finished(1, frame, edit)).patch is None


def test_masks_of_another_number_of_frames_are_refused_in_one_sentence() -> None:
    clip, three = (clip_of_pictures(torch.zeros(count, 8, 8, 3), Fraction(25)) for count in (5, 3))
    with pytest.raises(
        InputError, match="pictures has 3 frames, but the clip to protect parts of has 5: give"
    ):
        check_protected(clip, three)
    check_protected(clip, clip)
    check_protected(clip, clip_of_pictures(torch.zeros(1, 4, 4, 3), Fraction(25)))
    check_protected(clip, None)


# The engine beside whoever looks on


def test_what_stops_the_engine_stops_the_dub_and_leaves_nothing(
    talking_clip: Path,
    tmp_path: Path,
    voice: SoundArray,
    networks_on_disk: LocalNetworks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: EmbeddedEngine, *given: object) -> None:
        raise MemoryError("no room for a mouth")

    monkeypatch.setattr(EmbeddedEngine, "_edit", fail)
    with pytest.raises(MemoryError, match="no room for a mouth"):
        dub(open_clip(talking_clip), voice, tmp_path / "out.mkv", OPTIONS, networks_on_disk)
    assert not list(tmp_path.iterdir())
    gc.collect()  # what a traceback held
    assert not [each for each in threading.enumerate() if each.name.startswith("retalk")]


def test_whoever_looks_on_may_stop_the_dub_and_nothing_is_left(
    talking_clip: Path, tmp_path: Path, voice: SoundArray, networks_on_disk: LocalNetworks
) -> None:
    @contextmanager
    def stopping(showing: Showing) -> Iterator[Callable[[Finished], None]]:
        def see(shown: Finished) -> None:
            if shown.index == 3:
                raise KeyboardInterrupt

        yield see

    with pytest.raises(KeyboardInterrupt):
        dub(open_clip(talking_clip), voice, tmp_path / "out.mkv", OPTIONS, networks_on_disk, show=stopping)
    assert not list(tmp_path.iterdir())
    gc.collect()  # what a traceback held
    assert not [each for each in threading.enumerate() if each.name.startswith("retalk")]
