"""Which language a transcript is in, by its script and its commonest words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

AUTO = "auto"
LANGUAGES = (  # that can be named; ISO 639-1
    *(
        "ar",
        "bg",
        "bn",
        "ca",
        "cs",
        "da",
        "de",
        "el",
        "en",
        "es",
        "fa",
        "fi",
        "fr",
        "gu",
        "he",
        "hi",
        "hr",
        "hu",
    ),
    *(
        "id",
        "it",
        "ja",
        "kn",
        "ko",
        "ml",
        "mr",
        "ms",
        "nl",
        "no",
        "pa",
        "pl",
        "pt",
        "ro",
        "ru",
        "sk",
        "sl",
        "sr",
    ),
    *("sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh"),
)
_SCRIPTS = {  # by the first word of a letter's Unicode name, and what is most often written in it
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "DEVANAGARI": "hi", "BENGALI": "bn",
    "GUJARATI": "gu", "GURMUKHI": "pa", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml",
    "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar", "HEBREW": "he", "THAI": "th", "LATIN": "en",
}  # fmt: skip
_TELLING = {  # letters that only this language of its script has
    "uk": "іїєґ", "sr": "јљњћђџ", "fa": "پچژگ", "ur": "ٹڈڑںے", "de": "ß", "es": "ñ¿¡", "pt": "ãõ", "sv": "å",
    "da": "ø", "tr": "ışğ", "pl": "łąężśćń", "cs": "řůě", "hu": "őű", "ro": "ășțţ", "fr": "œçêèà",
    "vi": "ơưđạếộ",
}  # fmt: skip
_COMMON = {
    "en": "the and of to is that it you for was are with this have not what we they",
    "de": "der die und das ist nicht ich ein sie es mit wir den auf für von zu dem eine auch",
    "es": "el la de que y los las en un una por con no es para del se lo mi su",
    "fr": "le la les de des et est un une que pas je vous nous dans pour il qui ce du",
    "it": "il di che la è non un una per sono con gli della del mi ha lo ho si ma",
    "pt": "o de que e não um uma os as do da em para com eu você é se no mais",
    "nl": "de het een en van is niet dat ik je met voor op zijn wij maar naar ook heeft er",
    "sv": "och att det är en som jag inte på för med den ett vi har av till om du de",
    "da": "og at det er en som jeg ikke på for med den et vi har af til om du de",
    "no": "og å det er en som jeg ikke på for med den et vi har av til om du meg",
    "pl": "i w nie na się jest to że z do jak ale co mnie mi tym po czy od ja",
    "cs": "a v se na je že to s z do jsem ale jak co tak by si ne pro jsme",
    "fi": "ja on ei se että en hän minä mutta ovat niin oli mitä kun tämä myös ole jos sinä nyt",
    "hu": "a az és nem hogy egy is ez van de meg csak mi vagy már volt te én ha ki",
    "ro": "și nu este un o în la de cu că pe mai să ce din sunt dar au pentru el",
    "tr": "ve bir bu da de için ne ben sen çok var değil gibi ama mi o daha biz kadar evet",
    "id": "yang dan di ini itu dengan untuk tidak dari saya dalam akan pada ke ada kami bisa juga sudah",
    "vi": "là và của không có cho một những được người trong tôi này các anh với đã cũng nhưng rất",
}


def language_of(text: str) -> str:
    """The likeliest language, one of `LANGUAGES`; "en" where nothing tells."""
    text = unicodedata.normalize("NFC", text.lower())
    letters = Counter(character for character in text if character.isalpha())
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        scripts[unicodedata.name(letter, "").split(" ")[0]] += count
    if 10 * (scripts["HIRAGANA"] + scripts["KATAKANA"]) > scripts["CJK"] > 0:
        return "ja"
    known = [script for script, _ in scripts.most_common() if script in _SCRIPTS]
    if not known:
        return "en"
    usual = _SCRIPTS[known[0]]
    words = Counter(re.findall(r"[^\W\d_]+", text))
    return _by_words(letters, words, usual, known[0])


def _by_words(letters: Counter[str], words: Counter[str], usual: str, script: str) -> str:
    """Of the languages of one script the one whose words and letters are met most often."""
    found: Counter[str] = Counter({usual: 0})
    for language, common in _COMMON.items() if script == "LATIN" else ():
        found[language] = sum(words[word] for word in common.split())
    for language, telling in _TELLING.items():
        if unicodedata.name(telling[0]).split(" ")[0] == script:
            found[language] += 2 * sum(letters[letter] for letter in telling)
    best, count = found.most_common(1)[0]
    return best if count > found[usual] else usual
