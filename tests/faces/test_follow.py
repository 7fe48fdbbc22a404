"""Following one face through a clip: in company, at any size, in any depth, from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from heads import FPS, HEAD_HEIGHT, centres, clip, media_frames, moved
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.faces import follow as faces
from retalk_nodes.retalk_core.faces.detect import FaceNetworks
from retalk_nodes.retalk_core.faces.follow import track_faces
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
