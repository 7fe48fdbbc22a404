"""Cuts are told from movement, light and flashes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from heads import clip, landscape, media_frames, moved
from retalk_nodes.retalk_core.faces.cuts import FLASH_FRAMES, CutFinder
from retalk_nodes.retalk_core.faces.detect import FaceNetworks
from retalk_nodes.retalk_core.faces.follow import track_faces

# From picture to picture


def told(*pictures: np.ndarray) -> list[str]:
    """What is said of each picture."""
    finder = CutFinder()
    return [finder.see(picture) for picture in pictures]


def test_another_picture_is_a_cut_and_the_same_one_is_none() -> None:
    first, second = landscape(1), landscape(2)
    assert told(first, first, second, second) == ["same", "same", "cut", "same"]


def test_a_picture_that_is_back_at_once_takes_its_cut_back_and_later_it_is_another() -> None:
    first, second = landscape(1), landscape(2)
    assert told(first, second, first) == ["same", "cut", "back"]
    later = [second] * (FLASH_FRAMES + 1)
    assert told(first, *later, first) == ["same", "cut", *["same"] * FLASH_FRAMES, "cut"]


def test_sixteen_bit_pictures_are_compared_as_eight_bit_ones_are() -> None:
    pictures = [landscape(1), landscape(1), landscape(2)]
    assert told(*(picture.astype(np.uint16) * 257 for picture in pictures)) == told(*pictures)


# In a track


def test_nothing_crosses_a_cut(networks: FaceNetworks, portrait: np.ndarray) -> None:
    first = [moved(portrait, (160, 150), onto=landscape(1)) for _ in range(8)]
    second = [cv2.flip(moved(portrait, (222, 230), 1.2, onto=landscape(2)), 1) for _ in range(8)]

    tracked = track_faces(clip(first + second), networks)

    assert tracked.cuts == (8,)
    assert tracked.track.shot.tolist() == [0] * 8 + [1] * 8
    assert tracked.track.present.all() and not tracked.filled.any()
    mesh = tracked.track.mesh
    assert (mesh[7] - mesh[5]).abs().max() < 2 and (mesh[8] - mesh[10]).abs().max() < 2


def test_inserted_pictures_are_never_taken_for_the_face(networks: FaceNetworks, portrait: np.ndarray) -> None:
    tracked = track_faces(clip([portrait] * 6 + [landscape(5)] * 2 + [portrait] * 6), networks)

    assert not tracked.track.present[6:8].any()
    assert not tracked.filled.any()


@pytest.mark.parametrize(
    "disturb",
    [
        lambda picture: cv2.add(picture, np.full_like(picture, 110)),
        lambda picture: (picture * 0.4).astype(np.uint8),
        lambda picture: cv2.blur(picture, (41, 1)),
        lambda picture: moved(picture, (240, 150), 1.12, 4, onto=picture),
    ],
    ids=["flash", "dark", "motion blur", "zoom"],
)
def test_disturbances_are_no_cuts(
    networks: FaceNetworks, portrait: np.ndarray, disturb: Callable[[np.ndarray], np.ndarray]
) -> None:
    pictures = [portrait] * 4 + [disturb(portrait)] + [portrait] * 4

    tracked = track_faces(clip(pictures), networks)

    assert tracked.cuts == ()
    assert tracked.track.present.all()


# Real clips


@pytest.mark.media
def test_cuts_between_real_clips_are_found_in_their_frames(networks: FaceNetworks, media: Path) -> None:
    pictures: list[np.ndarray] = []
    for name in ("face_1", "face_3", "face_5", "face_3", "face_1"):
        pictures += [cv2.resize(frame.pixels, (512, 512)) for frame in media_frames(media, name, 9)]

    tracked = track_faces(clip(pictures), networks)

    assert tracked.cuts == (9, 18, 27, 36)
    assert tracked.track.present.all()


@pytest.mark.media
def test_slow_frame_rates_show_no_cuts(networks: FaceNetworks, media: Path) -> None:
    for name in ("face_1", "face_3", "face_5"):
        pictures = [frame.pixels for frame in media_frames(media, name, 120)][::12]

        tracked = track_faces(clip(pictures, fps=2), networks)

        assert tracked.cuts == ()
        assert tracked.track.present.all()
