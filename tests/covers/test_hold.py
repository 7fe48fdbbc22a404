from __future__ import annotations

import numpy as np
import torch
from retalk_nodes.retalk_core.covers.find import _cells, lips_hidden, patch_hidden
from retalk_nodes.retalk_core.covers.hold import (
    eased,
    freest,
    held_covers,
    hidden_mouths,
    hidden_rows,
    stacked,
)
from retalk_nodes.retalk_core.covers.view import LIP_OUTLINE
from retalk_nodes.retalk_core.faces.canonical import load_mouth_model
from scenes import drawn_track

FACE = (100 * load_mouth_model().reference + (150, 100, 0)).astype(np.float32)
ONE_SHOT = np.zeros(12, int)


def cover(rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
    made = np.zeros((32, 32), np.uint8)
    made[rows, columns] = 255
    return made


ALL, CHIN, LEFT = cover(), cover(slice(24, 32)), cover(columns=slice(0, 14))


def test_lips_are_hidden_as_far_as_their_area_is() -> None:
    assert lips_hidden(ALL, FACE) == 1
    assert lips_hidden(CHIN, FACE) == 0
    assert 0.2 < lips_hidden(LEFT, FACE) < 0.5
    assert 0 < patch_hidden(cover(slice(20, 32)), FACE) < 1
    assert 8 < _cells(FACE, LIP_OUTLINE).sum() < 200


def test_what_shows_in_a_single_frame_is_no_cover_and_a_gap_of_one_frame_is_none() -> None:
    covers: list[np.ndarray | None] = [None] * 12
    covers[3] = ALL
    assert held_covers(covers, ONE_SHOT) == [None] * 12
    covers = [ALL] * 12
    covers[6] = None
    held = held_covers(covers, ONE_SHOT)
    assert all(each is not None and each.all() for each in held)


def test_covers_are_not_held_across_a_cut() -> None:
    shot = np.array([0] * 6 + [1] * 6)
    held = held_covers([ALL] * 6 + [None] * 6, shot)
    assert [each is not None for each in held] == [True] * 6 + [False] * 6


def test_a_hidden_mouth_is_left_alone_until_clearly_more_of_it_is_seen() -> None:
    half = cover(columns=slice(0, 15))
    assert 0.3 < lips_hidden(half, FACE) < 0.45
    mesh = np.stack([FACE] * 5)
    assert hidden_mouths([half] * 5, mesh, ONE_SHOT).tolist() == [False] * 5
    assert hidden_mouths([None, ALL, half, half, None], mesh, ONE_SHOT).tolist() == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_an_edit_fades_beside_hidden_mouths_in_their_own_shot_only() -> None:
    seconds = np.arange(12) / 25
    hidden = np.zeros(12, bool)
    hidden[[5, 6]] = True
    allowed = eased(hidden, ONE_SHOT, seconds)
    assert allowed[5] == allowed[6] == 0
    assert 0 < allowed[4] < allowed[3] <= 1 and 0 < allowed[7] < allowed[8] <= 1
    assert allowed[0] == allowed[11] == 1
    cut = np.array([0] * 7 + [1] * 5)
    assert eased(hidden, cut, seconds)[7:].tolist() == [1] * 5


def test_pictures_are_lent_by_the_frames_that_show_the_mouth_best() -> None:
    track = drawn_track([FACE] * 4)
    assert freest(track, np.arange(4)).all() and not hidden_rows(track).any()
    stack = stacked([None, LEFT, ALL, CHIN])
    assert stack is not None
    object.__setattr__(track, "cover", torch.from_numpy(stack))
    assert freest(track, np.arange(4)).tolist() == [True, False, False, patch_hidden(CHIN, FACE) <= 0.04]
    assert freest(track, np.array([1, 2])).tolist() == [True, False]
    assert hidden_rows(track).tolist() == [False, False, True, False]
    assert stacked([None, None]) is None
