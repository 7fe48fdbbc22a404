"""The workflows on disk, the script that builds them, and the nodes that they are made of."""

from __future__ import annotations

import asyncio
import atexit
import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / folder) for folder in ("scripts", "tests/nodes", "tests/workflows")]

if "comfy_api.latest" not in sys.modules:  # the nodes' own tests have put it there, if they run too
    BASE = Path(tempfile.mkdtemp(prefix="retalk_comfy_"))
    atexit.register(shutil.rmtree, BASE, ignore_errors=True)
    importlib.import_module("stand_in").install(BASE)


@pytest.fixture(scope="session")
def nodes() -> dict[str, Any]:
    """Every node of the pack by its id, as ComfyUI would load it."""
    extension = asyncio.run(importlib.import_module("retalk_nodes").comfy_entrypoint())
    return {node.GET_SCHEMA().node_id: node for node in asyncio.run(extension.get_node_list())}
