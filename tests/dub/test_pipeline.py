"""A whole dub: exact where nothing is edited, as long as it should be, in time, honest about what it did."""

from __future__ import annotations

import json
import math
import wave
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from retalk_nodes.models.errors import RetalkError
from retalk_nodes.retalk_core.compute.provider import FACE_NETWORKS, LocalNetworks
from retalk_nodes.retalk_core.dub import pipeline
from retalk_nodes.retalk_core.dub.analysis import analyse
from retalk_nodes.retalk_core.dub.options import DubOptions, LongerVoice, ShorterVoice
from retalk_nodes.retalk_core.dub.pipeline import Dubbed, dub
from retalk_nodes.retalk_core.dub.session import StageProgress, begin_session
from retalk_nodes.retalk_core.dub.session import quiet as untold
from retalk_nodes.retalk_core.engines.embedded.engine import EmbeddedEngine
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.codecs import Codec
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray, read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter
from retalk_nodes.retalk_core.types import Progress, silent
from scenes import (
    RATE,
    babble,
    deepened,
    leftovers,
    pixels_of,
    portrait,
    quiet,
    scenery,
    stamps_of,
    talking,
    write_clip,
    write_voice,
)

NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
UNEVEN = (0, 2, 3, 5, 8, 9)  # ticks of 1/rate
LOSSLESS = DubOptions(codec="ffv1", phones=False, check=False)
QUICK = DubOptions(phones=False, check=False)

Dub = Callable[..., Dubbed]


@pytest.fixture
def make(networks_on_disk: LocalNetworks) -> Dub:
    """`dub` with the networks at hand, and a voice as an array."""

    def made(
        clip: Path,
        voice: np.ndarray | Path,
        output: Path,
        options: DubOptions = LOSSLESS,
        progress: StageProgress = untold,
    ) -> Dubbed:
        source = voice if isinstance(voice, Path) else SoundArray(voice[None], RATE)
        return dub(open_clip(clip), source, output, options, networks_on_disk, progress)

    return made


def changed(clip: Path, output: Path) -> list[bool]:
    """For each frame of the shorter of two lossless files, whether a pixel differs."""
    return [
        not np.array_equal(one, other) for one, other in zip(pixels_of(clip), pixels_of(output), strict=False)
    ]


# Exact outside the edit


@pytest.mark.parametrize("size", [(160, 160), (159, 161), (160, 157)], ids=str)
@pytest.mark.parametrize("depth", [8, 16])
def test_outside_the_support_no_pixel_differs(
    make: Dub, networks_on_disk: LocalNetworks, tmp_path: Path, size: tuple[int, int], depth: int
) -> None:
    frames = [np.ascontiguousarray(frame[: size[0], : size[1]]) for frame in talking(6, 161)]
    clip = write_clip(tmp_path / "clip.mkv", frames if depth == 8 else deepened(frames))
    voice = babble(0.24)
    make(clip, voice, tmp_path / "out.mkv")

    with begin_session(open_clip(clip), SoundArray(voice[None], RATE), LOSSLESS, networks_on_disk) as work:
        analysis = analyse(work)
    opened = analysis.clip
    engine = EmbeddedEngine(analysis.tracked.track, analysis.plan, lambda rows: opened.frames(rows))
    results = pixels_of(tmp_path / "out.mkv")
    assert len(results) == 6 and results[0].shape == (*size, 3)
    assert results[0].dtype == (np.uint8 if depth == 8 else np.uint16)
    for (frame, patch), before, after in zip(
        engine.edits(opened.frames()), pixels_of(clip), results, strict=True
    ):
        np.testing.assert_array_equal(frame.pixels, before)
        assert patch is not None
        support = np.zeros(size, bool)
        support[patch.box.slices] = patch.support
        different = (before != after).any(axis=2)
        assert not (different & ~support).any()
        assert different.sum() > 100
        assert support.mean() < 0.5


def test_no_pixel_above_the_nose_or_far_from_the_face_differs(
    make: Dub, talking_clip: Path, tmp_path: Path
) -> None:
    make(talking_clip, babble(0.72), tmp_path / "out.mkv")
    for before, after in zip(pixels_of(talking_clip), pixels_of(tmp_path / "out.mkv"), strict=True):
        rows, columns = np.nonzero((before != after).any(axis=2))
        assert rows.min() > 70 and columns.min() > 25 and columns.max() < 135  # eyes at 66, face 50 to 112


def test_frames_without_a_face_pass_through_to_the_bit(make: Dub, tmp_path: Path) -> None:
    pictures = [*talking(6), *scenery(5), *talking(6)]
    clip = write_clip(tmp_path / "clip.mkv", pictures)
    dubbed = make(clip, babble(0.68), tmp_path / "out.mkv")
    assert changed(clip, tmp_path / "out.mkv") == [True] * 6 + [False] * 5 + [True] * 6
    report = dubbed.report
    assert (report.frames_edited, report.frames_out) == (12, 17)
    (stretch,) = report.untouched
    assert (stretch.frames, stretch.reason) == (5, "no face")
    assert (stretch.start, stretch.end) == pytest.approx((6 / 25, 11 / 25))


def test_what_is_behind_a_cut_changes_nothing_before_it(make: Dub, tmp_path: Path) -> None:
    first = talking(8)
    second = talking(16, picture=portrait(160, left=60))[8:]
    tinted = [np.ascontiguousarray(frame[..., ::-1]) for frame in second]
    results = []
    for name, rest in (("one", second), ("other", tinted)):
        clip = write_clip(tmp_path / f"{name}.mkv", [*first, *scenery(1), *rest])
        make(clip, babble(0.68), tmp_path / f"{name} out.mkv")
        results.append(pixels_of(tmp_path / f"{name} out.mkv"))
    for one, other in zip(results[0][:9], results[1][:9], strict=True):
        np.testing.assert_array_equal(one, other)


# Silence


def test_a_silent_voice_shuts_the_mouth_and_keeps_it_still(
    make: Dub, talking_clip: Path, tmp_path: Path
) -> None:
    voices = {"silent": quiet(1.2), "speaking": babble(1.2)}
    made = {
        name: make(talking_clip, voice, tmp_path / f"{name}.mkv", replace(LOSSLESS, check=True))
        for name, voice in voices.items()
    }
    assert any("no speech was heard" in warning for warning in made["silent"].report.warnings)
    assert not any("no speech" in warning for warning in made["speaking"].report.warnings)
    silent, speaking = (made[name].report.measured for name in voices)
    assert silent and silent.frames == 30 and silent["opening_loudness"] is None
    assert speaking and (speaking["opening_loudness"] or 0) > 0.5


# Length and time


CONSTANT = (NTSC_FILM, Fraction(25), NTSC, Fraction(30), Fraction(50), Fraction(60))
RATES = [
    *(pytest.param(rate, None, id=f"{float(rate):.6g}") for rate in CONSTANT),
    pytest.param(NTSC_FILM, UNEVEN, id="uneven"),
]
MILLISECOND = Fraction(1, 1000)  # what MP4 rounds a track's length to


def timed_clip(path: Path, rate: Fraction, stamps: tuple[int, ...] | None) -> Path:
    options = {"bf": "0"} if stamps else {}
    return write_clip(path, talking(6, 96), rate=rate, stamps=stamps, codec="libx264", options=options)


def ends_of(path: Path) -> dict[str, Fraction]:
    """When picture and sound end, in seconds, as the file says."""
    with av.open(str(path)) as container:
        return {
            stream.type: (stream.start_time + stream.duration) * stream.time_base
            for stream in container.streams
            if stream.duration is not None and stream.start_time is not None and stream.time_base
        }


@pytest.mark.parametrize(("rate", "stamps"), RATES)
@pytest.mark.parametrize("longer", ["bounce", "stretch", "hold", "loop", "cut_voice"])
def test_with_a_longer_voice_picture_and_sound_end_together(
    make: Dub, tmp_path: Path, rate: Fraction, stamps: tuple[int, ...] | None, longer: LongerVoice
) -> None:
    clip = timed_clip(tmp_path / "clip.mp4", rate, stamps)
    own = open_clip(clip)
    voice = babble(1.9 * float(own.end))
    spoken = Fraction(len(voice), RATE)
    dubbed = make(clip, voice, tmp_path / "out.mp4", replace(QUICK, longer=longer))

    written = stamps_of(tmp_path / "out.mp4")
    ends = ends_of(tmp_path / "out.mp4")
    frame = max(b - a for a, b in zip(own.times, (*own.times[1:], own.end), strict=True))
    assert len(written) == dubbed.report.frames_out
    assert written[0] == 0
    if longer == "cut_voice":
        assert written == list(own.times)
        assert abs(ends["video"] - own.end) <= MILLISECOND
    else:
        slowed = Fraction(115, 100) if longer == "stretch" else 1
        assert spoken - MILLISECOND <= ends["video"] < spoken + frame * slowed
        if stamps is None and longer != "stretch":
            assert len(written) == math.ceil(spoken * rate)
            assert written == [i / rate for i in range(len(written))]
    assert abs(ends["audio"] - ends["video"]) <= frame
    assert dubbed.report.seconds_out == pytest.approx(float(ends["video"]), abs=1.1e-3)


@pytest.mark.parametrize(("rate", "stamps"), RATES)
@pytest.mark.parametrize("shorter", ["keep_clip", "end_with_voice"])
def test_with_a_shorter_voice_the_clip_goes_on_or_ends_with_it(
    make: Dub, tmp_path: Path, rate: Fraction, stamps: tuple[int, ...] | None, shorter: ShorterVoice
) -> None:
    clip = timed_clip(tmp_path / "clip.mp4", rate, stamps)
    own = open_clip(clip)
    voice = babble(0.6 * float(own.end))
    spoken = Fraction(len(voice), RATE)
    make(clip, voice, tmp_path / "out.mp4", replace(QUICK, shorter=shorter))

    written, ends = stamps_of(tmp_path / "out.mp4"), ends_of(tmp_path / "out.mp4")
    frame = max(b - a for a, b in zip(own.times, (*own.times[1:], own.end), strict=True))
    if shorter == "keep_clip":
        assert written == list(own.times) and abs(ends["video"] - own.end) <= MILLISECOND
    else:
        assert written == list(own.times[: len(written)])
        assert spoken - MILLISECOND <= ends["video"] < spoken + frame
    assert abs(ends["audio"] - ends["video"]) <= frame
    heard = read_mono(tmp_path / "out.mp4", RATE)
    assert np.abs(heard[: len(voice)]).max() > 0.1
    assert np.abs(heard[len(voice) + 800 :]).max(initial=0) < 0.01


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(12)])
def test_a_constant_rate_can_be_asked_for(make: Dub, tmp_path: Path, rate: Fraction) -> None:
    clip = timed_clip(tmp_path / "clip.mp4", Fraction(30), UNEVEN)
    make(clip, babble(0.5), tmp_path / "out.mp4", replace(QUICK, constant_rate=rate))
    written = stamps_of(tmp_path / "out.mp4")
    assert written == [i / rate for i in range(math.ceil(Fraction(1, 2) * rate))]
    assert open_clip(tmp_path / "out.mp4").rate == rate


@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "ffv1"), (".mkv", "h264"), (".mov", "prores")])
def test_every_container_holds_all_frames_and_the_sound(
    make: Dub, small_clip: Path, tmp_path: Path, suffix: str, codec: Codec
) -> None:
    output = tmp_path / f"out{suffix}"
    voice = babble(0.5)
    make(small_clip, voice, output, replace(QUICK, codec=codec))
    assert len(stamps_of(output)) == 13
    heard = read_mono(output, RATE)
    assert len(heard) == pytest.approx(13 / 25 * RATE, abs=RATE / 25)
    assert np.corrcoef(heard[: len(voice)], voice[: len(heard)])[0, 1] > 0.98


# Sound and fields


def test_a_voice_in_opposite_phase_is_heard_and_told(make: Dub, small_clip: Path, tmp_path: Path) -> None:
    voice = babble(0.5)
    save_stereo(tmp_path / "voice.wav", np.stack([voice, -voice]))
    save_stereo(tmp_path / "mono.wav", np.stack([voice, voice]))
    options = replace(QUICK, codec="ffv1")
    told = make(small_clip, tmp_path / "voice.wav", tmp_path / "out.mkv", options).report.warnings
    assert any("cancel each other" in warning for warning in told)
    assert not any("no speech" in warning for warning in told)
    told = make(small_clip, tmp_path / "mono.wav", tmp_path / "mono.mkv", options).report.warnings
    assert not any("cancel" in warning for warning in told)
    for one, other in zip(pixels_of(tmp_path / "out.mkv"), pixels_of(tmp_path / "mono.mkv"), strict=True):
        np.testing.assert_array_equal(one, other)


def save_stereo(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(samples.T * 32767).astype("<i2").tobytes())


@pytest.mark.parametrize("deinterlace", [False, True])
def test_an_interlaced_clip_stays_so_or_is_deinterlaced_and_it_is_told(
    make: Dub, tmp_path: Path, deinterlace: bool
) -> None:
    clip, rate = tmp_path / "clip.mp4", Fraction(25)
    with VideoWriter(clip, (160, 160), rate=rate, quality=10, interlacing="bottom") as writer:
        for i, frame in enumerate(talking(12)):
            writer.write(frame, i / rate, 1 / rate)
    assert open_clip(clip).interlacing == "bottom"
    dubbed = make(clip, babble(0.48), tmp_path / "out.mp4", replace(QUICK, deinterlace=deinterlace))
    (told,) = (warning for warning in dubbed.report.warnings if "interlaced" in warning)
    assert told.startswith("deinterlaced" if deinterlace else "interlaced")
    result = open_clip(tmp_path / "out.mp4")
    assert result.interlacing == ("none" if deinterlace else "bottom") and len(result) == 12


# Parts


def test_start_and_duration_apply_to_picture_and_voice(make: Dub, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", talking(15))
    voice = np.concatenate([quiet(0.2), babble(0.5)])
    part = replace(LOSSLESS, start=Fraction(1, 5), duration=Fraction(6, 25))
    dubbed = make(clip, voice, tmp_path / "out.mkv", part)
    sources, results = pixels_of(clip), pixels_of(tmp_path / "out.mkv")
    assert len(results) == dubbed.report.frames_out == 6
    for source, result in zip(sources[5:11], results, strict=True):
        np.testing.assert_array_equal(source[:60], result[:60])  # above the nose
    heard = read_mono(tmp_path / "out.mkv", RATE)
    np.testing.assert_allclose(heard[400:3400], babble(0.24)[400:3400], atol=0.01)


def test_a_part_is_dubbed_as_if_it_were_the_whole(make: Dub, tmp_path: Path) -> None:
    pictures = talking(12)
    voice = np.concatenate([babble(0.3)[::-1], babble(0.5)])
    whole = write_clip(tmp_path / "whole.mkv", pictures)
    cut = write_clip(tmp_path / "cut.mkv", pictures[5:11])
    make(
        whole, voice, tmp_path / "part.mkv", replace(LOSSLESS, start=Fraction(1, 5), duration=Fraction(6, 25))
    )
    make(cut, voice[RATE // 5 :][: 6 * RATE // 25], tmp_path / "alone.mkv")
    for one, other in zip(pixels_of(tmp_path / "part.mkv"), pixels_of(tmp_path / "alone.mkv"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("begin", "end"), [(0.16, 0.4), (0, 0.2), (0.5, 9)])
def test_only_the_ranges_asked_for_are_edited(
    make: Dub, talking_clip: Path, tmp_path: Path, begin: float, end: float
) -> None:
    ranges = ((Fraction(str(begin)), Fraction(str(end))),)
    dubbed = make(talking_clip, babble(0.72), tmp_path / "out.mkv", replace(LOSSLESS, edit_only=ranges))
    wished = [begin <= i / 25 < end for i in range(18)]
    assert changed(talking_clip, tmp_path / "out.mkv") == wished
    left = dubbed.report.untouched
    assert {stretch.reason for stretch in left} == {"outside the ranges to edit"}
    assert sum(stretch.frames for stretch in left) == wished.count(False)


def test_ranges_beyond_the_end_edit_nothing_and_say_so(make: Dub, small_clip: Path, tmp_path: Path) -> None:
    ranges = ((Fraction(60), Fraction(70)),)
    dubbed = make(small_clip, babble(0.24), tmp_path / "out.mp4", replace(QUICK, edit_only=ranges))
    assert dubbed.report.frames_edited == 0
    assert "0 edited" in dubbed.report.to_text()
    assert dubbed.sheet.ndim == 3 and dubbed.chart.ndim == 3


def test_an_edit_eases_in_and_out_beside_frames_that_are_left_alone(
    make: Dub, talking_clip: Path, tmp_path: Path
) -> None:
    ranges = ((Fraction(4, 25), Fraction(14, 25)),)
    make(talking_clip, quiet(0.72), tmp_path / "out.mkv", replace(LOSSLESS, edit_only=ranges))
    size = [
        float(np.abs(one.astype(int) - other).sum())
        for one, other in zip(pixels_of(talking_clip), pixels_of(tmp_path / "out.mkv"), strict=True)
    ]
    assert size[4] < 0.6 * max(size[6:12]) and size[13] < 0.6 * max(size[6:12])


def test_pauses_can_show_the_original(make: Dub, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", talking(45, 96))
    voice = np.concatenate([babble(0.5), quiet(0.8), babble(0.5)])
    keep = make(clip, voice, tmp_path / "keep.mkv", replace(LOSSLESS, pauses="keep_original"))
    make(clip, voice, tmp_path / "close.mkv")
    kept, closed = (np.array(changed(clip, tmp_path / f"{name}.mkv")) for name in ("keep", "close"))
    assert closed.all()
    assert not kept[17:30].any() and kept[:10].all() and kept[36:].all()
    assert [stretch.reason for stretch in keep.report.untouched] == ["the voice rests"]


def test_the_clip_goes_on_untouched_when_the_voice_has_ended(
    make: Dub, talking_clip: Path, tmp_path: Path
) -> None:
    dubbed = make(talking_clip, babble(0.2), tmp_path / "out.mkv")
    edited = np.array(changed(talking_clip, tmp_path / "out.mkv"))
    assert edited[:9].all() and not edited[13:].any()
    (stretch,) = dubbed.report.untouched
    assert stretch.reason == "the voice has ended" and stretch.end == pytest.approx(18 / 25)


# Sound


def test_a_soundtrack_is_heard_and_the_voice_is_seen(make: Dub, talking_clip: Path, tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    music = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    track = write_voice(tmp_path / "music.wav", np.stack([music, music]))
    voice = babble(0.72)
    make(talking_clip, voice, tmp_path / "with.mkv", replace(LOSSLESS, soundtrack=track))
    make(talking_clip, voice, tmp_path / "plain.mkv")
    for one, other in zip(pixels_of(tmp_path / "with.mkv"), pixels_of(tmp_path / "plain.mkv"), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(read_mono(tmp_path / "with.mkv", RATE)[400:11000], music[400:11000], atol=0.01)
    heard = read_mono(tmp_path / "plain.mkv", RATE)
    np.testing.assert_allclose(heard[400:11000], voice[400:11000], atol=0.01)


def test_the_voice_may_come_from_a_clip(make: Dub, small_clip: Path, tmp_path: Path) -> None:
    make(small_clip, babble(0.4), tmp_path / "first.mp4", QUICK)
    make(small_clip, tmp_path / "first.mp4", tmp_path / "second.mp4", QUICK)
    assert len(stamps_of(tmp_path / "second.mp4")) == len(stamps_of(tmp_path / "first.mp4"))


# Pictures of every kind


@pytest.mark.parametrize("seconds", [0.04, 0.5])
def test_a_still_picture_speaks_as_long_as_the_voice(make: Dub, tmp_path: Path, seconds: float) -> None:
    cv2 = pytest.importorskip("cv2")
    still = tmp_path / "still.png"
    still.write_bytes(cv2.imencode(".png", portrait()[..., ::-1])[1].tobytes())
    make(still, babble(seconds), tmp_path / "out.mkv")
    results = pixels_of(tmp_path / "out.mkv")
    assert stamps_of(tmp_path / "out.mkv") == [Fraction(i, 25) for i in range(math.ceil(seconds * 25))]
    for result in results:
        assert np.array_equal(result[:60], portrait()[:60]) and not np.array_equal(result, portrait())
    if len(results) > 5:
        lips = [result[90:115, 60:100].astype(int) for result in results]
        assert max(np.abs(lips[0] - other).mean() for other in lips) > 2


@pytest.mark.parametrize("longer", ["hold", "bounce"])
def test_a_frame_that_is_shown_again_is_edited_anew(make: Dub, tmp_path: Path, longer: LongerVoice) -> None:
    clip = write_clip(tmp_path / "clip.mkv", talking(3))
    ranges = ((Fraction(0), Fraction(5, 25)),)
    options = replace(LOSSLESS, longer=longer, edit_only=ranges)
    make(clip, quiet(0.4), tmp_path / "out.mkv", options)
    sources = pixels_of(clip)
    shown = [0, 1, 2, 2, 2, 2, 2, 2, 2, 2] if longer == "hold" else [0, 1, 2, 1, 0, 1, 2, 1, 0, 1]
    results = pixels_of(tmp_path / "out.mkv")
    same = [np.array_equal(sources[i], result) for i, result in zip(shown, results, strict=True)]
    assert same == [False] * 5 + [True] * 5


@pytest.mark.parametrize("longer", ["bounce", "stretch", "hold", "loop"])
def test_a_clip_of_one_frame_is_enough(make: Dub, tmp_path: Path, longer: LongerVoice) -> None:
    clip = write_clip(tmp_path / "clip.mp4", talking(1), codec="libx264")
    make(clip, babble(0.2), tmp_path / "out.mp4", replace(QUICK, longer=longer))
    assert 4 <= len(stamps_of(tmp_path / "out.mp4")) <= 5


def test_the_smallest_clip_and_voice_make_a_file(make: Dub, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", talking(1), codec="libx264")
    make(clip, np.array([0.5], np.float32), tmp_path / "out.mp4", replace(QUICK, shorter="end_with_voice"))
    assert len(stamps_of(tmp_path / "out.mp4")) == 1


# The same again


def test_the_same_input_gives_the_same_frames(make: Dub, talking_clip: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        make(talking_clip, babble(0.72), tmp_path / f"{name}.mkv", replace(LOSSLESS, phones=None))
    for one, other in zip(pixels_of(tmp_path / "one.mkv"), pixels_of(tmp_path / "other.mkv"), strict=True):
        np.testing.assert_array_equal(one, other)


# Progress and stopping


def test_every_stage_tells_how_far_it_is(make: Dub, small_clip: Path, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int | None]]] = {}

    def progress(stage: str) -> Progress:
        def tell(done: int, total: int | None) -> None:
            told.setdefault(stage, []).append((done, total))

        return tell

    make(small_clip, babble(0.4), tmp_path / "out.mp4", replace(QUICK, check=True), progress=progress)
    assert list(told) == [stage for stage in ("listen", "track", "dub", "check") if stage in told]
    assert told["track"] == [(i, 6) for i in range(1, 7)]
    assert told["dub"] == told["check"] == [(i, 10) for i in range(1, 11)]


def stopper(stage: str, error: type[BaseException]) -> StageProgress:
    """Stops a stage at its third frame."""

    def progress(name: str) -> Progress:
        def tell(done: int, total: int | None) -> None:
            if name == stage and done >= 3:
                raise error

        return tell

    return progress


@pytest.mark.parametrize("stage", ["track", "dub"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("older", [False, True])
def test_stopping_leaves_no_file_and_an_older_one_as_it_was(
    make: Dub, small_clip: Path, tmp_path: Path, stage: str, error: type[BaseException], older: bool
) -> None:
    output = tmp_path / "out.mp4"
    if older:
        output.write_bytes(b"older")
    with pytest.raises(error):
        make(small_clip, babble(0.4), output, replace(QUICK, check=True), stopper(stage, error))
    assert leftovers(tmp_path) == (["out.mp4"] if older else [])
    assert not older or output.read_bytes() == b"older"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
@pytest.mark.parametrize("older", [False, True])
def test_stopping_the_look_at_a_finished_file_leaves_the_file(
    make: Dub, small_clip: Path, tmp_path: Path, error: type[BaseException], older: bool
) -> None:
    output = tmp_path / "out.mp4"
    if older:
        output.write_bytes(b"older")
    with pytest.raises(error) as caught:
        make(small_clip, babble(0.4), output, replace(QUICK, check=True), stopper("check", error))
    assert leftovers(tmp_path) == ["out.mp4"] and len(stamps_of(output)) == 10
    if error is KeyboardInterrupt:
        assert str(caught.value) == f"{output} is finished, only the look at it was stopped"


@pytest.mark.parametrize(
    "fault", [InputError("it can't be read."), ValueError("3 are not 4"), OSError(5, "I/O")]
)
def test_a_look_that_fails_leaves_the_file_and_is_told(
    make: Dub, small_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def broken(*_: object) -> None:
        raise fault

    monkeypatch.setattr(pipeline, "check_result", broken)
    dubbed = make(small_clip, babble(0.4), tmp_path / "out.mp4", replace(QUICK, check=True))
    assert len(stamps_of(tmp_path / "out.mp4")) == 10
    assert dubbed.report.measured is None and dubbed.chart.ndim == 3
    assert "could not be looked at again" in dubbed.report.warnings[0]
    assert str(fault) in dubbed.report.to_text()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("out.gif", {}),
        ("missing/out.mp4", {}),
        ("out.mp4", {"codec": "ffv1"}),
        ("out.mp4", {"quality": 99}),
        ("out.mp4", {"start": Fraction(99)}),
        ("out.mp4", {"duration": Fraction(0)}),
        ("out.mp4", {"constant_rate": Fraction(0)}),
        ("out.mp4", {"soundtrack": Path("no such file.wav")}),
    ],
)
def test_what_cant_be_done_is_refused_before_the_face_is_looked_for(
    make: Dub, small_clip: Path, tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    def progress(stage: str) -> Progress:
        assert stage != "track"
        return silent

    with pytest.raises(RetalkError):
        make(small_clip, babble(0.4), tmp_path / name, replace(QUICK, **changes), progress=progress)
    assert leftovers(tmp_path) == []


def test_networks_are_borrowed_and_given_back(
    networks_on_disk: LocalNetworks, small_clip: Path, tmp_path: Path
) -> None:
    class Lender:
        def __init__(self) -> None:
            self.out: list[str] = []
            self.lent: list[str] = []

        def borrow(self, key: str) -> AbstractContextManager[Any]:
            lender = self

            class Loan:
                def __enter__(self) -> object:
                    lender.out.append(key)
                    lender.lent.append(key)
                    return networks_on_disk.borrow(key).__enter__()

                def __exit__(self, *_: object) -> None:
                    lender.out.remove(key)

            return Loan()

        def file(self, key: str) -> Path | None:
            return networks_on_disk.file(key)

    lender = Lender()
    voice = SoundArray(babble(0.2)[None], RATE)
    options = replace(QUICK, engine="embedded")
    dub(open_clip(small_clip), voice, tmp_path / "out.mp4", options, lender)
    assert sorted(lender.lent) == sorted(FACE_NETWORKS) and lender.out == []
    with pytest.raises((InputError, OptionError)):
        dub(open_clip(small_clip), Path("no such voice.wav"), tmp_path / "out.mp4", options, lender)
    assert lender.out == []


# What is said


def test_the_report_tells_what_was_done(make: Dub, talking_clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    options = replace(LOSSLESS, check=True, edit_only=((Fraction(0), Fraction(1, 2)),))
    dubbed = make(talking_clip, babble(1.0), output, options)
    told = json.loads(dubbed.report.to_json())
    assert told["output"] == str(output)
    assert told["engine"] == "embedded" and "preview" in told["engine_note"]
    assert told["frame_size"] == [160, 160]
    assert (told["frames_in"], told["frames_out"], told["seconds_out"]) == (18, 25, 1.0)
    assert told["frames_edited"] == sum(changed(talking_clip, output)) == 13
    assert told["faces_seen"] == 1
    assert told["mouth_source"] == "signal"
    assert told["warnings"] == []
    assert list(told["seconds"]) == ["listen", "track", "dub", "check"]
    assert told["untouched"] == [
        {"start": 0.52, "end": 1.0, "frames": 12, "reason": "outside the ranges to edit"}
    ]
    assert told["measured"]["frames"] == 25 and told["measured"]["loss_outside"] is None
    assert 0.2 < told["measured"]["lip_sharpness"] < 5


def test_without_a_check_nothing_is_measured(make: Dub, small_clip: Path, tmp_path: Path) -> None:
    report = make(small_clip, babble(0.2), tmp_path / "out.mp4", QUICK).report
    assert report.measured is None and "check" not in report.seconds


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_file_says_that_the_voice_was_replaced(
    make: Dub, small_clip: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"out{suffix}"
    make(small_clip, babble(0.2), output, QUICK)
    with av.open(str(output)) as container:
        metadata = {key.lower(): value for key, value in container.metadata.items()}
    assert "voice was replaced" in metadata["comment"]
    assert "ReTalk" in metadata["comment"] and "embedded" in metadata["comment"]


def test_chart_and_sheet_are_pictures_of_this_dub(make: Dub, talking_clip: Path, tmp_path: Path) -> None:
    one = make(talking_clip, babble(0.72), tmp_path / "one.mkv", replace(LOSSLESS, check=True))
    other = make(talking_clip, quiet(0.72), tmp_path / "other.mkv", replace(LOSSLESS, check=True))
    for picture in (one.chart, one.sheet):
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        assert np.ptp(picture) > 200
    assert not np.array_equal(one.chart, other.chart)
    assert not np.array_equal(one.sheet, other.sheet)


def test_frames_that_were_damaged_and_odd_sides_are_mentioned(make: Dub, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", talking(4, 161))
    report = make(clip, babble(0.16), tmp_path / "out.mkv").report
    assert any("161x161 is odd" in warning for warning in report.warnings)
