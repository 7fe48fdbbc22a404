"""Calming masks over time: how fast they follow, where they start anew, how parts of the work join."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.engines.steady_masks import SteadyMasks
from retalk_nodes.retalk_core.types import FaceTrack
from scenes import drawn_mesh, drawn_track
from torch import Tensor

COUNT = 24
FALLING = torch.cat([torch.ones(1, 4, 4), torch.zeros(COUNT - 1, 4, 4)])  # 1 once, then 0


def track_at(rate: int = 25, *shots: int) -> FaceTrack:
    track = drawn_track([drawn_mesh()] * COUNT)
    shot = torch.arange(len(shots)).repeat_interleave(torch.tensor(shots)) if shots else track.shot
    return replace(track, times=tuple(Fraction(i, rate) for i in range(COUNT)), shot=shot)


def calmed(
    masks: Tensor,
    *,
    seconds: float = 0.1,
    track: FaceTrack | None = None,
    rows: Sequence[int] | None = None,
    rate: int = 25,
    outputs: Sequence[int] | None = None,
) -> Tensor:
    track = track or track_at(rate)
    chosen = np.arange(COUNT) if rows is None else np.array(rows)
    filtering = SteadyMasks(seconds, track, chosen, [Fraction(i, rate) for i in range(len(chosen))])
    return filtering.steady(masks, np.arange(len(masks)) if outputs is None else np.array(outputs))


@pytest.mark.parametrize("rate", [25, 60])
@pytest.mark.parametrize("seconds", [0.04, 0.2])
def test_what_is_gone_fades_over_the_same_time_at_any_rate(rate: int, seconds: float) -> None:
    left = calmed(FALLING, seconds=seconds, rate=rate)[:, 0, 0]
    wanted = [math.exp(-i / rate / seconds) for i in range(COUNT)]
    np.testing.assert_allclose(left, wanted, atol=1e-4)
    assert (left[-1] == 0) == (wanted[-1] < 1e-4)


def test_what_stays_is_not_touched() -> None:
    mask = torch.linspace(0, 1, 16).view(4, 4).expand(COUNT, -1, -1)
    assert torch.equal(calmed(mask), mask)


def test_trembling_is_calmed_and_even_motion_lags_by_the_time_given() -> None:
    rising = torch.arange(COUNT).float().view(-1, 1, 1) / COUNT
    lag = (rising - calmed(rising))[-1, 0, 0] * COUNT / 25
    assert lag == pytest.approx(0.1 - 0.5 / 25, abs=0.005)  # half a frame of it is the frames' own
    noise = torch.rand(COUNT, 8, 8, generator=torch.Generator().manual_seed(0))
    assert calmed(noise)[8:].std(dim=0).mean() < 0.5 * noise[8:].std(dim=0).mean()


@pytest.mark.parametrize("lengths", [(24,), (5, 7, 12), (1,) * 24])
def test_parts_join_without_a_trace_however_long_they_are(lengths: tuple[int, ...]) -> None:
    masks = torch.rand(COUNT, 6, 6, generator=torch.Generator().manual_seed(0))
    track, times = track_at(), [Fraction(i, 25) for i in range(COUNT)]
    parts, state, start = [], SteadyMasks(0.1, track, np.arange(COUNT), times).state, 0
    for length in lengths:
        filtering = SteadyMasks(0.1, track, np.arange(COUNT), times)  # as another process would begin
        filtering.go_on_from(state)
        outputs = np.arange(start, start + length)
        parts.append(filtering.steady(masks[outputs], outputs))
        state, start = filtering.state, start + length
    assert torch.equal(torch.cat(parts), calmed(masks))


def test_it_starts_anew_at_a_cut() -> None:
    calm = calmed(FALLING, track=track_at(25, 3, COUNT - 3))[:, 0, 0]
    assert calm[2] > 0.4 and not calm[3:].any()


def test_it_starts_anew_after_a_frame_that_is_left_alone() -> None:
    calm = calmed(FALLING[:4], outputs=[0, 1, 3, 4])[:, 0, 0]
    assert calm[1] > 0.4 and not calm[2:].any()


@pytest.mark.parametrize(
    ("rows", "goes_on"),
    [
        ([0, 1, 2, 1, 0, 1], True),  # to and fro
        ([4, 4, 4, 4, 4, 4], True),  # held
        ([0, 1, 2, 4, 6, 8], True),  # every other frame at the same rate: twice as fast
        ([0, 1, 2, 12, 13, 14], False),
        ([9, 10, 11, 0, 1, 2], False),  # from the start again
    ],
)
def test_it_starts_anew_where_the_clip_jumps(rows: list[int], goes_on: bool) -> None:
    assert bool(calmed(FALLING[:6], rows=rows)[3:].any()) == goes_on


def test_frames_that_are_left_out_for_a_lower_rate_are_no_jump() -> None:
    calm = calmed(FALLING[:6], track=track_at(50), rows=[0, 4, 8, 12, 16, 20], rate=12)
    assert calm[1, 0, 0] == pytest.approx(math.exp(-1 / 12 / 0.1))
