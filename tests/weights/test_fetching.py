"""What a preset lacks is fetched beside other work: told, stopped, gone on with, refused in words."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirrors import Mirror, mirror_of
from retalk_nodes.models.network import File
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.weights import fetching
from retalk_nodes.retalk_core.weights.commands import size_words
from retalk_nodes.retalk_core.weights.download import Route
from retalk_nodes.retalk_core.weights.fetching import Fetching, Lacking, lacking, offer_lines
from retalk_nodes.retalk_core.weights.files import ModelFiles

CONTENT = {"LNet.pth": b"lips" * 500_000, "ENet.pth": b"face" * 1000}


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    with mirror_of({name: folder / name for name in CONTENT}) as made:
        yield made


@pytest.fixture
def wanted() -> list[Lacking]:
    return [
        Lacking(key, File(name, (), hashlib.sha256(CONTENT[name]).hexdigest(), len(CONTENT[name])))
        for key, name in (("lnet", "LNet.pth"), ("enet", "ENet.pth"))
    ]


def run(fetch: Fetching, wanted: list[Lacking], folder: Path, mirror: Mirror) -> dict[str, object]:
    fetch.start(wanted, folder, Route((mirror.url,)))
    fetch.wait(20)
    return fetch.state()


def test_files_arrive_checked(mirror: Mirror, wanted: list[Lacking], tmp_path: Path) -> None:
    state = run(Fetching(), wanted, tmp_path / "models", mirror)
    assert state["finished"] == ["LNet.pth", "ENet.pth"]
    assert not state["problems"] and not state["running"] and not state["stopped"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()} == CONTENT


def test_a_stopped_download_goes_on_where_it_was(
    mirror: Mirror, wanted: list[Lacking], tmp_path: Path
) -> None:
    mirror.held.add("LNet.pth")
    fetch = Fetching()
    fetch.start(wanted, tmp_path, Route((mirror.url,)))
    while fetch.state()["done"] < 1 << 20:
        time.sleep(0.01)
    with pytest.raises(InputError, match="runs already"):
        fetch.start(wanted, tmp_path, Route((mirror.url,)))
    assert fetch.state()["file"] == "LNet.pth" and fetch.state()["total"] == 2_000_000
    fetch.stop()
    mirror.released.set()
    fetch.wait(20)
    assert fetch.state()["stopped"] and not (tmp_path / "LNet.pth").exists()
    assert run(fetch, wanted, tmp_path, mirror)["finished"] == ["LNet.pth", "ENet.pth"]
    ranges = [wanted for name, wanted in mirror.asked if name == "LNet.pth"]
    assert ranges[0] == "" and int(ranges[1].removeprefix("bytes=").removesuffix("-")) >= 1 << 20


def test_a_wrong_hash_is_refused_and_the_others_come(
    mirror: Mirror, wanted: list[Lacking], tmp_path: Path
) -> None:
    mirror.spoilt.add("LNet.pth")
    state = run(Fetching(), wanted, tmp_path, mirror)
    (problem,) = state["problems"]  # type: ignore[misc]
    assert "LNet.pth could not be downloaded" in problem and "its sha256 is" in problem
    assert state["finished"] == ["ENet.pth"] and not (tmp_path / "LNet.pth").exists()


def test_a_fault_of_ours_is_told_too(
    monkeypatch: pytest.MonkeyPatch, mirror: Mirror, wanted: list[Lacking], tmp_path: Path
) -> None:
    monkeypatch.setattr(fetching, "download", lambda *_: 1 / 0)
    state = run(Fetching(), wanted, tmp_path, mirror)
    assert state["problems"] == ["ZeroDivisionError: division by zero"] and not state["running"]


def test_the_offer_begins_with_licences_and_names_size_source_and_folder(tmp_path: Path) -> None:
    wanted = lacking(ModelFiles([tmp_path]), "paper")
    assert [each.key for each in wanted] == ["face3d", "dnet", "lnet", "enet", "gfpgan", "parser"]
    lines = list(offer_lines(wanted, "paper", tmp_path, Route(("http://mirror.example/x",))))
    assert lines[0] == "Preset paper lacks 6 files: 723 MB and more."
    assert lines[1] == "Licences:" and "MIT (facexlib): parsing_parsenet.pth" in lines[2:][3]
    (parser,) = [line for line in lines if line.startswith("- parsing_parsenet.pth")]
    assert "85.3 MB" in parser and "from mirror.example, github.com" in parser
    assert lines[-1] == f"Into {tmp_path}"
    assert lines.index("Licences:") < lines.index("Files:")


def test_a_preset_that_lacks_nothing_says_so(tmp_path: Path) -> None:
    (line,) = offer_lines([], "fast", tmp_path, Route())
    assert line == "Preset fast: complete. Nothing needs to be downloaded."


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "size not published"),
        (900, "900 bytes"),
        (1456, "1.46 kB"),
        (85_331_193, "85.3 MB"),
        (2_5 * 10**8, "2.5 GB"),
    ],
)
def test_sizes_have_the_unit_that_suits_them(size: int, words: str) -> None:
    assert size_words(File("a", size=size)) == words
