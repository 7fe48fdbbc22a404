"""Clips that are no file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.clip import clip_of_pictures, part_of, watched
from retalk_nodes.retalk_core.media.reader import open_clip


def pictures(count: int) -> torch.Tensor:
    """Grey pictures (count, 4, 6, 3): picture i is i/10 bright."""
    return (torch.arange(count) / 10).reshape(-1, 1, 1, 1).expand(count, 4, 6, 3)


def test_pictures_are_a_clip_of_exact_times() -> None:
    clip = clip_of_pictures(pictures(3), Fraction(30000, 1001))
    assert clip.times == (0, Fraction(1001, 30000), Fraction(2002, 30000))
    assert (clip.size, clip.end, clip.is_still) == ((4, 6), Fraction(3003, 30000), False)
    shown = list(clip.frames([2, 0]))
    assert [frame.index for frame in shown] == [2, 0] and shown[0].time == clip.times[2]
    assert shown[0].pixels.dtype == np.uint8 and (shown[0].pixels == 51).all()
    assert clip_of_pictures(pictures(1), Fraction(25)).is_still


def test_deep_frames_hold_what_eight_bits_would_lose() -> None:
    given = torch.rand(2, 4, 6, 3, generator=torch.manual_seed(0))
    clip = clip_of_pictures(given, Fraction(25), bit_depth=16)
    found = np.stack([frame.pixels for frame in clip.frames()])
    assert found.dtype == np.uint16
    np.testing.assert_allclose(found / 65535, given, atol=0.5 / 65535 + 1e-7)


def test_what_is_no_number_is_black_and_alpha_is_dropped() -> None:
    odd = torch.tensor([[[[float("nan"), 2.0, -1.0, 0.5]]]])
    (frame,) = clip_of_pictures(odd, Fraction(25)).frames()
    assert frame.pixels.tolist() == [[[0, 255, 0]]]


@pytest.mark.parametrize("shape", [(0, 4, 6, 3), (4, 6, 3), (2, 4, 6, 1)])
def test_what_holds_no_pictures_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="can't be a clip"):
        clip_of_pictures(torch.zeros(shape), Fraction(25))


def test_a_part_of_a_clip_counts_from_its_own_first_frame(talking_clip: Path) -> None:
    whole = open_clip(talking_clip)
    part = part_of(whole, Fraction(2, 25), Fraction(3, 25))
    assert part.times == (0, Fraction(1, 25), Fraction(2, 25)) and part.end == Fraction(3, 25)
    shown = list(part.frames())
    assert [frame.index for frame in shown] == [0, 1, 2]
    expected = list(whole.frames([2, 3, 4]))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(shown, expected, strict=True))
    assert part_of(whole, Fraction(17, 25)).end == Fraction(1, 25)


def test_a_part_without_a_frame_is_refused_in_words(talking_clip: Path) -> None:
    with pytest.raises(OptionError, match=r"has no frame; it ends at 0:00:00\.720"):
        part_of(open_clip(talking_clip), Fraction(5), Fraction(1))


def test_a_watched_clip_can_be_stopped_at_any_frame(talking_clip: Path) -> None:
    seen = []

    def look() -> None:
        seen.append(0)
        if len(seen) == 3:
            raise KeyboardInterrupt

    clip = watched(open_clip(talking_clip), look)
    with pytest.raises(KeyboardInterrupt):
        list(clip.frames())
    assert len(seen) == 3 and len(clip) == 18
