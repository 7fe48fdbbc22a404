"""Every node, input and output is named and explained in each language, in the editor and on a help page."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from retalk_nodes.retalk_core.stages.lips.syncers import SYNCERS

LANGUAGES = ("en", "zh")
PICTURE_BYTES = 40_000
CHINESE = re.compile("[\u4e00-\u9fff]")
PICTURE = re.compile(r"!\[([^\]]+)\]\(([^)]+)\)")


@pytest.fixture(scope="module")
def builder(root: Path) -> ModuleType:
    """scripts/build_locales.py."""
    spec = spec_from_file_location("build_locales", root / "scripts" / "build_locales.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def schemas(nodes: dict[str, Any]) -> list[Any]:
    return [node.GET_SCHEMA() for node in nodes.values()]


def words(root: Path, language: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "locales" / language / "nodeDefs.json").read_text("utf-8"))
    return found


def texts(found: dict[str, Any]) -> list[str]:
    """All texts of a locale, without their keys."""
    return [
        text for value in found.values() for text in (texts(value) if isinstance(value, dict) else [value])
    ]


def keys(found: dict[str, Any]) -> dict[str, Any]:
    """A locale without its texts."""
    return {name: keys(value) if isinstance(value, dict) else None for name, value in found.items()}


def test_english_is_what_the_schemas_say(root: Path, builder: ModuleType, schemas: list[Any]) -> None:
    """Where this fails, run scripts/build_locales.py."""
    assert words(root, "en") == builder.english_words(schemas)


def test_the_words_of_options_are_their_fields(root: Path, builder: ModuleType, schemas: list[Any]) -> None:
    """Where this fails, run scripts/build_locales.py."""
    from retalk_nodes.nodes import widgets

    assert words(root, "zh") == builder.with_options("zh", schemas, widgets)
    found = json.loads((root / "locales" / "zh" / "options.json").read_text("utf-8"))
    assert set(found) == {each.name for each in (*widgets.face_options(), *widgets.further_options())}


def test_chinese_has_every_word_that_english_has_and_none_more(root: Path) -> None:
    assert keys(words(root, "zh")) == keys(words(root, "en"))


def test_chinese_is_chinese(root: Path) -> None:
    names = re.compile(
        r"(x|y|D-Net|E-Net|GFPGAN|GPEN|FFHQ|S3FD|GANimation|ReTalk|Wav2Lip( GAN)?|H.264|HEVC|ProRes|FFV1)"
    )
    lips = {each.wants.title for each in SYNCERS.values()}
    foreign = [text for text in texts(words(root, "zh")) if not CHINESE.search(text) and text not in lips]
    assert [text for text in foreign if not names.fullmatch(text)] == []


def test_no_text_holds_what_the_editor_takes_for_its_own_syntax(root: Path) -> None:
    for language in LANGUAGES:
        assert [text for text in texts(words(root, language)) if re.search(r"[{}@|]", text)] == []


def test_every_category_has_a_chinese_name(root: Path, schemas: list[Any]) -> None:
    """But for `loaders`, which ComfyUI itself translates for all packs."""
    named = json.loads((root / "locales" / "zh" / "main.json").read_text("utf-8"))["nodeCategories"]
    used = {part for schema in schemas for part in schema.category.split("/")}
    assert set(named) == used - {"loaders"}


def test_choices_that_a_tooltip_explains_are_explained_in_chinese_too(root: Path) -> None:
    english, chinese = words(root, "en"), words(root, "zh")
    for node, found in english.items():
        for name, given in found["inputs"].items():
            own = chinese[node]["inputs"][name]
            choices = re.findall(r"(?:^|· |\. )([a-z][a-z0-9_ ]*): ", given["tooltip"])
            said = [own.get("options", {}).get(each, each) for each in choices]
            assert [each for each in said if f"{each}：" not in own["tooltip"]] == [], name


def test_every_choice_has_words(root: Path, schemas: list[Any]) -> None:
    """But for files, whose names are their own, codes of languages, which the editor knows, and formats."""
    named = json.loads((root / "locales" / "zh" / "choices.json").read_text("utf-8"))
    offered = {
        choice
        for schema in schemas
        for each in schema.inputs
        if each.io_type == "COMBO" and each.id not in ("language", "file")
        for choice in each.options
        if schema.node_id != "ReTalkLoadModels"
    }
    assert {each for each in offered - set(named) if not re.fullmatch(r"[fb][fp]?(32|16)", each)} == set()
    assert set(named) - offered == {"demo clip", "demo voice"}


def test_there_is_a_page_for_every_node_in_each_language_and_none_more(
    root: Path, builder: ModuleType, schemas: list[Any]
) -> None:
    wanted = {builder.page_path(schema.node_id, language) for schema in schemas for language in LANGUAGES}
    assert set((root / "web").rglob("*.md")) == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_names_its_node_and_explains_every_input_and_output(
    root: Path, builder: ModuleType, schemas: list[Any], language: str
) -> None:
    """Where this fails, run scripts/build_locales.py."""
    for schema in schemas:
        own = words(root, language)[schema.node_id]
        page = builder.page_path(schema.node_id, language).read_text("utf-8")
        assert page.startswith(f"# {own['display_name']}\n"), schema.node_id
        assert page == builder.with_tables(page, schema, own, language), schema.node_id
        for id in (*(each.id for each in schema.inputs), *(each.display_name for each in schema.outputs)):
            assert f"| `{id}`" in page, (schema.node_id, id)
        prose = re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", "", page, flags=re.DOTALL)
        named = [each.id for each in schema.inputs if f"`{each.id}`" in prose]
        assert named or not schema.inputs, f"{schema.node_id}: its text names none of its inputs"


def test_what_a_page_puts_into_code_marks_is_there(
    root: Path, builder: ModuleType, schemas: list[Any]
) -> None:
    ids = {each.id for schema in schemas for each in schema.inputs}
    ids |= {each.display_name for schema in schemas for each in schema.outputs}
    for schema in schemas:
        ids |= {choice for each in schema.inputs if each.io_type == "COMBO" for choice in each.options}
    for schema in schemas:
        for language in LANGUAGES:
            page = builder.page_path(schema.node_id, language).read_text("utf-8")
            spoken = set(re.findall(r"`([a-z][a-z_0-9 ]*)`", page))
            assert spoken - ids <= {"true", "false"}, (schema.node_id, language)


def test_what_is_meant_to_be_bold_is(root: Path) -> None:
    """In Markdown, two stars behind a mark and before a word end nothing: the mark belongs behind them."""
    for path in (root / "web").rglob("*.md"):
        for inner, after in re.findall(r"\*\*([^*\n]+)\*\*(.?)", path.read_text("utf-8")):
            assert not (re.match(r"[^\w\s]", inner[-1]) and re.match(r"\w", after)), (path, inner)


def test_every_page_shows_a_picture_that_is_there_and_small(
    root: Path, builder: ModuleType, schemas: list[Any]
) -> None:
    docs, shown = root / "web" / "docs", set()
    for schema in schemas:
        found = [
            PICTURE.findall(builder.page_path(schema.node_id, language).read_text("utf-8"))
            for language in LANGUAGES
        ]
        assert len(found[0]) == 1, schema.node_id
        assert [name for _, name in found[0]] == [name for _, name in found[1]], schema.node_id
        shown.add(docs / found[0][0][1])  # the editor looks from web/docs, on pages of any language
    assert set((docs / "images").iterdir()) == shown
    assert {path.name for path in shown if path.stat().st_size > PICTURE_BYTES} == set()


def test_every_picture_can_be_drawn_again(root: Path) -> None:
    script = (root / "scripts" / "make_help_pictures.py").read_text("utf-8")
    names = {path.name for path in (root / "web" / "docs" / "images").iterdir()}
    assert set(re.findall(r'^    "(\w+\.(?:png|jpg))": ', script, re.MULTILINE)) == names


def test_scripts_in_the_editor_are_few_and_plain(root: Path) -> None:
    shown = [path for path in (root / "web").rglob("*") if path.is_file()]
    assert {path.suffix for path in shown if path.parent.name == "js"} == {".js", ".css"}
    assert {path.suffix for path in shown if path.parent.name != "js"} == {".md", ".png", ".jpg", ".html"}
    scripts = [path for path in shown if path.suffix in (".js", ".css", ".html")]
    assert sum(path.stat().st_size for path in scripts) <= 60_000
    for path in scripts:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|\beval\(|innerHTML|new Function", text), path.name


def test_the_panel_says_the_same_in_every_language(root: Path) -> None:
    text = (root / "web" / "js" / "words.js").read_text("utf-8")
    english, chinese = (text.split(f"  {language}: {{")[1].split("\n  },")[0] for language in LANGUAGES)
    said = [re.findall(r"(\w+): \"", each) for each in (english, chinese)]
    assert said[0] == said[1] and len(said[0]) > 20
    assert all(CHINESE.search(each) for each in re.findall(r": \"([^\"]*)\"", chinese))
