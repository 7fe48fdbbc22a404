"""What the nodes say, in the language of the editor that asked; English where nobody said which.

The core speaks English and knows of no language. `locales/<language>/sentences.json` holds its sentences with
{} for what is filled in, and for each the sentence of that language with {0}, {1} …: `{0}` is carried over as
it is, `{0:say}` is put into the language too, `{0:list}` is several of either, `{0:figure}` is a number, and
`{0:gap}` is nothing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property, lru_cache
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from aiohttp import web

ADDRESS = "/retalk/language"  # where an editor says which language it speaks
LOCALES = Path(__file__).parent.parent / "locales"
ENGLISH = "en"
MOST_EDITORS = 1000  # that are remembered
PLAIN = {"figure": r"((?:[+-]?\d[\d.:x/%]*)?)", "gap": "()"}  # of what is filled in
FILLING = re.compile(r"\{(\d+)(?::(\w+))?[^{}]*\}")
JOINTS = {
    "; ": "；",
    ", ": "，",
    " · ": " · ",
    " or ": " 或 ",
    ", and ": "，以及",
    " and ": "和",
    ". ": "。",
}  # of phrases in a row
SENTENCE = re.compile(r"(?<=[.!?]) +(?=\S)")
UNJOINED = re.compile(r"(?=[,;(])| (?=of )")  # where one phrase may go on with another
MOST_JOINTS = 8  # within one phrase
LONG = 1000  # letters: no phrase is as long
MOST_KNOWN = 4096  # phrases that are remembered
LISTED = {", ": "、", "; ": "；", " or ": " 或 ", " and ": " 和 "}

_editors: dict[str, str] = {}  # the language of each, by its client id
_asking: ContextVar[str] = ContextVar("language of who asks the server", default="")


# Who asks


def spoken() -> str:
    """The language of whoever will read what is said now."""
    return _asking.get() or _editors.get(str(getattr(_server(), "client_id", None)), ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """A context in which a language is spoken, as editors name it, such as zh or zh-TW."""
    token = _asking.set(language.split("-")[0] or ENGLISH)
    try:
        yield
    finally:
        _asking.reset(token)


def register_address() -> None:
    """Let editors say which language they speak; without a server, such as in tests, nothing is done."""
    server = _server()
    if server is not None:
        server.routes.post(ADDRESS)(_hear)
        server.add_on_prompt_handler(_asked)


def _server() -> Any:  # noqa: ANN401 - ComfyUI's
    return getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)


async def _hear(request: web.Request) -> web.Response:
    """Remember an editor's language."""
    from aiohttp import web

    if request.content_type != "application/json":
        return web.Response(status=415)  # a form of another site
    told = await request.json()
    editor, language = str(told.get("client_id")), str(told.get("language")).split("-")[0]
    if not re.fullmatch(r"[a-z]{2,3}", language) or len(editor) > 64:
        return web.Response(status=400)
    _editors.pop(editor, None)
    _editors[editor] = language
    if len(_editors) > MOST_EDITORS:
        _editors.pop(next(iter(_editors)))
    return web.Response()


def _asked(prompt: dict[str, Any]) -> dict[str, Any]:
    """What follows in this request, the check of its inputs, is said to who sent it."""
    _asking.set(_editors.get(str(prompt.get("client_id")), ENGLISH))
    return prompt


# What is said


def translated(line: str, language: str = "") -> str | None:
    """A line of the core's in a language, by default in that of who asks; None where it has no words."""
    words = _words(language or spoken())
    return words.line(line) if words else None


@cache
def _words(language: str) -> Words | None:
    folder = LOCALES / language
    if not (folder / "sentences.json").is_file():
        return None
    sentences, choices, options = (
        json.loads((folder / f"{name}.json").read_text("utf-8"))
        for name in ("sentences", "choices", "options")
    )
    known = {name.replace("_", " "): each["name"] for name, each in options.items()} | choices
    for room in sentences.values():
        known |= room
    return Words(known)


class Template:
    """One sentence with what is filled in, and how another language has it."""

    def __init__(self, sentence: str, words: str) -> None:
        """sentence: with {}; words: with {0}, {0:say} and so on, as above"""
        self._fixed = sentence.strip().split("{}")
        self._longest = max((part.strip() for part in self._fixed), key=len)
        self._words = re.sub(r":(?:say|list|figure|gap)\}", "}", words)
        kinds = {int(place): kind for place, kind in FILLING.findall(words)}
        self.kinds = [kinds.get(place, "") for place in range(len(self._fixed) - 1)]
        self.letters = letters("".join(self._fixed))

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        """With as little as possible filled in at first, and with as much."""
        fixed = [re.sub(r"(?:\\ )+", " +", re.escape(part)) for part in self._fixed]
        found = []
        for gap in ("(.*?)", "(.*)"):
            gaps = [PLAIN.get(kind, gap) for kind in self.kinds]
            pairs = zip(fixed, [*gaps, ""], strict=True)
            found.append(re.compile("".join(part + each for part, each in pairs), re.DOTALL))
        return found

    def fillings(self, text: str) -> Iterator[list[str]]:
        """What is filled in where a text says this sentence, in at most two ways."""
        if self._longest in text:
            for pattern in self._patterns:
                found = pattern.fullmatch(text)
                if found and all(map(_is_whole, self.kinds, found.groups())):
                    yield [each.strip() for each in found.groups()]

    def hoped(self, fillings: Sequence[str]) -> int:
        """How many letters of what is filled in there may be words for."""
        pairs = zip(self.kinds, fillings, strict=True)
        return sum(letters(text) for kind, text in pairs if kind in ("say", "list"))

    def filled(self, fillings: Iterable[str]) -> str:
        """The sentence in the other language."""
        return self._words.format(*fillings)


def _is_whole(kind: str, text: str) -> bool:
    """Whether words end what they begin in brackets, and are in one column; a name need not."""
    depths = [*accumulate(({"(": 1, ")": -1}.get(letter, 0) for letter in text), initial=0)]
    return kind in ("", *PLAIN) or (min(depths) == depths[-1] == 0 and "  " not in text.strip())


class Said(NamedTuple):
    """A text in another language."""

    known: int  # letters of the text that there are words for; the others were carried over
    words: str


class Words:
    """A language's words for the core's sentences."""

    def __init__(self, known: Mapping[str, str]) -> None:
        """known: words by sentences, as in the class `Template`"""
        self._plain = {sentence.strip(): words for sentence, words in known.items() if "{}" not in sentence}
        templates = [Template(sentence, words) for sentence, words in known.items() if "{}" in sentence]
        self._templates = sorted(templates, key=lambda each: -each.letters)
        self._sentence = lru_cache(MOST_KNOWN)(self._find_sentence)
        self._phrase = lru_cache(MOST_KNOWN)(self._find_phrase)
        # Else every way to part a text is tried.
        self._sentences = lru_cache(MOST_KNOWN)(self._find_sentences)

    def line(self, text: str) -> str | None:
        """A line of one sentence or several; None where nothing of it is known."""
        indent = text[: len(text) - len(text.lstrip())]
        said = max(self._sentence(text), self._sentences(text.strip()), key=known_letters)
        return f"{indent}{said.words}" if said.known else None

    def _find_sentence(self, text: str) -> Said:
        """A text by the one template of which most is known."""
        if (plain := self._plain.get(text.strip())) is not None:
            return Said(letters(text), plain)
        found = Said(0, text)
        for each in self._templates:
            for fillings in each.fillings(text):
                if each.letters + each.hoped(fillings) <= found.known:
                    continue
                parts = [self._filling(*pair) for pair in zip(each.kinds, fillings, strict=True)]
                known = each.letters + sum(part.known for part in parts)
                if known > found.known:
                    found = Said(known, each.filled(part.words for part in parts))
        return found

    def _filling(self, kind: str, text: str) -> Said:
        if kind == "say":
            return self._phrase(text)
        return self._list(text) if kind == "list" else Said(0, text)

    def _find_sentences(self, text: str) -> Said:
        """A text of several sentences."""
        found = Said(0, text)
        for gap in SENTENCE.finditer(text):
            first, rest = self._sentence(text[: gap.start()]), text[gap.end() :]
            if first.known:
                rest_said = max(self._sentence(rest), self._sentences(rest), key=known_letters)
                found = max(found, _both(first, "", rest_said), key=known_letters)
        return found

    def _find_phrase(self, text: str) -> Said:
        """A part of a sentence, or several in a row."""
        found = max(self._sentence(text), self._sentences(text), key=known_letters)
        if found.known == letters(text) or len(text) > LONG:
            return found
        for start, joint in islice(_joints(text), MOST_JOINTS):
            first, rest = self._sentence(text[:start]), self._phrase(text[start + len(joint) :])
            found = max(found, _both(first, JOINTS[joint], rest, letters(joint)), key=known_letters)
        for gap in islice(UNJOINED.finditer(text), MOST_JOINTS):
            rest = self._sentence(text[gap.start() :].strip())
            if rest.known and (first := self._phrase(text[: gap.start()])).known:
                found = max(found, _both(first, "", rest), key=known_letters)
        return found

    def _list(self, text: str) -> Said:
        """Names or phrases, each of which may be known."""
        parts = re.split(f"({'|'.join(LISTED)})", text)
        said = [
            Said(len(part.strip(" ,;")), LISTED[part]) if part in LISTED else self._sentence(part)
            for part in parts
        ]
        return Said(sum(each.known for each in said), "".join(each.words for each in said))


def _joints(text: str) -> Iterator[tuple[int, str]]:
    """Where phrases may be joined, and by what, in order."""
    found = ((each.start(), joint) for joint in JOINTS for each in re.finditer(re.escape(joint), text))
    return iter(sorted(found))


def letters(text: str) -> int:
    """How many letters a text has."""
    return sum(map(str.isalpha, text))


def known_letters(said: Said) -> int:
    """How much of a text there are words for."""
    return said.known


def _both(first: Said, between: str, rest: Said, known: int = 0) -> Said:
    return Said(first.known + known + rest.known, f"{first.words}{between}{rest.words}")
