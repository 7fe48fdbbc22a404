"""`python <this folder> dub ...`: the `retalk` command of a pack that was not installed with pip."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NAME = "retalk_nodes"


def load_pack() -> None:
    """Make this folder importable as `retalk_nodes`, whatever it is called and wherever it lies."""
    # Python puts the folder itself on the path, where its `nodes` and `models` would hide others' modules.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
    spec = spec_from_file_location(NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{ROOT} is not a Python package.")
    sys.modules[NAME] = pack = module_from_spec(spec)
    spec.loader.exec_module(pack)


if __name__ == "__main__":
    load_pack()
    from retalk_nodes.retalk_core.cli.main import main

    sys.exit(main())
