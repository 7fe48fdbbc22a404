"""Frames and sound into files: exact times, all or nothing, clear refusals."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundStream, read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter
from retalk_nodes.retalk_core.times import exact_tick
from videos import NTSC, distance, leftovers, numbered, shown, tone_of, write


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), NTSC, Fraction(60), Fraction(25, 2)])
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_constant_rate_is_written_exactly(tmp_path: Path, rate: Fraction, ending: str) -> None:
    clip = write(tmp_path / f"clip.{ending}", [numbered(i) for i in range(30)], rate)
    assert clip.rate == rate
    assert clip.times == tuple(i / rate for i in range(30))
    assert clip.end == 30 / rate
    assert shown(clip) == list(range(30))


def test_uneven_times_and_the_last_duration_are_written_exactly(tmp_path: Path) -> None:
    times = [Fraction(n, 30) for n in (0, 2, 3, 5, 8, 9)]
    end = Fraction(14, 30)
    with VideoWriter(tmp_path / "clip.mp4", (48, 64), tick=exact_tick(times, end)) as writer:
        for i, (begins, ends) in enumerate(zip(times, [*times[1:], end], strict=True)):
            writer.write(numbered(i), begins, ends - begins)
    clip = open_clip(tmp_path / "clip.mp4")
    assert clip.times == tuple(times)
    assert clip.end == end
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.duration is not None
        assert abs(Fraction(container.duration, 10**6) - end) < Fraction(1, 1000)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_sound_is_written_in_time_with_the_picture(tmp_path: Path, rate: int, channels: int) -> None:
    tone = tone_of(1.3, rate, channels=channels)
    sound = SoundStream(tone, 0, Fraction(30, 25))
    clip = write(tmp_path / "clip.mp4", [numbered(i) for i in range(30)], sound=sound)
    assert clip.has_sound and clip.end == Fraction(30, 25)
    heard, given = read_mono(tmp_path / "clip.mp4", 48000), read_mono(tone, 48000)
    assert abs(len(heard) / 48000 - 1.2) < 0.001
    middle = slice(4800, 48000)
    assert np.abs(heard[middle] - given[middle]).max() < 0.05


def test_a_clip_longer_than_the_sound_is_silent_at_its_end(tmp_path: Path) -> None:
    write(tmp_path / "clip.mkv", [numbered(i) for i in range(25)], sound=SoundStream(tone_of(0.4), 0, 1))
    heard = read_mono(tmp_path / "clip.mkv", 48000)
    assert len(heard) / 48000 == pytest.approx(1, abs=0.03)
    assert np.abs(heard[int(0.45 * 48000) :]).max() < 1e-3


def test_metadata_of_ones_own_survives(tmp_path: Path) -> None:
    for ending in ("mp4", "mov", "mkv"):
        given = {"title": "A title", "comment": "Éngine: embedded", "retalk_engine": "embedded"}
        path = tmp_path / f"clip.{ending}"
        write(path, [numbered(0)], metadata=given)
        with av.open(str(path)) as container:
            found = {key.lower(): value for key, value in container.metadata.items()}
        assert given.items() <= found.items()


def test_the_index_comes_first_so_that_players_can_start_at_once(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4", [numbered(0)] * 3)
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_pixels_that_arent_square_stay_so(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", [numbered(0)] * 2, pixel_aspect=Fraction(4, 3))
    assert clip.pixel_aspect == Fraction(4, 3)


# What is left behind


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_nothing_is_left_behind_when_writing_is_interrupted(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), VideoWriter(tmp_path / "clip.mp4", (48, 64), rate=Fraction(25)) as writer:
        for i in range(20):
            writer.write(numbered(i), Fraction(i, 25), Fraction(1, 25))
        raise error
    assert leftovers(tmp_path) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "retalk-encode"]


def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"older")
    with VideoWriter(path, (48, 64), rate=Fraction(25)) as writer:
        for i in range(30):
            writer.write(numbered(i), Fraction(i, 25), Fraction(1, 25))
        assert path.read_bytes() == b"older"
        assert any(name.startswith(".retalk-") and name.endswith(".mp4") for name in leftovers(tmp_path))
    assert len(open_clip(path)) == 30
    assert leftovers(tmp_path) == ["clip.mp4"]


def test_a_full_disk_is_one_sentence_and_nothing_is_left(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    random = np.random.default_rng(0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(InputError, match="can't be written") as caught:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with VideoWriter(tmp_path / "clip.mkv", (64, 64), codec="ffv1") as writer:
                for i in range(60):
                    noisy = random.integers(0, 256, (64, 64, 3)).astype(np.uint8)
                    writer.write(noisy, Fraction(i, 25), Fraction(1, 25))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "room" in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_sound_that_breaks_off_stops_the_writing(tmp_path: Path) -> None:
    class Broken(SoundStream):
        def __iter__(self) -> Iterator[np.ndarray]:
            raise InputError("The tape is torn.")

    with pytest.raises(InputError, match="torn"):
        write(tmp_path / "clip.mp4", [numbered(i) for i in range(40)], sound=Broken(tone_of(1), 0, 1))
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "codec", "said"),
    [
        ("clip.gif", "h264", r"\.mp4 or \.mov"),
        ("clip", "h264", r"\.mp4"),
        ("clip.mp4", "prores", r"\.mov"),
        ("clip.mp4", "ffv1", r"\.mkv"),
        ("missing/clip.mp4", "h264", "does not exist"),
    ],
)
def test_a_name_that_cant_be_written_is_refused_at_once(
    tmp_path: Path, name: str, codec: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        VideoWriter(tmp_path / name, (48, 64), codec=codec)


def test_a_folder_without_permission_is_refused_at_once(tmp_path: Path) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("this user may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="can't be written"), VideoWriter(tmp_path / "clip.mp4", (48, 64)):
        pass


def test_real_clips_are_read_and_written_in_time(media: Path, tmp_path: Path) -> None:
    clip = open_clip(media / "face_1.mp4")
    assert (len(clip), clip.rate, clip.size) == (135, None, (700, 700))
    assert {gap * 30 for gap in np.diff(np.array(clip.times, dtype=object))} == {1, 2}
    times = clip.times[:12]
    with VideoWriter(tmp_path / "part.mp4", clip.size, tick=exact_tick(times, clip.times[12])) as writer:
        for frame in clip.frames(range(12)):
            writer.write(frame.pixels, frame.time, clip.times[frame.index + 1] - frame.time)
    part = open_clip(tmp_path / "part.mp4")
    assert (part.times, part.end) == (times, clip.times[12])
    for one, other in zip(clip.frames(range(12)), part.frames(), strict=True):
        assert distance(one.pixels, other.pixels)[1] < 1


def test_the_number_of_cores_does_not_decide_h264s_pictures(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4", [numbered(i) for i in range(8)])
    assert b" threads=4 " in (tmp_path / "clip.mp4").read_bytes()  # x264 notes how it was set
