"""Whole dubs of faces with something before the mouth, or in light that changes; drawn, and real."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from covers import cloth, hand, lay, microphone
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.covers.hold import hidden_rows
from retalk_nodes.retalk_core.covers.pixels import cover_mask
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import Dubbed, dub
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.track import TrackedFace
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray
from retalk_nodes.retalk_core.types import Frame
from scenes import RATE, babble, pixels_of, portrait, talking, write_clip

OPTIONS = DubOptions(engine="embedded", codec="ffv1", phones=False, check=False)
SIDE, COUNT = 240, 24
MOUTH, EYES = (0.5 * SIDE, 0.645 * SIDE), 0.23 * SIDE  # of the portrait; its own place and size
CHEEK = (212, 160, 130)
LATER = slice(8, 16)  # frames in which something comes and goes


@pytest.fixture(scope="module")
def networks() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return talking(COUNT, SIDE, portrait(SIDE))


def followed(pictures: list[np.ndarray], networks: FaceNetworks) -> TrackedFace:
    return track_faces([Frame(i, Fraction(i, 25), each) for i, each in enumerate(pictures)], networks)


def made(pictures: list[np.ndarray], folder: Path, networks: LocalNetworks) -> tuple[Dubbed, np.ndarray]:
    """The dub of some frames and what it changed, (T, h, w)."""
    clip, voice = write_clip(folder / "in.mkv", pictures), SoundArray(babble(len(pictures) / 25)[None], RATE)
    dubbed = dub(open_clip(clip), voice, folder / "out.mkv", OPTIONS, networks)
    before, after = (np.stack(pixels_of(path)).astype(int) for path in (clip, folder / "out.mkv"))
    return dubbed, np.abs(after - before).max(axis=3)


def shown_in(pictures: list[np.ndarray], mask: np.ndarray, colour: tuple[int, int, int]) -> list[np.ndarray]:
    some = range(*LATER.indices(COUNT))
    return [lay(each, mask, colour) if i in some else each for i, each in enumerate(pictures)]


@pytest.mark.parametrize("colour", [CHEEK, (90, 60, 45), (245, 245, 240)])
def test_a_hand_before_the_mouth_is_left_alone_and_told(
    colour: tuple[int, int, int], frames: list[np.ndarray], tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    covered = shown_in(frames, hand((SIDE, SIDE), MOUTH, EYES), colour)
    dubbed, change = made(covered, tmp_path, networks_on_disk)
    assert not change[LATER].any()
    told = [part for part in dubbed.report.untouched if part.reason == "mouth covered"]
    assert len(told) == 1 and told[0].start <= 8 / 25 and told[0].end >= 16 / 25
    free = [i for i in range(COUNT) if i < 6 or i >= 18]
    assert all(change[i].any() for i in free)


def test_where_nothing_lies_before_the_mouth_every_frame_is_edited(
    frames: list[np.ndarray], networks: FaceNetworks
) -> None:
    tracked = followed(frames, networks)
    assert not any(tracked.reasons) and bool((tracked.track.weight > 0.5).all())
    assert tracked.track.light is not None and tracked.track.light.shape == (COUNT, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture // 3,
        lambda picture: 255 - (255 - picture) // 2,
        lambda picture: (picture * np.array((1.0, 0.45, 0.4))).astype(np.uint8),
        lambda picture: (picture * np.array((0.4, 0.5, 1.0))).astype(np.uint8),
        lambda picture: (picture * np.where(np.arange(SIDE) < 0.5 * SIDE, 0.4, 1)[:, None]).astype(np.uint8),
    ],
    ids=["dark", "pale", "red", "blue", "half in shadow"],
)
def test_no_light_is_taken_for_a_cover(
    change: Callable[[np.ndarray], np.ndarray], frames: list[np.ndarray], networks: FaceNetworks
) -> None:
    tracked = followed([change(each) for each in frames[:8]], networks)
    assert "mouth covered" not in tracked.reasons


def test_a_microphone_stays_as_it_is_while_the_mouth_moves(
    frames: list[np.ndarray], tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    shape = microphone((SIDE, SIDE), MOUTH, EYES)
    dubbed, change = made([lay(each, shape, (40, 40, 42)) for each in frames], tmp_path, networks_on_disk)
    assert dubbed.report.frames_edited == COUNT
    assert np.percentile(change[:, shape > 0.5], 98) <= 12
    lips = slice(round(MOUTH[1] - 0.15 * EYES), round(MOUTH[1] + 0.15 * EYES))
    assert (change[:, lips].max(axis=(1, 2)) > 20).mean() > 0.7


def test_a_mask_that_is_never_taken_off_leaves_the_clip_as_it_is_and_is_told(
    frames: list[np.ndarray], networks: FaceNetworks, tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    mesh = followed(frames, networks).track.mesh.numpy()
    worn = [lay(each, cloth((SIDE, SIDE), mesh[i]), (70, 120, 170)) for i, each in enumerate(frames)]
    dubbed, change = made(worn, tmp_path, networks_on_disk)
    assert not change.any() and dubbed.report.frames_edited == 0
    assert any(
        "the mouth is covered" in said and "nothing was edited" in said for said in dubbed.report.warnings
    )


def test_who_wishes_it_edits_as_if_nothing_lay_before_the_mouth(
    frames: list[np.ndarray], networks: FaceNetworks
) -> None:
    covered = shown_in(frames, hand((SIDE, SIDE), MOUTH, EYES), CHEEK)
    shown = [Frame(i, Fraction(i, 25), each) for i, each in enumerate(covered)]
    tracked = track_faces(shown, networks, covers=False)
    assert tracked.track.cover is None and not any(tracked.reasons)


def test_pixels_of_a_cover_are_found_by_the_track(frames: list[np.ndarray], networks: FaceNetworks) -> None:
    shape = microphone((SIDE, SIDE), MOUTH, EYES)
    track = followed([lay(each, shape, (40, 40, 42)) for each in frames[:8]], networks).track
    assert track.cover is not None and not hidden_rows(track).any()
    mask = cover_mask(lay(frames[4], shape, (40, 40, 42)), track.mesh[4].numpy(), track.cover[4].numpy())
    assert mask is not None
    shown = np.zeros((SIDE, SIDE), np.float32)
    shown[mask.slices] = mask.shown
    near = (shape > 0.5) & (np.arange(SIDE)[:, None] < MOUTH[1] + EYES)  # the rest lies beyond what is edited
    assert shown[near].mean() > 0.9


def test_a_lamp_that_goes_on_and_off_lights_the_new_mouth_too(
    frames: list[np.ndarray], tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    lit = [each if i % 6 < 3 else (each * 0.25).astype(np.uint8) for i, each in enumerate(frames)]
    clip = write_clip(tmp_path / "in.mkv", lit)
    voice = SoundArray(babble(COUNT / 25)[None], RATE)
    dub(open_clip(clip), voice, tmp_path / "out.mkv", OPTIONS, networks_on_disk)
    x, y = (round(at) for at in MOUTH)
    around = (slice(None), slice(y - 20, y + 24), slice(x - 26, x + 26))
    before, after = (
        np.stack(pixels_of(path))[around].mean((1, 2, 3)) + 2 for path in (clip, tmp_path / "out.mkv")
    )
    assert np.abs(np.log(after / before)).max() < 0.25


@pytest.mark.media
@pytest.mark.parametrize("name", ["face_1", "face_3", "face_5"])
def test_on_clips_with_free_mouths_hardly_a_frame_is_left_alone(
    name: str, media: Path, networks: FaceNetworks
) -> None:
    clip = open_clip(media / f"{name}.mp4")
    tracked = track_faces(clip.frames(range(0, len(clip), 2)), networks)
    assert sum(reason != "" for reason in tracked.reasons) <= 0.01 * len(tracked.reasons)
