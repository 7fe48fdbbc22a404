"""A text's language is told by its script, its letters and its commonest words."""

from __future__ import annotations

import pytest
from retalk_nodes.retalk_core.visemes.text.languages import LANGUAGES, language_of

SAID = {
    "en": "Where did you put the key to my room?",
    "de": "Wo hast du den Schlüssel zu meinem Zimmer hingelegt, und warum nicht auf den Tisch?",
    "es": "¿Dónde has puesto la llave de mi cuarto? No está en la mesa.",
    "fr": "Où est-ce que tu as mis la clé de ma chambre, elle est dans le sac ?",
    "it": "Dove hai messo la chiave della mia stanza? Non è sul tavolo, ma per terra.",
    "pl": "Gdzie położyłeś klucz do mojego pokoju? Nie ma go na stole.",
    "ru": "Где ты оставил ключ от моей комнаты?",
    "uk": "Де ти залишив ключ від моєї кімнати?",
    "zh": "你把我房间的钥匙放在哪里了？",
    "ja": "わたしの へやの かぎは どこですか",
    "ko": "내 방 열쇠를 어디에 두었니?",
    "hi": "मेरे कमरे की चाबी कहाँ रखी है?",
    "ar": "أين وضعت مفتاح غرفتي؟",
    "el": "Πού έβαλες το κλειδί του δωματίου μου;",
}


@pytest.mark.parametrize("language", SAID)
def test_the_language_is_told(language: str) -> None:
    assert language_of(SAID[language]) == language


def test_what_tells_nothing_is_english_and_kanji_among_kana_are_japanese() -> None:
    assert language_of("1, 2, 3 …") == language_of("") == "en"
    assert language_of("学校へ行きます") == "ja"
    assert len(set(LANGUAGES)) == len(LANGUAGES)
