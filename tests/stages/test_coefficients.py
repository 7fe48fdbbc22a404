"""3DMM coefficients: aligned as the regressor learned it, packed, held, and windowed within a shot."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import scenes
import torch
from original import scale_ratio
from retalk_nodes.models.faces.face3d import Face3D
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.stages.coefficients import (
    WIDTHS,
    align_face,
    coefficient_windows,
    fit_coefficients,
    hold_absent,
    join,
    pack,
    take,
    template_points,
    track_landmarks_in,
    unpack,
)
from retalk_nodes.retalk_core.types import Coefficients, FaceCrops, FaceTrack
from torch import Tensor, nn

Load = Callable[[str], dict[str, np.ndarray]]
FACES = ("0", "1", "2", "3", "rect")  # of the recording; 3 lies near a corner


def drawn(count: int, seed: int = 0) -> Coefficients:
    return unpack(torch.randn((count, 262), generator=torch.Generator().manual_seed(seed)))


def assert_same(given: Coefficients, expected: Coefficients) -> None:
    assert torch.equal(pack(given), pack(expected))


class Blocks(nn.Module):
    """Stands in for Face3D: coefficients are coarse means of the picture, so none depends on the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, picture: Tensor) -> Tensor:
        self.seen.append(picture)
        return nn.functional.avg_pool2d(picture, 16).flatten(1)[:, :257]


# Alignment


@pytest.mark.parametrize("face", FACES)
def test_alignment_repeats_the_original_programs(face: str, recording: Load) -> None:
    recorded = recording("align_img")
    picture = recorded["image_rect" if face == "rect" else "image"]

    aligned = align_face(picture, recorded[f"lm_{face}"])

    assert np.array_equal(aligned.picture, recorded[f"image224_{face}"])
    expected = recorded[f"trans_params_{face}"]
    assert aligned.alignment.dtype == np.float32
    np.testing.assert_allclose(aligned.alignment, expected, rtol=6e-6, atol=6e-6)
    np.testing.assert_allclose(aligned.landmarks, recorded[f"lm_aligned_{face}"], atol=1e-4)


def test_five_points_are_the_original_programs(recording: Load) -> None:
    recorded = recording("align_img")
    upwards = recorded["lm_0"] * (1, -1) + (0, 255)

    assert np.allclose(template_points(upwards), recorded["lm5_0"], atol=1e-9)
    assert np.allclose(template_points(np.stack([upwards, upwards + 1]))[1], recorded["lm5_0"] + 1, atol=1e-9)


def test_a_face_without_landmarks_is_taken_to_fill_the_picture(recording: Load) -> None:
    recorded = recording("align_img")

    aligned = align_face(recorded["image"], None)

    scale, x, y = aligned.alignment[2:].astype(np.float64)
    back = (aligned.landmarks - 112 + (int(256 * scale) / 2, int(256 * scale) / 2)) / scale + (
        x - 128,
        y - 128,
    )
    np.testing.assert_allclose(back, recorded["missing_face_lm_256"], atol=1e-3)


@pytest.mark.parametrize("points", [np.zeros((68, 2)), np.full((68, 2), np.nan), np.full((68, 2), np.inf)])
def test_points_that_are_no_face_count_as_none(points: np.ndarray) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)

    aligned, unknown = align_face(picture, points), align_face(picture, None)

    assert np.array_equal(aligned.picture, unknown.picture)
    assert np.array_equal(aligned.alignment, unknown.alignment)


# Fitting


def spread_landmarks(count: int, side: int = 256) -> Tensor:
    """Landmarks (count, 68, 2) of faces that drift through a picture."""
    return drawn_track(count, side).landmarks


def drawn_track(count: int, side: int = 256) -> FaceTrack:
    meshes = [scenes.drawn_mesh(side * 0.2, (side * (0.45 + 0.01 * i), side * 0.5)) for i in range(count)]
    return FaceTrack(
        times=tuple(Fraction(i, 25) for i in range(count)),
        boxes=torch.tensor([[0.2, 0.2, 0.8, 0.8]]).repeat(count, 1) * side,
        mesh=torch.from_numpy(np.stack(meshes)).float(),
        scores=torch.ones(count),
        present=torch.ones(count, dtype=torch.bool),
        shot=torch.zeros(count, dtype=torch.long),
        weight=torch.ones(count),
        frame_size=(side, side),
    )


def test_fitting_shows_the_network_the_aligned_picture_in_rgb(recording: Load) -> None:
    recorded = recording("align_img")
    faces = torch.from_numpy(recorded["image"])[None].float() / 255
    network = Blocks()

    fitted = fit_coefficients(network, faces, torch.from_numpy(recorded["lm_0"])[None])

    shown = (network.seen[0][0].movedim(0, -1) * 255).round().to(torch.uint8).numpy()
    assert np.array_equal(shown, recorded["image224_0"])
    np.testing.assert_allclose(fitted.alignment[0], recorded["trans_params_0"], rtol=6e-6)
    expected = network(network.seen[0])
    assert torch.equal(pack(fitted)[:, :257], expected)


def test_a_rows_coefficients_do_not_depend_on_the_batch() -> None:
    faces = torch.rand((5, 256, 256, 3), generator=torch.Generator().manual_seed(1))
    landmarks = spread_landmarks(5)
    done: list[int] = []

    together = fit_coefficients(
        Blocks(), faces, landmarks, batch_size=5, progress=lambda at, total: done.append(at)
    )
    by_twos = fit_coefficients(Blocks(), faces, landmarks, batch_size=2)
    alone = [fit_coefficients(Blocks(), faces[i : i + 1], landmarks[i : i + 1]) for i in range(5)]

    assert_same(by_twos, together)
    assert_same(join(alone), together)
    assert done == [5]
    assert [len(getattr(together, part)) for part in WIDTHS] == [5] * 7


def test_alignment_is_counted_in_portraits_of_256_pixels_whatever_their_size() -> None:
    faces = torch.rand((1, 64, 64, 3), generator=torch.Generator().manual_seed(1))
    faces = nn.functional.interpolate(faces.movedim(-1, 1), size=(512, 512)).movedim(1, -1)
    landmarks = spread_landmarks(1)
    halved = nn.functional.interpolate(faces.movedim(-1, 1), size=(256, 256)).movedim(1, -1)

    small = fit_coefficients(Blocks(), halved, landmarks)
    large = fit_coefficients(Blocks(), faces, (landmarks - 0.5) * 2 + 1)

    assert small.alignment[0, :2].tolist() == large.alignment[0, :2].tolist() == [256, 256]
    torch.testing.assert_close(large.alignment[0, 2:], small.alignment[0, 2:], rtol=0.005, atol=0.6)
    torch.testing.assert_close(pack(large)[:, :257], pack(small)[:, :257], rtol=0, atol=0.1)


def test_portraits_and_landmarks_must_be_as_many() -> None:
    with pytest.raises(InputError, match="There are 2 portraits, but the face was followed through 3 frames"):
        fit_coefficients(Blocks(), torch.zeros(2, 256, 256, 3), spread_landmarks(3))


def test_the_real_regressor_fits() -> None:
    torch.manual_seed(0)
    network = Face3D().eval()
    faces = torch.rand((2, 256, 256, 3), generator=torch.Generator().manual_seed(1))

    fitted = fit_coefficients(network, faces, spread_landmarks(2), batch_size=1)

    assert {part: getattr(fitted, part).shape for part in WIDTHS} == {
        part: (2, width) for part, width in WIDTHS.items()
    }
    assert pack(fitted).isfinite().all() and pack(fitted).dtype == torch.float32


def test_landmarks_follow_the_crops() -> None:
    track = drawn_track(3)
    affine = torch.tensor([[[0.004, 0.0, -0.1], [0.0, 0.005, -0.2]]]).repeat(3, 1, 1)
    affine[2, 0, 2] = 0.3
    crops = FaceCrops(affine, "portrait", track.present, track.weight, track.frame_size)

    given = track_landmarks_in(crops, track, 200, rows=[2, 0])

    x, y = track.landmarks[2, 30].tolist()
    assert given.shape == (2, 68, 2)
    assert given[0, 30].tolist() == pytest.approx(
        [(0.004 * x + 0.3) * 200, (0.005 * y - 0.2) * 200], rel=1e-5
    )
    assert torch.equal(track_landmarks_in(crops, track, 200)[[2, 0]], given)


# Rows


def test_packing_repeats_the_recorded_split(recording: Load) -> None:
    recorded = recording("coefficients")
    packed = torch.cat([torch.from_numpy(recorded["recon_out"]), torch.arange(10).view(2, 5)], dim=1)

    parts = unpack(packed)

    split = {"id": "identity", "exp": "expression", "tex": "texture", "angle": "angle", "gamma": "lighting"}
    for theirs, ours in {**split, "trans": "translation"}.items():
        assert np.array_equal(getattr(parts, ours), recorded[f"split_{theirs}"])
    assert torch.equal(parts.alignment, packed[:, 257:])
    assert torch.equal(pack(parts), packed)


def test_rows_are_taken_and_joined_in_order() -> None:
    whole = drawn(7)

    assert_same(join([take(whole, slice(0, 3)), take(whole, [3]), take(whole, torch.arange(4, 7))]), whole)
    assert torch.equal(pack(take(whole, [5, 0])), pack(whole)[[5, 0]])


def test_a_row_without_a_face_takes_the_nearest_one_of_its_shot() -> None:
    present = torch.tensor([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0], dtype=torch.bool)
    shot = torch.tensor([0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    whole = drawn(13)

    held = hold_absent(whole, present, shot)

    #           row 0  1  2  3  4  5  6 | 7  8 | 9  10  11  12
    expected = [1, 1, 1, 1, 5, 5, 5, 7, 8, 11, 11, 11, 11]
    assert torch.equal(pack(held), pack(whole)[expected])


def test_without_any_face_rows_stay() -> None:
    whole = drawn(3)

    assert_same(hold_absent(whole, torch.zeros(3, dtype=torch.bool), torch.zeros(3, dtype=torch.long)), whole)


# Windows


def test_windows_are_the_original_programs(recording: Load) -> None:
    recorded = recording("coefficients")
    clip = unpack(torch.from_numpy(recorded["semantic"]))
    rows = [0, 1, 12, 13, 20, 26, 27, 39]

    windows = coefficient_windows(clip, torch.zeros(40, dtype=torch.long), rows)

    assert windows.shape == (8, 73, 26)
    for row, window in zip(rows, windows, strict=True):
        assert np.array_equal(window, recorded[f"window_{row}"])
    whole = coefficient_windows(clip, torch.zeros(40, dtype=torch.long))
    assert torch.equal(whole[rows], windows)
    assert np.array_equal(whole[5], recorded["window_no_ratio_5"])


def test_the_window_of_a_short_clip_repeats_its_ends(recording: Load) -> None:
    recorded = recording("coefficients")
    clip = unpack(torch.from_numpy(recorded["semantic"][:4]))

    windows = coefficient_windows(clip, torch.zeros(4, dtype=torch.long), [2])

    assert np.array_equal(windows[0], recorded["window_short_clip_len4_idx2"])


def test_a_shot_is_windowed_like_a_clip_of_its_own() -> None:
    whole = drawn(30)
    shot = torch.tensor([4] * 9 + [2] * 1 + [4] * 20)  # numbers may come again: a change is what counts

    windows = coefficient_windows(whole, shot)

    for start, stop in ((0, 9), (9, 10), (10, 30)):
        alone = coefficient_windows(take(whole, slice(start, stop)), shot[start:stop])
        assert torch.equal(windows[start:stop], alone)


def test_a_row_is_its_own_in_column_13() -> None:
    whole = drawn(40)

    windows = coefficient_windows(whole, torch.zeros(40, dtype=torch.long))

    expected = torch.cat([whole.expression, whole.angle, whole.translation, whole.alignment[:, 2:]], dim=1)
    assert torch.equal(windows[:, :, 13], expected)
    assert torch.equal(windows[20, :, 25], expected[32])


def test_the_scale_of_a_clips_own_rows_is_kept(recording: Load) -> None:
    clip = unpack(torch.from_numpy(recording("coefficients")["semantic"]))

    assert torch.equal(scale_ratio(clip, clip), torch.ones(40))


def test_scale_ratios_of_foreign_pictures_are_the_original_programs(recording: Load) -> None:
    recorded = recording("coefficients")
    clip, foreign = (unpack(torch.from_numpy(recorded[name])) for name in ("semantic", "foreign_source"))

    ratios = scale_ratio(foreign, clip)

    np.testing.assert_allclose(ratios, [recorded[f"ratio_foreign_{i}"][0] for i in range(3)], rtol=1e-6)
