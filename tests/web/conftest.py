"""The pack's scripts on a page of their own, in a Chromium without a window."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from chromium import Browser, browser_path, serving
from two_clips import write_two_clips

PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="js/panel.css">
<style>body { margin: 0; background: #888 } #node { width: 640px; height: 860px }
@media (prefers-color-scheme: dark) { :root { --input-text: #ddd; --comfy-input-bg: #222; } }
@media (prefers-color-scheme: light) { :root { --input-text: #111; --comfy-input-bg: #fff; } }</style>
<div id="node"></div>"""


@pytest.fixture(scope="session")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page beside the scripts, and of two clips of the same moments."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(root / "web", folder, dirs_exist_ok=True)
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    write_two_clips(folder)
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser; skips the test where there is none."""
    path = browser_path()
    if path is None:
        pytest.skip("no Chromium on the path")
    browser = Browser(path, tmp_path_factory.mktemp("profile"))
    try:
        yield browser
    finally:
        browser.close()
