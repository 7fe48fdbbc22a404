"""What the synthesisers say while the viseme listener learns: real words, numbers and words that nobody knows.

Every word below was written down for this. A sentence mixes real words of a language, numbers (which
espeak-ng reads in every language) and made-up words of its letters, so that all sounds stand beside all others.
"""

from __future__ import annotations

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

# fmt: off
LETTERS: dict[str, Letters] = {
    "en-us": LATIN._replace(heads="p b m f v t d n s l r k g h w th sh ch j y p b m sp br pl sm fl", vowels="a e i o u oo ee ow ay oa er"),
    "de": LATIN._replace(heads="p b m f w t d n s l r k g h sch z pf v p b m sp br pl schm fl", vowels="a e i o u ä ö ü ei au eu ie"),
    "fr": LATIN._replace(heads="p b m f v t d n s l r c g ch j p b m br pl", vowels="a é i o u ou oi eu on an in"),
    "it": LATIN._replace(heads="p b m f v t d n s l r c g sc gn p b m sp br pl", tails="m n l r"),
    "pt": LATIN._replace(heads="p b m f v t d n s l r c g lh nh p b m br pl", vowels="a e i o u ão ei ou", tails="m n l r s"),
    "pt-br": LATIN._replace(vowels="a é i ó u ã õe", tails="m n l r s"),
    "nl": LATIN._replace(vowels="a e i o u oe eu ui ij aa oo ee uu"),
    "sv": LATIN._replace(vowels="a e i o u å ä ö y"),
    "da": LATIN._replace(vowels="a e i o u å æ ø y"),
    "pl": LATIN._replace(heads="p b m f w t d n s l r k g sz cz ż ł ś p b m prz bl", vowels="a e i o u y ą ę ó"),
    "cs": LATIN._replace(heads="p b m f v t d n s l r k h š č ž ř p b m pr bl", vowels="a e i o u á é í ů ě ou"),
    "tr": LATIN._replace(heads="p b m f v t d n s l r k g h ş ç c y p b m", vowels="a e ı i o ö u ü"),
    "fi": LATIN._replace(heads="p m v t n s l r k h j p m v", vowels="a e i o u y ä ö aa uu öö", tails="n s l r t pp mm"),
    "hu": LATIN._replace(heads="p b m f v t d n sz l r k g h s zs cs p b m", vowels="a á e é i o ö ő u ü ű"),
    "ro": LATIN._replace(vowels="a ă â e i o u ea oa"),
    "id": LATIN, "sw": LATIN._replace(heads="p b m f v t d n s l r k g mb mw pw ny p b m"),
    "eo": LATIN, "cy": LATIN._replace(heads="p b m ff f t d n s ll r c g h dd p b m", vowels="a e i o u w y wy oe"),
    "is": LATIN._replace(vowels="a á e é i í o ó u ú æ ö ei"), "af": LATIN, "sq": LATIN._replace(vowels="a e ë i o u y"),
    "vi": LATIN._replace(heads="ph b m v t đ n x l r c g kh nh b m b", vowels="a ê i ô u ơ ư ă oa uy", tails="m n p ng c t"),
    "ru": CYRILLIC, "uk": CYRILLIC._replace(vowels="а е и о у і я ю є"), "bg": CYRILLIC._replace(vowels="а е и о у ъ"),
    "el": Letters("π μπ μ φ β τ ντ ν σ λ ρ κ γ θ δ χ π μ", "α ε ι ο ου η ω", "ν ς ρ λ μ"),
    "ko": Letters("ㅂ ㅃ ㅍ ㅁ ㄷ ㄴ ㅅ ㄹ ㄱ ㅎ ㅈ ㅂ ㅁ ㅍ", "ㅏ ㅓ ㅗ ㅜ ㅡ ㅣ ㅐ ㅔ ㅑ ㅛ ㅠ ㅘ ㅝ ㅟ", "ㅁ ㅂ ㄴ ㅇ ㄹ ㄱ"),
    "ja": Letters("ば ぱ ま び ぴ み ぶ ぷ む べ ぺ め ぼ ぽ も た て と す し さ そ か く き け こ な の に ら り れ ろ る は ほ ふ わ や ゆ よ あ い う え お",
                  " ", "ん"),
    "ar": Letters("ب م ف ت د ن س ل ر ك ه و ش ب م", "َا ِي ُو َ ِ ُ", "م ن ب ل ر س"),
    "bn": Letters("প ব ম ফ ভ ত দ ন স ল র ক গ হ প ব ম", "া ে ি ো ু ৈ ৌ", "ম ন প ল র স ত"),
    "ta": Letters("ப ம வ த ந ச ல ர க ப ம", "ா ே ி ோ ு ை", "ம் ன் ல் ர்"),
    "ka": Letters("პ ბ მ ფ ვ ტ დ ნ ს ლ რ კ გ შ პ ბ მ", "ა ე ი ო უ", "მ ნ ბ ლ რ ს"),
    "cmn-latn-pinyin": Letters(
        "b p m f d t n l g k h j q x zh ch sh z c s r w y b p m f",
        "a1 a4 ai4 an2 ang1 ao3 e2 ei4 en1 eng2 i1 i4 ian2 iao4 in1 ing2 iu4 o2 ong1 ou3 u4 u3 ua1 uo3 uo4 ui4 un2", "",
    ),
}
WORDS: dict[str, str] = {
    "en-us": "papa mama baby bubble apple pepper paper people maybe remember problem possible important member number summer "
    "family company movie moment human famous simple happy never every over very give move above village voice five seven heavy "
    "food feel first full before afraid coffee wife laugh the that this they with mother father brother think thing three both "
    "you who blue moon soon two room school would could good book put foot woman look go home only open boat road show window "
    "we see three green please need tree me he she easy it his still little big city live if miss will women what why where "
    "world work word learn her bird girl turn were first now house about down out mouth brown how name day make take place late "
    "play say time my like fine mine night light right buy die five cat man back hand black happen stand plan water all talk "
    "call small long lost stop want job box top got father heart start hard car dark large bread bed said ten best help men "
    "up but cup come some love money nothing enough study under run sun much brother does and for from to of in on at by as or "
    "boy point voice join noise choice enjoy yes year yellow young use music beautiful few new when wind winter wait away",
    "en": "tomorrow morning perhaps a lovely pebble beach might be warmer than we believed before supper bottom butter better "
    "bathroom umbrella lamp bulb thumb limb plumber vivid velvet favour effort coffee puffing moving poem poet goodbye",
    "de": "Papa Mama Baum Blume Apfel Oper aber haben geben leben lieber Abend Probe Pumpe Lampe immer kommen nehmen Zimmer "
    "Name Mutter Vater fünf viel Wasser Welt Wetter wollen Freund Feuer offen Brief über grün schön hören Königin Bücher Haus "
    "heute Leute neu eins zwei drei Liebe Wiese sie wir mir die das ist und nicht mit auf für von bei nach Bruder Schule Uhr gut",
    "fr": "papa maman bonbon beau petit pomme homme femme famille aimer problème parapluie pouvoir vouloir vouloir voiture "
    "vent vin fou feu fête café bouche rouge jour nous vous tout bon pont monde ombre lune rue plus tu une peu deux bleu heure soeur "
    "il est les des dans avec pour mais moi toi trois fille lit vie ici merci",
    "it": "mamma babbo pappa bambino ombrello tempo campo primo problema libro bello buono uovo uomo nuovo vivo vino favore "
    "fuoco caffè piove più meno molto mondo sempre domani amore amico acqua quando questo quello giorno luce luna notte vedere",
    "pt": "mãe pai bom dia boa noite obrigado homem mulher pombo problema também sempre tempo vovó fogo favor chuva novo livro "
    "pão muito bem amigo mesmo vida força lua rua azul", "nl": "papa moeder boom bloem appel water vuur vijf vrouw leven lopen "
    "huis muis boek goed groen zoon mooi mensen problemen misschien",
    "pl": "mama tata pan pani dzień dobry proszę woda ogień rzeka pięć osiem wszystko problem bardzo lubię mówić obraz książka",
    "ru": "мама папа баба дом вода погода больше пять бумага имя время любовь фонарь вверх вместе первый небо зима лампа море умный "
    "большой проблема помнить нужно друг книга рука", "tr": "baba anne elma kapı bebek kitap merhaba problem mavi deniz vapur "
    "fırın havuz büyük küçük güzel yüz gün bugün iyi", "cs": "máma táta dobrý den prosím voda oheň pět osm všechno problém mám "
    "rád most kniha ruka", "ja": "ママ パパ たべもの のみもの みなさん ばんぐみ しんぶん せんぱい さんぽ ぼうし ふゆ ほん もも うみ",
    "id": "mama bapak pabrik mobil bambu pohon rumah bulan lampu sampai membaca minum wajah favorit", "ko": "엄마 아빠 "
    "밥 비빔밥 물 불 봄 바람 나무 사람 모두 우유 오늘 감사합니다", "fi": "mummo pappa omena lumi metsä puu hyvä päivä vauva",
    "el": "μαμά μπαμπάς παππούς βιβλίο φως ένα πέντε ουρανός μπορώ άνθρωπος", "sv": "mamma pappa blomma vatten fem sju bok hus",
}
# fmt: on
ENGLISH = ("en-us", "en")


def draw_sentence(rng: np.random.Generator, language: str, known: float = 0.5) -> str:
    """A sentence of four to twelve words, about `known` of them real where the language has a list."""
    words = " ".join(
        WORDS.get(each, "") for each in (ENGLISH if language in ENGLISH else (language,))
    ).split()
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
