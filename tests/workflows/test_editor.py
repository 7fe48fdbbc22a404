"""Every workflow opens in ComfyUI's real editor: nothing red, nothing missing, nothing said on the console.

RETALK_TEST_PICTURES names a folder for pictures of them, to look at.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from build_workflows import BLUEPRINT
from comfy_server import ComfyServer, checkouts
from editor import Editor, browser_path, editor_of
from test_running import write_media
from weights import weight_files
from workflow_nodes import VHS, interfaces

pytestmark = pytest.mark.comfy
ROOT = Path(__file__).resolve().parents[2]
FOUND = checkouts() or [None]
STYLES = {"canvas": False, "vue": True}  # nodes drawn on the canvas, and as part of the page
NAMES = sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))
KNOWN = interfaces()
FOREIGN = {kind for kind, each in KNOWN.items() if each.pack == VHS}
EDITOR_ONLY = {"video-preview", "audioUI", "upload"}  # values that mean nothing to the server


@pytest.fixture(scope="module", params=FOUND, ids=lambda found: found[0].name if found else "none")
def comfy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, made_weights: Path, root: Path
) -> Iterator[ComfyServer]:
    """A server with the files that the workflows name."""
    if request.param is None:
        pytest.skip("no ComfyUI; COMFYUI_PATH names a checkout, COMFYUI_PYTHON an interpreter for it")
    if browser_path() is None:
        pytest.skip("no Chromium on the path")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("the package playwright is not installed")
    base = tmp_path_factory.mktemp("editor") / "base"
    server = ComfyServer(*request.param, base, root)
    try:
        weight_files(base / "models" / "retalk", made_weights)
        write_media(base / "input")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module", params=STYLES)
def editor(request: pytest.FixtureRequest, comfy: ComfyServer) -> Iterator[tuple[Editor, str]]:
    """The editor, and a word for the version and how it draws nodes."""
    browser = browser_path()
    assert browser is not None
    vue = STYLES[request.param]
    if vue and comfy.nodes["LoadVideo"].get("search_aliases") is None:
        pytest.skip("this editor draws nodes on the canvas only")
    url = f"http://127.0.0.1:{comfy.port}"
    with editor_of(url, browser, **{"Comfy.VueNodes.Enabled": vue}) as opened:
        yield opened, f"{comfy.comfyui.name}_{request.param}"


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_opens_whole(editor: tuple[Editor, str], name: str) -> None:
    window, where = editor
    form = json.loads((ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8"))
    opened = window.open(form)
    if pictures := os.environ.get("RETALK_TEST_PICTURES"):
        window.picture(Path(pictures) / where / f"{name}.png")
    assert len(opened.nodes) == len(form["nodes"])
    assert opened.missing <= FOREIGN
    assert {node["type"] for node in opened.nodes if node["errors"]} <= FOREIGN
    assert opened.console == []
    if not opened.missing:
        assert opened.dialogs == []
        assert _queued(opened.prompt) == _queued(_as_drawn(name))
    for node, other in itertools.combinations(opened.nodes, 2):
        assert _apart(node["box"], other["box"]), (node["type"], other["type"])


def _as_drawn(name: str) -> dict[str, Any]:
    """A workflow's twin, with the engine that stands on the canvas."""
    twin: dict[str, Any] = json.loads(
        (ROOT / "workflows" / "api" / f"{name}.json").read_text(encoding="utf-8")
    )
    for node in twin.values():
        node["inputs"] |= {"engine": "auto"} if "engine" in node["inputs"] else {}
    return twin


def _queued(prompt: dict[str, Any]) -> dict[str, Any]:
    """What matters of what would be queued: newer versions add values of their own to core nodes."""
    return {
        key: {
            "class_type": node["class_type"],
            "inputs": {
                name: value
                for name, value in node["inputs"].items()
                if name in KNOWN[node["class_type"]].inputs and name not in EDITOR_ONLY
            },
        }
        for key, node in prompt.items()
    }


def _apart(a: list[float], b: list[float]) -> bool:
    over = [min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]) for i in (0, 1)]
    return min(over) <= 1


def test_the_blueprint_opens_whole(editor: tuple[Editor, str], comfy: ComfyServer) -> None:
    window, where = editor
    form = json.loads((ROOT / "subgraphs" / f"{BLUEPRINT}.json").read_text(encoding="utf-8"))
    opened = window.open(form)
    assert opened.missing == set() and opened.console == []
    (node,) = opened.nodes
    assert not node["errors"]
    assert len(opened.prompt) == len(form["definitions"]["subgraphs"][0]["nodes"])
    if pictures := os.environ.get("RETALK_TEST_PICTURES"):
        window.enter(node["id"])
        window.picture(Path(pictures) / where / "blueprint.png")
