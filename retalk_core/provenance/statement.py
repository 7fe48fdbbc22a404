"""What is said of a dub's making: the same in the file, in its signed manifest and in the ledger.

It names no person, no path and no moment, so that the same dub says the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

TAG = "retalk_origin"  # of a file's metadata, where the statement stands unsigned
LONGEST_TAG = 100_000  # of a statement that is read


@dataclass(frozen=True)
class Statement:
    """How a dub was made."""

    id: str  # the dub's `mark_id` as 16 hexadecimal digits
    version: str  # ReTalk's
    engine: str
    preset: str = ""  # "": the engine has none
    generative: bool = True  # networks that were trained drew pixels
    frames: int = 0
    edited: int = 0  # of the frames
    clip: str = ""  # SHA-256 of the file; "" for pictures in memory
    voice: str = ""  # likewise
    picture_bits: int = 0  # the first so many bits of the id are in the pictures' mark; 0: there is none
    sound_bits: int = 0  # likewise in the sound's
    weights: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of the files, by the networks' keys
    options: Mapping[str, Any] = field(default_factory=dict)  # that were chosen; plain values only

    @property
    def marked(self) -> bool:
        """Whether the file carries a mark."""
        return bool(self.picture_bits or self.sound_bits)

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


def id_word(number: int, bits: int = 64) -> str:
    """The first bits of an id as they are written everywhere: whole hexadecimal digits, the highest first."""
    digits = bits // 4
    return f"{number >> bits % 4:0{digits}x}"


def is_id(word: object) -> bool:
    """Whether this is a whole id as `id_word` writes it."""
    return isinstance(word, str) and re.fullmatch(r"[0-9a-f]{16}", word) is not None


def statement_of(told: object) -> Statement | None:
    """A statement out of what JSON holds, without what this version doesn't know; None where it isn't one."""
    if not isinstance(told, dict) or not is_id(told.get("id")):
        return None
    known = {each.name: each.type for each in fields(Statement) if each.name in told}
    kinds: dict[object, type] = {"int": int, "str": str, "bool": bool}
    if not all(type(told[name]) is kinds.get(kind, dict) for name, kind in known.items()):
        return None
    if not {"id", "version", "engine"} <= known.keys():
        return None
    return Statement(**{name: told[name] for name in known})


def read_statement(text: str) -> Statement | None:
    """A statement out of a file's tag; None where there is none, or no whole one."""
    if not text or len(text) > LONGEST_TAG:
        return None
    try:
        return statement_of(json.loads(text))
    except (ValueError, RecursionError):
        return None
