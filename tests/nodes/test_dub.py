"""The nodes that dub: from file to file, on frames, with further options."""

from __future__ import annotations

import json
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.nodes import dub as dub_nodes
from retalk_nodes.nodes import widgets
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.stages.options import Stages
from scenes import talking
from stand_in import Manager, VideoFromFile
from test_execution import Nodes, run, voice
from torch import Tensor


@pytest.fixture(scope="module")
def frames() -> Tensor:
    """Ten frames of a talking portrait, 160 pixels square, as 8-bit video gives them."""
    return torch.from_numpy(np.stack(talking(10))).float() / 255


def test_a_video_is_dubbed_from_file_to_file(nodes: Nodes, talking_clip: Path, base: Path) -> None:
    video, audio, chart, sheet, report, track, doubts = run(
        nodes, "ReTalkDubVideo", video=VideoFromFile(str(talking_clip)), voice=voice(0.6)
    )
    made = open_clip(video.file)
    assert Path(video.file).parent == base / "temp" and made.has_sound
    assert len(made) == 18 and made.size == (160, 160)
    assert audio["waveform"].shape == (1, 1, 11_520) and audio["sample_rate"] == 16_000  # silence follows
    assert chart.shape[0] == sheet.shape[0] == 1
    assert len(track) == len(open_clip(talking_clip)) and isinstance(json.loads(doubts), list)
    assert "engine: embedded" in report and "not found: 3DMM regressor" in report
    with av.open(video.file) as container:
        said = container.metadata
    assert "voice was replaced" in said["comment"] and "embedded" in said["comment"]
    assert said["comment"].startswith("PREVIEW")
    kept = json.loads(said["retalk"])
    assert kept["preview"] is True
    assert kept["frames_out"] == 18 and kept["output"] == Path(video.file).name


def test_the_track_and_the_doubts_of_a_part_serve_another_run(nodes: Nodes, talking_clip: Path) -> None:
    given = {"video": VideoFromFile(str(talking_clip)), "voice": voice(0.6)}
    *_, track, doubts = run(nodes, "ReTalkDubVideo", **given, start=0.2, duration=0.2)
    present = track.present.numpy()
    assert len(present) == 18 and present[5:10].all() and not present[:5].any() and not present[10:].any()
    for doubt in json.loads(doubts):
        assert {"kind", "severity", "ranges", "words", "advice"} <= set(doubt)
    edited = run(nodes, "ReTalkEditTrack", face_track=track, ranges="0.2-0.3")[0]
    again = run(nodes, "ReTalkDubVideo", **given, start=0.2, duration=0.2, face_track=edited)
    assert "5 frames" in again[4] and torch.equal(again[5].present, edited.present)


def test_the_report_shows_on_the_node(nodes: Nodes, talking_clip: Path) -> None:
    node = nodes["ReTalkDubVideo"]
    given = {each.id: each.default for each in node.GET_SCHEMA().inputs[2:10]}
    shown = node.execute(
        video=VideoFromFile(str(talking_clip)), voice=voice(0.2), **{**given, "duration": 0.2}
    ).ui
    first, second = shown["text"][0].splitlines()[:2]
    assert first.startswith("PREVIEW") and second.startswith("video: 5 frames")
    (told,) = shown["retalk"]
    assert told["text"] == shown["text"][0] and told["badge"] == "PREVIEW"


def test_eight_widgets_and_two_for_the_transcript_are_on_the_face(nodes: Nodes) -> None:
    sockets = {"IMAGE", "AUDIO", "VIDEO", "MASK", "VHS_VIDEOINFO"}
    for name in ("ReTalkDubVideo", "ReTalkDubFrames"):
        inputs = nodes[name].GET_SCHEMA().inputs
        widgets = [
            each
            for each in inputs
            if each.io_type not in sockets
            and not each.io_type.startswith("RETALK_")
            and not getattr(each, "force_input", False)
        ]
        assert len(widgets) == 10
        assert [each.id for each in widgets[-2:]] == ["transcript", "language"]


def test_frames_are_dubbed_and_exact_outside(nodes: Nodes, frames: Tensor) -> None:
    images, audio, fps, support, report = run(
        nodes, "ReTalkDubFrames", images=frames, voice=voice(0.4), fps=25.0
    )
    assert images.shape == frames.shape and fps == 25 and audio["waveform"].shape[2] == 6400
    assert 0 < support.mean() < 0.3 and torch.equal(images[support == 0], frames[support == 0])
    assert not torch.equal(images, frames) and "frames: 10 frames" in report


def test_dub_frames_equals_the_nodes_one_by_one(nodes: Nodes, frames: Tensor) -> None:
    dubbed = run(nodes, "ReTalkDubFrames", images=frames, voice=voice(0.4), fps=25.0)
    images, sound, _, fps = run(nodes, "ReTalkFitLength", images=frames, voice=voice(0.4), fps=25.0)
    track = run(nodes, "ReTalkDetectFaces", clip=images, fps=fps)[0]
    moved, _ = run(nodes, "ReTalkLipSyncPreview", images=images, face_track=track, voice=sound, fps=fps)
    assert torch.equal(moved, dubbed[0]) and not torch.equal(moved, frames)


def test_a_given_track_and_what_is_protected_are_kept_to(nodes: Nodes, frames: Tensor) -> None:
    track = run(nodes, "ReTalkDetectFaces", clip=frames)[0]
    (skipped,) = run(nodes, "ReTalkEditTrack", face_track=track, ranges="0-0.2")
    left = torch.zeros(40, 40)
    left[:, :20] = 1
    images, *_ = run(
        nodes,
        "ReTalkDubFrames",
        images=frames,
        voice=voice(0.4),
        fps=25.0,
        face_track=skipped,
        protect=left,
    )
    assert torch.equal(images[:5], frames[:5]) and torch.equal(images[:, :, :78], frames[:, :, :78])
    assert not torch.equal(images[5:, :, 80:], frames[5:, :, 80:])
    with pytest.raises(InputError, match="protect holds 3 frames, but images holds 10"):
        run(
            nodes,
            "ReTalkDubFrames",
            images=frames,
            voice=voice(0.2),
            fps=25.0,
            protect=left.expand(3, 40, 40),
        )
    with pytest.raises(OptionError, match="track is of 10 frames of 160x160, but the clip has 6"):
        run(nodes, "ReTalkDubFrames", images=frames[:6], voice=voice(0.2), fps=25.0, face_track=track)


def test_a_batch_of_voices_is_told_in_the_report(nodes: Nodes, frames: Tensor) -> None:
    several = voice(0.2)
    several["waveform"] = several["waveform"].expand(3, -1, -1)
    report = run(nodes, "ReTalkDubFrames", images=frames[:4], voice=several, fps=25.0)[4]
    assert "note: voice is a batch of 3 sounds: the first is used" in report
    assert "engine: embedded preview (" in report  # as the widget has it


def test_the_frame_rate_is_never_guessed(nodes: Nodes, frames: Tensor) -> None:
    info = {"loaded_fps": 12.5, "source_fps": 25.0}
    assert run(nodes, "ReTalkDubFrames", images=frames[:4], voice=voice(0.2), video_info=info)[2] == 12.5
    with pytest.raises(OptionError, match="Neither of fps and video_info"):
        run(nodes, "ReTalkDubFrames", images=frames, voice=voice(0.2))
    assert run(nodes, "ReTalkDubFrames", images=frames[:1], voice=voice(0.2))[2] == 25  # a still needs none
    with pytest.raises(OptionError, match="Both of fps and video_info"):
        run(nodes, "ReTalkDubFrames", images=frames, voice=voice(0.2), fps=25.0, video_info=info)


def test_a_still_picture_speaks_at_the_rate_that_is_given(nodes: Nodes, frames: Tensor) -> None:
    images, _, fps, *_ = run(nodes, "ReTalkDubFrames", images=frames[:1], voice=voice(0.4), fps=30.0)
    assert len(images) == 12 and fps == 30


def test_a_soundtrack_is_heard_in_place_of_the_voice(nodes: Nodes, frames: Tensor) -> None:
    music = {"waveform": torch.full((1, 2, 44_100), 0.5), "sample_rate": 44_100}
    audio = run(
        nodes, "ReTalkDubFrames", images=frames, voice=voice(0.4), fps=25.0, soundtrack=music, start=0.2
    )[1]
    assert audio["sample_rate"] == 44_100 and audio["waveform"].shape == (1, 2, 8820)


def test_a_missing_file_is_an_error_where_the_engine_is_named(nodes: Nodes, frames: Tensor) -> None:
    with pytest.raises(CheckpointError, match="engine retalk with the preset fast needs files"):
        run(
            nodes,
            "ReTalkDubFrames",
            images=frames,
            voice=voice(0.2),
            fps=25.0,
            engine="retalk",
            preset="fast",
        )


def test_new_files_make_the_node_run_again(nodes: Nodes, base: Path) -> None:
    node = nodes["ReTalkDubVideo"]
    before = node.fingerprint_inputs(engine="auto", preset="paper")
    assert node.fingerprint_inputs(engine="auto", preset="paper") == before
    preview = node.fingerprint_inputs(engine="embedded preview", preset="paper")
    file = base / "models" / "retalk" / "LNet.pth"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"something")
    try:
        assert node.fingerprint_inputs(engine="auto", preset="paper") != before
        assert node.fingerprint_inputs(engine="embedded preview", preset="paper") == preview
    finally:
        file.unlink()


def test_a_dub_ends_when_the_user_stops_it(nodes: Nodes, talking_clip: Path, manager: Manager) -> None:
    manager.stopped = True
    with pytest.raises(Manager.Interrupted):
        run(nodes, "ReTalkDubVideo", video=VideoFromFile(str(talking_clip)), voice=voice(0.6))


# Options


def options(nodes: Nodes, **changed: object) -> dub_nodes.MoreOptions:
    found: dub_nodes.MoreOptions = run(nodes, "ReTalkDubOptions", **changed)[0]
    return found


def built(more: dub_nodes.MoreOptions, preset: str = "paper") -> DubOptions:
    shown = {each.widget: widgets.widget_of(each).default for each in widgets.face_options()}
    return dub_nodes.wanted_options({**shown, "preset": preset}, more)


@pytest.mark.parametrize("preset", ["fast", "paper", "original"])
def test_the_options_as_they_come_change_nothing(nodes: Nodes, preset: str) -> None:
    plain, more = built(dub_nodes.MoreOptions(), preset), built(options(nodes), preset)
    differing = {
        each.name
        for each in fields(DubOptions)
        if each.name != "face" and getattr(plain, each.name) != getattr(more, each.name)
    }
    assert differing == {"quality", "work_dir", "work_limit"}  # 17 is what None means
    assert more.stages is None


def test_options_reach_the_dub(nodes: Nodes) -> None:
    more = built(
        options(
            nodes,
            encoder="prores",
            frame_rate=29.97,
            edit_only="0-1",
            smooth=False,
            resume=False,
            batch_size=3,
            upper_face="action units",
            action_units="4:0.3",
            restore_mouth="off",
            noise_seed=7,
        )
    )
    assert (more.codec, more.constant_rate, more.smoothing) == ("prores", Fraction(30000, 1001), "none")
    assert more.edit_only == ((Fraction(0), Fraction(1)),) and more.work_dir is None and more.batch == 3
    assert more.stages == Stages.of(
        "paper", upper_face="units", action_units={4: 0.3}, restore="off", noise_seed=7
    )


def test_another_encoder_writes_another_file(nodes: Nodes, talking_clip: Path) -> None:
    video = run(
        nodes,
        "ReTalkDubVideo",
        video=VideoFromFile(str(talking_clip)),
        voice=voice(0.2),
        voice_shorter="end_with_voice",
        options=options(nodes, encoder="ffv1", check=False),
    )[0]
    made = open_clip(video.file)
    assert video.file.endswith(".mkv") and len(made) == 5
    source, result = (next(iter(open_clip(path).frames([0]))).pixels for path in (talking_clip, video.file))
    assert np.array_equal(source[:40], result[:40])  # lossless, and far from the mouth
