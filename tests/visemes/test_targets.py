"""What a speech sound wants of the lips, and how long it colours what follows."""

from __future__ import annotations

import pytest
from retalk_nodes.retalk_core.visemes.targets import Phone, blend_targets


def test_a_sound_pulls_hardest_while_it_lasts_and_nothing_is_known_far_from_it() -> None:
    wanted = blend_targets([Phone("AA", 0.5, 0.7)], 300)
    assert wanted.opening[60] == pytest.approx(1) and wanted.width[60] == pytest.approx(0.1)
    assert wanted.known[60] == 1 and wanted.known[50] > wanted.known[42] > wanted.known[38]
    assert not wanted.known[150:].any()


def test_a_closure_between_two_vowels_shuts_the_mouth() -> None:
    heard = [Phone("AA", 0.4, 0.6), Phone("M", 0.6, 0.7), Phone("AA", 0.7, 0.9)]
    opening = blend_targets(heard, 130).opening
    assert opening[65] < 0.2 < 0.8 < min(opening[50], opening[80])


def test_a_rounded_sound_lowers_the_ceiling_whatever_the_voice_does() -> None:
    wanted = blend_targets([Phone("UW", 0.4, 0.6)], 100)
    assert wanted.width[50] == pytest.approx(-1) and wanted.ceiling[50] == pytest.approx(0.45)
    assert blend_targets([], 10).ceiling.tolist() == [1] * 10
