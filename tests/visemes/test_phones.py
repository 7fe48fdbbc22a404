"""Speech sounds are heard where a recogniser is there, a part of the speech at a time."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.visemes import phones as phones_module
from retalk_nodes.retalk_core.visemes.drive import mouth_drive
from retalk_nodes.retalk_core.visemes.phones import Phone, blend_targets
from retalk_nodes.retalk_core.visemes.signal import RATE
from voices import babble_of, needs_recogniser


def test_without_a_recogniser_the_level_drives_the_mouth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_module, "find_spec", lambda name: None)
    assert mouth_drive(babble_of(2)).source == "signal"
    with pytest.raises(OptionError, match="pocketsphinx"):
        mouth_drive(babble_of(2), phones=True)


@needs_recogniser
def test_a_host_can_watch_and_stop_the_recogniser() -> None:
    told: list[tuple[int, int | None]] = []
    mouth_drive(babble_of(65), phones=True, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (65, 65)
    assert len(told) >= 4
    assert told == sorted(told)

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mouth_drive(babble_of(2), phones=True, progress=stop)


def test_what_is_recognised_in_one_go_is_short_and_holds_all_the_speech() -> None:
    speaking = np.zeros(200 * RATE, bool)
    for start, stop in ((1, 9), (11, 19), (20, 24), (40, 130), (140, 141), (199, 200)):
        speaking[start * RATE : stop * RATE] = True
    stretches = list(phones_module.speech_parts(speaking))
    covered = np.zeros_like(speaking)
    for start, stop in stretches:
        assert 0 < stop - start <= 20 * RATE
        assert not covered[start:stop].any()
        covered[start:stop] = True
    assert covered[speaking].all()
    assert not covered[150 * RATE : 198 * RATE].any()


# What sounds want


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
