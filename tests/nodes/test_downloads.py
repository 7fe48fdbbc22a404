"""Get ReTalk Models: Run only tells, the button downloads, and only for people on this machine."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from retalk_nodes.models.errors import RetalkError
from retalk_nodes.nodes import downloads
from retalk_nodes.retalk_core.errors import InputError, OptionError


@pytest.fixture
def folder(nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """models/retalk, empty."""
    folders = sys.modules["folder_paths"].folder_names_and_paths
    monkeypatch.setitem(folders, "retalk", ([str(tmp_path)], folders["retalk"][1]))
    return tmp_path


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever would begin a download fails the test."""
    monkeypatch.setattr(
        downloads, "_fetching", lambda: SimpleNamespace(state=lambda: {"problems": []}, start=pytest.fail)
    )


def test_run_tells_and_downloads_nothing(nodes: dict[str, Any], folder: Path, never: None) -> None:
    (report,) = nodes["ReTalkGetModels"].execute(preset="paper", mirror="", proxy="").args
    lines = report.splitlines()
    assert lines[0].startswith("Preset paper lacks 6 files") and lines[1] == "Licences:"
    assert f"Into {folder}" in lines
    assert "models download --preset paper --folder" in lines[-1] and lines[-1].startswith("Press Download")
    assert not [path for path in folder.iterdir() if path.suffix == ".part"]


@pytest.mark.parametrize(
    ("listen", "own"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.0.0.1,::1", True),
        ("0.0.0.0,::", False),
        ("192.168.1.5", False),
        ("127.0.0.1,10.0.0.1", False),
        ("my.host.example", False),
    ],
)
def test_a_server_that_others_reach_downloads_only_where_its_owner_allows_it(
    folder: Path, never: None, monkeypatch: pytest.MonkeyPatch, listen: str, own: bool
) -> None:
    monkeypatch.delenv(downloads.ALLOW, raising=False)
    monkeypatch.setattr(downloads.args, "listen", listen)
    assert downloads.may_download() is own
    if not own:
        with pytest.raises(InputError, match="listens for other machines"):
            downloads._start("paper", "", "")
        assert downloads.ALLOW in downloads._offer("paper", "", "")["refused"]
    monkeypatch.setenv(downloads.ALLOW, "1")
    assert downloads.may_download()


def test_a_preset_or_mirror_that_is_none_is_refused(folder: Path, never: None) -> None:
    with pytest.raises(OptionError, match="no choice here"):
        downloads._offer("../x", "", "")
    with pytest.raises(OptionError, match="which is no address"):
        downloads._start("paper", "file:///etc", "")


def answer(work: Any, method: str, kind: str, **given: str) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    pytest.importorskip("aiohttp")

    async def content() -> dict[str, str]:
        return given

    request = SimpleNamespace(method=method, content_type=kind, query=given, json=content)
    told = asyncio.run(downloads._answering(work)(request))  # type: ignore[arg-type]
    return told.status, json.loads(told.text or "")


def test_addresses_take_json_only_and_tell_mistakes_in_words() -> None:
    def work(preset: str) -> dict[str, str]:
        if preset == "bad":
            raise RetalkError("--mirror is bad.")
        return {"got": preset}

    json_type = "application/json"
    assert answer(work, "POST", json_type, preset="paper", other="x") == (200, {"got": "paper"})
    assert answer(work, "GET", "", preset="fast") == (200, {"got": "fast"})
    assert answer(work, "POST", json_type, preset="bad") == (400, {"error": "mirror is bad."})
    assert answer(work, "POST", "text/plain", preset="paper")[0] == 415
