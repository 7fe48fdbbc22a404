"""ComfyUI's real editor in a Chromium without a window: opens workflows, tells what it sees, draws it."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--mute-audio"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
    "--enable-unsafe-swiftshader",
)
SIZE = {"width": 1900, "height": 1100}
QUIET = {  # no tours, no news, nothing over the canvas
    "Comfy.TutorialCompleted": True,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.InstalledVersion": "99.0.0",
    "Comfy.Release.Status": "skipped",
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.Minimap.Visible": False,
}
READY = """() => window.app && (window.app.graph || window.app.rootGraph) && window.app.canvas
  && window.LiteGraph && Object.keys(window.LiteGraph.registered_node_types).length > 50"""
SEEN = """() => {
  const graph = window.app.rootGraph || window.app.graph
  return (graph.nodes || graph._nodes).map(node => ({
    id: node.id, type: node.type, errors: !!node.has_errors,
    known: !!window.LiteGraph.registered_node_types[node.type] || !!node.isVirtualNode || !!node.subgraph,
    box: Array.from(node.getBounding ? node.getBounding() : [...node.pos, ...node.size]),
    needs: node.computeSize ? Array.from(node.computeSize()) : null, size: Array.from(node.size),
  }))
}"""
DIALOGS = """() => Array.from(document.querySelectorAll(
    '[role=dialog], [role=alertdialog], [data-testid=error-overlay], .p-dialog, .p-toast-message'))
  .filter(e => e.checkVisibility() && e.getBoundingClientRect().width > 0)
  .map(e => e.innerText.trim().replace(/\\s+/g, ' ').slice(0, 400)).filter(t => t)"""
EXTENT = """() => {
  const graph = window.app.canvas.graph
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  const take = b => {
    left = Math.min(left, b[0]); top = Math.min(top, b[1])
    right = Math.max(right, b[0] + b[2]); bottom = Math.max(bottom, b[1] + b[3])
  }
  for (const n of graph.nodes || graph._nodes) take(n.getBounding ? n.getBounding() : [...n.pos, ...n.size])
  for (const g of graph.groups || graph._groups || []) take(g._bounding || [...g.pos, ...g.size])
  for (const r of (graph.reroutes || new Map()).values()) take([...r.pos, 0, 0])
  return [left, top, right - left, bottom - top]
}"""
SHOW = """([left, top, scale]) => {
  const ds = window.app.canvas.ds
  ds.scale = scale
  ds.offset[0] = -left + 90 / scale
  ds.offset[1] = -top + 120 / scale
  window.app.canvas.setDirty(true, true)
}"""
DONE = "async () => Object.keys(await (await fetch('/history')).json()).length"
SCALE = 0.7  # of pictures: smaller, and the editor leaves out the text
OWN_NOISE = re.compile(
    r"net::ERR_|Failed to fetch|Network Error|Content Security Policy|status of 404|userdata"
)


def browser_path() -> str | None:
    """A Chromium on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


@dataclass
class Opened:
    """What the editor made of a workflow."""

    nodes: list[dict[str, Any]]
    dialogs: list[str]
    console: list[str]
    prompt: dict[str, Any] = field(default_factory=dict)  # what it would queue

    @property
    def missing(self) -> set[str]:
        return {node["type"] for node in self.nodes if not node["known"]}


class Editor:
    """An open editor."""

    def __init__(self, page: Any) -> None:  # noqa: ANN401 - playwright's
        self.page = page
        self._console: list[str] = []
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self._hear("error", str(error)))

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and not OWN_NOISE.search(text):
            self._console.append(text)

    def open(self, workflow: dict[str, Any]) -> Opened:
        """Open a workflow as a click on it would."""
        self._console.clear()
        self.page.evaluate("data => window.app.loadGraphData(data)", workflow)
        self.page.wait_for_timeout(1000)
        dialogs = self.page.evaluate(DIALOGS)
        for _ in dialogs:
            self.page.keyboard.press("Escape")
        nodes = self.page.evaluate(SEEN)
        prompt = self.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        return Opened(nodes, dialogs, list(self._console), prompt)

    def press_run(self, seconds: float = 300) -> None:
        """Run what is open, and wait for its end; `wait_for_function` takes any promise for true."""
        before, end = self.page.evaluate(DONE), time.monotonic() + seconds
        self.page.evaluate("() => window.app.queuePrompt(0)")
        while self.page.evaluate(DONE) == before:
            assert time.monotonic() < end, "the run doesn't end"
            self.page.wait_for_timeout(300)
        self.page.wait_for_timeout(2500)  # what the nodes were told is drawn

    def enter(self, node: int) -> None:
        """Show what is inside a node that holds a graph."""
        self.page.evaluate(
            "id => window.app.canvas.openSubgraph(window.app.graph.getNodeById(id).subgraph)", node
        )
        self.page.wait_for_timeout(700)

    def picture(self, path: Path) -> None:
        """Everything on the canvas, large enough to be read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        left, top, width, height = self.page.evaluate(EXTENT)
        room = {
            "width": max(1200, round(width * SCALE) + 160),
            "height": max(700, round(height * SCALE) + 200),
        }
        self.page.set_viewport_size(room)
        self.page.wait_for_timeout(300)
        self.page.evaluate(SHOW, [left, top, SCALE])
        self.page.wait_for_timeout(700)
        self.page.screenshot(path=str(path))
        self.page.set_viewport_size(SIZE)


@contextmanager
def editor_of(url: str, browser: str, **settings: object) -> Iterator[Editor]:
    """The editor of a server, cut off from everything else."""
    from playwright.sync_api import sync_playwright

    request = urllib.request.Request(
        f"{url}/api/settings",
        json.dumps({**QUIET, **settings}).encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).close()
    host = urlsplit(url).netloc
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, headless=True, args=list(FLAGS))
        page = chromium.new_context(viewport=SIZE, locale="en-US").new_page()
        page.set_default_timeout(120_000)
        page.route(
            "**/*",
            lambda route: (
                route.continue_() if urlsplit(route.request.url).netloc in (host, "") else route.abort()
            ),
        )
        page.goto(f"{url}/", wait_until="domcontentloaded")
        page.wait_for_function(READY, polling=200)
        page.wait_for_timeout(2000)  # it opens a graph of its own a moment later
        page.keyboard.press("Escape")
        try:
            yield Editor(page)
        finally:
            chromium.close()
