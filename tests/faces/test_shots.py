"""Rows of a shot: its ends, and the nearest row that shows a face."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from retalk_nodes.retalk_core.faces.shots import first_of_picture, nearest_present, shot_bounds
from scenes import drawn_mesh, drawn_track


def test_a_shot_ends_where_the_number_changes() -> None:
    first, last = shot_bounds(torch.tensor([0, 0, 0, 3, 0, 0]))

    assert first.tolist() == [0, 0, 0, 3, 4, 4]
    assert last.tolist() == [2, 2, 2, 3, 5, 5]
    assert [bound.tolist() for bound in shot_bounds(torch.tensor([7]))] == [[0], [0]]


@pytest.mark.parametrize(
    ("present", "shot", "expected"),
    [
        ([0, 1, 0, 0, 0, 1, 0], [0] * 7, [1, 1, 1, 1, 5, 5, 5]),
        ([0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1], [1, 1, 1, 4, 4, 4]),
        ([1, 0, 0, 1], [0, 1, 1, 2], [0, -1, -1, 3]),
        ([0, 0, 0], [0, 0, 1], [-1, -1, -1]),
        ([1, 1, 1], [0, 0, 1], [0, 1, 2]),
        ([1, 0, 0, 0], [0, 1, 0, 0], [0, -1, -1, -1]),
    ],
)
def test_a_row_holds_on_to_the_nearest_face_of_its_shot(
    present: list[int], shot: list[int], expected: list[int]
) -> None:
    assert nearest_present(torch.tensor(present).bool(), torch.tensor(shot)).tolist() == expected


def test_the_nearest_row_is_found_as_by_trying_all() -> None:
    noise = torch.Generator().manual_seed(0)
    for _ in range(50):
        present = torch.rand(40, generator=noise) < 0.2
        shot = (torch.rand(40, generator=noise) < 0.15).cumsum(0)

        nearest = nearest_present(present, shot).tolist()

        for row in range(40):
            known = [i for i in range(40) if present[i] and shot[i] == shot[row]]
            assert nearest[row] == min(known, key=lambda i: (abs(i - row), i), default=-1)


def test_rows_of_one_picture_are_those_with_one_mesh_and_one_light() -> None:
    mesh = torch.arange(7, dtype=torch.float32)[[0, 0, 1, 1, 1, 5, 5], None, None].expand(7, 468, 3).clone()
    light = torch.ones(7, 3)
    light[4] = 0.5  # the same place, in another light
    track = replace(drawn_track([drawn_mesh(30, (40, 40))] * 7, (80, 80)), mesh=mesh, light=light)

    assert first_of_picture(track).tolist() == [0, 0, 2, 2, 4, 5, 5]
    absent = replace(track, present=torch.tensor([True] * 5 + [True, False]))
    assert first_of_picture(absent).tolist() == [0, 0, 2, 2, 4, 5, 6]
    cut = replace(track, shot=torch.tensor([0, 1, 1, 1, 1, 1, 1]))
    assert first_of_picture(cut).tolist() == [0, 1, 2, 2, 4, 5, 5]
    assert first_of_picture(replace(track, light=None)).tolist() == list(range(7))  # nobody looked
