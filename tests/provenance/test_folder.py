"""Dubs are remembered under ComfyUI's user folder, else where the platform keeps data, or where one says."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.provenance.folder import make_folder, records_folder


def test_inside_comfyui_it_is_the_user_folder(tmp_path: Path) -> None:
    pack = tmp_path / "ComfyUI" / "custom_nodes" / "any name"
    assert records_folder(pack, {}) == tmp_path / "ComfyUI" / "user" / "retalk"


def test_elsewhere_it_is_the_platforms(tmp_path: Path) -> None:
    assert records_folder(tmp_path, {"XDG_DATA_HOME": str(tmp_path)}, "linux") == tmp_path / "retalk"
    assert records_folder(tmp_path, {"LOCALAPPDATA": str(tmp_path)}, "win32") == tmp_path / "retalk"
    assert records_folder(tmp_path, {}, "darwin").parts[-3:] == ("Library", "Application Support", "retalk")


def test_an_own_one_counts_before_all(tmp_path: Path) -> None:
    named = {"RETALK_RECORDS": str(tmp_path / "mine"), "XDG_DATA_HOME": str(tmp_path)}
    assert records_folder(tmp_path / "custom_nodes" / "x", named) == tmp_path / "mine"


def test_without_a_home_it_says_what_to_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", unknown)
    with pytest.raises(InputError, match="RETALK_RECORDS"):
        records_folder(tmp_path, {}, "linux")


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir() and make_folder(tmp_path / "a" / "b").is_dir()
