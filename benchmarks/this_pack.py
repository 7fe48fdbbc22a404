"""Importing this makes the folder around it importable as `retalk_nodes`, whatever else is installed."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_spec = spec_from_file_location("pack_main", ROOT / "__main__.py")
assert _spec is not None and _spec.loader is not None
_pack = module_from_spec(_spec)
_spec.loader.exec_module(_pack)
_pack.load_pack()
