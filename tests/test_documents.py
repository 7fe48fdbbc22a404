"""What the documents say can be followed: links lead somewhere, commands exist, examples run."""

from __future__ import annotations

import ast
import importlib
import json
import re
import runpy
import shutil
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.cli import words
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.compute import provider
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.stages.options import Stages
from standins import ENetStandIn, LNetStandIn

ROOT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.zh.md")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
DOCUMENTS = (*READMES, "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md", "benchmarks/README.md", *PAGES)
TEMPLATES = (
    "ISSUE_TEMPLATE/bug_report.yml",
    "ISSUE_TEMPLATE/feature_request.yml",
    "PULL_REQUEST_TEMPLATE.md",
)

WORDS = (600, 900)
CHINESE = re.compile("[\u3400-\u9fff]")
CHINESE_MARKS = re.compile("[\u3000-\u303f\uff00-\uffef“”…]")
PER_WORD = 1.6  # Chinese characters that say as much as an English word
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# A place on somebody's machine; a folder's bare name, such as /tmp, is none.
ABSOLUTE = re.compile(r"(?<![\w./])/(home|root|Users|work|tmp|usr|var|opt|mnt|srv)/\w|\b[A-Z]:\\")
COMMANDS = ("dub", "inspect", "demo", "models list", "models download", "models verify", "models convert")


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(text: str) -> str:
    """A document without its blocks of code."""
    return BLOCK.sub("", text)


def links(name: str) -> list[str]:
    """Where a document links to inside the project."""
    return [each for each in LINK.findall(prose(read(name))) if not re.match("[a-z]+:", each)]


def anchors(text: str) -> set[str]:
    """The headings' anchors, as forges make them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(text)))
    return {heading.replace(" ", "-") for heading in plain}


def count_words(text: str) -> float:
    """Words as `wc -w` counts them, code too; so many Chinese characters are one."""
    others = CHINESE_MARKS.sub(" ", CHINESE.sub(" ", text)).split()
    return len(others) + len(CHINESE.findall(text)) / PER_WORD


def examples(name: str) -> list[str]:
    return [code for language, code in BLOCK.findall(read(name)) if language == "python"]


@pytest.mark.parametrize("name", READMES)
def test_a_readme_is_read_in_minutes(name: str) -> None:
    least, most = WORDS
    assert least <= count_words(read(name)) <= most


def test_both_readmes_have_the_same_sections_pictures_and_examples() -> None:
    english, chinese = (read(name) for name in READMES)
    assert len(HEADING.findall(prose(english))) == len(HEADING.findall(prose(chinese)))
    assert BLOCK.findall(english) == BLOCK.findall(chinese)
    assert [each for each in links("README.md") if each not in READMES] == [
        each for each in links("README.zh.md") if each not in READMES
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    lost = []
    for link in links(name):
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        if not path.exists() or (anchor and anchor not in anchors(path.read_text("utf-8"))):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("name", READMES)
def test_every_page_is_linked_from_a_readme(name: str) -> None:
    assert set(PAGES) <= {link.partition("#")[0] for link in links(name)}


@pytest.mark.parametrize("name", [*DOCUMENTS, *(f".github/{each}" for each in TEMPLATES)])
def test_no_document_names_a_place_on_one_machine(name: str) -> None:
    assert ABSOLUTE.search(read(name)) is None


def test_no_folder_has_a_name_that_comfyui_takes_for_templates() -> None:
    taken = {"example", "examples", "example_workflows", "workflow"}
    assert taken.isdisjoint(path.name for path in (ROOT / "docs").rglob("*") if path.is_dir())


@pytest.mark.parametrize("name", ["docs/architecture.md", "docs/python.md", "AGENTS.md"])
def test_files_that_a_page_names_are_there(name: str) -> None:
    named = re.findall(r"`((?:retalk_core|models|nodes|scripts|tests|benchmarks)/[\w./]*)`", read(name))
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_every_room_of_the_core_is_on_the_plan() -> None:
    rooms = [path.parent.name for path in (ROOT / "retalk_core").glob("*/__init__.py")]
    plan = read("docs/architecture.md")
    assert [room for room in rooms if f"| `{room}` |" not in plan] == []


@pytest.mark.parametrize(
    "name", [*READMES, "docs/command.md", "docs/weights.md", "docs/difficult-clips.md", "docs/nodes.md"]
)
def test_options_that_a_page_names_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            main([*command.split(), "--help"])
    known = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z][a-z-]+", read(name))) <= known


def test_the_page_on_nodes_has_every_node_and_every_workflow() -> None:
    page = read("docs/nodes.md")
    words = json.loads(read("locales/en/nodeDefs.json"))
    several = ("ReTalkLoadModels", "ReTalkLoadLips")  # the others share a line
    loaders = {name for name in words if name.startswith("ReTalkLoad") and name not in several}
    named = {words[name]["display_name"] for name in words if name not in loaders}
    assert named == set(re.findall(r"^\| \*\*([^*]+)\*\* \|", page, re.MULTILINE))
    workflows = {path.stem for path in (ROOT / "workflows").glob("*.json")}
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == workflows


def test_the_tables_of_options_are_as_the_fields_have_them() -> None:
    sys.path.append(str(ROOT / "scripts"))
    tables = importlib.import_module("build_option_tables")
    page = read("docs/command.md")
    assert tables.with_tables(page, words) == page, "run scripts/build_option_tables.py"


def test_options_that_the_page_on_python_names_exist() -> None:
    named = set()
    for row in re.findall(r"^\| (`.+?) \|", read("docs/python.md").split("## Options")[1], re.MULTILINE):
        named.update(re.findall(r"`(\w+)`", row))
    known = {each.name for options in (DubOptions, Stages) for each in fields(options)}
    reported = set(re.findall(r"`(\w+)`", read("docs/python.md").split("## The report")[1]))
    assert named - reported <= known | {"device", "precision", "resident", "models"}


@pytest.mark.parametrize("name", [*READMES, "docs/python.md", "CONTRIBUTING.md"])
def test_examples_are_python(name: str) -> None:
    assert examples(name)
    for code in examples(name):
        ast.parse(code)


@pytest.fixture
def beside_the_example(
    tmp_path: Path, talking_clip: Path, voice_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder in which an example finds its clip and its voice; no weights are anywhere."""
    shutil.copy(talking_clip, tmp_path / "face.mp4")
    shutil.copy(voice_file, tmp_path / "voice.wav")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETALK_MODELS", str(tmp_path))
    return tmp_path


def run_example(folder: Path, *code: str) -> None:
    path = folder / "example.py"
    path.write_text("\n".join(code), encoding="utf-8")
    runpy.run_path(str(path))


def test_the_one_call_runs_as_the_readme_shows_it(
    beside_the_example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_example(beside_the_example, examples("README.md")[0])
    assert len(open_clip(beside_the_example / "out.mp4")) == 18
    assert "engine: embedded" in capsys.readouterr().out


def test_single_stages_run_as_the_page_shows_them(
    beside_the_example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = {"lnet": LNetStandIn(), "enet": ENetStandIn()}
    monkeypatch.setattr(provider, "LocalNetworks", partial(provider.LocalNetworks, lent=lent))
    run_example(beside_the_example, *examples("docs/python.md")[1:])
    made = open_clip(beside_the_example / "out.mp4")
    assert len(made) == 18 and made.has_sound
    assert lent["lnet"].pictures == lent["enet"].pictures == 18
