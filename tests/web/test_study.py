"""People fill in a study's page: consent, keys, mouse and touch, a reload between, and a file at the end."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browser
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.study.answers import Key, read_answers, read_study_key
from studies import TITLES, write_comparison

PICTURES = os.environ.get("RETALK_TEST_PICTURES")  # a folder: what the page looks like is kept there
SEEN = "!document.querySelector('#again').hidden"
STATE = "JSON.parse(localStorage.getItem('study ' + DATA.study))"


class Person:
    """Somebody who watches and answers as the key's systems deserve it; kept is what was clicked."""

    def __init__(self, browser: Browser, key: Key, number: int) -> None:
        self._browser, self._key, self._number = browser, key, number
        self.clicked: dict[str, tuple[int, int]] = {}

    def consent(self) -> None:
        browser = self._browser
        browser.wait("!document.querySelector('#welcome').hidden")
        assert browser.run("document.querySelector('#start').disabled")
        browser.click("#agree")
        browser.run(f"document.querySelector('#number').value = {self._number}")
        browser.click("#start")
        browser.wait("!document.querySelector('#rating').hidden")
        browser.wait("document.querySelector('#video').readyState > 1")
        browser.click("#play")

    def rate(self, way: str) -> str:
        """Rate the video that is there; gives its name."""
        browser = self._browser
        name: str = browser.run("current()")
        browser.wait(SEEN)
        assert browser.run("document.querySelector('#next').disabled")
        quality, sync = self._opinion(name)
        if way == "keys":
            browser.press("3")
            browser.press("Backspace")
            browser.press(str(quality))
            browser.press(str(sync))
        else:
            for question, points in (("quality", quality), ("sync", sync)):
                selector = f"#{question} label:nth-child({points})"
                browser.run(f"document.querySelector('{selector}').scrollIntoView({{ block: 'center' }})")
                if way == "touch":
                    browser.tap(selector)
                else:
                    browser.click(selector)
        browser.wait("!document.querySelector('#next').disabled")
        self.clicked[name] = (quality, sync)
        return name

    def go_on(self, way: str) -> None:
        if way == "keys":
            self._browser.press("Enter")
        else:
            self._browser.run("document.querySelector('#next').scrollIntoView({ block: 'center' })")
            self._browser.click("#next")

    def _opinion(self, name: str) -> tuple[int, int]:
        stimulus = self._key.stimuli[name]
        if stimulus.expected:
            return stimulus.expected["quality"], stimulus.expected["sync"]
        points = {"reference": 5, "anchor": 1, "lnet-own": 4, "wav2lip-own": 3}[stimulus.system]
        return points, max(1, points - self._number % 2)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    results = write_comparison(folder / "results", clips=2)
    words = ["eval", "study", "make", str(results), "-o", str(folder / "page"), "-q", "--checks", "1"]
    assert main([*words, "--systems", ",".join(TITLES)]) == 0
    return folder


@pytest.fixture
def page(study: Path, chromium: Browser) -> Iterator[Browser]:
    """The page as it is opened from a folder, without any server."""
    chromium.open((study / "page" / "index.html").as_uri(), 900, 900)
    chromium.run("localStorage.clear()")
    chromium.open((study / "page" / "index.html").as_uri(), 900, 900)
    yield chromium
    assert chromium.said == []


def picture(browser: Browser, name: str) -> None:
    """Keep what the page looks like, light and dark, large and small."""
    if PICTURES is None:
        return
    for scheme, size in itertools.product(("light", "dark"), ((1280, 900), (390, 844))):
        browser.theme(scheme)
        browser.size(*size)
        browser.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        browser.picture(Path(PICTURES) / f"{name}_{scheme}_{size[0]}.png")
    browser.theme("light")
    browser.size(900, 900)


def test_three_people_rate_and_their_answers_are_what_they_clicked(
    study: Path, page: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = read_study_key(study / "page.key.json")
    page.downloads(tmp_path)
    orders, told = [], {}
    for number, way in enumerate(("mouse", "keys", "touch"), 1):
        person = Person(page, key, number)
        page.wait("!document.querySelector('#welcome').hidden")
        if number == 1:
            picture(page, "welcome")
        person.consent()
        order = []
        for place in range(len(key.stimuli)):
            if place == 2 and number == 1:
                picture(page, "rating")
            order.append(person.rate(way))
            if place == 3:  # after a reload it goes on where it was, with what was chosen there
                page.reload()
                page.wait(f"typeof current === 'function' && current() === '{order[-1]}'")
                assert page.run(f"{STATE}.answers.length") == place
                assert page.run("document.querySelectorAll('#rating input:checked').length") == 2
                page.wait("!document.querySelector('#next').disabled")
            person.go_on(way)
        page.wait("!document.querySelector('#end').hidden")
        if number == 1:
            picture(page, "end")
        orders.append(order)
        told[page.run("state.rater")] = person.clicked
        page.click("#file")
        wait_for(tmp_path, number)
        page.run("window.confirm = () => true")
        page.click("#anew")

    answers = read_answers(tmp_path, key)

    assert len(answers.counted) == 3 and answers.unread == ()
    for rater in answers.raters:
        said = {each.stimulus.name: tuple(each.answers.values()) for each in rater.opinions}
        assert said == told[rater.name]
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == sorted(key.stimuli) for order in orders)
    capsys.readouterr()
    assert main(["eval", "study", "read", str(tmp_path), "--key", str(study / "page.key.json")]) == 0
    said = capsys.readouterr().out
    assert "3 of 3 raters counted" in said and "VideoReTalking against Wav2Lip: +1.00 points" in said


def wait_for(folder: Path, count: int) -> None:
    """Until so many answers were saved whole."""
    end = time.monotonic() + 20
    while len(list(folder.glob("answers_*.json"))) < count or list(folder.glob("*.crdownload")):
        assert time.monotonic() < end, sorted(folder.iterdir())
        time.sleep(0.05)


def test_nobody_starts_without_consent(page: Browser) -> None:
    page.press("Enter")
    page.run("document.querySelector('#consent').requestSubmit()")
    assert page.run("document.querySelector('#rating').hidden")
    assert "5" not in page.run("localStorage.length.toString()")


def test_a_video_that_is_lost_does_not_stop_anybody(study: Path, page: Browser) -> None:
    key = read_study_key(study / "page.key.json")
    person = Person(page, key, 7)
    person.consent()
    page.run("video.src = 'videos/nothing.mp4'")
    page.wait("document.querySelector('#hint').textContent.includes(\"can't be played\")")
    page.click("#next")
    page.wait(f"{STATE}.answers.length === 1")
    assert page.run(f"{STATE}.answers[0].broken") is True
    page.said.clear()  # the lost video itself


def test_an_answer_counts_only_when_the_video_was_seen_to_its_end(study: Path, page: Browser) -> None:
    person = Person(page, read_study_key(study / "page.key.json"), 5)
    person.consent()
    page.run("video.pause(); video.currentTime = 0; state.open.watched = 0; tell()")
    page.press("4")
    page.press("4")
    assert page.run("document.querySelector('#next').disabled")
    assert "to its end" in page.run("document.querySelector('#hint').textContent")
    page.press(" ")
    page.wait("!document.querySelector('#next').disabled")
    assert json.loads(page.run("JSON.stringify(state.open)"))["watched"] == 1


def test_it_speaks_chinese_where_the_browser_or_the_address_does_or_somebody_asks(
    study: Path, chromium: Browser
) -> None:
    address = (study / "page" / "index.html").as_uri()
    chromium.open(f"{address}?language=zh-CN", 900, 900)
    chromium.run("localStorage.clear()")
    chromium.open(f"{address}?language=zh-CN", 900, 900)
    chromium.wait("!document.querySelector('#welcome').hidden")
    shown = "document.querySelector('main:not([hidden])').innerText"
    assert chromium.run("[document.documentElement.lang, document.title]") == ["zh", "观看并评分"]
    chinese = chromium.run(shown)
    assert "我已年满 18 岁" in chinese and "I agree" not in chinese
    picture(chromium, "welcome_zh")
    chromium.click("[data-language=en]")
    assert "I agree to take part" in chromium.run(shown) and "我已年满" not in chromium.run(shown)
    chromium.click("[data-language=zh]")
    person = Person(chromium, read_study_key(study / "page.key.json"), 3)
    person.consent()
    person.rate("mouse")
    rating = chromium.run(shown)
    assert "画面质量如何" in rating and "完全吻合" in rating and "Excellent" not in rating
    picture(chromium, "rating_zh")
    assert chromium.run(f"{STATE}.language") == "zh"
    chromium.open(address, 900, 900)  # a reload goes on in the language that was chosen
    chromium.wait("!document.querySelector('#rating').hidden")
    assert chromium.run("document.documentElement.lang") == "zh" and chromium.said == []


def test_all_words_stand_there_in_both_languages(study: Path) -> None:
    page = (study / "page" / "index.html").read_text("utf-8")
    assert page.count('class="en"') == page.count('class="zh"') > 10
