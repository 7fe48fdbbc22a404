"""What all tests share: the pack under the name `retalk_nodes`, real clips, recordings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
MEDIA = Path(os.environ.get("RETALK_TEST_MEDIA", ROOT.parent / "shared" / "media"))


def _load_pack() -> None:
    """Import this folder as `retalk_nodes`, installed or not, and keep it off the path.

    On the path its `nodes` would hide ComfyUI's module of that name.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
    spec = spec_from_file_location(
        "retalk_nodes", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    sys.modules["retalk_nodes"] = pack = module_from_spec(spec)
    spec.loader.exec_module(pack)


_load_pack()


@pytest.fixture(scope="session")
def root() -> Path:
    """The pack's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips; skips the test where there is none."""
    if not MEDIA.is_dir():
        pytest.skip(f"no real clips in {MEDIA}; RETALK_TEST_MEDIA names the folder that holds them")
    return MEDIA


@pytest.fixture(scope="session")
def recording() -> Callable[[str], dict[str, np.ndarray]]:
    """The arrays of a recording in tests/golden, by the file's name without its ending."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(ROOT / "tests" / "golden" / f"{name}.npz", allow_pickle=False) as stored:
            return dict(stored)

    return load
