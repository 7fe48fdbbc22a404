"""What is said of a dub's making: the same in the file, in its signed manifest and in the ledger.

It names no person, no path and no moment, so that the same dub says the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

TAG = "retalk_origin"  # of a file's metadata, where the statement stands unsigned
MOST_LETTERS = 100_000  # of a statement that is read


@dataclass(frozen=True)
class Statement:
    """How a dub was made."""

    id: int  # the mark's; it belongs to inputs, options and weights
    version: str  # ReTalk's
    engine: str
    preset: str = ""  # "": the engine has none
    generative: bool = True  # networks that were trained drew pixels
    frames: int = 0
    edited: int = 0  # of the frames
    clip: str = ""  # SHA-256 of the file; "" for pictures in memory
    voice: str = ""  # likewise
    picture_mark: str = ""  # the method of the mark in the pictures; "": there is none
    sound_mark: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of the files, by the networks' keys
    options: Mapping[str, Any] = field(default_factory=dict)  # that were chosen; plain values only

    @property
    def marked(self) -> bool:
        """Whether the file carries a mark."""
        return bool(self.picture_mark or self.sound_mark)

    @property
    def key(self) -> str:
        """SHA-256 over all of it, 64 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def to_json(self) -> str:
        """In one line; the same statement is the same text."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))


def statement_of(told: object) -> Statement | None:
    """A statement out of what JSON holds; None where it isn't one. What this version doesn't know is left out."""
    if not isinstance(told, dict) or not isinstance(told.get("id"), int):
        return None
    known = {each.name: each for each in fields(Statement)}
    kinds: dict[str, type] = {"int": int, "str": str, "bool": bool}
    for name in known.keys() & told.keys():
        wanted = kinds.get(str(known[name].type), dict)
        if not isinstance(told[name], wanted):
            return None
    needed = {"id", "version", "engine"}
    if not needed <= told.keys():
        return None
    return Statement(**{name: told[name] for name in known if name in told})


def read_statement(text: str) -> Statement | None:
    """A statement out of a file's tag; None where there is none, or no whole one."""
    if not text or len(text) > MOST_LETTERS:
        return None
    try:
        return statement_of(json.loads(text))
    except (ValueError, RecursionError):
        return None
