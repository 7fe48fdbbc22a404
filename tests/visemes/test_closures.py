"""Lips that meet stay together for a while, by the length of the sound, and part over a frame."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.visemes.closures import (
    LENGTHS,
    bites_of,
    closures_of,
    lowered_by,
    shut_by,
)
from retalk_nodes.retalk_core.visemes.targets import Phone

LOUD = np.ones(300)


def test_a_closure_lasts_as_long_as_its_sound_within_limits() -> None:
    heard = [Phone("M", 0.5, 0.52), Phone("S", 0.52, 1.0), Phone("B", 1.0, 1.1), Phone("P", 2.0, 2.4)]
    lasting = np.diff(closures_of(heard, LOUD, certain=True), axis=1)[:, 0]
    np.testing.assert_allclose(lasting, [LENGTHS[0], 0.1, LENGTHS[1]], atol=1e-9)


def test_what_was_only_heard_must_be_softer_than_what_is_beside_it() -> None:
    heard = [Phone("P", 1.0, 1.1)]
    assert not len(closures_of(heard, LOUD, certain=False))
    dip = LOUD.copy()
    dip[102:108] = 0.3
    assert len(closures_of(heard, dip, certain=False)) == 1


def test_a_short_vowel_between_two_closures_still_opens_the_mouth() -> None:
    heard = [Phone("M", 1.0, 1.08), Phone("AA", 1.08, 1.16), Phone("M", 1.16, 1.24)]
    shut = shut_by(closures_of(heard, LOUD, certain=True), 300)
    assert shut[112] < 0.5 < 0.99 < min(shut[104], shut[120])


def test_lips_come_together_and_part_over_a_frame() -> None:
    shut = shut_by(np.array([[1.0, 1.1]]), 300)
    assert (shut[100:110] == 1).all() and not shut[:95].any() and not shut[115:].any()
    assert 0 < shut[97] < 1 and 0 < shut[112] < 1
    assert np.abs(np.diff(shut)).max() < 0.3


@pytest.mark.parametrize("sound", ["F", "V"])
def test_f_and_v_lower_the_ceiling_to_a_slit(sound: str) -> None:
    ceiling = lowered_by(bites_of([Phone(sound, 1.0, 1.1), Phone("M", 2.0, 2.1)]), 300)
    assert ceiling[105] == pytest.approx(0.15) and ceiling[90] == ceiling[205] == 1
