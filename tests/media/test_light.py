"""HDR10's mastering display and light levels come out as they went in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.media.color import ColorTags, LightLevels
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.writer import VideoWriter

P3 = (
    34000,
    16000,
    13250,
    34500,
    7500,
    3000,
    15635,
    16450,
    50,
    10_000_000,
)


@pytest.mark.parametrize(
    "light", [LightLevels(P3, (1000, 400)), LightLevels(P3), LightLevels((), (1000, 400))]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_clips_light_levels_are_kept(tmp_path: Path, name: str, light: LightLevels) -> None:
    path, again = tmp_path / name, tmp_path / f"again_{name}"
    hdr10 = ColorTags(9, 16, 9, False)
    pixels = np.full((96, 128, 3), 20_000, np.uint16)
    for written, said in ((path, light), (again, None)):
        given = said or open_clip(path).light
        with VideoWriter(
            written, (96, 128), rate=Fraction(25), bit_depth=10, color=hdr10, light=given
        ) as writer:
            for i in range(4):
                writer.write(pixels, Fraction(i, 25), Fraction(1, 25))
        assert open_clip(written).light == light


def test_a_clip_that_says_nothing_of_light_says_nothing_afterwards(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (96, 128), rate=Fraction(25)) as writer:
        writer.write(np.zeros((96, 128, 3), np.uint8), Fraction(0), Fraction(1, 25))
    assert open_clip(tmp_path / "a.mp4").light == LightLevels()
