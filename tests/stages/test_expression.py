"""Expressions: resolved from templates, given to portraits by D-Net, edited above the mouth by GANimation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scenes
import torch
from original import scale_ratio
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.expression.dnet import DNet, Portrait
from retalk_nodes.models.expression.ganimation import ACTION_UNITS, Animated, Ganimation
from retalk_nodes.retalk_core.crops.cut import crop_faces
from retalk_nodes.retalk_core.crops.framing import frame_faces
from retalk_nodes.retalk_core.errors import InputError, NoFaceError, OptionError
from retalk_nodes.retalk_core.stages.coefficients import (
    coefficient_windows,
    fit_coefficients,
    pack,
    take,
    track_landmarks_in,
    unpack,
)
from retalk_nodes.retalk_core.stages.expression import (
    EMOTIONS,
    action_units,
    calm_expression,
    edit_upper_face,
    measure_expression,
    neutralise_expression,
    read_templates,
    resolve_expression,
    upper_half,
)
from retalk_nodes.retalk_core.types import Coefficients, Expression, FaceTrack
from scipy.io import savemat
from torch import Tensor, nn

Load = Callable[[str], dict[str, np.ndarray]]
MIDDLE = 13  # the column of a window that is the row's own


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def drawn(count: int, seed: int = 0) -> Coefficients:
    return unpack(torch.randn((count, 262), generator=torch.Generator().manual_seed(seed)))


def one_shot_clip(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.long)


class Mixer(nn.Module):
    """Stands in for D-Net: every pixel of a picture depends on its mean and on its whole window."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Tensor] = []
        self.windows: list[Tensor] = []

    def forward(self, picture: Tensor, window: Tensor) -> Portrait:
        self.pictures += picture
        self.windows += window
        told = (window * torch.arange(1, 27)).sum(dim=2).sin().sum(dim=1).view(-1, 1, 1, 1)
        drawn = torch.tanh(picture + 1e-3 * picture.sum(dim=(1, 2, 3), keepdim=True) + 0.1 * told)
        return Portrait(drawn, drawn, drawn[:, :2, ::4, ::4])


# Templates


def test_templates_are_read_from_their_file(tmp_path: Path) -> None:
    centre, mouth = np.random.default_rng(0).normal(size=(2, 1, 73))
    savemat(tmp_path / "expression.mat", {"expression_center": centre, "expression_mouth": mouth})

    templates = read_templates(tmp_path / "expression.mat")

    assert templates.keys() == {"neutral", "smile"}
    assert torch.equal(templates["neutral"], torch.from_numpy(centre[0, :64].astype(np.float32)))
    assert torch.equal(templates["smile"], torch.from_numpy(mouth[0, :64].astype(np.float32)))


@pytest.mark.parametrize(
    ("centre", "words"),
    [
        (np.full((1, 64), np.nan), "no usable numbers in expression_center"),
        (np.zeros((0, 64)), "no usable numbers"),
        (np.array([["a" * 64]], dtype=object).repeat(64, axis=1), "no usable numbers"),
        (np.zeros((1, 64)) + 1j, "no usable numbers"),
        (np.zeros((1, 63)), "no expression_center of 64 numbers"),
    ],
    ids=["nan", "empty", "words", "complex", "short"],
)
def test_a_file_without_usable_templates_is_refused(tmp_path: Path, centre: np.ndarray, words: str) -> None:
    path = tmp_path / "expression.mat"
    savemat(path, {"expression_center": centre, "expression_mouth": np.zeros((1, 64))})

    with pytest.raises(CheckpointError, match=words):
        read_templates(path)


def test_the_calm_expression_is_not_moved_by_rows_without_a_face_or_by_a_few_grimaces() -> None:
    clip = drawn(21)
    calm = calm_expression(clip, torch.ones(21, dtype=torch.bool))
    wild = torch.cat([pack(clip), 100 * pack(drawn(4, seed=1))])
    present = torch.arange(25) < 21

    assert torch.equal(calm_expression(unpack(wild), present), calm)
    grimacing = calm_expression(unpack(wild), torch.ones(25, dtype=torch.bool))
    spread = clip.expression.std(dim=0)
    assert ((grimacing - calm).abs() < 0.5 * spread).float().mean() > 0.9


def test_the_calm_expression_of_one_row_is_its_own() -> None:
    clip = drawn(3)

    assert torch.equal(calm_expression(clip, torch.tensor([False, True, False])), clip.expression[1])
    two = calm_expression(clip, torch.tensor([True, True, False]))
    torch.testing.assert_close(two, clip.expression[:2].mean(dim=0))


def test_where_no_row_has_a_face_all_count_for_the_calm_expression() -> None:
    clip = drawn(3)

    nowhere = calm_expression(clip, torch.zeros(3, dtype=torch.bool))

    assert torch.equal(nowhere, clip.expression.median(dim=0).values)


# Measuring


class Blocks(nn.Module):
    """Stands in for Face3D: coefficients are coarse means of the aligned picture."""

    def forward(self, picture: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(picture, 14).flatten(1)[:, :257]


def drawn_picture(side: int, left: int, top: int, scale: float = 1.0) -> tuple[Tensor, FaceTrack]:
    """A smooth picture with a mesh on it, placed in a grey frame, and the track of that face."""
    coarse = noise(1, 3, 8, 8, seed=2)
    shown = nn.functional.interpolate(coarse, size=(int(200 * scale),) * 2, mode="bicubic").clamp(0, 1)
    frame = torch.full((1, side, side, 3), 0.5)
    frame[0, top : top + shown.shape[2], left : left + shown.shape[3]] = shown[0].movedim(0, -1)
    mesh = scenes.drawn_mesh(25 * scale, (left + 100 * scale, top + 100 * scale))
    track = FaceTrack(
        times=(Fraction(0),),
        boxes=torch.tensor([[left, top, left + 200 * scale, top + 200 * scale]]),
        mesh=torch.from_numpy(mesh).float()[None],
        scores=torch.ones(1),
        present=torch.ones(1, dtype=torch.bool),
        shot=torch.zeros(1, dtype=torch.long),
        weight=torch.ones(1),
        frame_size=(side, side),
    )
    return frame, track


def test_an_expression_is_measured_the_same_wherever_the_face_is_and_however_large() -> None:
    expected = measure_expression(Blocks(), *drawn_picture(240, 20, 20))

    moved = measure_expression(Blocks(), *drawn_picture(700, 310, 150))
    larger = measure_expression(Blocks(), *drawn_picture(700, 40, 60, scale=3.0))

    assert expected.shape == (64,) and expected.std() > 0.05
    torch.testing.assert_close(moved, expected, rtol=0, atol=0.01)
    torch.testing.assert_close(larger, expected, rtol=0, atol=0.02)


def test_a_clips_own_frame_measured_alone_is_what_the_clip_says_of_it() -> None:
    frame, track = drawn_picture(400, 120, 90)
    crops = frame_faces(track, "portrait")
    landmarks = track_landmarks_in(crops, track, 256)

    fitted = fit_coefficients(Blocks(), crop_faces(frame, crops), landmarks)

    assert torch.equal(measure_expression(Blocks(), frame, track), fitted.expression[0])


def test_a_picture_without_a_face_has_no_expression() -> None:
    frame, track = drawn_picture(240, 20, 20)

    with pytest.raises(NoFaceError, match="No face was found in the only frame"):
        measure_expression(Blocks(), frame, replace(track, present=torch.zeros(1, dtype=torch.bool)))


# Resolving


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_leads_from_the_rows_own_expression_to_the_template(strength: float) -> None:
    clip, template = drawn(5), torch.linspace(-1, 1, 64)

    resolved = resolve_expression(Expression(template, strength), clip, torch.ones(5, dtype=torch.bool))

    exact = {0.0: clip.expression, 1.0: template.expand(5, -1)}
    if strength in exact:
        assert torch.equal(resolved, exact[strength])
    torch.testing.assert_close(resolved, clip.expression + strength * (template - clip.expression))


def test_without_a_template_the_clips_own_calm_expression_is_taken() -> None:
    clip, present = drawn(6), torch.tensor([1, 1, 0, 1, 1, 1], dtype=torch.bool)

    resolved = resolve_expression(Expression(), clip, present)

    assert torch.equal(resolved, calm_expression(clip, present).expand(6, -1))
    assert not torch.equal(resolved, torch.zeros(6, 64))


def test_edits_are_added_to_single_coefficients() -> None:
    clip, present = drawn(4), torch.ones(4, dtype=torch.bool)
    template = torch.zeros(64)
    before = clip.expression.clone()

    resolved = resolve_expression(Expression(template, 0.5, {3: 0.75, 63: -1.0}), clip, present)

    change = resolved - resolve_expression(Expression(template, 0.5), clip, present)
    expected = torch.zeros(4, 64)
    expected[:, 3], expected[:, 63] = 0.75, -1.0
    torch.testing.assert_close(change, expected)
    assert torch.equal(clip.expression, before) and not template.any()


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (Expression(strength=1.5), "goes from 0 to 1; 1.5 is outside"),
        (Expression(strength=float("nan")), "goes from 0 to 1"),
        (Expression(edits={64: 1.0}), "from 0 to 63; there is no 64"),
        (Expression(edits={-1: 1.0}), "there is no -1"),
    ],
)
def test_an_impossible_expression_is_refused_in_words(expression: Expression, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        resolve_expression(expression, drawn(2), torch.ones(2, dtype=torch.bool))


# D-Net


def test_pictures_go_into_d_net_and_come_out_as_in_the_original_program(recording: Load) -> None:
    recorded = recording("dnet_io")

    class Recorded(Mixer):
        def forward(self, picture: Tensor, window: Tensor) -> Portrait:
            super().forward(picture, window)
            drawn = torch.from_numpy(recorded["net_out"])[None]
            return Portrait(drawn, drawn, drawn[:, :2])

    network, clip = Recorded(), drawn(1)
    faces = torch.from_numpy(recorded["image_rgb"])[None].float() / 255

    given = neutralise_expression(network, faces, clip, clip.expression, shot=one_shot_clip(1))

    step = int(recorded["tensor_stride"])
    torch.testing.assert_close(
        network.pictures[0][:, ::step, ::step], torch.from_numpy(recorded["tensor"]), rtol=0, atol=2e-7
    )
    levels = given[0].flip(-1).double() * 255  # the original program cut off what lies between two levels
    difference = levels - torch.from_numpy(recorded["frame_bgr"])
    assert difference.min() > -1e-4 and difference.max() < 1 + 1e-4


def test_the_windows_expression_is_the_rows_own_and_its_pose_follows_the_clip() -> None:
    clip, shot = drawn(40), torch.tensor([0] * 15 + [1] * 25)
    wanted = torch.randn((40, 64), generator=torch.Generator().manual_seed(5))
    rows, network = [20, 3, 39], Mixer()

    neutralise_expression(network, noise(3, 256, 256, 3), clip, wanted, shot=shot, rows=rows, batch_size=2)

    plain = coefficient_windows(clip, shot, rows)
    for row, told, window in zip(rows, network.windows, plain, strict=True):
        assert torch.equal(told[:64], wanted[row, :, None].expand(-1, 26))
        assert torch.equal(told[64:], window[64:])


def test_a_faces_result_does_not_depend_on_the_batch_or_on_which_rows_are_asked_for() -> None:
    clip, shot, faces = drawn(9), one_shot_clip(9), noise(9, 256, 256, 3)
    done: list[int] = []

    together = neutralise_expression(
        Mixer(), faces, clip, clip.expression, shot=shot, progress=lambda at, total: done.append(at)
    )
    by_twos = neutralise_expression(Mixer(), faces, clip, clip.expression, shot=shot, batch_size=2)
    one = neutralise_expression(Mixer(), faces[7:8], clip, clip.expression, shot=shot, rows=[7])

    torch.testing.assert_close(by_twos, together, rtol=0, atol=1e-5)
    torch.testing.assert_close(one, together[7:8], rtol=0, atol=1e-5)
    assert done == [8, 9]
    assert together.shape == faces.shape and together.min() >= 0 and together.max() <= 1


def test_nothing_of_a_rows_mouth_reaches_another_row() -> None:
    clip, shot, faces = drawn(12), one_shot_clip(12), noise(12, 256, 256, 3)
    template, everyone = Expression(torch.linspace(-1, 1, 64)), torch.ones(12, dtype=torch.bool)
    opened = faces.clone()
    opened[5, 128:] = noise(128, 256, 3, seed=9)
    other = pack(clip)
    other[5, :224] = pack(drawn(1, seed=9))[0, :224]  # identity, expression, texture: all but the pose
    other[5, 227:254] = 0.5  # and the light

    def redrawn(faces: Tensor, clip: Coefficients) -> Tensor:
        wanted = resolve_expression(template, clip, everyone)
        return neutralise_expression(Mixer(), faces, clip, wanted, shot=shot, batch_size=5)

    before, after = redrawn(faces, clip), redrawn(opened, unpack(other))

    others = [row for row in range(12) if row != 5]
    assert torch.equal(after[others], before[others])
    assert not torch.equal(after[5], before[5])  # its own picture counts, of course


def test_other_rows_expressions_do_not_matter_even_where_the_row_keeps_part_of_its_own() -> None:
    clip, shot, faces = drawn(6), one_shot_clip(6), noise(6, 256, 256, 3)
    half, everyone = Expression(torch.zeros(64), strength=0.5), torch.ones(6, dtype=torch.bool)
    expression = clip.expression.clone()
    expression[2] += 3
    grimacing = replace(clip, expression=expression)

    before, after = (
        neutralise_expression(Mixer(), faces, c, resolve_expression(half, c, everyone), shot=shot)
        for c in (clip, grimacing)
    )

    assert torch.equal(after[[0, 1, 3, 4, 5]], before[[0, 1, 3, 4, 5]])
    assert not torch.equal(after[2], before[2])


def test_coefficients_of_another_shot_change_nothing() -> None:
    shot, faces, wanted = torch.tensor([0] * 6 + [1] * 5), noise(11, 256, 256, 3), torch.zeros(11, 64)
    clip = drawn(11)
    elsewhere = unpack(torch.cat([pack(clip)[:6], pack(drawn(5, seed=8))]))

    before, after = (neutralise_expression(Mixer(), faces, c, wanted, shot=shot) for c in (clip, elsewhere))

    assert torch.equal(after[:6], before[:6])
    assert all(not torch.equal(*pair) for pair in zip(after[6:], before[6:], strict=True))


def test_in_one_shot_every_row_redraws_the_same_picture_in_its_own_pose() -> None:
    clip, shot, network = drawn(5), one_shot_clip(5), Mixer()
    faces, picture = noise(3, 256, 256, 3), noise(256, 256, 3, seed=4)

    given = neutralise_expression(
        network, faces, clip, clip.expression, shot=shot, rows=[4, 0, 2], one_shot=picture, batch_size=2
    )

    assert all(torch.equal(shown, picture.movedim(-1, 0) * 2 - 1) for shown in network.pictures)
    poses = coefficient_windows(clip, shot, [4, 0, 2])[:, 64:]
    assert torch.equal(torch.stack(network.windows)[:, 64:], poses)
    assert given.shape == (3, 256, 256, 3) and not torch.equal(given[0], given[1])


@pytest.mark.parametrize("source", [0, 1, 2])
def test_a_foreign_picture_gets_the_original_programs_window(source: int, recording: Load) -> None:
    recorded = recording("coefficients")
    clip = unpack(torch.from_numpy(recorded["semantic"]))
    scale = scale_ratio(unpack(torch.from_numpy(recorded["foreign_source"][source : source + 1])), clip)
    network = Mixer()

    neutralise_expression(
        *(network, noise(1, 256, 256, 3), clip, clip.expression),
        shot=one_shot_clip(40),
        rows=[20],
        one_shot=noise(256, 256, 3),
        scale=float(scale),
    )

    np.testing.assert_allclose(network.windows[0][64:], recorded[f"window_foreign_{source}"][64:], rtol=1e-6)


def test_faces_of_another_size_are_brought_to_d_nets() -> None:
    clip, network = drawn(1), Mixer()
    large = noise(1, 128, 128, 3).repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)

    given = neutralise_expression(network, large, clip, clip.expression, shot=one_shot_clip(1))

    assert given.shape == (1, 256, 256, 3)
    torch.testing.assert_close(network.pictures[0].mean(), large.mean() * 2 - 1, rtol=0, atol=1e-3)


def test_faces_and_rows_must_be_as_many() -> None:
    clip = drawn(4)

    with pytest.raises(InputError, match="There are 3 faces, but coefficients of 4 frames"):
        neutralise_expression(Mixer(), noise(3, 8, 8, 3), clip, clip.expression, shot=one_shot_clip(4))


def test_the_real_d_net_redraws_a_row_the_same_whatever_the_batch() -> None:
    torch.manual_seed(0)
    network, clip, faces = DNet().eval(), drawn(2), noise(2, 256, 256, 3)
    shot = one_shot_clip(2)

    together = neutralise_expression(network, faces, clip, clip.expression, shot=shot)
    alone = neutralise_expression(network, faces[1:], clip, clip.expression, shot=shot, rows=[1])

    torch.testing.assert_close(alone[0], together[1], rtol=0, atol=5e-5)
    assert not torch.allclose(together[0], together[1], atol=0.01)


# GANimation


class Painter(nn.Module):
    """Stands in for GANimation: paints a colour wherever its mask lets it."""

    def __init__(self, colour: float | None = None, mask: float = 0.0) -> None:
        super().__init__()
        self.colour, self.mask = colour, mask
        self.pictures: list[Tensor] = []
        self.units: list[Tensor] = []

    def forward(self, picture: Tensor, action_units: Tensor) -> Animated:
        self.pictures += picture
        self.units += action_units
        colour = picture if self.colour is None else torch.full_like(picture, self.colour)
        mask = torch.full_like(picture[:, :1], self.mask)
        return Animated(torch.lerp(colour, picture, mask), colour, mask)


def test_emotions_are_the_original_programs() -> None:
    expected = {"sad": [0.0] * 17, "angry": [0.0] * 17, "surprise": [0.0] * 17}
    expected["angry"][2], expected["surprise"][3] = 0.3, 0.2

    given = {name: action_units(units) for name, units in EMOTIONS.items()}

    assert given.keys() == expected.keys()
    for name, units in given.items():
        torch.testing.assert_close(units, torch.tensor(expected[name]))


def test_an_unknown_action_unit_is_refused_in_words() -> None:
    with pytest.raises(OptionError, match=r"Action unit 3 is not known. Choose from 1, 2, 4, 5"):
        action_units({3: 0.5})


def test_ganimation_sees_128_pixels_in_rgb_and_the_units() -> None:
    faces = torch.zeros(3, 384, 384, 3)
    faces[..., 0], faces[..., 1] = 1.0, 0.5  # orange
    network, units = Painter(), action_units({4: 0.3, 45: 1.0})

    edit_upper_face(network, faces, units, batch_size=2)

    assert [tuple(picture.shape) for picture in network.pictures] == [(3, 128, 128)] * 3
    torch.testing.assert_close(network.pictures[2].mean(dim=(1, 2)), torch.tensor([1.0, 0.0, -1.0]))
    assert all(torch.equal(given, units) for given in network.units)
    assert units[ACTION_UNITS.index(4)] == pytest.approx(0.3) and units[16] == 1


@pytest.mark.parametrize("side", [96, 128, 256, 384, 385])
def test_where_ganimation_changes_nothing_every_pixel_stays(side: int) -> None:
    faces = noise(2, side, side, 3)

    unmoved = edit_upper_face(Painter(), faces, action_units({}))
    masked = edit_upper_face(Painter(colour=1.0, mask=1.0), faces, action_units({}))

    assert torch.equal(unmoved, faces) and torch.equal(masked, faces)


@pytest.mark.parametrize("side", [96, 384, 385])
def test_an_edit_shows_above_the_mouth_only(side: int) -> None:
    faces = noise(1, side, side, 3)

    edited = edit_upper_face(Painter(colour=1.0), faces, action_units({}))[0]

    assert torch.equal(edited[side // 2 :], faces[0, side // 2 :])
    forehead = slice(int(0.15 * side), int(0.35 * side))
    change = (edited - faces[0])[forehead, forehead]
    assert change.mean() > 0.3
    assert (edited - faces[0])[:, [0, -1]].abs().max() < 0.03  # no seam at the crop's edge


def test_a_stretched_face_is_edited_like_a_square_one() -> None:
    faces = noise(1, 100, 1, 3).expand(1, 100, 160, 3)

    edited = edit_upper_face(Painter(colour=1.0), faces, action_units({}))

    square = edit_upper_face(Painter(colour=1.0), faces[:, :, :100], action_units({}))
    assert torch.equal(edited[:, 50:], faces[:, 50:])
    torch.testing.assert_close(edited[:, :, 80], square[:, :, 50], rtol=0, atol=1e-3)


def test_fine_detail_survives_a_change_of_colour() -> None:
    checks = torch.tensor([[0.4, 0.5], [0.5, 0.4]]).repeat(192, 192)[None, ..., None].expand(1, 384, 384, 3)

    edited = edit_upper_face(Painter(colour=0.3), checks, action_units({}))[0]

    forehead = edited[60:140, 60:320]
    torch.testing.assert_close(forehead.mean(), torch.tensor(0.65), rtol=0, atol=1e-3)
    assert forehead.std() == pytest.approx(0.05, rel=0.02)


def test_an_edit_does_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    network, faces = Ganimation().eval(), noise(3, 160, 160, 3)

    together = edit_upper_face(network, faces, action_units({1: 0.7}))
    alone = edit_upper_face(network, faces[2:], action_units({1: 0.7}), batch_size=1)
    calmer = edit_upper_face(network, faces[2:], action_units({1: 0.1}), batch_size=1)

    torch.testing.assert_close(alone[0], together[2], rtol=0, atol=1e-5)
    assert not torch.allclose(calmer, alone, atol=1e-4)
    assert not torch.allclose(together, faces, atol=0.01)


def test_at_128_pixels_the_upper_face_is_what_ganimation_draws() -> None:
    torch.manual_seed(1)
    network, faces, units = Ganimation().eval(), noise(1, 128, 128, 3), action_units({1: 0.7})

    edited = edit_upper_face(network, faces, units)

    with torch.no_grad():
        drawn = network(faces.movedim(-1, 1) * 2 - 1, units[None]).picture.movedim(1, -1) / 2 + 0.5
    whole = upper_half(128) == 1
    torch.testing.assert_close(edited[:, whole], drawn[:, whole].clamp(0, 1), rtol=0, atol=1e-5)


def test_the_upper_half_is_soft_and_ends_at_the_middle() -> None:
    mask = upper_half(384)

    assert mask.max() == 1 and mask.min() == 0
    assert not mask[192:].any() and (mask[40:140, 40:340] == 1).all()
    assert mask.diff(dim=0).abs().max() < 0.07 and mask.diff(dim=1).abs().max() < 0.07
    torch.testing.assert_close(mask, mask.flip(1))


def test_units_of_another_number_are_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"\(17,\), not \(3,\)"):
        edit_upper_face(Painter(), noise(1, 16, 16, 3), torch.zeros(3))


def test_rows_taken_from_the_clip_keep_their_calm_expression() -> None:
    clip = drawn(9)

    taken = take(clip, torch.arange(8, -1, -1))

    everyone = torch.ones(9, dtype=torch.bool)
    assert torch.equal(calm_expression(taken, everyone), calm_expression(clip, everyone))
