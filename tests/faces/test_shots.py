"""Rows of a shot: its ends, and the nearest row that shows a face."""

from __future__ import annotations

import pytest
import torch
from retalk_nodes.retalk_core.faces.shots import nearest_present, shot_bounds


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
