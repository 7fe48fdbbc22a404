"""A finished file is kept packet by packet, whatever it was encoded with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.saving.keep import is_played, keep, suffix_of
from retalk_nodes.retalk_core.media.sound import SoundStream
from videos import NTSC, gradient, leftovers, make, tone_of, write

MADE = [("h264", ".mp4"), ("hevc", ".mp4"), ("hevc", ".mov"), ("prores", ".mov"), ("ffv1", ".mkv")]


def packets(path: Path) -> dict[str, list[bytes] | bytes]:
    """By the kind of stream; how they take turns, and in which portions sound comes, is the container's."""
    with av.open(str(path)) as container:
        found: dict[str, list[bytes]] = {"video": [], "audio": []}
        for each in container.demux():
            if each.dts is not None:
                found[each.stream.type].append(bytes(each))
        return {"video": found["video"], "audio": b"".join(found["audio"])}


@pytest.mark.parametrize(("codec", "ending"), MADE)
def test_packets_times_colours_and_sound_stay(tmp_path: Path, codec: str, ending: str) -> None:
    source, target = tmp_path / f"made{ending}", tmp_path / f"kept{ending}"
    sound = SoundStream(tone_of(1.0), 0, 30 / NTSC)
    made = write(source, [gradient()] * 30, NTSC, codec=codec, sound=sound, metadata={"retalk": "first"})
    keep(source, target, {"prompt": '{"1": {}}'})
    kept = open_clip(target)
    assert packets(target) == packets(source)
    assert (kept.times, kept.end, kept.color, kept.size) == (made.times, made.end, made.color, made.size)
    with av.open(str(source)) as before, av.open(str(target)) as container:
        tags = [[each.codec_context.codec_tag for each in one.streams] for one in (before, container)]
        assert tags[0] == tags[1]
        assert container.metadata.get("prompt", container.metadata.get("PROMPT")) == '{"1": {}}'
        assert container.metadata.get("retalk", container.metadata.get("RETALK")) == "first"
    assert leftovers(tmp_path) == sorted([source.name, target.name])


def test_uneven_times_stay(tmp_path: Path) -> None:
    source = make(tmp_path / "made.mp4", [0, 1, 4, 5, 9, 15], options={"bf": "0"})
    keep(source, tmp_path / "kept.mp4", {})
    assert open_clip(tmp_path / "kept.mp4").times == open_clip(source).times


def test_hevc_has_the_name_that_apples_programs_know(tmp_path: Path) -> None:
    write(tmp_path / "made.mp4", [gradient()] * 3, codec="hevc", bit_depth=10)
    keep(tmp_path / "made.mp4", tmp_path / "kept.mp4", {})
    for name in ("made.mp4", "kept.mp4"):
        with av.open(str(tmp_path / name)) as container:
            context = container.streams.video[0].codec_context
            assert (context.codec_tag, context.pix_fmt, context.profile) == ("hvc1", "yuv420p10le", "Main 10")


def test_a_container_that_holds_no_words_is_copied(tmp_path: Path) -> None:
    source = make(tmp_path / "made.avi", codec="mpeg4")
    keep(source, tmp_path / "kept.avi", {"prompt": "{}"})
    assert (tmp_path / "kept.avi").read_bytes() == source.read_bytes()


def test_the_ending_is_that_of_the_content(tmp_path: Path) -> None:
    for ending, codec in ((".mp4", "h264"), (".mov", "prores"), (".mkv", "ffv1")):
        made = tmp_path / f"made{ending}"
        write(made, [gradient()] * 2, codec=codec)
        unnamed = made.rename(tmp_path / f"{codec}.video")
        assert suffix_of(unnamed) == ending
        named = unnamed.rename(made)
        assert is_played(named) is (ending == ".mp4")


def test_what_is_no_video_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "text.mp4"
    source.write_text("no video")
    with pytest.raises(InputError, match=r"text\.mp4"):
        keep(source, tmp_path / "kept.mp4", {})
    with pytest.raises(InputError, match="can't be written"):
        write(tmp_path / "made.mp4", [gradient()] * 2, Fraction(25))
        keep(tmp_path / "made.mp4", tmp_path / "no folder" / "kept.mp4", {})
    assert leftovers(tmp_path) == ["made.mp4", "text.mp4"]
