"""Before and after in a browser: one time line, wipe, steps, loop, doubts, by mouse, keys and touch."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
from chromium import Browser
from two_clips import FRAMES, RATE, shade

FRAME = 1 / RATE
CONTENT = {
    "before": {"filename": "before.mp4"},
    "after": {"filename": "after.mp4"},
    "rate": RATE,
    "seconds": FRAMES / RATE,
    "chart": {
        "seconds": 3.0,
        "lines": {"loudness": [0.1, 0.5, 1.0, None, 0.3, 0.2], "found": [None, 0.5, 0.6, 0.2, None, None]},
        "cuts": [1.0],
        "untouched": [{"start": 2.5, "end": 3.0, "reason": "no face"}],
    },
    "doubts": [
        {
            "kind": "skin",
            "severity": "serious",
            "frames": 10,
            "ranges": [[2.0, 2.4]],
            "worst": 1.0,
            "words": "the skin around the lips came out changed",
            "advice": "leave these ranges out",
        }
    ],
}
OPEN = """(async () => {
  const { Player } = await import("/js/player.js")
  const { wordsOf } = await import("/js/words.js")
  window.player?.close()
  const fileUrl = ({ filename }) => "/" + filename
  window.player = new Player(%s, { fileUrl, words: wordsOf("en"), badge: "%s" })
  const panel = document.createElement("div")
  panel.className = "retalk"
  panel.append(player.element)
  document.querySelector("#node").replaceChildren(panel)
})()"""
STILL = "!player.pair.going && !player.before.seeking && !player.after.seeking"
APART = "Math.abs(player.before.currentTime - player.after.currentTime)"
# How far the times were apart, at every picture of so many milliseconds
WATCH = """new Promise(resolve => {
  const found = [], end = performance.now() + %d
  const look = () => {
    found.push([player.after.currentTime, player.before.currentTime])
    performance.now() < end ? requestAnimationFrame(look) : resolve(found)
  }
  look()
})"""
# The grey of the middle of the first clip's picture, and the red of the second's
SHADES = """(() => {
  const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d", { willReadFrequently: true })
  return [player.before, player.after].map(video => {
    pen.drawImage(video, 160, 90, 1, 1, 0, 0, 1, 1)
    return pen.getImageData(0, 0, 1, 1).data[0]
  })
})()"""


@pytest.fixture
def page(chromium: Browser, site: str) -> Browser:
    """A page with a player on it, at rest."""
    chromium.open(f"{site}/page.html")
    chromium.run(OPEN % (json.dumps(CONTENT), "PREVIEW"))
    chromium.wait("player.after.readyState >= 3 && player.before.readyState >= 3 && " + STILL)
    return chromium


def frame_of(page: Browser) -> int:
    page.wait(STILL)
    return int(page.run("player.after.currentTime") * RATE)


def test_both_begin_at_the_first_frame_and_nothing_is_wrong(page: Browser) -> None:
    assert frame_of(page) == 0 and page.run(APART) < 1e-3
    assert page.said == []
    assert page.run("document.querySelector('.retalk-badge').textContent") == "PREVIEW"
    assert page.run("player.before.muted && !player.after.muted")


def test_a_step_is_a_frame_of_both(page: Browser) -> None:
    for wanted in (1, 2, 3):
        page.click("[aria-label='One frame on']")
        assert frame_of(page) == wanted and page.run(APART) < FRAME / 4
        shown = page.run(SHADES)
        assert abs(shown[0] - shade(wanted)) < 8 and abs(shown[1] - shade(wanted)) < 24
    page.click("[aria-label='One frame back']")
    assert frame_of(page) == 2 and abs(page.run(SHADES)[0] - shade(2)) < 8


def test_while_they_play_they_are_less_than_a_frame_apart(page: Browser) -> None:
    page.click("[aria-label='Play']")
    page.wait("player.after.currentTime > 0.1")
    seen = page.run(WATCH % 1500)
    assert seen[-1][0] > seen[0][0] + 0.8, "it plays"
    assert max(abs(after - before) for after, before in seen) < FRAME
    page.click("[aria-label='Pause']")
    assert page.run("player.after.paused && player.before.paused")
    page.wait(STILL)
    assert page.run(APART) < 1e-3


def test_at_the_end_both_stop_and_play_begins_anew(page: Browser) -> None:
    page.run("player.pair.jump(2.7)")
    page.run("void player.pair.play()")
    page.wait("!player.pair.playing", 8)
    page.wait(STILL)
    assert page.run(APART) < FRAME and frame_of(page) == FRAMES - 1
    page.run("void player.pair.play()")
    page.wait("player.after.currentTime > 0.05 && player.after.currentTime < 1")
    page.run("player.pair.pause()")


def test_a_click_on_the_chart_and_on_a_doubt_goes_there(page: Browser) -> None:
    page.click(".retalk-plot", across=0.5)
    assert abs(frame_of(page) - FRAMES // 2) <= 1 and page.run(APART) < 1e-3
    page.click(".retalk-row")
    assert frame_of(page) == 50
    assert page.run("document.querySelectorAll('rect.retalk-doubt.retalk-serious').length") == 1
    start, width = page.run(
        "(r => [r.x.baseVal.value, r.width.baseVal.value])(document.querySelector('rect.retalk-doubt'))"
    )
    assert (start, width) == pytest.approx((1000 * 2.0 / 3, 1000 * 0.4 / 3), abs=1)
    assert page.run("document.querySelectorAll('polyline').length") == 3  # a gap parts a line


def test_a_second_is_looped(page: Browser) -> None:
    page.run("player.pair.jump(1.0)")
    page.click("[aria-label='Loop a second']")
    low, high = page.run("player.pair.loop")
    assert high - low == pytest.approx(1.0)
    page.click("[aria-label='Play']")
    seen, end = [], time.monotonic() + 3.5
    while time.monotonic() < end:
        seen.append(page.run("[player.after.currentTime, player.before.currentTime]"))
    times = [after for after, _ in seen]
    assert min(times) > low - FRAME and max(times) < high + 3 * FRAME
    assert any(later < before - 0.5 for before, later in itertools.pairwise(times)), "it went back"
    assert max(abs(after - before) for after, before in seen) < FRAME
    page.run("player.pair.pause()")


def test_the_wipe_follows_the_pointer_and_a_click_plays(page: Browser) -> None:
    page.drag(
        page.place(".retalk-stage", 0.5), page.place(".retalk-stage", 0.4), page.place(".retalk-stage", 0.2)
    )
    assert page.run("player.share") == pytest.approx(20, abs=1)
    assert not page.run("player.pair.playing")
    clip = page.run("getComputedStyle(player.after).clipPath")
    assert clip.startswith("inset(0") and "20" in clip
    page.click(".retalk-stage", across=0.8)
    page.wait("player.pair.playing")
    page.click(".retalk-stage", across=0.8)
    page.wait("!player.pair.playing")


def test_a_finger_wipes_and_scrubs(page: Browser) -> None:
    page.touch(
        page.place(".retalk-stage", 0.5), page.place(".retalk-stage", 0.6), page.place(".retalk-stage", 0.7)
    )
    assert page.run("player.share") == pytest.approx(70, abs=2)
    page.touch(
        page.place(".retalk-plot", 0.2), page.place(".retalk-plot", 0.6), page.place(".retalk-plot", 0.8)
    )
    assert abs(frame_of(page) - 0.8 * FRAMES) <= 1 and page.run(APART) < 1e-3


def test_side_by_side_shows_both_whole(page: Browser) -> None:
    page.click("[aria-label='Side by side']")
    left, right = page.run("[player.before, player.after].map(each => each.getBoundingClientRect().left)")
    width = page.run("player.before.getBoundingClientRect().width")
    assert left + width <= right + 0.5
    assert page.run("getComputedStyle(player.after).clipPath") == "none"
    page.click("[aria-label='Wipe']")
    assert page.run("player.element.dataset.mode") == "wipe"


def test_it_is_played_by_keys_alone(page: Browser) -> None:
    page.run("player.element.focus()")
    for key, wanted in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.press(key)
        assert frame_of(page) == wanted
    page.press(" ")
    page.wait("player.pair.playing && player.after.currentTime > 0.2")
    page.press(" ")
    page.wait("!player.pair.playing")
    page.press("l")
    assert page.run("player.pair.loop !== null")
    page.press("l")
    page.press("Home")
    assert frame_of(page) == 0
    page.run("document.querySelector('.retalk-divider').focus()")
    share = page.run("player.share")
    page.press("ArrowRight")
    assert page.run("player.share") == share + 2 and frame_of(page) == 0


def test_pictures_that_are_gone_are_told_in_words(page: Browser) -> None:
    gone = {**CONTENT, "before": {"filename": "no.mp4"}, "after": {"filename": "none.mp4"}}
    page.run(OPEN % (json.dumps(gone), ""))
    page.wait("document.querySelector('.retalk-failed')?.textContent.includes('temporary folder')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_both_themes(page: Browser, scheme: str, tmp_path: Path) -> None:
    page.theme(scheme)
    ink, paper = page.run(
        "(s => [s.color, s.backgroundColor])(getComputedStyle(document.querySelector('.retalk-bar button')))"
    )
    light = [sum(map(int, each.removeprefix("rgb(").rstrip(")").split(","))) for each in (ink, paper)]
    assert abs(light[0] - light[1]) > 400
    page.picture(tmp_path / f"{scheme}.png")
    page.theme("")
