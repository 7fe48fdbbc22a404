"""With its text a voice shuts the lips for every p, b and m; a text that isn't the voice's is found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.visemes import phones as phones_module
from retalk_nodes.retalk_core.visemes.drive import mouth_drive, sample_drive
from retalk_nodes.retalk_core.visemes.signal import RATE
from voices import SAMPLE_RATE, babble_of, needs_recogniser, needs_voice, spoken

SAID = "Pam met my brother by the old bridge. Maybe we bump into him above the harbour."
CLOSURES = 12  # p, b and m; those right behind each other are one
OTHER = "Zwei Katzen kratzen an der Tür, sie hassen Regen. Keine Angst, sagte Lisa, die Sonne scheint."


@needs_recogniser
@needs_voice
def test_the_lips_meet_for_each_and_stay_together_for_two_frames(tmp_path: Path) -> None:
    voice = spoken(tmp_path, SAID, "en-us")
    drive = mouth_drive(voice, transcript=SAID)
    assert (drive.source, drive.notes) == ("text", ())
    assert CLOSURES <= len(drive.closures) <= CLOSURES + 3
    lasting = np.diff(drive.closures, axis=1)
    assert lasting.min() > 0.02 and 0.06 <= np.median(lasting) <= 0.14
    times = [index / 25 for index in range(int(25 * len(voice) / SAMPLE_RATE))]
    opening, *_ = sample_drive(drive, times)
    middles = np.array(times) + 0.02
    frames = [np.abs(middles - closure.mean()) <= 0.04 for closure in drive.closures]
    shut = [int((opening[near] < 0.05).sum()) for near in frames]
    assert np.mean([count >= 2 for count in shut]) > 0.8 and min(shut) >= 1


@needs_recogniser
@needs_voice
def test_a_long_text_is_found_stretch_by_stretch_and_by_subtitles(tmp_path: Path) -> None:
    sentences = [
        SAID,
        "Five apes fed on figs, and above them a moth was waving.",
        "A plum pie bubbled in the oven.",
    ]
    parts, cues, begin = [], [], 0.0
    for number in range(6):
        text = sentences[number % 3]
        part = np.append(spoken(tmp_path, text, "en-us"), np.zeros(SAMPLE_RATE // 2, np.float32))
        end = begin + len(part) / SAMPLE_RATE
        cues.append(f"00:{begin:06.3f} --> 00:{end:06.3f}\n{text}\n")
        parts.append(part)
        begin = end
    voice = np.concatenate(parts)
    assert len(voice) > 21 * SAMPLE_RATE
    plain = mouth_drive(voice, transcript=" ".join(sentences * 2))
    timed = mouth_drive(voice, transcript="WEBVTT\n\n" + "\n".join(cues))
    assert plain.source == timed.source == "text" and plain.notes == timed.notes == ()
    np.testing.assert_allclose(plain.closures, timed.closures, atol=0.05)
    half = len(parts[0]) + len(parts[1])
    rest = mouth_drive(
        voice[half:],
        transcript=" ".join(sentences * 2),
        within=(half / SAMPLE_RATE, len(voice) / SAMPLE_RATE),
    )
    assert rest.source == "text" and rest.notes == ()
    assert len(rest.closures) == pytest.approx((plain.closures[:, 0] > half / SAMPLE_RATE).sum(), abs=2)


@needs_recogniser
@needs_voice
def test_a_text_that_is_not_the_voices_is_told_and_what_is_heard_counts(tmp_path: Path) -> None:
    voice = spoken(tmp_path, SAID, "en-us")
    drive = mouth_drive(voice, transcript=OTHER)
    assert drive.source == "listener"
    assert len(drive.notes) == 1 and "doesn't fit" in drive.notes[0]
    np.testing.assert_array_equal(drive.opening, mouth_drive(voice).opening)


def test_without_a_recogniser_the_transcript_is_told_to_be_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_module, "find_spec", lambda name: None)
    drive = mouth_drive(babble_of(2), transcript=SAID)
    assert drive.source == "listener" and "pocketsphinx" in drive.notes[0]


@needs_recogniser
@pytest.mark.parametrize("text", ["", " \n", "… 🙂 !"])
def test_a_text_without_words_changes_nothing(text: str) -> None:
    voice = babble_of(2)
    np.testing.assert_array_equal(mouth_drive(voice, transcript=text).opening, mouth_drive(voice).opening)


@needs_recogniser
def test_a_voice_without_speech_stays_shut_whatever_the_text_says() -> None:
    drive = mouth_drive(np.zeros(3 * RATE * 160, np.float32), transcript=SAID)
    assert not drive.opening.any()
