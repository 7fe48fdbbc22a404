"""How far the mouth opens, by how much it comes after the voice, and what it is told that the voice says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.analysis import Analysis, analyse
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.program import FROM_PLAIN
from retalk_nodes.retalk_core.dub.results import make_report
from retalk_nodes.retalk_core.dub.session import begin_session
from retalk_nodes.retalk_core.fields import key_of
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray
from scenes import RATE, babble

QUICK = DubOptions(engine="embedded", phones=False, check=False)
FRAMES = 18


def _analysed(clip: Path, networks: LocalNetworks, options: DubOptions) -> tuple[Analysis, list[str]]:
    voice = SoundArray(babble(0.72)[None], RATE)
    with begin_session(open_clip(clip), voice, options, networks) as session:
        analysis = analyse(session)
        return analysis, make_report(session, analysis, "out.mp4", FRAMES).warnings


@pytest.mark.parametrize("dial", [0.5, 1.5])
def test_the_mouth_opens_by_so_much_more_or_less(
    talking_clip: Path, networks_on_disk: LocalNetworks, dial: float
) -> None:
    usual, _ = _analysed(talking_clip, networks_on_disk, QUICK)
    turned, _ = _analysed(talking_clip, networks_on_disk, replace(QUICK, mouth_opening=dial))
    assert usual.plan.opening.max() > 0.5
    np.testing.assert_allclose(turned.plan.opening, dial * usual.plan.opening, atol=1e-6)
    np.testing.assert_array_equal(turned.plan.width, usual.plan.width)


@pytest.mark.parametrize("frames", [-3, 3])
def test_the_mouth_comes_so_much_after_the_voice_or_before_it(
    talking_clip: Path, networks_on_disk: LocalNetworks, frames: int
) -> None:
    usual, _ = _analysed(talking_clip, networks_on_disk, QUICK)
    moved, _ = _analysed(talking_clip, networks_on_disk, replace(QUICK, voice_offset=40 * frames))
    here, there = (
        slice(max(frames, 0), FRAMES + min(frames, 0)),
        slice(max(-frames, 0), FRAMES - max(frames, 0)),
    )
    np.testing.assert_allclose(moved.plan.opening[here], usual.plan.opening[there], atol=1e-5)
    assert not np.allclose(moved.plan.opening, usual.plan.opening, atol=0.05)


def test_a_transcript_that_cant_be_heeded_is_told(
    talking_clip: Path, networks_on_disk: LocalNetworks
) -> None:
    options = replace(QUICK, phones=None, transcript="This is nothing that babble says, I am afraid.")
    _, warnings = _analysed(talking_clip, networks_on_disk, options)
    assert any("the transcript" in warning for warning in warnings)


def test_all_of_them_belong_to_a_jobs_key() -> None:
    keys = [
        key_of(replace(DubOptions(), **changes))
        for changes in (
            {},
            {"transcript": "one"},
            {"transcript": "two"},
            {"language": "de"},
            {"mouth_opening": 1.2},
            {"voice_offset": 40},
        )
    ]
    assert all(keys.count(key) == 1 for key in keys)


def test_a_program_gives_a_text_or_the_path_of_one(tmp_path: Path) -> None:
    path = tmp_path / "said.srt"
    path.write_text("Both of them", "utf-8")
    assert FROM_PLAIN["transcript"](path) == FROM_PLAIN["transcript"]("Both of them") == "Both of them"
