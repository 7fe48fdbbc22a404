"""Speech sounds are heard where a recogniser is there, a part of the speech at a time."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.visemes import phones as phones_module
from retalk_nodes.retalk_core.visemes.drive import mouth_drive
from retalk_nodes.retalk_core.visemes.signal import RATE
from voices import babble_of, needs_recogniser


def test_without_a_recogniser_the_listener_drives_the_mouth_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_module, "find_spec", lambda name: None)
    assert mouth_drive(babble_of(2)).source == "listener"
    assert mouth_drive(babble_of(2), phones=False).source == "signal"
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
