"""Following one face through a clip: in company, at any size, in any depth, from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from heads import FPS, HEAD_HEIGHT, centres, clip, landscape, media_frames, moved
from retalk_nodes.retalk_core.errors import InputError, NoFaceError
from retalk_nodes.retalk_core.faces import follow as faces
from retalk_nodes.retalk_core.faces.detect import FaceNetworks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.mesh import quarter_turn, shot_quarters
from retalk_nodes.retalk_core.faces.shots import first_of_picture
from retalk_nodes.retalk_core.media.clip import clip_of_pictures
from retalk_nodes.retalk_core.types import Frame

# Following


def test_track_holds_one_entry_for_each_frame(networks: FaceNetworks, portrait: np.ndarray) -> None:
    told: list[tuple[int, int | None]] = []
    tracked = track_faces(
        clip([portrait] * 7), networks, frame_count=7, progress=lambda done, total: told.append((done, total))
    )
    track = tracked.track

    assert len(track) == len(tracked.reasons) == len(tracked.faces_seen) == len(tracked.filled) == 7
    assert track.mesh.shape == (7, 468, 3)
    assert track.landmarks.shape == (7, 68, 2)
    assert track.frame_size == (400, 512)
    assert track.times[6] == Fraction(6, FPS)
    assert track.present.all() and track.weight.eq(1).all() and track.scores.gt(0.9).all()
    assert tracked.reasons == ("",) * 7
    assert told == [(i, 7) for i in range(1, 8)]


def test_moving_head_is_followed_within_a_pixel(networks: FaceNetworks, portrait: np.ndarray) -> None:
    path = [(222 + 4.0 * i, 150 + 30 * np.sin(i / 5)) for i in range(30)]
    tracked = track_faces(
        clip([moved(portrait, place, angle=20 * np.sin(i / 8)) for i, place in enumerate(path)]), networks
    )

    found = tracked.track.mesh[:, [33, 263], :2].mean(dim=1).numpy()  # between the eyes
    turn = np.radians([20 * np.sin(i / 8) for i in range(30)])
    arm = np.stack([np.cos(turn), np.sin(turn), -np.sin(turn), np.cos(turn)], axis=1).reshape(-1, 2, 2)
    upright = np.einsum("tij,tj->ti", arm.swapaxes(1, 2), found - np.array(path))
    assert tracked.track.present.all()
    assert np.abs(upright - np.median(upright, axis=0)).mean() < 1.0


def test_first_frame_is_as_good_as_the_next(networks: FaceNetworks, portrait: np.ndarray) -> None:
    mesh = track_faces(clip([portrait] * 6), networks, smoothing="none").track.mesh

    steps = (mesh[1:] - mesh[:-1])[..., :2].norm(dim=-1).mean(dim=-1)
    assert steps[0] < 0.25  # pixels


@pytest.mark.parametrize(("size", "height"), [((720, 1280), 34), ((1080, 1920), 34), ((1080, 1920), 600)])
def test_faces_small_and_large_are_found(
    networks: FaceNetworks, portrait: np.ndarray, size: tuple[int, int], height: int
) -> None:
    place = (size[1] * 0.6, size[0] * 0.45)
    frame = moved(portrait, place, scale=height / HEAD_HEIGHT, size=size)

    tracked = track_faces(clip([frame]), networks)

    assert np.abs(centres(tracked)[0] - place).max() < 0.2 * height


def test_sixteen_bit_frames_give_the_same_track(networks: FaceNetworks, portrait: np.ndarray) -> None:
    narrow = track_faces(clip([portrait] * 2), networks).track.mesh
    wide = track_faces(clip([portrait.astype(np.uint16) * 257] * 2), networks).track.mesh

    assert (narrow - wide).abs().max() < 0.5


def test_frames_are_let_go(networks: FaceNetworks, portrait: np.ndarray) -> None:
    import weakref

    alive: list[weakref.ref[Frame]] = []

    def stream() -> Iterator[Frame]:
        for i in range(6):
            assert sum(ref() is not None for ref in alive) <= 1
            frame = Frame(i, Fraction(i, FPS), portrait.copy())
            alive.append(weakref.ref(frame))
            yield frame
            del frame

    track_faces(stream(), networks)


def test_no_frames_are_an_error(networks: FaceNetworks) -> None:
    with pytest.raises(InputError, match="no frames"):
        track_faces(iter(()), networks)


# Company


def test_person_stays_the_same_while_another_grows(
    networks: FaceNetworks, pair: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "LOOK_FRAMES", 4)
    pictures = [pair((200, 200), (650, 200), (1.2, 0.8 + 0.04 * i)) for i in range(24)]

    tracked = track_faces(clip(pictures), networks)

    assert np.abs(centres(tracked)[:, 0] - 200).max() < 30


def test_person_who_leaves_is_not_replaced(networks: FaceNetworks, pair: Callable[..., np.ndarray]) -> None:
    both = pair((200, 200), (420, 200), (1.2, 1.0))
    alone = both.copy()
    alone[:, :310] = 120

    tracked = track_faces(clip([both] * 6 + [alone] * 20), networks)

    assert tracked.track.present.tolist() == [True] * 6 + [False] * 20
    assert set(tracked.reasons[6:]) == {"no face"}


def passing(portrait: np.ndarray, count: int, before: bool, step: int = 40) -> list[np.ndarray]:
    """A head in the middle, and another person's, darker and turned about, that crosses the picture."""
    stranger = np.clip(cv2.flip(portrait, 1)[40:215, 215:365] * (0.55, 0.4, 0.35), 0, 255).astype(np.uint8)
    own = portrait[40:215, 147:297]
    pictures = []
    for i in range(count):
        frame = np.full((400, 900, 3), 120, np.uint8)
        x = 30 + step * i
        faces = [(own, 375), (stranger, x)] if before else [(stranger, x), (own, 375)]
        for head, left in faces:
            part = frame[110:285, left : left + 150]
            part[:] = head[:, : part.shape[1]]
        pictures.append(frame)
    return pictures


def test_a_passer_by_is_not_taken_for_the_one_who_is_followed(
    networks: FaceNetworks, portrait: np.ndarray
) -> None:
    tracked = track_faces(clip(passing(portrait, 20, before=True)), networks)

    present = tracked.track.present.numpy()
    weight = tracked.track.weight.numpy()
    # of a face 92 pixels wide; who passes at 40 pixels a frame drags the mesh along a little
    assert np.abs(centres(tracked)[weight > 0.2] - centres(tracked)[0]).max() < 15
    hidden = [i for i, reason in enumerate(tracked.reasons) if reason == "someone else covers the mouth"]
    assert {9, 11} <= set(hidden) and not present[9:12].any()
    assert present[:7].all() and present[14:].all()
    assert tracked.people == 2
    assert not tracked.filled.any()  # though the gap is short


def test_a_passer_by_behind_leaves_the_edit_where_it_is(networks: FaceNetworks, portrait: np.ndarray) -> None:
    tracked = track_faces(clip(passing(portrait, 20, before=False)), networks)

    assert tracked.track.present.all() and set(tracked.reasons) == {""}
    assert np.abs(centres(tracked) - centres(tracked)[0]).max() < 6


def test_the_same_person_is_chosen_after_a_cut_though_another_is_larger(
    networks: FaceNetworks, portrait: np.ndarray
) -> None:
    own = cv2.resize(portrait[20:235, 127:317], None, fx=0.9, fy=0.9)
    stranger = np.clip(cv2.flip(portrait, 1)[20:235, 195:385] * (0.55, 0.4, 0.35), 0, 255).astype(np.uint8)
    alone, both = landscape(1, (400, 900)), np.full((400, 900, 3), 60, np.uint8)
    alone[100 : 100 + own.shape[0], 100 : 100 + own.shape[1]] = own
    both[100 : 100 + own.shape[0], 600 : 600 + own.shape[1]] = own
    large = cv2.resize(stranger, None, fx=1.3, fy=1.3)
    both[60 : 60 + large.shape[0], 120 : 120 + large.shape[1]] = large

    tracked = track_faces(clip([alone] * 8 + [both] * 8), networks)

    assert tracked.cuts == (8,) and tracked.track.present.all()
    assert (centres(tracked)[8:, 0] > 600).all()
    assert tracked.people == 2


# Any way up, at the edge, and larger than the picture


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_face_is_found_any_way_up(networks: FaceNetworks, portrait: np.ndarray, turn: int) -> None:
    upright = track_faces(clip([portrait] * 2), networks).track
    turned = np.ascontiguousarray(np.rot90(portrait, turn))

    track = track_faces(clip([turned] * 2), networks).track

    affine = quarter_turn(upright.frame_size, turn)
    wanted = upright.mesh[0, :, :2].numpy() @ affine[:, :2].T + affine[:, 2]
    assert np.abs(track.mesh[0, :, :2].numpy() - wanted).mean() < 2  # pixels
    assert set(shot_quarters(track)) == {(4 - turn) % 4}


def test_a_face_larger_than_the_picture_is_found(networks: FaceNetworks, portrait: np.ndarray) -> None:
    close = cv2.resize(portrait[85:165, 182:262], (400, 400), interpolation=cv2.INTER_CUBIC)

    track = track_faces(clip([close] * 2), networks).track

    expected = (track_faces(clip([portrait]), networks).track.mesh[0, :, :2].numpy() - (182, 85)) * 5
    inside = ((expected > 0) & (expected < 400)).all(axis=1)
    apart = np.linalg.norm(track.mesh[0, :, :2].numpy() - expected, axis=1)[inside]
    assert apart.mean() < 0.06 * np.linalg.norm(expected[33] - expected[263])


@pytest.mark.parametrize("edge", ["left", "right", "bottom"])
def test_a_mouth_that_the_edge_cuts_is_left_alone(
    networks: FaceNetworks, portrait: np.ndarray, edge: str
) -> None:
    mesh = track_faces(clip([portrait]), networks).track.mesh[0].numpy()
    x, y = mesh[[13, 14], :2].mean(axis=0).astype(int)
    cut = {"left": portrait[:, x - 5 :], "right": portrait[:, : x + 5], "bottom": portrait[: y + 2]}[edge]

    tracked = track_faces(clip([np.ascontiguousarray(cut)] * 4), networks)

    assert tracked.track.present.all() and (tracked.track.weight == 0).all()
    assert set(tracked.reasons) == {"the picture's edge cuts the mouth"}


# Real clips


@pytest.mark.media
@pytest.mark.parametrize("name", ["face_1", "face_3", "face_5"])
def test_real_clip_is_followed_from_end_to_end(networks: FaceNetworks, media: Path, name: str) -> None:
    tracked = track_faces(media_frames(media, name, 60), networks)

    assert tracked.track.present.all() and not tracked.filled.any()
    assert tracked.cuts == () and tracked.track.weight.eq(1).all()
    across = np.linalg.norm(tracked.track.mesh[:, 33, :2] - tracked.track.mesh[:, 263, :2], axis=1)
    gap = np.linalg.norm(tracked.track.mesh[:, 13, :2] - tracked.track.mesh[:, 14, :2], axis=1) / across
    assert gap.min() < 0.01 and gap.max() > 0.08  # shut lips meet, open ones don't


# Pictures that are shown again


def test_a_picture_that_is_shown_again_is_looked_at_once_and_has_one_mesh(
    networks: FaceNetworks, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    see = faces.CutFinder.see
    monkeypatch.setattr(faces.CutFinder, "see", lambda self, picture: looked.append(1) or see(self, picture))
    pictures = [moved(portrait, (220 + 2 * i, 160), size=(360, 448)) for i in range(5)]

    tracked = track_faces(clip([picture for picture in pictures for _ in range(3)]), networks)

    assert len(looked) == 5 and len(tracked.track) == 15 and tracked.track.present.all()
    assert first_of_picture(tracked.track).tolist() == [i // 3 * 3 for i in range(15)]
    alone = track_faces(clip(pictures), networks)
    # a mesh that has settled is followed better than one that is found anew
    assert np.abs(centres(tracked)[::3] - centres(alone)).max() < 1.5
    assert tracked.track.times == tuple(Fraction(i, FPS) for i in range(15))


def test_equal_pictures_of_a_clip_in_memory_are_one_picture(
    networks: FaceNetworks, portrait: np.ndarray
) -> None:
    pictures = torch.from_numpy(np.stack([portrait, portrait, 255 - portrait])).float() / 255
    first, second, third = clip_of_pictures(pictures, Fraction(FPS)).frames()
    assert first.picture is second.picture and third.picture is not first.picture
    assert first.index == 0 and second.index == 1


def test_without_a_face_a_picture_is_looked_at_again(networks: FaceNetworks) -> None:
    empty = landscape(1, (200, 300))
    looked: list[int] = []
    short = networks.short

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(short, name)

        def __call__(self, picture: torch.Tensor) -> object:
            looked.append(1)
            return short(picture)

    with pytest.raises(NoFaceError):
        track_faces(clip([empty] * 5), replace(networks, short=Counting()))  # type: ignore[arg-type]
    assert len(looked) >= 5


def test_who_passes_by_hides_as_many_frames_where_each_is_shown_twice(
    networks: FaceNetworks, portrait: np.ndarray
) -> None:
    pictures = passing(portrait, 20, before=True)
    twice = track_faces(clip([each for each in pictures for _ in range(2)], 2 * FPS), networks)

    present = twice.track.present.numpy().reshape(20, 2)
    assert (present[:, 0] == present[:, 1]).all()
    assert not present[9:12].any() and present[:7].all() and present[14:].all()
