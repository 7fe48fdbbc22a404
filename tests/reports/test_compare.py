"""Two clips at the same moments."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.media.clip import Clip, clip_of_pictures
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.reports.compare import beside, common_moments, compare_clips


def clip(count: int, rate: int, size: tuple[int, int] = (48, 64)) -> Clip:
    greys = torch.linspace(0.1, 0.9, max(count, 2))[:count]
    return clip_of_pictures(greys[:, None, None, None].expand(count, *size, 3), Fraction(rate))


def test_clips_alike_are_shown_frame_by_frame() -> None:
    moments = common_moments(clip(10, 25), clip(10, 25))
    assert moments.first == moments.second == tuple(range(10))
    assert moments.end == Fraction(10, 25) and moments.rate == 25


def test_the_finer_clip_says_when_and_the_other_holds() -> None:
    moments = common_moments(clip(5, 10), clip(15, 30))
    assert moments.second == tuple(range(15)) and moments.rate == 30
    assert moments.first == tuple(index // 3 for index in range(15))


@pytest.mark.parametrize("turned", [False, True])
def test_the_shorter_clip_stays_at_its_last_frame(turned: bool) -> None:
    given = (clip(20, 10), clip(6, 30))
    moments = common_moments(*reversed(given)) if turned else common_moments(*given)
    longer, shorter = (moments.second, moments.first) if turned else (moments.first, moments.second)
    assert moments.end == 2 and longer[-1] == 19 and shorter[-1] == 5
    assert shorter[:6] == tuple(range(6)) and set(shorter[6:]) == {5}
    assert list(longer) == sorted(longer)


def test_a_still_picture_is_shown_all_the_time() -> None:
    moments = common_moments(clip(1, 25), clip(12, 25))
    assert moments.first == (0,) * 12 and moments.end == Fraction(12, 25)


def test_pictures_get_the_first_ones_height() -> None:
    both = beside(np.zeros((40, 60, 3), np.uint8), np.full((80, 100, 3), 65_535, np.uint16), 50)
    assert both.shape == (40, 110, 3) and both.dtype == np.uint8
    assert not both[:, :60].any() and (both[:, 60:] == 255).all()


def test_both_are_written_side_by_side_with_copies_to_play(tmp_path: Path) -> None:
    output, copies = tmp_path / "both.mp4", (tmp_path / "a.mp4", tmp_path / "b.mp4")
    told: list[int] = []
    pair = compare_clips(
        clip(10, 25), clip(10, 25, (96, 96)), output, copies, progress=lambda done, _: told.append(done)
    )
    assert (pair.seconds, pair.rate, pair.size) == (0.4, 25, (48, 64 + 48)) and told == list(range(1, 11))
    made = open_clip(output)
    assert made.size == (48, 112) and len(made) == 10
    last = list(made.frames())[-1].pixels.astype(int)
    assert last[:, :64].mean() == pytest.approx(0.9 * 255, abs=4) == last[:, 64:].mean()
    first, second = map(open_clip, copies)
    assert first.times == second.times and first.size == (48, 64) and second.size == (96, 96)
