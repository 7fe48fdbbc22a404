"""A statement is the same text for the same dub, and nothing else passes as one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from retalk_nodes.retalk_core.provenance.statement import Statement, id_word, read_statement, statement_of


def test_a_statement_comes_back_from_its_text(statement: Statement) -> None:
    assert read_statement(statement.to_json()) == statement
    assert statement.key == replace(statement).key != replace(statement, edited=4).key
    assert statement.marked and not replace(statement, picture_bits=0, sound_bits=0).marked


def test_the_order_of_its_parts_does_not_matter(statement: Statement) -> None:
    one = replace(statement, weights={"a": "1", "b": "2"})
    assert one.key == replace(statement, weights={"b": "2", "a": "1"}).key


def test_what_a_later_version_adds_is_left_out(statement: Statement) -> None:
    assert statement_of({**statement.to_dict(), "colour": "blue"}) == statement


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "3", '"id"', "null", "[" * 100_000, "{}"),
        '{"id": "0123456789abcdef"}',
        '{"id": 5, "version": "0", "engine": "retalk"}',
        '{"id": "0123456789ABCDEF", "version": "0", "engine": "retalk"}',
        '{"id": "0123456789abcdef", "version": "0", "engine": ["retalk"]}',
        '{"id": "0123456789abcdef", "version": "0", "engine": "retalk", "edited": true}',
        '{"id": "0123456789abcdef", "version": "0", "engine": "retalk", "weights": "none"}',
    ],
)
def test_other_texts_are_none(text: str) -> None:
    assert read_statement(text) is None


def test_a_text_without_end_is_not_read(statement: Statement) -> None:
    long = {**statement.to_dict(), "options": {"x": "y" * 100_000}}
    assert read_statement(json.dumps(long)) is None


def test_an_id_is_written_in_whole_digits() -> None:
    assert id_word(0x0123456789ABCDEF) == "0123456789abcdef"
    assert id_word(0x012345, 24) == "012345" and id_word(0x0123, 16) == "0123"
    assert id_word(0b0000_0001_1, 9) == "01"  # the bit that makes no digit is left out
