"""The pack's scripts on a page of their own, in a Chromium without a window."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))

from chromium import Browser, browser_path, serving
from retalk_nodes.retalk_core.media.color import ColorTags
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream
from retalk_nodes.retalk_core.reports.proxies import Look, writing_pair

RATE, FRAMES, SIZE = 25, 75, (180, 320)
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="js/panel.css">
<style>body { margin: 0; background: #888 } #node { width: 640px; height: 860px }
@media (prefers-color-scheme: dark) { :root { --input-text: #ddd; --comfy-input-bg: #222; } }
@media (prefers-color-scheme: light) { :root { --input-text: #111; --comfy-input-bg: #fff; } }</style>
<div id="node"></div>"""


def shade(frame: int) -> int:
    """The grey of a frame of the first clip: neighbours differ clearly."""
    return 40 + frame * 37 % 160


@pytest.fixture(scope="session")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page beside the scripts, and of two clips of the same moments."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(root / "web", folder, dirs_exist_ok=True)
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    sound = SoundArray(np.sin(np.arange(16_000 * 3) / 20).astype(np.float32)[None] * 0.2, 16_000)
    looks = (
        Look(folder / "before.mp4", SIZE, ColorTags()),
        Look(folder / "after.mp4", SIZE, ColorTags(), sound=SoundStream(sound, 0, Fraction(FRAMES, RATE))),
    )
    with writing_pair(*looks) as see:
        for frame in range(FRAMES):
            grey = np.full((*SIZE, 3), shade(frame), np.uint8)
            red = np.stack([grey[..., 0], grey[..., 1] // 4, grey[..., 2] // 4], axis=-1)
            see(grey, red, Fraction(frame, RATE), Fraction(1, RATE))
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
