"""The nodes, imported beside a stand-in for ComfyUI."""

from __future__ import annotations

import asyncio
import atexit
import importlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

import stand_in

BASE = Path(tempfile.mkdtemp(prefix="retalk_comfy_"))
atexit.register(shutil.rmtree, BASE, ignore_errors=True)
MANAGER = stand_in.install(BASE)


@pytest.fixture(scope="session")
def nodes() -> dict[str, Any]:
    """Every node of the pack by its id, as ComfyUI would load it."""
    pack = importlib.import_module("retalk_nodes")
    extension = asyncio.run(pack.comfy_entrypoint())
    return {node.GET_SCHEMA().node_id: node for node in asyncio.run(extension.get_node_list())}


@pytest.fixture
def manager() -> Iterator[stand_in.Manager]:
    """What ComfyUI's memory manager was asked for."""
    MANAGER.loaded.clear()
    yield MANAGER
    MANAGER.stopped = False


@pytest.fixture
def base(nodes: dict[str, Any]) -> Path:
    """ComfyUI's base folder."""
    return BASE
