"""What may be chosen for a dub."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.fields import key_of
from retalk_nodes.retalk_core.stages.options import Stages

LATER = {
    "mark",
    "mark_key",
    "mark_perth",
    "work_dir",
    "work_limit",
    "codec",
    "quality",
    "hardware",
    "check",
    "soundtrack",
    "protect",
    "certificate",
    "records",
}


def test_a_jobs_key_leaves_out_what_changes_no_edited_pixel() -> None:
    key = key_of(DubOptions())
    assert isinstance(key, dict)
    assert set(key) == {each.name for each in fields(DubOptions)} - LATER
    assert key["stages"] is None


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"work_dir": Path("work"), "work_limit": 1}, True),
        ({"codec": "ffv1", "quality": 0, "check": False}, True),
        ({"batch": 1}, False),
        ({"smoothing": "none"}, False),
        ({"stages": Stages()}, False),
        ({"preset": "fast"}, False),
    ],
)
def test_a_dub_goes_on_where_its_pixels_are_the_same(changes: dict[str, Any], same: bool) -> None:
    assert (key_of(DubOptions()) == key_of(replace(DubOptions(), **changes))) is same


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"engine": "magic"}, "engine is 'magic', but must be one of auto, retalk, embedded."),
        ({"pauses": "sing"}, "pauses is 'sing', but must be one of close, keep_original."),
        ({"longer": "wait"}, "longer is 'wait', but must be one of bounce, stretch, hold, loop, cut_voice."),
        ({"codec": "divx"}, "codec is 'divx', but must be one of auto, h264, hevc, prores, ffv1."),
        ({"batch": 0}, "batch is 0, but must be 1 or more."),
        ({"quality": 52}, "quality is 52, but must be from 0 to 51."),
    ],
)
def test_options_that_do_not_exist_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        DubOptions(**changes)
    assert str(caught.value) == said
