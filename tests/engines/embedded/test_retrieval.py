"""Which picture of the clip dresses a mouth: fitting ones, the frame's own where it can be, few jumps."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from retalk_nodes.retalk_core.engines.embedded import retrieval
from retalk_nodes.retalk_core.engines.embedded.retrieval import (
    OWN,
    Bank,
    Mouths,
    TextureChoice,
    bank_size,
    choose_textures,
    distinct,
    fill_bank,
    lip_shapes,
    mismatch,
    patch_box,
)
from retalk_nodes.retalk_core.engines.embedded.shape import learn_shot
from retalk_nodes.retalk_core.faces.canonical import head_poses, measure_mouth
from retalk_nodes.retalk_core.metrics.mouth import lip_sharpness, mouth_thumb
from retalk_nodes.retalk_core.types import Frame
from scenes import drawn_mesh, drawn_track, portrait


def mouths(
    openings: list[float], widths: list[float] | None = None, yaw: list[float] | None = None
) -> Mouths:
    """Mouths of the model's own face."""
    meshes = np.stack(
        [
            drawn_mesh(degrees=(0, turn, 0), drivers=(h, 5 * h * h, w))
            for h, w, turn in zip(
                openings, widths or [0.0] * len(openings), yaw or [0.0] * len(openings), strict=True
            )
        ]
    )
    pose = head_poses(meshes)
    canonical = pose.to_canonical(meshes)
    return Mouths(lip_shapes(canonical), measure_mouth(canonical)[0], pose.rotation)


def bank_of(count: int, apart: float = 0.02) -> Bank:
    """A bank whose pictures differ by equal steps and are all equally sharp."""
    thumbs = np.arange(count, dtype=np.float32)[:, None] * apart + np.zeros((1, 768), np.float32)
    blank = tuple(np.zeros((2, 2, 3), np.uint8) for _ in range(count))
    seen = np.tile(np.array([0.0, 0.8, 0.3], np.float32), (count, 1))
    rims, beside = np.zeros((count, 2, 9)), np.zeros(count)
    return Bank(np.arange(count), blank, (np.zeros(2),) * count, thumbs, np.ones(count), rims, beside, seen)


def picked(choice: TextureChoice) -> list[int]:
    return choice.entries[:, 1].tolist()


SYLLABLES = [0.01, 0.03, 0.08, 0.12, 0.14, 0.12, 0.08, 0.03, 0.01]


# Distinct


@pytest.mark.parametrize("most", [1, 2, 5, 9, 100])
def test_a_bank_holds_no_more_mouths_than_allowed_and_each_once(most: int) -> None:
    offered = mouths(SYLLABLES * 3, [0.02 * np.sin(i) for i in range(27)])
    rows = distinct(offered, most)
    assert 1 <= len(rows) <= most
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert rows.min() >= 0 and rows.max() < 27


def test_the_same_mouths_give_the_same_bank() -> None:
    offered = mouths(SYLLABLES * 3, [0.02 * np.sin(i) for i in range(27)])
    np.testing.assert_array_equal(distinct(offered, 7), distinct(offered, 7))


def test_mouths_that_look_alike_are_kept_once() -> None:
    assert len(distinct(mouths([0.05] * 40), 20)) == 1
    assert len(distinct(mouths([0.01] * 20 + [0.15] * 20), 20)) == 2


def test_the_most_shut_and_a_wide_mouth_are_in_every_bank() -> None:
    offered = mouths([*SYLLABLES, 0.001, 0.2])
    for most in (2, 4, 8):
        rows = distinct(offered, most)
        assert 9 in rows and 10 in rows


def test_one_mouth_is_a_bank() -> None:
    assert distinct(mouths([0.1]), 16).tolist() == [0]


# Costs


def test_a_mouth_fits_itself_best() -> None:
    offered = mouths(SYLLABLES[:5], yaw=[-20, -10, 0, 10, 20])
    cost = mismatch(offered, offered)
    assert np.abs(np.diag(cost)).max() < 1e-3
    assert (cost + np.eye(5) * 9 > 0.05).all()


def test_the_farther_a_head_is_turned_the_worse_it_fits_but_never_without_bound() -> None:
    straight = mouths([0.05])
    cost = mismatch(straight, mouths([0.05] * 4, yaw=[0.0, 8.0, 20.0, 40.0]))[0]
    assert (np.diff(cost) > 0).all()
    open_mouth = mismatch(mouths([0.005]), mouths([0.16]))[0, 0]
    assert cost[-1] < open_mouth + 1  # a turned shut mouth rather than a frontal gaping one


# Choosing


def test_the_own_picture_is_taken_when_nothing_is_to_change() -> None:
    own = mouths(SYLLABLES, [0.03] * 9)
    offered = mouths([0.0, 0.05, 0.15], [-0.05, -0.02, -0.1])
    choice = choose_textures(own, own, offered, bank_of(3), np.ones(9, bool))
    assert picked(choice) == [OWN] * 9
    np.testing.assert_array_equal(choice.shares, np.tile([0, 1, 0], (9, 1)))


@pytest.mark.parametrize("worse", [(0.2, 0.8, 0.3), (0.0, 0.45, 0.3)])  # a slit; lips that are rolled in
def test_what_a_picture_shows_counts_more_than_what_its_mesh_says(worse: tuple[float, ...]) -> None:
    bank = bank_of(3)
    bank.seen[0] = worse
    wanted, own = mouths([0.004] * 6), mouths([0.15] * 6)
    choice = choose_textures(wanted, own, mouths([0.004, 0.006, 0.14]), bank, np.zeros(6, bool))
    assert set(picked(choice)) == {1}


def test_pale_lips_are_not_judged_by_their_width() -> None:
    bank = bank_of(3)
    bank.seen[:] = [(0.0, 0.45, 0.01), (0.0, 0.8, 0.01), (0.0, 0.8, 0.01)]
    wanted, own = mouths([0.004] * 6), mouths([0.15] * 6)
    choice = choose_textures(wanted, own, mouths([0.004, 0.02, 0.14]), bank, np.zeros(6, bool))
    assert set(picked(choice)) == {0}


def test_shut_mouths_are_dressed_in_shut_ones() -> None:
    wanted = mouths([0.004] * 12)
    own = mouths([0.12, 0.15, 0.1] * 4)
    choice = choose_textures(wanted, own, mouths([0.14, 0.005, 0.09]), bank_of(3), np.zeros(12, bool))
    assert picked(choice) == [1] * 12


def test_open_mouths_are_dressed_in_open_ones() -> None:
    choice = choose_textures(
        mouths([0.15] * 5), mouths([0.004] * 5), mouths([0.005, 0.14]), bank_of(2), np.ones(5, bool)
    )
    assert picked(choice) == [1] * 5


def test_speech_goes_through_the_bank_in_the_order_of_its_openings() -> None:
    offered = mouths([0.004, 0.07, 0.14])
    wanted = mouths([0.004] * 3 + [0.07] * 3 + [0.14] * 3)
    own = mouths([0.03] * 9, [0.2] * 9)
    choice = choose_textures(wanted, own, offered, bank_of(3), np.ones(9, bool))
    assert picked(choice) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_blurred_picture_is_passed_over_for_a_sharp_one() -> None:
    bank = bank_of(3)
    bank = replace(bank, sharpness=np.array([0.2, 1.0, 1.0]))
    offered = mouths([0.1, 0.1, 0.004])
    choice = choose_textures(mouths([0.1] * 4), mouths([0.01] * 4), offered, bank, np.ones(4, bool))
    assert picked(choice) == [1] * 4


def test_a_picture_whose_mesh_lies_beside_its_lips_is_passed_over() -> None:
    bank = bank_of(2)
    offered = mouths([0.08, 0.08])
    choice = choose_textures(
        mouths([0.08] * 4),
        mouths([0.3] * 4),
        offered,
        replace(bank, beside=np.array([0.4, 0.0])),
        np.ones(4, bool),
    )
    assert picked(choice) == [1] * 4


def test_a_resting_mouth_changes_its_picture_less_often_than_a_speaking_one() -> None:
    jitter = [0.03, 0.05] * 10
    wanted, own = mouths(jitter), mouths([0.15] * 20)
    offered, bank = mouths([0.03, 0.05]), bank_of(2, apart=0.05)
    changes = [
        int((np.diff(picked(choose_textures(wanted, own, offered, bank, np.full(20, speaking)))) != 0).sum())
        for speaking in (False, True)
    ]
    assert changes[0] <= changes[1]
    assert changes[0] == 0


@pytest.mark.parametrize("speaking", [True, False])
def test_shares_add_up_to_one_and_name_pictures_that_exist(speaking: bool) -> None:
    random = np.random.default_rng(0)
    wanted = mouths(random.uniform(0, 0.15, 60).tolist(), random.uniform(-0.1, 0.1, 60).tolist())
    own = mouths(random.uniform(0, 0.15, 60).tolist(), random.uniform(-0.1, 0.1, 60).tolist())
    offered = mouths(random.uniform(0, 0.15, 8).tolist())
    choice = choose_textures(wanted, own, offered, bank_of(8, apart=0.1), np.full(60, speaking))
    assert choice.entries.shape == choice.shares.shape == (60, 3)
    np.testing.assert_allclose(choice.shares.sum(axis=1), 1, atol=1e-6)
    assert (choice.shares >= 0).all() and (choice.shares[:, 1] >= 0.5).all()
    assert choice.entries.min() >= OWN and choice.entries.max() < 8
    again = choose_textures(wanted, own, offered, bank_of(8, apart=0.1), np.full(60, speaking))
    np.testing.assert_array_equal(choice.entries, again.entries)


def test_a_visible_jump_is_cross_faded_and_nothing_else_is() -> None:
    bank = bank_of(3)
    thumbs = bank.thumbs.copy()
    thumbs[2] += 0.3  # the last picture looks unlike the others
    bank = replace(bank, thumbs=thumbs)
    wanted = mouths([0.004] * 3 + [0.15] * 3)
    choice = choose_textures(
        wanted, mouths([0.05] * 6, [0.4] * 6), mouths([0.004, 0.06, 0.15]), bank, np.ones(6, bool)
    )
    assert picked(choice) == [0, 0, 0, 2, 2, 2]
    np.testing.assert_allclose(choice.shares[[0, 1, 4, 5]], np.tile([0, 1, 0], (4, 1)), atol=1e-6)
    assert choice.shares[2, 2] > 0 and choice.shares[3, 0] > 0
    assert choice.entries[2, 2] == 2 and choice.entries[3, 0] == 0


@pytest.mark.parametrize("frames", [1, 2])
def test_a_single_frame_and_a_single_picture_are_enough(frames: int) -> None:
    one = mouths([0.05] * frames)
    choice = choose_textures(one, one, mouths([0.05]), bank_of(1), np.ones(frames, bool))
    assert choice.entries.shape == (frames, 3)
    np.testing.assert_allclose(choice.shares.sum(axis=1), 1)


# The bank


@pytest.mark.parametrize("bytes_per_pixel", [3, 6])
@pytest.mark.parametrize("patch", [(60, 80), (300, 400), (700, 900), (1, 1), (0, 5)])
def test_a_bank_is_bounded_in_pictures_and_in_bytes(patch: tuple[int, int], bytes_per_pixel: int) -> None:
    count = bank_size(patch, bytes_per_pixel)
    least, most = retrieval.BANK_PICTURES
    assert least <= count <= most
    assert count == least or count * patch[0] * patch[1] * bytes_per_pixel <= retrieval.BANK_BYTES


def test_a_larger_face_has_fewer_pictures() -> None:
    sizes = [bank_size((side, side), 3) for side in (100, 500, 700, 2000)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_bank_holds_the_clips_own_pixels(dtype: type[np.generic]) -> None:
    random = np.random.default_rng(0)
    meshes = [drawn_mesh(drivers=(h, 5 * h * h, 0)) for h in (0.01, 0.08, 0.15)]
    shapes = learn_shot(drawn_track(meshes), np.arange(3), 25.0)
    pictures = [random.integers(0, 256, (160, 160, 3)).astype(dtype) for _ in meshes]
    frames = [Frame(i, Fraction(i, 25), pixels) for i, pixels in enumerate(pictures)]
    bank = fill_bank(shapes, np.arange(3), np.stack(meshes), frames)
    assert len(bank) == 3 and bank.thumbs.shape == (3, 768)
    assert bank.thumbs.min() >= 0 and bank.thumbs.max() <= 1
    assert (bank.sharpness > 0).all()
    assert bank.rims.shape == (3, 2, 9) and bank.beside.shape == (3,)
    for i, picture in enumerate(bank.pictures):
        box = patch_box(meshes[i][:, :2], (160, 160))
        assert bank.corners[i].tolist() == [box.left, box.top]
        assert picture.base is None  # a view would keep the whole frame in memory
        np.testing.assert_array_equal(picture, pictures[i][box.slices])


# Looking at a mouth


def test_a_small_picture_of_the_mouth_doesnt_change_with_the_heads_place_or_size() -> None:
    cv2 = pytest.importorskip("cv2")
    picture, mesh = portrait(160), drawn_mesh(51.0, (81.0, 66.0))
    thumb = mouth_thumb(picture, head_poses(mesh[None]))
    affine = cv2.getRotationMatrix2D((80, 80), 25, 1.3)
    affine[:, 2] += (30, 10)
    turned = cv2.warpAffine(picture, affine, (260, 240), borderMode=cv2.BORDER_REPLICATE)
    matrix = np.eye(3)
    matrix[:2, :2] = affine[:, :2] / 1.3
    moved = (1.3 * mesh @ matrix.T).astype(np.float32)
    moved[:, :2] += affine[:, 2] + 0.5 - affine[:, :2] @ [0.5, 0.5]
    again = mouth_thumb(turned, head_poses(moved[None]))
    assert thumb.shape == (768,)
    assert np.abs(again - thumb).mean() < 0.02


def test_sharpness_is_the_same_in_any_depth_and_less_where_it_is_blurred() -> None:
    cv2 = pytest.importorskip("cv2")
    picture, mesh = portrait(160), drawn_mesh(51.0, (81.0, 66.0))
    sharp = lip_sharpness(picture, mesh)
    assert lip_sharpness(picture.astype(np.uint16) * 257, mesh) == pytest.approx(sharp, rel=1e-4)
    assert lip_sharpness(picture.astype(np.float32) / 255, mesh) == pytest.approx(sharp, rel=1e-4)
    assert lip_sharpness(cv2.GaussianBlur(picture, (0, 0), 2), mesh) < 0.5 * sharp


@pytest.mark.parametrize("centre", [(-500.0, 60.0), (80.0, 900.0), (0.0, -20.0), (160.0, 150.0)])
def test_a_mouth_beyond_the_frame_can_still_be_looked_at(centre: tuple[float, float]) -> None:
    picture, mesh = portrait(160), drawn_mesh(51.0, centre)
    assert np.isfinite(lip_sharpness(picture, mesh))
    assert np.isfinite(mouth_thumb(picture, head_poses(mesh[None]))).all()
    height, width = patch_box(mesh[:, :2], (160, 160)).size
    assert height >= 1 and width >= 1
