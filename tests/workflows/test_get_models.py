"""Get ReTalk Models in the real editor: read, download, stop, go on, be refused, dub. No terminal."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfy_server import ComfyServer, checkouts, messages
from editor import Editor, browser_path, editor_of
from mirrors import Mirror, mirror_of
from retalk_nodes.retalk_core.files import sha256_of
from scenes import babble, talking, write_clip, write_voice
from workflow_graph import Graph, api_form
from workflow_layout import editor_form
from workflow_nodes import interfaces

pytestmark = pytest.mark.comfy
FOUND = checkouts() or [None]
KNOWN = interfaces()  # before there is an event loop
STYLES = {"canvas": False, "nodes2": True}
OTHER_NAMES = {"ParseNet-latest.pth": "parsing_parsenet.pth"}
NEEDED = (
    *("face3d_pretrain_epoch_20.pth", "DNet.pt", "LNet.pth", "ENet.pth", "GFPGANv1.3.pth"),
    "parsing_parsenet.pth",
)
# The server's catalogue takes the mirror's files for the official ones, and knows no other source.
BESIDE = """
import sys, threading, time
KNOWN = {known!r}
def adapt():
    while True:
        for name, module in list(sys.modules.items()):
            if name.endswith(".models.catalog") and hasattr(module, "ROWS"):
                for row in module.ROWS:
                    for file in row.files:
                        sha256, size = KNOWN.get(file.name, (file.sha256, file.size))
                        for field, value in (("sha256", sha256), ("size", size), ("sources", ())):
                            object.__setattr__(file, field, value)
                return
        time.sleep(0.05)
threading.Thread(target=adapt, daemon=True).start()
NODE_CLASS_MAPPINGS = {{}}
"""


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    """Weights by the recipe under the official names."""
    given = os.environ.get("RETALK_TEST_WEIGHTS")
    if not given:
        pytest.skip("RETALK_TEST_WEIGHTS names no folder with weights by the recipe")
    found = {OTHER_NAMES.get(path.name, path.name): path for path in Path(given).iterdir()}
    return {name: found[name] for name in NEEDED}


@pytest.fixture(scope="module", params=FOUND, ids=lambda found: found[0].name if found else "none")
def comfy(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    root: Path,
    files: dict[str, Path],
) -> Iterator[ComfyServer]:
    """A server without any weights."""
    if request.param is None:
        pytest.skip("no ComfyUI; COMFYUI_PATH names a checkout, COMFYUI_PYTHON an interpreter for it")
    if browser_path() is None or importlib.util.find_spec("playwright") is None:
        pytest.skip("no Chromium on the path, or the package playwright is not installed")
    base = tmp_path_factory.mktemp("models") / "base"
    known = {name: (sha256_of(path), path.stat().st_size) for name, path in files.items()}
    server = ComfyServer(*request.param, base, root, beside=BESIDE.format(known=known), called="retalk")
    try:
        write_clip(base / "input" / "short.mp4", talking(3, 256), codec="libx264")
        write_voice(base / "input" / "short.wav", babble(0.12))
        yield server
    finally:
        server.stop()


def workflow(mirror: Mirror) -> Graph:
    graph = Graph("get_models", KNOWN)
    with graph.group("Models", "input"):
        graph.add("ReTalkGetModels", mirror=mirror.url)
    return graph


def says(window: Editor, words: str, seconds: float = 120) -> str:
    """What the node's panel shows, once it holds some words."""
    window.page.wait_for_function(
        "words => document.querySelector('.retalk-get-models')?.innerText.includes(words)",
        arg=words,
        timeout=seconds * 1000,
    )
    return str(window.page.inner_text(".retalk-get-models"))


def press(window: Editor) -> None:
    window.page.locator(".retalk-get-models button").first.click()


@pytest.mark.parametrize("style", STYLES)
def test_from_nothing_to_a_dub_by_the_papers_networks(
    comfy: ComfyServer, files: dict[str, Path], style: str
) -> None:
    browser = browser_path()
    assert browser is not None
    if STYLES[style] and comfy.nodes["LoadVideo"].get("search_aliases") is None:
        pytest.skip("this editor draws nodes on the canvas only")
    folder = comfy.base / "models" / "retalk"
    for path in folder.glob("*"):
        path.unlink()
    url = f"http://127.0.0.1:{comfy.port}"
    with (
        mirror_of(files) as mirror,
        editor_of(url, browser, **{"Comfy.VueNodes.Enabled": STYLES[style]}) as window,
    ):
        opened = window.open(editor_form(workflow(mirror)))
        assert opened.console == [] and opened.dialogs == []
        listed = says(window, "Into ")
        assert "Licences:" in listed and "Download 6 files" in listed and str(folder) in listed
        if pictures := os.environ.get("RETALK_TEST_PICTURES"):
            window.picture(Path(pictures) / f"get_models_{comfy.comfyui.name}_{style}.png")

        done = comfy.run(api_form(workflow(mirror)))  # Run tells, and downloads nothing
        assert "lacks 6 files" in done["outputs"]["1"]["text"][0] and mirror.asked == []

        mirror.held, mirror.spoilt = {"LNet.pth"}, {"ENet.pth"}
        press(window)
        says(window, "LNet.pth 1.0 MB")
        press(window)
        mirror.released.set()
        says(window, "Stopped.")
        assert not (folder / "LNet.pth").exists()
        press(window)
        refused = says(window, "its sha256 is")
        assert "ENet.pth could not be downloaded" in refused and not (folder / "ENet.pth").exists()
        assert any(name == "LNet.pth" and wanted for name, wanted in mirror.asked)
        mirror.spoilt.clear()
        says(window, "Download 1 file")
        press(window)
        says(window, "Nothing is missing.")
        if pictures:
            window.picture(Path(pictures) / f"got_models_{comfy.comfyui.name}_{style}.png")
    assert {path.name for path in folder.iterdir()} - {"retalk_files.json"} == set(NEEDED)
    report = dub(comfy)
    assert "engine: retalk" in report, report


def dub(comfy: ComfyServer) -> str:
    graph = Graph("dub", KNOWN)
    with graph.group("Dub", "lips"):
        clip = graph.add("LoadVideo", file="short.mp4")
        voice = graph.add("LoadAudio", audio="short.wav")
        made = graph.add("ReTalkDubVideo", video=clip, voice=voice, preset="paper")
        graph.add("PreviewAny", source=made["report"])
    done = comfy.wait(comfy.queue(json.loads(json.dumps(api_form(graph)))), 900)
    assert done["status"]["status_str"] == "success", messages(done, "execution_error")
    texts: list[Any] = [each.get("text") for each in done["outputs"].values()]
    return str(texts)
