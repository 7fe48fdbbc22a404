"""Small copies of two clips that show the same moments."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.media.color import ColorTags
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream
from retalk_nodes.retalk_core.reports.proxies import PROXY_SIDE, Look, writing_pair

TIMES = [Fraction(0), Fraction(1, 25), Fraction(3, 25), Fraction(4, 25)]  # not equally long
LAST = Fraction(1, 25)


def write(before: Path, after: Path, size: tuple[int, int], stop_at: int = 99) -> None:
    sound = SoundStream(SoundArray(np.zeros((1, 48_000), np.float32), 48_000), 0, TIMES[-1] + LAST)
    with writing_pair(Look(before, size, ColorTags()), Look(after, size, ColorTags(), sound=sound)) as see:
        for index, time in enumerate(TIMES):
            if index == stop_at:
                raise KeyboardInterrupt
            grey = np.full((*size, 3), 20_000 + 10_000 * index, np.uint16)
            see(grey, grey // 2, time, (TIMES[index + 1] if index < 3 else time + LAST) - time)


def test_both_have_the_same_times_and_one_has_sound(tmp_path: Path) -> None:
    before, after = tmp_path / "a.mp4", tmp_path / "b.mp4"
    write(before, after, (90, 160))
    first, second = open_clip(before), open_clip(after)
    assert first.times == second.times == tuple(TIMES)
    assert (first.has_sound, second.has_sound) == (False, True)
    shown = [int(frame.pixels.mean()) for frame in first.frames()]
    assert shown == pytest.approx([20_000 / 257 + 10_000 / 257 * index for index in range(4)], abs=3)


def test_large_frames_are_shrunk_and_browsers_know_the_format(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", tmp_path / "b.mp4", (1080, 1920))
    with av.open(str(tmp_path / "b.mp4")) as file:
        video = file.streams.video[0]
        assert (video.width, video.height) == (PROXY_SIDE, PROXY_SIDE * 9 // 16)
        assert video.codec_context.name == "h264" and video.codec_context.pix_fmt == "yuv420p"
        assert file.streams.audio[0].codec_context.name == "aac"


def test_a_key_frame_is_never_far(tmp_path: Path) -> None:
    look = [Look(tmp_path / name, (64, 64), ColorTags()) for name in ("a.mp4", "b.mp4")]
    black = np.zeros((64, 64, 3), np.uint8)
    with writing_pair(*look) as see:
        for index in range(60):
            see(black, black, Fraction(index, 25), Fraction(1, 25))
    with av.open(str(tmp_path / "a.mp4")) as file:
        keys = [index for index, packet in enumerate(file.demux(video=0)) if packet.is_keyframe]
    assert np.diff(keys).max() <= 10


def test_what_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.mp4", tmp_path / "b.mp4", (90, 160), stop_at=2)
    assert list(tmp_path.iterdir()) == []
