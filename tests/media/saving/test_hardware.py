"""Encoders in hardware are tried before the work, and refused in words where none opens."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.media.codecs import recipe_of
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.saving import hardware
from videos import gradient, write


def test_every_kind_has_options_for_every_depth() -> None:
    for encoder in (f"{codec}_{kind}" for codec in hardware.CODECS for kind in hardware.HARDWARE_KINDS):
        assert hardware.is_hardware(encoder)
        shallow, deep = (hardware.hardware_encoding(encoder, 17, deep=each) for each in (False, True))
        assert (shallow[0], deep[0]) == ("nv12", "p010le") and shallow[1]
        assert deep[1].get("profile") == ("main10" if encoder.startswith("hevc") else None)
    assert not any(map(hardware.is_hardware, ("libx264", "libx265", "prores_ks", "ffv1")))


def test_what_this_ffmpeg_lacks_is_not_tried() -> None:
    found = {*hardware.hardware_encoders("h264"), *hardware.hardware_encoders("hevc")}
    assert found <= set(av.codecs_available)
    assert hardware.why_closed("h264_nosuch_nvenc", deep=False)


def test_where_none_opens_each_ones_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "hardware_encoders", lambda codec: (f"{codec}_nvenc", f"{codec}_amf"))
    monkeypatch.setattr(hardware, "why_closed", lambda encoder, deep: f"no driver for {encoder}")
    with pytest.raises(
        OptionError, match=r"no driver for hevc_nvenc.*no driver for hevc_amf.*switch hardware"
    ):
        write(tmp_path / "out.mp4", [gradient()], codec="hevc", hardware=True, bit_depth=10)
    monkeypatch.setattr(hardware, "hardware_encoders", lambda codec: ())
    with pytest.raises(OptionError, match="FFmpeg has none"):
        write(tmp_path / "out.mp4", [gradient()], codec="h264", hardware=True)
    with pytest.raises(OptionError, match="No hardware writes prores"):
        write(tmp_path / "out.mov", [gradient()], codec="prores", hardware=True)
    assert list(tmp_path.iterdir()) == []


def test_the_first_that_opens_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = {"h264_nvenc": "no card", "h264_qsv": "", "h264_amf": ""}
    monkeypatch.setattr(hardware, "hardware_encoders", lambda codec: tuple(closed))
    monkeypatch.setattr(hardware, "why_closed", lambda encoder, deep: closed[encoder])
    taken = hardware.in_hardware(recipe_of("h264"), "h264", 8)
    assert taken == recipe_of("h264")._replace(encoder="h264_qsv")


@pytest.mark.parametrize("deep", [False, True])
def test_pictures_in_the_layout_of_graphics_cards_look_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deep: bool
) -> None:
    """A software encoder stands in for the card: it takes the same pixels."""
    monkeypatch.setattr(hardware, "in_hardware", lambda recipe, codec, bit_depth: recipe)
    from retalk_nodes.retalk_core.media import encoding

    monkeypatch.setattr(encoding, "is_hardware", lambda encoder: True)
    layout = "yuv420p10le" if deep else "nv12"
    monkeypatch.setattr(encoding, "hardware_encoding", lambda encoder, quality, deep: (layout, {"qp": "4"}))
    write(tmp_path / "out.mp4", [gradient()] * 2, bit_depth=10 if deep else 8)
    shown = next(open_clip(tmp_path / "out.mp4").frames([0])).pixels
    scale = 257 if deep else 1
    assert abs(shown.astype(float) / scale - gradient()).mean() < 1.5
