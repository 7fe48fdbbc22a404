"""Codecs keep what they promise to keep."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.media.sound import SoundStream, read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter
from videos import BT709, distance, gradient, tone_of, write


@pytest.mark.parametrize("depth", [8, 16])
def test_ffv1_is_exact_to_the_bit(tmp_path: Path, depth: int) -> None:
    random = np.random.default_rng(0)
    dtype = np.uint8 if depth == 8 else np.uint16
    pictures = [random.integers(0, 1 << depth, (47, 63, 3)).astype(dtype) for _ in range(5)]
    clip = write(tmp_path / "clip.mkv", pictures, codec="ffv1", bit_depth=depth)
    for frame, picture in zip(clip.frames(), pictures, strict=True):
        np.testing.assert_array_equal(frame.pixels, picture)


def test_prores_keeps_the_picture_and_the_sound(tmp_path: Path) -> None:
    tone = tone_of(1.0)
    sound = SoundStream(tone, 0, Fraction(10, 25))
    clip = write(tmp_path / "clip.mov", [gradient()] * 10, codec="prores", sound=sound, color=BT709)
    assert clip.bit_depth == 10 and clip.color == BT709 and clip.has_sound
    assert distance((next(clip.frames()).pixels // 257).astype(np.uint8), gradient())[1] < 2
    heard = read_mono(tmp_path / "clip.mov", 48000)
    assert len(heard) == 48000 * 10 // 25
    np.testing.assert_allclose(heard, tone.samples[0, : len(heard)], atol=1e-6)


def test_odd_sides_repeat_their_last_row_and_column(tmp_path: Path) -> None:
    picture = gradient(47, 63)
    writer = VideoWriter(tmp_path / "clip.mp4", (47, 63))
    assert writer.padded_size == (48, 64)
    clip = write(tmp_path / "clip.mp4", [picture] * 2, quality=0)
    assert clip.size == (48, 64)
    pixels = next(clip.frames()).pixels
    assert distance(pixels[:46, :62], picture[:46, :62])[0] <= 3
    assert distance(pixels[46], pixels[47])[0] <= 3
    assert VideoWriter(tmp_path / "clip.mkv", (47, 63), codec="ffv1").padded_size == (47, 63)


def test_a_codec_or_quality_that_doesnt_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="h264, hevc, prores, ffv1"):
        VideoWriter(tmp_path / "clip.mp4", (48, 64), codec="divx")
    with pytest.raises(OptionError, match="51"):
        VideoWriter(tmp_path / "clip.mp4", (48, 64), quality=99)
