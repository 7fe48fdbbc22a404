"""Errors of others are told in one line."""

from __future__ import annotations

from retalk_nodes.retalk_core.errors import in_a_line


def test_an_error_is_told_by_its_type_and_its_first_line() -> None:
    assert in_a_line(OSError("no room\non the disk")) == "OSError: no room"
    assert in_a_line(ConnectionError()) == "ConnectionError: "
    assert in_a_line(ValueError("x" * 500), 300) == "ValueError: " + "x" * 288
    assert len(in_a_line(ValueError("x" * 500))) == 200
