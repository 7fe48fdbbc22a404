"""What espeak-ng writes becomes sounds that the recogniser knows; without it, nothing does."""

from __future__ import annotations

import shutil

import pytest
from retalk_nodes.retalk_core.visemes.text import espeak
from voices import needs_voice


@pytest.mark.parametrize(
    ("ipa", "sounds"),
    [
        ("p_ˈʊ_m_p_ɜ_n_ˌɪ_k_ə_l", "P UH M P ER N IH K AH L"),
        ("ts_v_ˈaɪ", "T S V AY"),
        ("m_ˈũ_b_ˌi", "M UW B IY"),
        ("ɪç", "IH HH"),
        ("pʰ_ˈʌ_l_(de)", "P AH L"),
        ("tɕ_hˈi5", "CH HH IY"),
        ("_", ""),
    ],
)
def test_a_sound_is_the_nearest_that_is_known(ipa: str, sounds: str) -> None:
    assert espeak.sounds_of(ipa) == tuple(sounds.split())


def test_without_it_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak.shutil, "which", lambda name: None)
    monkeypatch.setattr(espeak, "_library", lambda: None)
    assert not espeak.have_espeak()
    assert espeak.speak_words(["Apfel"], "de") is None


@needs_voice
def test_program_and_library_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["ein blaues Boot", "zwei -q Äpfel"]
    by_program = espeak.speak_words(texts, "de")
    assert by_program is not None and [len(words) for words in by_program] == [3, 3]
    assert by_program[0][2] == ("B", "OW", "T")
    which = shutil.which
    monkeypatch.setattr(espeak.shutil, "which", lambda name: None if name == "espeak-ng" else which(name))
    if espeak.have_espeak():
        assert espeak.speak_words(texts, "de") == by_program


@needs_voice
def test_what_it_would_spell_out_in_english_is_refused() -> None:
    assert espeak.speak_words(["学校"], "ko") is None
