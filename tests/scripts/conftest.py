"""The headless script, and files to give to it."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

sys.path.append(str(Path(__file__).parent))  # for `comfy_stand_in`


@pytest.fixture(scope="session")
def queue_dub(root: Path) -> ModuleType:
    """scripts/queue_dub.py; skips where aiohttp is missing, which ComfyUI brings."""
    pytest.importorskip("aiohttp")
    spec = spec_from_file_location("queue_dub", root / "scripts" / "queue_dub.py")
    assert spec is not None and spec.loader is not None
    sys.modules["queue_dub"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A clip and a voice (of a few bytes: nobody looks into them), and where the result goes."""
    for name in ("clip.mp4", "voice.wav"):
        (tmp_path / name).write_bytes(name.encode())
    return {name: str(tmp_path / name) for name in ("clip.mp4", "voice.wav", "out.mp4")}
