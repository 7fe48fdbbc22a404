"""Speech sounds of a text by espeak-ng, where it is installed; it is a program beside this, no part of it."""

from __future__ import annotations

import ctypes
import functools
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Sequence
from ctypes.util import find_library

_SECONDS = 60  # for the program; it speaks an hour in one
_RETRIEVAL, _NOT_EXIT, _UTF8, _AS_IPA, _SEPARATED = 1, 0x8000, 1, 0x02, 0x80 | (ord("_") << 8)
VOICES = {"en": "en-us", "no": "nb", "zh": "cmn"}  # where it doesn't call them as ISO 639-1 does

# The nearest English sound by the signs of the International Phonetic Alphabet, without marks.
_IPA = """
tʃ=CH tɕ=CH ʈʂ=CH dʒ=JH dʑ=JH ts=T.S dz=D.Z pf=P.F aɪ=AY ai=AY aʊ=AW au=AW ɑu=AW eɪ=EY ei=EY oʊ=OW
əʊ=OW ou=OW ɔɪ=OY ɔø=OY ɔʏ=OY eː=EY oː=OW ɔː=AO əː=ER øː=ER p=P b=B m=M f=F v=V ʋ=V β=V ɸ=F ɱ=M t=T
d=D n=N ʈ=T ɖ=D ɳ=N k=K ɡ=G g=G q=K c=K ɟ=JH ɲ=N.Y s=S z=Z ʃ=SH ʒ=ZH ɕ=SH ʑ=ZH ʂ=SH ʐ=ZH θ=TH ð=DH
h=HH ɦ=HH x=HH χ=HH ç=HH ħ=HH ɣ=G ʁ=R ʀ=R l=L ɫ=L ɭ=L ʎ=L.Y ɬ=L ɹ=R r=R ɾ=R ɽ=R ɻ=R w=W ʍ=W ɥ=W j=Y
ʝ=Y ŋ=NG ɴ=N ɕː=SH a=AA ɑ=AA ɒ=AA æ=AE ɐ=AH ʌ=AH ə=AH ɤ=AH ɜ=ER ɚ=ER ɝ=ER ɛ=EH e=EH i=IY ɪ=IH ᵻ=IH
ɨ=IH ɯ=IH o=OW ɔ=AO u=UW ʊ=UH ʉ=UW y=UW ʏ=UH ø=ER œ=ER ɵ=UH ᵊ=AH
"""
_IPA_SOUNDS = {sign: sounds.split(".") for sign, sounds in (pair.split("=") for pair in _IPA.split())}


def have_espeak() -> bool:
    """Whether espeak-ng is installed, as a program or as a library."""
    return shutil.which("espeak-ng") is not None or _library() is not None


def speak_words(texts: Sequence[str], language: str) -> list[list[tuple[str, ...]]] | None:
    """The sounds of the words of texts, as the recogniser names them, text by text.

    texts:    without line breaks
    language: one of `LANGUAGES`
    returns:  None where espeak-ng isn't installed, fails, or can't read this
    """
    voice = VOICES.get(language, language)
    speak: Callable[[str, str], str | None] = _by_program if shutil.which("espeak-ng") else _by_library
    spoken = []
    for text in texts:
        ipa = speak(text, voice)
        if ipa is None or (language != "en" and "(en)" in ipa and not re.search("[a-z]", text.lower())):
            return None  # it spelt out in English what it couldn't read
        spoken.append([sounds for word in ipa.split() if (sounds := sounds_of(word))])
    return spoken


def sounds_of(ipa: str) -> tuple[str, ...]:
    """English sounds for a word in the International Phonetic Alphabet, its sounds apart by "_" or not."""
    signs = re.sub(r"\([a-z-]+\)", "", unicodedata.normalize("NFD", ipa.replace("ç", "\0")))
    signs = "".join(sign for sign in signs if not unicodedata.combining(sign)).replace("\0", "ç")
    sounds: list[str] = []
    place = 0
    signs = re.sub(r"[^\w]|[ˈˌʰʲˠˤʷᵝ\d]", "", signs.replace("_", ""))
    while place < len(signs):
        length = next((size for size in (2, 1) if signs[place : place + size] in _IPA_SOUNDS), 0)
        sounds += _IPA_SOUNDS[signs[place : place + length]] if length else []
        place += length or 1
    return tuple(sounds)


def _by_program(text: str, voice: str) -> str | None:
    """What the program writes; it gets the text as a file would hold it, so that no word is an option."""
    command = ["espeak-ng", "-q", "--ipa", "--sep=_", "-b", "1", "-v", voice, "--stdin"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")


def _by_library(text: str, voice: str) -> str | None:
    library = _library()
    if library is None or library.espeak_SetVoiceByName(voice.encode()):
        return None
    left = ctypes.c_char_p(text.encode())
    spoken = []
    while left.value:
        spoken.append(
            (library.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _AS_IPA | _SEPARATED) or b"").decode()
        )
    return " ".join(spoken)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The library, ready to read; None where there is none."""
    name = find_library("espeak-ng")
    try:
        library = ctypes.CDLL(name) if name else None
    except OSError:
        return None
    if library is None or library.espeak_Initialize(_RETRIEVAL, 0, None, _NOT_EXIT) < 0:
        return None
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return library
