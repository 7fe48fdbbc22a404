"""Write the tables of the command's options into docs/command.md, as the options' fields say them.

    python scripts/build_option_tables.py [PAGE]

Run it after changing an option. The tables stand between <!-- options --> and <!-- /options -->, and nothing
else of the page is touched.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "command.md"
MARKS = "<!-- options -->", "<!-- /options -->"


def main(words: Sequence[str]) -> None:
    page = Path(words[0]) if words else PAGE
    page.write_text(with_tables(page.read_text("utf-8"), load_words()), encoding="utf-8")


def load_words() -> ModuleType:
    """The pack's module that knows how options are said on the command line."""
    spec = spec_from_file_location("pack", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    assert spec is not None and spec.loader is not None
    sys.modules["pack"] = pack = module_from_spec(spec)
    spec.loader.exec_module(pack)
    return importlib.import_module("pack.retalk_core.cli.words")


def with_tables(page: str, words: ModuleType) -> str:
    """A page with its tables made anew, between the comments that mark their place."""
    between = re.compile(f"{MARKS[0]}.*?{MARKS[1]}", re.DOTALL)
    found = between.findall(page)
    if len(found) != 1:
        raise ValueError(f"{MARKS[0]} and {MARKS[1]} must be on the page once")
    return page.replace(found[0], f"{MARKS[0]}\n\n{tables(words)}\n\n{MARKS[1]}")


def tables(words: ModuleType) -> str:
    """One table for each group of the help that has options."""
    made = []
    for key, options in words.options_by_group().items():
        if options:
            title = words.GROUPS[key]
            lines = [f"| {title} | what it does |", "| --- | --- |", *(_row(words, each) for each in options)]
            made.append("\n".join(lines))
    return "\n\n".join(made)


def _row(words: ModuleType, asked: Any) -> str:  # noqa: ANN401 - an Option of whichever pack is loaded
    flag = f"`{f'{asked.flag} {words.metavar_of(asked)}'.strip()}`"
    if asked.kind == "switch" and asked.by_preset:
        flag += f", `--no-{asked.flag.removeprefix('--')}`"
    told = [asked.command_tip or asked.tip, _limits(words, asked)]
    return f"| {flag} | {'<br>'.join(filter(None, told))} |"


def _limits(words: ModuleType, asked: Any) -> str:  # noqa: ANN401
    """An option's choices, the default in bold; or its range and default."""
    default = words.default_of(asked)
    if asked.kind == "choice":
        choices = (f"**`{each}`**" if each == default else f"`{each}`" for each in asked.choices)
        listed = " · ".join(choices)
        return listed if default in asked.choices else f"{listed}; default: {default}"
    told = "; ".join(filter(None, (asked.range, f"default: {default}" if default else "")))
    return f"{told[:1].upper()}{told[1:]}." if told else ""


if __name__ == "__main__":
    main(sys.argv[1:])
