"""What `auto` means for a clip, and which files can hold what."""

from __future__ import annotations

import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.media.codecs import codec_for, suffixes_of


def test_auto_writes_ten_bits_as_hevc_and_all_else_as_h264() -> None:
    assert codec_for("auto", 8) == "h264"
    assert codec_for("auto", 10) == codec_for("auto", 16) == "hevc"
    assert codec_for("auto", 10, two_moments=True) == "h264"  # hevc can't say that frames are interlaced
    assert codec_for("h264", 10) == "h264" and codec_for("prores", 8) == "prores"


def test_hevc_of_an_interlaced_clip_is_refused() -> None:
    with pytest.raises(OptionError, match=r"interlaced.*choose h264, prores or ffv1, or deinterlace"):
        codec_for("hevc", 10, two_moments=True)


def test_auto_goes_where_both_of_its_codecs_go() -> None:
    assert suffixes_of("auto") == suffixes_of("h264") == suffixes_of("hevc")
    assert suffixes_of("ffv1") == (".mkv",)
