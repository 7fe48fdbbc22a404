"""What the synthesisers say while the viseme listener learns: real words, numbers and made-up ones.

Every word in listener_words.txt was written down for this. A sentence mixes real words of a language,
numbers (which espeak-ng reads in every language) and made-up words of its letters, so that all sounds
stand beside all others.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

# Never heard while learning; tested on afterwards. Languages near to them (an, ca, ur) are left out, too.
HELD_BACK = ("es", "hi")


class Letters(NamedTuple):
    """How made-up words of a language are spelled."""

    heads: str  # what syllables begin with, parted by blanks
    vowels: str
    tails: str  # what a few of them end with


LATIN = Letters("p b m f v t d n s l r k g h w p b m sp br pl", "a e i o u", "m n p l r s t k b")
CYRILLIC = Letters("п б м ф в т д н с л р к г ш ж п б м пр бл", "а э и о у е я ю", "м н п л р с т к б в")

LETTERS: dict[str, Letters] = {
    "en-us": LATIN._replace(
        heads="p b m f v t d n s l r k g h w th sh ch j y p b m sp br pl sm fl",
        vowels="a e i o u oo ee ow ay oa er",
    ),
    "de": LATIN._replace(
        heads="p b m f w t d n s l r k g h sch z pf v p b m sp br pl schm fl",
        vowels="a e i o u ä ö ü ei au eu ie",
    ),
    "fr": LATIN._replace(
        heads="p b m f v t d n s l r c g ch j p b m br pl",
        vowels="a é i o u ou oi eu on an in",
    ),
    "it": LATIN._replace(
        heads="p b m f v t d n s l r c g sc gn p b m sp br pl",
        tails="m n l r",
    ),
    "pt": Letters(
        heads="p b m f v t d n s l r c g lh nh p b m br pl",
        vowels="a e i o u ão ei ou",
        tails="m n l r s",
    ),
    "pt-br": LATIN._replace(
        vowels="a é i ó u ã õe",
        tails="m n l r s",
    ),
    "nl": LATIN._replace(
        vowels="a e i o u oe eu ui ij aa oo ee uu",
    ),
    "sv": LATIN._replace(
        vowels="a e i o u å ä ö y",
    ),
    "da": LATIN._replace(
        vowels="a e i o u å æ ø y",
    ),
    "pl": LATIN._replace(
        heads="p b m f w t d n s l r k g sz cz ż ł ś p b m prz bl",
        vowels="a e i o u y ą ę ó",
    ),
    "cs": LATIN._replace(
        heads="p b m f v t d n s l r k h š č ž ř p b m pr bl",
        vowels="a e i o u á é í ů ě ou",
    ),
    "tr": LATIN._replace(
        heads="p b m f v t d n s l r k g h ş ç c y p b m",
        vowels="a e ı i o ö u ü",
    ),
    "fi": Letters(
        heads="p m v t n s l r k h j p m v",
        vowels="a e i o u y ä ö aa uu öö",
        tails="n s l r t pp mm",
    ),
    "hu": LATIN._replace(
        heads="p b m f v t d n sz l r k g h s zs cs p b m",
        vowels="a á e é i o ö ő u ü ű",
    ),
    "ro": LATIN._replace(
        vowels="a ă â e i o u ea oa",
    ),
    "id": LATIN,
    "sw": LATIN._replace(
        heads="p b m f v t d n s l r k g mb mw pw ny p b m",
    ),
    "eo": LATIN,
    "cy": LATIN._replace(
        heads="p b m ff f t d n s ll r c g h dd p b m",
        vowels="a e i o u w y wy oe",
    ),
    "is": LATIN._replace(
        vowels="a á e é i í o ó u ú æ ö ei",
    ),
    "af": LATIN,
    "sq": LATIN._replace(
        vowels="a e ë i o u y",
    ),
    "vi": Letters(
        heads="ph b m v t đ n x l r c g kh nh b m b",
        vowels="a ê i ô u ơ ư ă oa uy",
        tails="m n p ng c t",
    ),
    "ru": CYRILLIC,
    "uk": CYRILLIC._replace(
        vowels="а е и о у і я ю є",
    ),
    "bg": CYRILLIC._replace(
        vowels="а е и о у ъ",
    ),
    "el": Letters(
        heads="π μπ μ φ β τ ντ ν σ λ ρ κ γ θ δ χ π μ",
        vowels="α ε ι ο ου η ω",
        tails="ν ς ρ λ μ",
    ),
    "ko": Letters(
        heads="ㅂ ㅃ ㅍ ㅁ ㄷ ㄴ ㅅ ㄹ ㄱ ㅎ ㅈ ㅂ ㅁ ㅍ",
        vowels="ㅏ ㅓ ㅗ ㅜ ㅡ ㅣ ㅐ ㅔ ㅑ ㅛ ㅠ ㅘ ㅝ ㅟ",
        tails="ㅁ ㅂ ㄴ ㅇ ㄹ ㄱ",
    ),
    "ja": Letters(
        heads=(
            "ば ぱ ま び ぴ み ぶ ぷ む べ ぺ め ぼ ぽ も た て と す し さ そ か く き "
            "け こ な の に ら り れ ろ る は ほ ふ わ や ゆ よ あ い う え お"
        ),
        vowels=" ",
        tails="ん",
    ),
    "ar": Letters(
        heads="ب م ف ت د ن س ل ر ك ه و ش ب م",
        vowels="َا ِي ُو َ ِ ُ",
        tails="م ن ب ل ر س",
    ),
    "bn": Letters(
        heads="প ব ম ফ ভ ত দ ন স ল র ক গ হ প ব ম",
        vowels="া ে ি ো ু ৈ ৌ",
        tails="ম ন প ল র স ত",
    ),
    "ta": Letters(
        heads="ப ம வ த ந ச ல ர க ப ம",
        vowels="ா ே ி ோ ு ை",
        tails="ம் ன் ல் ர்",
    ),
    "ka": Letters(
        heads="პ ბ მ ფ ვ ტ დ ნ ს ლ რ კ გ შ პ ბ მ",
        vowels="ა ე ი ო უ",
        tails="მ ნ ბ ლ რ ს",
    ),
    "cmn-latn-pinyin": Letters(
        heads="b p m f d t n l g k h j q x zh ch sh z c s r w y b p m f",
        vowels=(
            "a1 a4 ai4 an2 ang1 ao3 e2 ei4 en1 eng2 i1 i4 ian2 iao4 in1 ing2 iu4 o2 ong1 ou3 u4 u3 "
            "ua1 uo3 uo4 ui4 un2"
        ),
        tails="",
    ),
}


def _read_words() -> dict[str, list[str]]:
    """Real words by language, from the file beside this one."""
    text = (Path(__file__).parent / "listener_words.txt").read_text("utf8")
    return {part.split()[0].rstrip("]"): part.split()[1:] for part in text.split("[")[1:]}


WORDS = _read_words()
ENGLISH = ("en-us", "en")


def draw_sentence(rng: np.random.Generator, language: str, known: float = 0.5) -> str:
    """A sentence of four to twelve words, about `known` of them real where the language has a list."""
    lists = ENGLISH if language in ENGLISH else (language,)
    words = [word for each in lists for word in WORDS.get(each, ())]
    drawn = []
    for _ in range(int(rng.integers(4, 13))):
        kind = rng.random()
        if kind < 0.06:
            drawn.append(str(rng.integers(1, 1000)))
        elif words and kind < known + 0.06:
            drawn.append(words[int(rng.integers(len(words)))])
        else:
            drawn.append(_made_up(rng, LETTERS["en-us" if language in ENGLISH else language]))
        if rng.random() < 0.08:
            drawn[-1] += ","
    return " ".join(drawn) + "."


def _made_up(rng: np.random.Generator, letters: Letters) -> str:
    """A word of one to three syllables."""
    heads, vowels, tails = (
        letters.heads.split(),
        letters.vowels.split() or [""],
        letters.tails.split() or [""],
    )
    word = ""
    for _ in range(int(rng.integers(1, 4))):
        head = heads[int(rng.integers(len(heads)))] if rng.random() < 0.88 else ""
        vowel = vowels[int(rng.integers(len(vowels)))]
        tail = tails[int(rng.integers(len(tails)))] if rng.random() < 0.25 else ""
        word += _hangul(head or "ㅇ", vowel, tail) if "ㅏ" in vowels else head + vowel + tail
    return word


def _hangul(head: str, vowel: str, tail: str) -> str:
    """A Korean syllable of its letters, which are composed by Unicode's rule."""
    heads, vowels = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ", "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
    tails = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
    code = (heads.index(head) * 21 + vowels.index(vowel)) * 28 + (tails.index(tail) if tail else 0)
    return chr(0xAC00 + code)
