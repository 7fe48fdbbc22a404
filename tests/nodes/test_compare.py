"""Compare Videos: any two clips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.media.color import ColorTags
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream
from retalk_nodes.retalk_core.reports.proxies import Look, writing_pair
from stand_in import Manager, VideoFromFile
from test_execution import Nodes


@pytest.fixture(scope="module")
def speaking_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten grey frames and a tone."""
    folder = tmp_path_factory.mktemp("clips")
    tone = SoundArray(np.sin(np.arange(8000) / 10).astype(np.float32)[None] * 0.3, 16_000)
    looks = (
        Look(folder / "silent.mp4", (64, 64), ColorTags()),
        Look(folder / "tone.mp4", (64, 64), ColorTags(), sound=SoundStream(tone, 0, Fraction(10, 25))),
    )
    grey = np.full((64, 64, 3), 90, np.uint8)
    with writing_pair(*looks) as see:
        for index in range(10):
            see(grey, grey, Fraction(index, 25), Fraction(1, 25))
    return folder / "tone.mp4"


def test_a_video_and_frames_are_shown_together(nodes: Nodes, talking_clip: Path, base: Path) -> None:
    frames = torch.rand(6, 80, 80, 3)
    made = nodes["ReTalkCompareVideos"].execute(
        first=VideoFromFile(str(talking_clip)), second=frames, sound="second", fps=25.0
    )
    video = open_clip(made.args[0].file)
    assert video.size == (160, 320) and len(video) == len(open_clip(talking_clip))
    (told,) = made.ui["retalk"]
    assert told["player"]["names"] == ["first", "second"] and told["player"]["seconds"] > 0.5
    copies = [open_clip(base / "temp" / told["player"][side]["filename"]) for side in ("before", "after")]
    assert copies[0].times == copies[1].times == video.times
    assert made.ui["text"][0] == told["text"]


@pytest.mark.parametrize(("sound", "heard"), [("second", True), ("first", True), ("none", False)])
def test_the_clip_that_has_sound_is_heard(nodes: Nodes, speaking_clip: Path, sound: str, heard: bool) -> None:
    made = nodes["ReTalkCompareVideos"].execute(
        first=torch.rand(4, 32, 32, 3), second=VideoFromFile(str(speaking_clip)), sound=sound, fps=25.0
    )
    assert open_clip(made.args[0].file).has_sound is heard


def test_it_ends_when_the_user_stops_it(nodes: Nodes, talking_clip: Path, manager: Manager) -> None:
    manager.stopped = True
    with pytest.raises(Manager.Interrupted):
        nodes["ReTalkCompareVideos"].execute(
            first=VideoFromFile(str(talking_clip)), second=torch.rand(4, 32, 32, 3), sound="none", fps=25.0
        )
