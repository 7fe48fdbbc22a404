"""Write what the node schemas say into locales/en/nodeDefs.json and into the tables of the help pages.

    python scripts/build_locales.py

Run it after changing a schema, an option, or a word in locales/zh. There, options.json has the options' words
by their fields' names, choices.json those of widgets' choices, and nodeDefs.json, which gets them from both,
all others; they are written by hand. What draws lips gets its own name in choices.json where it has none. A
test compares, so that no text can differ from its schema. It needs no ComfyUI.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCALES = ROOT / "locales"
PAGES = ROOT / "web" / "docs"
LANGUAGES = ("en", "zh")
HEADS: dict[str, dict[str, Any]] = {  # of the tables, by language
    "en": {
        "inputs": ("input", "what it is"),
        "outputs": ("output", "what it is"),
        "optional": "optional",
        "default": "Default {}.",
        "range": "Default {}, from {} to {}.",
        "such as": "Such as {}.",
    },
    "zh": {
        "inputs": ("输入", "说明"),
        "outputs": ("输出", "说明"),
        "optional": "可选",
        "default": "默认 {}。",
        "range": "默认 {}，范围 {} 至 {}。",
        "such as": "例如 {}。",
    },
}


def main() -> None:
    schemas = load_schemas()
    widgets = importlib.import_module("pack.nodes.widgets")
    syncers = importlib.import_module("pack.retalk_core.stages.lips.syncers").SYNCERS
    for language in LANGUAGES[1:]:
        name_choices(language, {word: each.wants.title for word, each in syncers.items()})
    made = {"en": english_words(schemas)}
    for language in LANGUAGES[1:]:
        made[language] = with_options(language, schemas, widgets)
    for language, found in made.items():
        (LOCALES / language / "nodeDefs.json").write_text(as_json(found), encoding="utf-8")
    for language in LANGUAGES:
        words = json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8"))
        for schema in schemas:
            page = page_path(schema.node_id, language)
            text = page.read_text("utf-8")
            page.write_text(with_tables(text, schema, words[schema.node_id], language), encoding="utf-8")


def load_schemas() -> list[Any]:
    """The schema of every node, beside the tests' stand-in for ComfyUI."""
    sys.path.append(str(ROOT / "tests" / "nodes"))
    import stand_in

    stand_in.install(Path(tempfile.mkdtemp(prefix="retalk_comfy_")))
    spec = spec_from_file_location("pack", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    assert spec is not None and spec.loader is not None
    sys.modules["pack"] = pack = module_from_spec(spec)
    spec.loader.exec_module(pack)
    extension = asyncio.run(pack.comfy_entrypoint())
    return [node.GET_SCHEMA() for node in asyncio.run(extension.get_node_list())]


def page_path(node_id: str, language: str) -> Path:
    """Where ComfyUI looks for a node's help: English is what every other language falls back on."""
    return PAGES / f"{node_id}.md" if language == "en" else PAGES / node_id / f"{language}.md"


def as_json(words: dict[str, Any]) -> str:
    return json.dumps(words, indent=1, ensure_ascii=False) + "\n"


def english_words(schemas: Sequence[Any]) -> dict[str, Any]:
    """What locales/en/nodeDefs.json holds: names, descriptions and tooltips as the schemas have them."""
    return {
        schema.node_id: {
            "display_name": schema.display_name,
            "description": schema.description,
            "inputs": {
                each.id: {
                    **{"name": label_of(each.id), "tooltip": each.tooltip, **named_choices(each, "en")},
                    **(
                        {"placeholder": each.placeholder}
                        if getattr(each, "multiline", False) and each.placeholder
                        else {}
                    ),
                }
                for each in schema.inputs
            },
            "outputs": {
                str(i): {"name": label_of(each.display_name), "tooltip": each.tooltip}
                for i, each in enumerate(schema.outputs)
            },
        }
        for schema in schemas
    }


def label_of(name: str) -> str:
    """What the editor shows for an input or output: words, where its id is an identifier."""
    return name.replace("_", " ")


def named_choices(each: Any, language: str) -> dict[str, dict[str, str]]:  # noqa: ANN401
    """What the editor shows for an input's choices; files' names and codes of languages are as they are."""
    words = choice_words(language)
    found = {choice: words[choice] for choice in getattr(each, "options", None) or () if choice in words}
    return {"options": found} if found else {}


def name_choices(language: str, names: Mapping[str, str]) -> None:
    """Give choices that have no words yet their own names, which are the same in every language."""
    path = LOCALES / language / "choices.json"
    written: dict[str, str] = json.loads(path.read_text("utf-8"))
    path.write_text(as_json(written | {word: names[word] for word in names if word not in written}), "utf-8")


@functools.lru_cache
def choice_words(language: str) -> dict[str, str]:
    """The words of choices, by their values."""
    if language == "en":
        return {choice: label_of(choice) for choice in choice_words(LANGUAGES[1])}
    found: dict[str, str] = json.loads((LOCALES / language / "choices.json").read_text("utf-8"))
    return found


def with_options(language: str, schemas: Sequence[Any], widgets: ModuleType) -> dict[str, Any]:
    """A language's nodeDefs.json with the words of options and of choices wherever an input has them."""
    folder = LOCALES / language
    words: dict[str, Any] = json.loads((folder / "nodeDefs.json").read_text("utf-8"))
    options = json.loads((folder / "options.json").read_text("utf-8"))
    fields = {
        (each.widget, widgets.tooltip_of(each)): each.name
        for each in (*widgets.face_options(), *widgets.further_options())
    }
    if missing := set(fields.values()) - set(options):
        raise ValueError(f"{folder / 'options.json'} lacks {', '.join(sorted(missing))}")
    for schema in schemas:
        for each in schema.inputs:
            own = words[schema.node_id]["inputs"].setdefault(each.id, {})
            if (each.id, each.tooltip) in fields:
                own |= options[fields[each.id, each.tooltip]]
            own.pop("options", None)
            own |= named_choices(each, language)
    return words


def with_tables(page: str, schema: Any, words: dict[str, Any], language: str) -> str:  # noqa: ANN401
    """A help page with its two tables made anew, between the comments that mark their places."""
    tables = {
        "inputs": input_table(schema, words, language),
        "outputs": output_table(schema, words, language),
    }
    for name, table in tables.items():
        marks = f"<!-- {name} -->", f"<!-- /{name} -->"
        between = re.compile(f"{marks[0]}.*?{marks[1]}", re.DOTALL)
        new = f"{marks[0]}\n\n{table}\n\n{marks[1]}"
        page, count = between.subn(new.replace("\\", r"\\"), page)
        if count != 1:
            raise ValueError(f"{page_path(schema.node_id, language)}: {marks[0]} must be there once")
    return page


def input_table(schema: Any, words: dict[str, Any], language: str) -> str:  # noqa: ANN401
    heads, rows = HEADS[language], []
    for each in schema.inputs:
        own = words["inputs"][each.id]
        kind = _type_of(each) + (f" ({heads['optional']})" if each.optional else "")
        rows.append(_row(each.id, own, kind, _range_of(schema, each, language)))
    return _table(heads["inputs"], rows) if rows else "–"


def output_table(schema: Any, words: dict[str, Any], language: str) -> str:  # noqa: ANN401
    rows = [
        _row(each.display_name, words["outputs"][str(i)], _type_of(each))
        for i, each in enumerate(schema.outputs)
    ]
    return _table(HEADS[language]["outputs"], rows)


def _row(id: str, words: dict[str, str], *told: str) -> tuple[str, str]:
    """Two columns, the first one narrow, as the editor shows help in a narrow panel."""
    kind, *more = told
    name = "" if words["name"] in (id, label_of(id)) else words["name"]
    return "<br>".join(filter(None, (f"`{id}`", name))), "<br>".join(
        filter(None, (words["tooltip"], *more, f"*{kind}*"))
    )


def _type_of(each: Any) -> str:  # noqa: ANN401
    return str(each.io_type).replace(",", " / ")


def _range_of(schema: Any, each: Any, language: str) -> str:  # noqa: ANN401
    """Default and limits of a widget, or its choices, the default in bold; nothing for a socket."""
    say = HEADS[language]
    default = getattr(each, "default", None)
    if each.io_type == "COMBO":
        if each.id == "file" or schema.node_id == "ReTalkLoadModels":  # whatever lies on the disk
            return say["default"].format(f"`{default}`") if default else ""
        words = choice_words(language)
        named = (f"`{choice}`" + _named(choice, words.get(choice, choice)) for choice in each.options)
        marked = zip(each.options, named, strict=True)
        return " · ".join(f"**{each}**" if choice == default else each for choice, each in marked)
    if default is None or getattr(each, "force_input", None):
        return ""
    if each.io_type in ("INT", "FLOAT"):
        return say["range"].format(*map(_number, (default, each.min, each.max)))
    if each.io_type == "BOOLEAN":
        return say["default"].format(f"`{str(default).lower()}`")
    if default:
        return say["default"].format(f"`{default}`")
    return say["such as"].format(f"`{each.placeholder}`")


def _named(choice: str, words: str) -> str:
    """What the editor shows for a choice, where it is more than the choice without its underlines."""
    return "" if words.casefold() == label_of(choice) else f" {words}"


def _number(value: float) -> str:
    return f"{int(value):_}".replace("_", " ") if float(value).is_integer() else str(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
