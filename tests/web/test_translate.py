"""Words of choices, of titles and of notes in the editor's language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chromium import Browser

CHOICES = """(async () => {
  const { nameChoices, spokenIn } = await import("/js/translate.js")
  const asked = []
  const api = { fetchApi: async path => { asked.push(path); return { json: async () => (%s) } } }
  const spoken = await spokenIn(api, "%s")
  const widget = (name, values) => ({ name, options: { values } })
  const node = { comfyClass: "ReTalkDubVideo", widgets: [
    widget("voice_longer", ["bounce", "cut_voice"]), widget("language", ["auto", "de"]),
    widget("file", ["a_b.mp4"]), { name: "start", options: {} },
    { name: "transcript", element: document.createElement("textarea"), options: {} },
  ] }
  nameChoices(node, () => spoken, () => "%s")
  const shown = ({ values, getOptionLabel }) => values?.map(value => getOptionLabel(value))
  const placeholder = node.widgets.at(-1).element.placeholder
  return [asked, node.widgets.slice(0, 4).map(each => shown(each.options)), placeholder]
})()"""
TRANSLATE = """(async () => {
  const { translateWorkflow } = await import("/js/translate.js")
  const form = %s
  translateWorkflow(form, "%s")
  return form
})()"""


@pytest.fixture
def page(chromium: Browser, site: str) -> Browser:
    chromium.open(f"{site}/page.html")
    return chromium


def spoken(root: Path) -> str:
    """What the server answers at /i18n."""
    found = {
        language: {"nodeDefs": json.loads((root / "locales" / language / "nodeDefs.json").read_text("utf-8"))}
        for language in ("en", "zh")
    }
    return json.dumps(found)


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("en", [["bounce", "cut voice"], ["auto", "German (de)"]]),
        ("zh", [["来回", "截断语音"], ["自动", "德语 (de)"]]),
        ("zh-TW", [["来回", "截断语音"], ["自动", "德文 (de)"]]),
        ("fr", [["bounce", "cut voice"], ["auto", "allemand (de)"]]),
    ],
)
def test_choices_are_words(page: Browser, root: Path, locale: str, shown: list[list[str]]) -> None:
    asked, found, placeholder = page.run(CHOICES % (spoken(root), locale, locale))
    assert asked == ["/i18n"] and placeholder == (
        "语音所说的内容" if "zh" in locale else "What the voice says"
    )
    assert found == [*shown, ["a_b.mp4"], None], "a file's name stays"


def test_without_an_answer_choices_stay_as_they_are(page: Browser) -> None:
    assert page.run(CHOICES % ("null", "zh", "zh"))[1][0] == ["bounce", "cut_voice"]


def test_a_workflow_speaks_the_editors_language(page: Browser, root: Path) -> None:
    form = json.loads((root / "workflows" / "quick_dub.json").read_text("utf-8"))
    chinese = page.run(TRANSLATE % (json.dumps(form), "zh"))
    assert [each["title"] for each in chinese["groups"]] == ["1 · 原片与新的语音", "2 · 配音", "3 · 结果"]
    note = next(each for each in chinese["nodes"] if each["type"] == "MarkdownNote")
    assert note["title"] == "从这里开始" and note["widgets_values"][0].startswith("点击**运行**")
    assert page.run(TRANSLATE % (json.dumps(form), "en")) == form
    own = {"groups": [{"title": "mine"}], "nodes": [], "extra": {}}
    assert page.run(TRANSLATE % (json.dumps(own), "zh")) == own
