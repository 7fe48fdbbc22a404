"""Folders that are there, and those that aren't."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.files import existing_folder


def test_a_folder_that_is_there_is_given_back(tmp_path: Path) -> None:
    assert existing_folder(tmp_path) == tmp_path


def test_a_folder_that_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "missing", tmp_path / "file", Path("a" * 5000)):
        with pytest.raises(InputError) as caught:
            existing_folder(path)
        assert str(caught.value) == f"The folder {path} does not exist: create it, or choose another."
    with pytest.raises(InputError, match=r"missing does not exist\. Make it\.$"):
        existing_folder(tmp_path / "missing", otherwise=". Make it")
