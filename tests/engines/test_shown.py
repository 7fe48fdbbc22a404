"""What of redrawn faces is made is all that shows of them."""

from __future__ import annotations

import pytest
import torch
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.retalk_core.crops.framing import frame_faces
from retalk_nodes.retalk_core.crops.masks import seam_mask
from retalk_nodes.retalk_core.engines.shown import (
    ABOVE_SEAM,
    AROUND_MOUTH,
    crop_area,
    face_area,
    mouth_area,
    reached,
)
from retalk_nodes.retalk_core.types import FaceTrack
from scenes import drawn_mesh, drawn_track


@pytest.fixture(scope="module")
def track() -> FaceTrack:
    """A face that opens its mouth and tilts."""
    return drawn_track([drawn_mesh(degrees=(0, 0, 6 * i), drivers=(0.1 * i, 0, 0)) for i in range(5)])


def mouth_mask(*edges: int) -> torch.Tensor:
    top, left, bottom, right = edges
    mask = torch.zeros(512, 512)
    mask[top:bottom, left:right] = 0.5
    return mask


def test_a_seam_leaves_what_is_well_above_it_unmade() -> None:
    area = face_area(seam_mask(384)[None])

    first = int(torch.nonzero(seam_mask(384).amax(dim=1))[0])
    assert area == Area(first - ABOVE_SEAM, 0, 384, 384)
    assert face_area(seam_mask(384, keep_upper=False)[None]).top == 0


def test_the_mouths_lie_in_their_area_with_room_around(track: FaceTrack) -> None:
    crops = frame_faces(track, "ffhq")
    area = mouth_area(track, crops, 512)

    for points, to_crop in zip(track.landmarks[:, 48:], crops.frame_to_crop, strict=True):
        x, y = 512 * (to_crop[:, :2] @ points.T + to_crop[:, 2:])
        assert area.left + AROUND_MOUTH < x.min() and x.max() < area.right - AROUND_MOUTH
        assert area.top + AROUND_MOUTH < y.min() and y.max() < area.bottom - AROUND_MOUTH
    height, width = area.shape
    assert height * width < 0.25 * 512 * 512


def test_all_of_one_framing_that_another_shows_lies_in_its_area(track: FaceTrack) -> None:
    face, wide = frame_faces(track, "face"), frame_faces(track, "gpen")
    area = crop_area(face, wide, 512)

    assert area != Area.whole(512)
    for to_face, to_wide in zip(face.frame_to_crop, wide.frame_to_crop, strict=True):
        rows = torch.linspace(0.01, 0.99, 9)
        unit = torch.cartesian_prod(rows, rows).double()
        frame = torch.linalg.solve(to_face[:, :2].double(), (unit - to_face[:, 2]).T).T
        x, y = 512 * (to_wide[:, :2].double() @ frame.T + to_wide[:, 2:])
        inside = (x >= area.left) & (x < area.right) & (y >= area.top) & (y < area.bottom)
        beyond = (x < 0) | (x >= 512) | (y < 0) | (y >= 512)
        assert bool((inside | beyond).all())


def test_an_area_grows_only_where_a_mouth_comes_near_its_edge() -> None:
    area = Area(300, 150, 460, 350)

    assert reached(mouth_mask(0, 0, 0, 0), area) == area
    assert reached(mouth_mask(316, 166, 444, 334), area) == area
    larger = reached(mouth_mask(315, 166, 444, 334), area)
    assert larger != area and larger.joined(area) == larger
    assert reached(mouth_mask(315, 166, 444, 334), larger) == larger


def test_an_area_that_ends_with_the_picture_is_large_enough() -> None:
    area = Area(300, 150, 512, 350)

    assert reached(mouth_mask(320, 200, 512, 300), area) == area
