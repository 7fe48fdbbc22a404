"""The house stays one that a stranger finds his way in: small rooms, small modules, small functions."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("retalk_core", "models", "nodes")
MOST_MODULES = 12  # in a room; nodes has one for each stage
MOST_LINES = 400  # of a module
MOST_FUNCTION_LINES = 60
USUAL_FUNCTION_LINES = 9  # the median
SCHEMAS = ("define_schema",)  # tables, however long

MODULES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
ROOMS = sorted({path.parent for path in MODULES})


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a module and its length in lines."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("room", [room for room in ROOMS if room.name != "nodes"], ids=named)
def test_a_room_holds_at_most_a_dozen_modules(room: Path) -> None:
    modules = [path for path in room.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES, f"{len(modules)} modules: give some of them a room of their own"


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_a_room_has_a_door_plate_and_nothing_else_on_the_door(room: Path) -> None:
    tree = ast.parse((room / "__init__.py").read_text("utf-8"))
    plate = ast.get_docstring(tree)
    assert plate and 1 <= len(plate.splitlines()) <= 5
    if room.name != "nodes":  # ComfyUI asks that one for its list of nodes
        assert len(tree.body) == 1, "what a room offers is imported from its modules"


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_fits_in_the_head(module: Path) -> None:
    lines = len(module.read_text("utf-8").splitlines())
    assert lines <= MOST_LINES, f"{lines} lines: two modules with a word of their own read better"
    for name, length in functions(module):
        assert length <= MOST_FUNCTION_LINES or name in SCHEMAS, f"{name} has {length} lines"


def test_most_functions_are_a_few_lines() -> None:
    lengths = [length for module in MODULES for _, length in functions(module)]
    assert statistics.median(lengths) <= USUAL_FUNCTION_LINES


def test_every_room_is_installed() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 is the first that reads TOML")
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    rooms = {"retalk_nodes", *(f"retalk_nodes.{named(room).replace('/', '.')}" for room in ROOMS)}
    assert set(setup["packages"]) == rooms
