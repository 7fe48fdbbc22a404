"""A dub's number is its content's, not the clock's."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.marks.identity import id_prefix, mark_id


def test_the_same_dub_has_the_same_number(tmp_path: Path) -> None:
    one, other = tmp_path / "one.wav", tmp_path / "other.wav"
    one.write_bytes(b"voice")
    other.write_bytes(b"voice")
    assert mark_id({"voice": one, "options": {"a": 1}}) == mark_id({"options": {"a": 1}, "voice": other})
    assert mark_id({"voice": one, "options": {"a": 2}}) != mark_id({"voice": one, "options": {"a": 1}})


def test_marks_carry_the_first_bits() -> None:
    number = 0x0123_4567_89AB_CDEF
    assert id_prefix(number, 32) == 0x0123_4567 and id_prefix(number, 16) == 0x0123
    with pytest.raises(ValueError, match="64 bits"):
        id_prefix(1 << 64, 32)
