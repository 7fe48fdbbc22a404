"""Following one face: through gaps, cuts and company, at any size, and how far an edit may show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError, NoFaceError, OptionError
from retalk_nodes.retalk_core.faces import follow as faces
from retalk_nodes.retalk_core.faces import track
from retalk_nodes.retalk_core.faces.choice import FaceChoice
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL, RIGID_POINTS, RIGID_SHAPE, head_pose
from retalk_nodes.retalk_core.faces.track import TrackedFace, smooth
from retalk_nodes.retalk_core.types import IBUG_FROM_MESH, Frame

MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"
FPS = 25
HEAD = np.array([222.0, 128.0])  # the middle of the portrait's face
Pair = tuple[float, float]
HEAD_HEIGHT = 106.0  # pixels from forehead to chin


@pytest.fixture(scope="module")
def networks() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """The upper half of a woman, (400, 512, 3) uint8."""
    data = pytest.importorskip(
        "skimage.data", reason="scikit-image, whose portrait is used, is not installed"
    )
    return np.ascontiguousarray(data.astronaut()[:400])


def moved(
    picture: np.ndarray,
    centre: tuple[float, float],
    scale: float = 1.0,
    angle: float = 0.0,
    size: tuple[int, int] = (400, 512),
    onto: np.ndarray | None = None,
) -> np.ndarray:
    """A frame (height, width, 3) with the portrait's head brought to a place, onto grey or another frame."""
    matrix = cv2.getRotationMatrix2D(HEAD.tolist(), angle, scale)
    matrix[:, 2] += np.array(centre) - HEAD
    shrunk = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale) if scale < 0.7 else picture
    frame = np.full((*size, 3), 120, np.uint8) if onto is None else onto.copy()
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT
    return cv2.warpAffine(shrunk, matrix, size[::-1], dst=frame, flags=flags, borderMode=border)


def clip(pictures: list[np.ndarray], fps: int = FPS) -> Iterator[Frame]:
    """Pictures as a stream of frames."""
    return (Frame(i, Fraction(i, fps), picture) for i, picture in enumerate(pictures))


def centres(tracked: TrackedFace) -> np.ndarray:
    """The middle of each box, (T, 2)."""
    boxes = tracked.track.boxes.numpy()
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def scenery(seed: int, size: tuple[int, int] = (400, 512)) -> np.ndarray:
    """A picture without a face: coarse random patches."""
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


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


# Company


@pytest.fixture(scope="module")
def pair(portrait: np.ndarray) -> Callable[..., np.ndarray]:
    def draw(
        left: tuple[float, float], right: tuple[float, float], scales: tuple[float, float]
    ) -> np.ndarray:
        frame = np.full((400, 900, 3), 120, np.uint8)
        for (x, y), scale in zip((left, right), scales, strict=True):
            head = cv2.resize(portrait[40:210, 140:305], None, fx=scale, fy=scale)
            top, start = int(y - head.shape[0] / 2), int(x - head.shape[1] / 2)
            frame[top : top + head.shape[0], start : start + head.shape[1]] = head
        return frame

    return draw


@pytest.mark.parametrize(
    ("choice", "x"),
    [
        (FaceChoice(), 650),
        (FaceChoice("index", index=0), 200),
        (FaceChoice("index", index=1), 650),
        (FaceChoice("point", point=(250, 300)), 200),
        (FaceChoice("point", point=(800, 10)), 650),
        (FaceChoice("mask", mask=np.repeat([[1.0, 0.0]], 2, axis=0)), 200),
        (FaceChoice("mask", mask=np.repeat([[[0.0, 1.0]]], 2, axis=1)), 650),
    ],
    ids=["largest", "index 0", "index 1", "point left", "point right", "mask left", "mask right"],
)
def test_chosen_face_is_followed(
    networks: FaceNetworks, pair: Callable[..., np.ndarray], choice: FaceChoice, x: int
) -> None:
    tracked = track_faces(clip([pair((200, 200), (650, 200), (1.0, 1.3))] * 3), networks, choice=choice)

    assert np.abs(centres(tracked)[:, 0] - x).max() < 30
    assert (tracked.faces_seen == 2).all()


def test_choices_that_mean_nobody_say_who_is_there(
    networks: FaceNetworks, pair: Callable[..., np.ndarray]
) -> None:
    frames = [pair((200, 200), (650, 200), (1, 1))] * 2
    mask = np.zeros((40, 90))
    mask[:, 45:48] = 1

    with pytest.raises(OptionError, match=r"mask covers none of the faces, of which up to 2"):
        track_faces(clip(frames), networks, choice=FaceChoice("mask", mask=mask))
    with pytest.raises(OptionError, match=r"no face 2: at most 2 .* choose 0 to 1"):
        track_faces(clip(frames), networks, choice=FaceChoice("index", index=2))


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


def test_choices_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="mask"):
        FaceChoice("mask")
    with pytest.raises(OptionError, match="-1"):
        FaceChoice("index", index=-1)


# Gaps and cuts


def blanked(picture: np.ndarray) -> np.ndarray:
    """The picture with its face covered."""
    covered = picture.copy()
    covered[50:220, 140:305] = 90
    return covered


def test_short_gap_is_filled(networks: FaceNetworks, portrait: np.ndarray) -> None:
    pictures = [moved(portrait, (222 + 3 * i, 150)) for i in range(20)]
    straight = track_faces(clip(pictures), networks).track.mesh
    for i in range(8, 13):
        pictures[i][70:240, 140 + 3 * i : 305 + 3 * i] = 90  # a hand before the face

    tracked = track_faces(clip(pictures), networks)

    assert tracked.cuts == ()
    assert tracked.filled.tolist() == [8 <= i < 13 for i in range(20)]
    assert tracked.track.present.all()
    assert (tracked.track.scores[8:13] < 0.5).all()
    assert (tracked.track.mesh[8:13] - straight[8:13])[..., :2].abs().mean() < 2


def test_long_gap_is_not_filled(networks: FaceNetworks, portrait: np.ndarray) -> None:
    tracked = track_faces(clip([portrait] * 10 + [blanked(portrait)] * 15 + [portrait] * 10), networks)
    track = tracked.track

    assert track.present.tolist() == [True] * 10 + [False] * 15 + [True] * 10
    assert not tracked.filled.any()
    assert set(tracked.reasons[10:25]) == {"no face"}
    assert track.mesh.isfinite().all() and track.boxes.isfinite().all()
    assert (track.weight[10:25] == 0).all() and (track.scores[10:25] == 0).all()


def test_edit_eases_out_and_in_beside_a_gap(networks: FaceNetworks, portrait: np.ndarray) -> None:
    tracked = track_faces(clip([portrait] * 10 + [blanked(portrait)] * 15 + [portrait] * 10), networks)
    weight = tracked.track.weight.numpy()

    assert weight[0] == weight[5] == weight[-1] == 1  # the clip's ends are no gaps
    assert (np.diff(weight[5:11]) <= 0).all() and (np.diff(weight[24:31]) >= 0).all()
    assert np.abs(np.diff(weight)).max() < 0.5


def test_nothing_crosses_a_cut(networks: FaceNetworks, portrait: np.ndarray) -> None:
    first = [moved(portrait, (160, 150), onto=scenery(1)) for _ in range(8)]
    second = [cv2.flip(moved(portrait, (222, 230), 1.2, onto=scenery(2)), 1) for _ in range(8)]

    tracked = track_faces(clip(first + second), networks)

    assert tracked.cuts == (8,)
    assert tracked.track.shot.tolist() == [0] * 8 + [1] * 8
    assert tracked.track.present.all() and not tracked.filled.any()
    mesh = tracked.track.mesh
    assert (mesh[7] - mesh[5]).abs().max() < 2 and (mesh[8] - mesh[10]).abs().max() < 2


def test_gap_beside_a_cut_is_not_filled(networks: FaceNetworks, portrait: np.ndarray) -> None:
    other = [scenery(5)] * 3
    tracked = track_faces(clip([portrait] * 6 + other + [cv2.flip(portrait, 1)] * 6), networks)

    assert tracked.track.present.tolist() == [True] * 6 + [False] * 3 + [True] * 6
    assert (tracked.track.weight[:6] == 1).all()


def test_inserted_pictures_are_never_taken_for_the_face(networks: FaceNetworks, portrait: np.ndarray) -> None:
    tracked = track_faces(clip([portrait] * 6 + [scenery(5)] * 2 + [portrait] * 6), networks)

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


def test_no_face_at_all_is_an_error_that_counts_the_frames(networks: FaceNetworks) -> None:
    with pytest.raises(NoFaceError, match=r"any of the 3 frames \(512x400"):
        track_faces(clip([scenery(1)] * 3), networks)


def test_no_frames_are_an_error(networks: FaceNetworks) -> None:
    with pytest.raises(InputError, match="no frames"):
        track_faces(iter(()), networks)


def test_face_that_shrinks_away_is_too_small(networks: FaceNetworks, portrait: np.ndarray) -> None:
    scales = np.geomspace(0.6, 0.2, 24)
    tracked = track_faces(clip([moved(portrait, (250, 200), scale) for scale in scales]), networks)

    assert tracked.track.present[0] and not tracked.track.present[-1]
    assert tracked.reasons[-1] == "too small"


# Smoothing and pose


def test_smoothing_keeps_paths_and_calms_trembling() -> None:
    rng = np.random.default_rng(0)
    path = (np.linspace(0, 1, 40)[:, None, None] ** 2 * 50).astype(np.float32) + np.zeros(
        (1, 468, 3), np.float32
    )
    trembling = path + rng.normal(0, 1, path.shape).astype(np.float32)

    assert np.abs(smooth(path) - path).max() < 1e-3
    assert (smooth(trembling) - path).std() < 0.8 * (trembling - path).std()


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_clips_shorter_than_the_window_are_tracked(
    networks: FaceNetworks, portrait: np.ndarray, frames: int
) -> None:
    track = track_faces(clip([portrait] * frames), networks).track

    assert track.present.all() and track.weight.eq(1).all() and track.mesh.isfinite().all()


def turned_mesh(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """A mesh (468, 3) whose rigid points are those of a head turned so many degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    mesh = np.zeros((468, 3), np.float32)
    mesh[list(RIGID_POINTS)] = 10 * RIGID_SHAPE @ (about_z @ about_y @ about_x).T + 300
    return mesh


@pytest.mark.parametrize(
    "pose", [(0, 0, 0), (35, 0, 0), (-50, 10, 0), (0, -25, 0), (10, 15, 80), (20, 5, -40)]
)
def test_pose_of_a_turned_head_is_read_back(pose: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(np.array(head_pose(turned_mesh(*pose))), pose, atol=1e-3)


def test_positive_yaw_looks_to_the_right_and_positive_pitch_up() -> None:
    def nose_from_ears(*pose: float) -> np.ndarray:
        mesh = turned_mesh(*pose)
        return mesh[[168, 6, 197]].mean(axis=0) - mesh[[234, 454]].mean(axis=0)

    ahead = nose_from_ears(0, 0, 0)
    assert ahead[2] < 0  # the nose is nearer to the camera
    assert nose_from_ears(30, 0, 0)[0] > ahead[0]
    assert nose_from_ears(0, 30, 0)[1] < ahead[1]


def test_edit_fades_towards_profile_without_a_jump() -> None:
    yaw = np.concatenate([np.zeros(10), np.linspace(0, 70, 30), np.full(10, 70)])
    mesh = np.stack([turned_mesh(angle, 0, 0) for angle in yaw])
    present, shot = np.ones(50, bool), np.zeros(50, int)

    weight = track._weights(mesh, present, shot, np.arange(50) / FPS, [slice(0, 50)])

    assert (weight[yaw < 20] > 0.99).all()
    assert (weight[yaw > 60] == 0).all()
    assert (np.diff(weight) <= 1e-9).all() and np.abs(np.diff(weight)).max() < 0.25


def test_oval_goes_once_around_the_jaw_line_and_forehead() -> None:
    assert len(set(FACE_OVAL)) == 36
    assert {10, 152, 234, 454} <= set(FACE_OVAL)
    assert len(IBUG_FROM_MESH) == 68


# Real clips


@pytest.mark.media
@pytest.mark.parametrize("name", ["face_1", "face_3", "face_5"])
def test_real_clip_is_followed_from_end_to_end(networks: FaceNetworks, name: str) -> None:
    tracked = track_faces(media_frames(name, 60), networks)

    assert tracked.track.present.all() and not tracked.filled.any()
    assert tracked.cuts == () and tracked.track.weight.eq(1).all()
    across = np.linalg.norm(tracked.track.mesh[:, 33, :2] - tracked.track.mesh[:, 263, :2], axis=1)
    gap = np.linalg.norm(tracked.track.mesh[:, 13, :2] - tracked.track.mesh[:, 14, :2], axis=1) / across
    assert gap.min() < 0.01 and gap.max() > 0.08  # shut lips meet, open ones don't


@pytest.mark.media
def test_cuts_between_real_clips_are_found_in_their_frames(networks: FaceNetworks) -> None:
    pictures: list[np.ndarray] = []
    for name in ("face_1", "face_3", "face_5", "face_3", "face_1"):
        pictures += [cv2.resize(frame.pixels, (512, 512)) for frame in media_frames(name, 9)]

    tracked = track_faces(clip(pictures), networks)

    assert tracked.cuts == (9, 18, 27, 36)
    assert tracked.track.present.all()


@pytest.mark.media
def test_slow_frame_rates_show_no_cuts(networks: FaceNetworks) -> None:
    for name in ("face_1", "face_3", "face_5"):
        pictures = [frame.pixels for frame in media_frames(name, 120)][::12]

        tracked = track_faces(clip(pictures, fps=2), networks)

        assert tracked.cuts == ()
        assert tracked.track.present.all()


def media_frames(name: str, count: int) -> Iterator[Frame]:
    """The first frames of a real clip."""
    path = MEDIA / f"{name}.mp4"
    if not path.exists():
        pytest.skip(f"no real clips in {MEDIA}")
    video = cv2.VideoCapture(str(path))
    for i in range(count):
        read, picture = video.read()
        if not read:
            return
        yield Frame(i, Fraction(i, FPS), cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
