"""The panel on a node: words that scroll and copy, a link to the help page, faces to click."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chromium import Browser

LINES = "\n".join(f"line {number}" for number in range(80))
OPEN = """(async () => {
  const { Panel } = await import("/js/panel.js")
  const { wordsOf } = await import("/js/words.js")
  window.chosen = []
  window.leaked = []
  window.panel = new Panel({
    fileUrl: ({ filename }) => "/docs/images/" + filename, words: wordsOf("%s"),
    helpUrl: "/help.html#ReTalkDubVideo/%s", choose: sets => chosen.push(sets), resized: () => {},
  })
  const node = document.querySelector("#node")
  for (const name of ["pointerdown", "keydown", "wheel", "copy"]) {
    node.addEventListener(name, () => leaked.push(name))
  }
  node.replaceChildren(panel.element)
  panel.show(%s)
})()"""
PRESSED = "[...document.querySelectorAll('.retalk-frame button')].map(each => each.ariaPressed)"
FACES = {
    "picture": {"filename": "dub.jpg"},
    "size": [400, 200],
    "chosen": 0,
    "faces": [
        {"box": [40, 40, 120, 160], "sets": {"face": "1st from the left"}},
        {"box": [240, 40, 320, 160], "sets": {"face": "2nd from the left"}},
        {"box": [340, 40, 380, 160], "sets": {}},
    ],
}


def opened(chromium: Browser, site: str, content: dict[str, object], locale: str = "en") -> Browser:
    chromium.open(f"{site}/page.html")
    chromium.run(OPEN % (locale, locale, json.dumps(content)))
    return chromium


def test_every_line_can_be_scrolled_to_and_the_canvas_is_left_alone(chromium: Browser, site: str) -> None:
    page = opened(chromium, site, {"text": LINES})
    seen, whole = page.run("[panel.text.clientHeight, panel.text.scrollHeight]")
    assert 90 < seen < whole
    assert page.run("panel.text.textContent") == LINES
    page.run("panel.text.dispatchEvent(new WheelEvent('wheel', { deltaY: 50, bubbles: true }))")
    page.click(".retalk-text")
    page.press("a")
    assert page.run("leaked") == []
    page.run("panel.show({ text: 'one line' })")
    page.run("panel.text.dispatchEvent(new WheelEvent('wheel', { deltaY: 50, bubbles: true }))")
    assert page.run("leaked") == ["wheel"], "what can't scroll lets the canvas zoom"


def test_the_words_are_copied(chromium: Browser, site: str) -> None:
    page = opened(chromium, site, {"text": "two\nlines"})
    page.run("document.addEventListener('copy', () => { window.copied = String(getSelection()) }, true)")
    page.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as by plain HTTP
    page.click(".retalk-top button")
    page.wait("window.copied === 'two\\nlines'")
    page.wait("document.querySelector('.retalk-top button').textContent === 'Copied'")


@pytest.mark.parametrize(("locale", "own"), [("en", ".md"), ("zh", "/zh.md"), ("fr", ".md")])
def test_the_help_page_opens_in_the_editors_language(
    chromium: Browser, site: str, root: Path, locale: str, own: str
) -> None:
    title = (root / "web" / "docs" / f"ReTalkDubVideo{own}").read_text("utf-8").splitlines()[0].lstrip("# ")
    page = opened(chromium, site, {"text": "words"}, locale)
    assert page.run("document.querySelector('.retalk-top a').href").endswith(f"#ReTalkDubVideo/{locale}")
    page.open(f"{site}/help.html#ReTalkDubVideo/{locale}")
    page.reload()
    page.wait(f"document.querySelector('h1')?.textContent === {title!r}")
    page.wait("[...document.images].length > 0 && [...document.images].every(each => each.naturalWidth > 0)")
    assert page.run("document.querySelectorAll('td code').length") > 10
    assert page.run(
        "!document.body.textContent.includes('**') && !document.body.textContent.includes('<br>')"
    )


def test_a_click_chooses_a_face(chromium: Browser, site: str) -> None:
    page = opened(chromium, site, {"text": "words", "faces": FACES})
    page.click("[data-place='1']")
    assert page.run("chosen") == [{"face": "2nd from the left"}]
    pressed = (
        "[...document.querySelectorAll('.retalk-frame button')].map(b => b.getAttribute('aria-pressed'))"
    )
    assert page.run(pressed) == ["false", "true", "false"]
    assert "Press Run" in page.run("document.querySelector('.retalk-faces p').textContent")
    page.click("[data-place='2']")
    assert len(page.run("chosen")) == 1 and "Detect Faces" in page.run(
        "document.querySelector('.retalk-faces p').textContent"
    )
    page.click(".retalk-frame", across=0.5)
    assert len(page.run("chosen")) == 1, "only a face can be meant here"


def test_a_click_beside_all_faces_gives_its_place_in_the_frame(chromium: Browser, site: str) -> None:
    point = {"sets": {"face": "nearest to a point"}, "x": "x", "y": "y"}
    page = opened(chromium, site, {"text": "words", "faces": FACES, "point": point})
    page.click(".retalk-frame", across=0.5, down=0.25)
    (found,) = page.run("chosen")
    assert found["face"] == "nearest to a point"
    assert (found["x"], found["y"]) == (pytest.approx(200, abs=2), pytest.approx(50, abs=2))


def test_scripts_are_small(root: Path) -> None:
    assert sum(path.stat().st_size for path in (root / "web" / "js").rglob("*")) <= 60_000
