"""Where a redrawn face shows: on the face, with room for its jaw, and nowhere beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.crops.affine import take_rows
from retalk_nodes.retalk_core.crops.framing import frame_faces
from retalk_nodes.retalk_core.crops.masks import face_masks, outline_mask, seam_mask
from scenes import drawn_mesh, drawn_track

SIDE = 384


def ellipse(width: float = 0.36, height: float = 0.46, turn: float = 0.0) -> np.ndarray:
    """An outline (36, 2) around the unit square's middle, clockwise from its top."""
    angle = np.arange(36) * 2 * np.pi / 36
    points = np.stack([width * np.sin(angle), -height * np.cos(angle)], axis=1)
    cos, sin = np.cos(turn), np.sin(turn)
    return 0.5 + points @ np.array([[cos, sin], [-sin, cos]])


def test_the_inside_shows_and_the_corners_do_not() -> None:
    mask = outline_mask(ellipse(), SIDE)
    assert mask.shape == (SIDE, SIDE)
    assert mask[SIDE // 2, SIDE // 2] == 1 and mask[300, SIDE // 2] == 1
    for corner in (mask[:40, :40], mask[:40, -40:], mask[-30:, :60], mask[-30:, -60:]):
        assert corner.eq(0).all()
    assert mask.diff(dim=0).abs().max() < 0.1 and mask.diff(dim=1).abs().max() < 0.1


def test_there_is_room_below_the_jaw_and_none_above_the_forehead() -> None:
    mask = outline_mask(ellipse(height=0.36), SIDE)
    rows = np.flatnonzero(mask[:, SIDE // 2].numpy() > 0)
    top, bottom = (0.5 - 0.36) * SIDE, (0.5 + 0.36) * SIDE
    height = bottom - top
    assert rows[0] == pytest.approx(top - 0.02 * height, abs=2)
    assert rows[-1] == pytest.approx(bottom + (0.02 + 0.10) * height, abs=2)


def test_the_room_is_below_a_tilted_jaw_too() -> None:
    mask = outline_mask(ellipse(height=0.34, turn=0.5), SIDE)
    y, x = np.nonzero(mask.numpy() > 0)
    forward = np.array([-np.sin(0.5), np.cos(0.5)])  # from the forehead to the chin
    along = np.stack([x + 0.5 - SIDE / 2, y + 0.5 - SIDE / 2], axis=1) @ forward
    assert along.max() - 0.34 * SIDE > 0.08 * 0.68 * SIDE
    assert -along.min() - 0.34 * SIDE < 0.03 * 0.68 * SIDE


def test_a_chin_at_the_crops_edge_has_no_rim_there() -> None:
    mask = outline_mask(ellipse(height=0.499), SIDE)
    assert mask[-1, SIDE // 2] == 1


def test_masks_follow_the_faces_of_a_track() -> None:
    track = drawn_track([drawn_mesh(degrees=(0, yaw, 0)) for yaw in (-20, 20)])
    crops = frame_faces(track, "face")
    masks = face_masks(crops, 192)
    assert masks.shape == (2, 192, 192) and not torch.equal(*masks)
    assert masks[:, 150, 96].eq(1).all()  # between mouth and chin
    assert masks[:, :60].eq(0).all()  # the upper half stays the frame's
    assert torch.equal(face_masks(take_rows(crops, [1]), 192), masks[1:])
    whole = face_masks(crops, 192, keep_upper=False)
    assert whole[:, 60, 96].eq(1).all() and torch.all(whole >= masks)


def test_crops_without_an_outline_show_all_below_the_seam() -> None:
    track = drawn_track([drawn_mesh()] * 2)
    crops = frame_faces(track, "face")
    plain = type(crops)(crops.frame_to_crop, "face", crops.present, crops.weight, crops.frame_size)
    assert torch.equal(face_masks(plain, 96), seam_mask(96).expand(2, -1, -1))


# The seam


@pytest.mark.parametrize("side", [48, 96, 384, 1000])
@pytest.mark.parametrize("keep_upper", [True, False])
def test_the_mask_is_whole_inside_and_fades_towards_the_crops_borders(side: int, keep_upper: bool) -> None:
    mask = seam_mask(side, keep_upper=keep_upper)
    assert mask.shape == (side, side) and mask.min() >= 0 and mask.max() == 1
    assert torch.equal(mask, mask.flip(1))
    low = int(0.9 * side)
    assert mask[side * 3 // 5 : low, side // 10 : low].eq(1).all()
    assert mask[-1].max() < 0.3 and mask[:, 0].max() < 0.3
    assert mask.diff(dim=0).abs().max() < 0.1 * max(384 / side, 1)


def test_the_upper_half_is_kept_beyond_a_seam_around_the_middle() -> None:
    mask = seam_mask(384)
    column = mask[:, 192]
    assert column[:160].eq(0).all() and column[224:360].eq(1).all()
    assert column[191] + column[192] == pytest.approx(1)
    assert column[:360].diff().ge(0).all() and column.diff().max() < 0.03
    whole = seam_mask(384, keep_upper=False)
    assert torch.equal(whole, whole.flip(0)) and torch.equal(whole[230:], mask[230:])
