"""The panel on nodes in ComfyUI's real editor: it stays, its result plays, a click chooses a face.

COMFYUI_FRONT_END names the static folder of another comfyui-frontend-package, to be served instead.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comfy_server import ComfyServer, checkouts, messages
from editor import READY, SEEN, Editor, browser_path, editor_of
from scenes import babble, talking, write_clip, write_voice

pytestmark = pytest.mark.comfy
FOUND = checkouts() or [None]
COUNT = itertools.count()
STYLES = {"canvas": False, "vue": True}
BUILD = """count => {
  const graph = window.app.graph
  graph.clear()
  const add = (type, x, values) => {
    const node = window.LiteGraph.createNode(type)
    node.pos = [x, 60]
    graph.add(node)
    for (const name in values) node.widgets.find(each => each.name === name).value = values[name]
    return node
  }
  const join = (from, to, name) => from.connect(0, to, to.inputs.findIndex(each => each.name === name))
  const video = add('LoadVideo', 0, { file: 'two.mp4' })
  const voice = add('LoadAudio', 300, { audio: 'voice.wav' })
  const dub = add('ReTalkDubVideo', 600, { engine: 'embedded preview', duration: 0.3 + count / 100 })
  const faces = add('ReTalkDetectFaces', 1100, { fps: 25 + count })
  const both = add('ReTalkCompareVideos', 1600, {})
  add('ReTalkCheckModels', 2100, {})
  join(video, dub, 'video')
  join(voice, dub, 'voice')
  join(video, faces, 'clip')
  join(video, both, 'first')
  join(dub, both, 'second')
  const shown = add('PreviewAny', 2600, {})
  faces.connect(3, shown, 0)
}"""
PANELS = """() => Object.fromEntries([...document.querySelectorAll('.retalk')].map(panel => {
  const text = panel.querySelector('.retalk-text'), box = text.getBoundingClientRect()
  const help = panel.querySelector('.retalk-top a').href
  return [help.split('#')[1].split('/')[0], {
    text: text.textContent, shown: text.checkVisibility() && box.width > 100
      && (box.height > 40 || text.scrollHeight <= text.clientHeight),
    videos: [...panel.querySelectorAll('video')].filter(video => video.readyState > 1).length,
    badges: panel.querySelectorAll('.retalk-badge:not([hidden])').length, help,
  }]
}))"""
LEFT = """() => (window.app.graph.nodes || window.app.graph._nodes)
  .flatMap(node => (node.widgets || []).map(each => each.name))
  .filter(name => name.startsWith('$$node-text'))"""
SHORTER = """seconds => {
  const dub = (window.app.graph.nodes || window.app.graph._nodes).find(node => node.type === 'ReTalkDubVideo')
  dub.widgets.find(each => each.name === 'duration').value = seconds
}"""
SPEAK = ("ReTalkDubVideo", "ReTalkDetectFaces", "ReTalkCompareVideos", "ReTalkCheckModels")


@pytest.fixture(scope="module", params=FOUND, ids=lambda found: found[0].name if found else "none")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Iterator[ComfyServer]:
    """A server with a clip of two faces and a voice."""
    if request.param is None:
        pytest.skip("no ComfyUI; COMFYUI_PATH names a checkout, COMFYUI_PYTHON an interpreter for it")
    if browser_path() is None:
        pytest.skip("no Chromium on the path")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("the package playwright is not installed")
    base = tmp_path_factory.mktemp("panel") / "base"
    other = os.environ.get("COMFYUI_FRONT_END")
    made = ComfyServer(
        *request.param, base, root, *(["--front-end-root", other] if other else []), called="retalk"
    )
    try:
        pairs = [np.concatenate([frame[:, ::-1] // 2, frame], axis=1) for frame in talking(12)]
        write_clip(base / "input" / "two.mp4", pairs, codec="libx264")
        write_voice(base / "input" / "voice.wav", babble(0.48))
        yield made
    finally:
        made.stop()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(params=STYLES)
def window(request: pytest.FixtureRequest, server: ComfyServer) -> Iterator[Editor]:
    """The editor with a workflow of our nodes that say something."""
    vue = STYLES[request.param]
    if vue and server.nodes["LoadVideo"].get("search_aliases") is None:
        pytest.skip("this editor draws nodes on the canvas only")
    browser = browser_path()
    assert browser is not None
    with editor_of(f"http://127.0.0.1:{server.port}", browser, **{"Comfy.VueNodes.Enabled": vue}) as opened:
        # Each window asks for something else: old versions tell a new window nothing of what is cached.
        opened.page.evaluate(BUILD, next(COUNT))
        opened.page.evaluate(
            "() => { window.app.canvas.ds.scale = 0.6; window.app.canvas.setDirty(true, true) }"
        )
        yield opened


def panels(window: Editor, of: tuple[str, ...] = SPEAK) -> dict[str, Any]:
    window.page.wait_for_function(f"() => ({PANELS})() && Object.keys(({PANELS})()).length >= {len(of)}")
    window.page.wait_for_timeout(1000)
    found: dict[str, Any] = window.page.evaluate(PANELS)
    assert {name for name, each in found.items() if each["shown"]} >= set(of), found
    return found


def timeless(found: dict[str, Any]) -> dict[str, str]:
    """What panels say, but for how long the work took and for folders of this machine."""
    return {
        name: "\n".join(
            line for line in each["text"].splitlines() if not re.match(r"time: |.*(/|\u2026)", line)
        )
        for name, each in found.items()
    }


def test_words_and_result_stay(window: Editor, server: ComfyServer) -> None:
    window.press_run()
    first = panels(window)
    assert first["ReTalkDubVideo"]["text"].startswith("PREVIEW")
    assert first["ReTalkDubVideo"]["videos"] == first["ReTalkCompareVideos"]["videos"] == 2
    assert first["ReTalkDubVideo"]["badges"] == 2, "on the picture and beside the words"
    assert len(first["ReTalkCheckModels"]["text"].splitlines()) > 10
    assert window.page.evaluate(LEFT) == []
    told = timeless(first)
    window.press_run()  # everything is cached, or made again where memory is short
    assert timeless(panels(window)) == told
    form = window.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")
    assert str(server.base) not in str(form), "folders of this machine stay here"
    window.open(form)
    again = panels(window)
    assert timeless(again) == told and again["ReTalkDubVideo"]["videos"] == 2
    window.page.reload()
    window.page.wait_for_function(READY, polling=200)
    assert timeless(panels(window)) == told
    assert [each for each in window._console if "extensions/" in each or "retalk" in each.lower()] == []
    answer = window.page.request.get(again["ReTalkDubVideo"]["help"].split("#")[0])
    assert answer.ok and "text/html" in answer.headers["content-type"]


def test_a_click_on_a_face_sets_the_widgets_and_what_runs(window: Editor) -> None:
    window.press_run()
    panels(window)
    window.page.evaluate(
        "() => document.querySelectorAll('.retalk-faces').forEach("
        "each => each.querySelector('[aria-pressed=false]').click())"
    )
    prompt = window.page.evaluate("async () => (await window.app.graphToPrompt()).output")
    given = {each["class_type"]: each["inputs"] for each in prompt.values()}
    assert given["ReTalkDubVideo"]["face"].endswith("from the left")
    assert given["ReTalkDetectFaces"]["face"] == "nearest to a point"
    assert given["ReTalkDetectFaces"]["x"] > 0 < given["ReTalkDetectFaces"]["y"]
    assert not any("retalk_panel" in each for each in given.values())


def test_the_first_template_needs_no_choice_and_a_second_run_does_nothing_anew(
    window: Editor, server: ComfyServer, root: Path
) -> None:
    form = json.loads((root / "workflows" / "quick_dub.json").read_text("utf-8"))
    opened = window.open(form)
    assert opened.missing == set() and not any(node["errors"] for node in opened.nodes)
    window.page.evaluate(SHORTER, 0.3 + next(COUNT) / 100)
    window.press_run()
    assert panels(window, ("ReTalkDubVideo", "ReTalkDemoClip"))["ReTalkDubVideo"]["videos"] == 2
    for one, other in itertools.combinations(window.page.evaluate(SEEN), 2):
        over = [
            min(one["box"][i] + one["box"][i + 2], other["box"][i] + other["box"][i + 2])
            - max(one["box"][i], other["box"][i])
            for i in (0, 1)
        ]
        assert min(over) <= 1, (one["type"], other["type"])
    window.press_run()
    *_, last = server.get("/history").values()
    (cached,) = messages(last, "execution_cached")
    dub = next(key for key, node in last["prompt"][2].items() if node["class_type"] == "ReTalkDubVideo")
    assert dub in cached["nodes"]
    assert [each for each in window._console if "extensions/" in each or "retalk" in each.lower()] == []
