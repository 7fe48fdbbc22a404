"""What the core says, in the canvas's words and language: what to press, which widget, commands last."""

from __future__ import annotations

import re

from .language import translated

PRESS = "press Download on Get ReTalk Models"
DOWNLOAD = re.compile(r"(?:([Rr])un )?`([^`]* models download [^`]*)`")
WORDS = (  # of the command line, and what they are here; the first that fits wins
    (r"\bRun `[^`]* models list[^`]*`", "Run Check Models"),
    (r"`[^`]* models list[^`]*`", "Check Models"),
    (r"--face-at, or Detect Faces", "by a click on it, or in Detect Faces"),
    (r"; --face-index counts from 0", ""),
    (r"--edit-only", "edit only in Dub Options"),
    (r"--smoothing none, or Dub Options", "smooth in Dub Options"),
    (r"\(--sheet\)", "(sheet)"),
    (r", or dub as if nothing lay before it \(--no-covers\)", ""),
    (r"\bthe engine embedded\b(?! preview)", "the engine embedded preview"),
)


def on_canvas(text: str) -> str:
    """Lines of the core for people who have nodes before them, not a command line."""
    return "\n".join(translated(line) or _in_english(line) for line in text.split("\n"))


def _in_english(text: str) -> str:
    commands = [found[1] for found in DOWNLOAD.findall(text)]
    text = DOWNLOAD.sub(lambda found: f"{PRESS[0].upper()}{PRESS[1:]}" if found[1] == "R" else PRESS, text)
    for pattern, words in WORDS:
        text = re.sub(pattern, words, text)
    return f"{text} In a terminal: `{commands[0]}`." if commands else text
