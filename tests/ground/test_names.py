"""A public name means one thing in the whole core."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

# Names that may stand in two modules, with the reason.
ALLOWED = {
    "run_demo",  # the command's, and what it runs
    "Store",  # what an engine asks of a store, and the store on the disk that does it
}


def public_names(module: Path) -> set[str]:
    """The functions, classes and constants that a module defines."""
    names: set[str] = set()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
            }
    return {name for name in names if not name.startswith("_")}


def test_every_public_name_of_the_core_is_defined_once(root: Path) -> None:
    where = defaultdict(list)
    for module in sorted((root / "retalk_core").rglob("*.py")):
        for name in public_names(module):
            where[name].append(str(module.relative_to(root)))
    twice = {name: modules for name, modules in where.items() if len(modules) > 1}
    assert {name: twice[name] for name in twice if name not in ALLOWED} == {}
    assert set(twice) >= ALLOWED, "a name that is defined once needs no leave"
