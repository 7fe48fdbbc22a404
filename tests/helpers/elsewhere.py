"""Code that runs in another process, with the pack under its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import retalk_nodes

LOAD = "import importlib.util as u, sys; s = u.spec_from_file_location('retalk_nodes', {init!r}, " + (
    "submodule_search_locations=[{folder!r}]); m = u.module_from_spec(s); sys.modules['retalk_nodes'] = m; "
    "s.loader.exec_module(m)\n"
)


def elsewhere(code: str, *arguments: str) -> list[str]:
    """A command that runs code with the pack in another process."""
    folder = Path(str(retalk_nodes.__file__)).parent
    load = LOAD.format(init=str(folder / "__init__.py"), folder=str(folder))
    return [sys.executable, "-c", load + code, *arguments]


def run_elsewhere(code: str, *arguments: str) -> str:
    return subprocess.run(elsewhere(code, *arguments), check=True, capture_output=True, text=True).stdout
