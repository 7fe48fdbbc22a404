"""Whole dubs with the paper's engine: which engine runs, what stays exact, what is resumed, what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import recipe
import torch
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.cut import cut_crop
from retalk_nodes.retalk_core.crops.framing import frame_faces
from retalk_nodes.retalk_core.dub import stream
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import Dubbed, dub
from retalk_nodes.retalk_core.dub.session import StageProgress, quiet
from retalk_nodes.retalk_core.engines import lender
from retalk_nodes.retalk_core.errors import NoFaceError, OptionError
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray
from retalk_nodes.retalk_core.stages.options import Stages
from retalk_nodes.retalk_core.types import Progress
from retalk_nodes.retalk_core.weights.files import ModelFiles
from scenes import (
    FPS,
    RATE,
    babble,
    leftovers,
    pixels_of,
    portrait,
    scenery,
    stamps_of,
    talking,
    write_clip,
)
from standins import (
    DarkeningRestorer,
    HeadStandIn,
    LipGANStandIn,
    LNetStandIn,
    PulsingParser,
    S3FDStandIn,
    StandIn,
    stand_ins,
)
from torch import Tensor, nn

LOSSLESS = DubOptions(engine="retalk", codec="ffv1", check=False)


def lending(networks: dict[str, nn.Module]) -> LocalNetworks:
    """Only what is lent: files on this machine don't count."""
    return LocalNetworks(
        ModelFiles([Path("no such folder")]),
        device="cpu",
        precision="fp32",
        resident="together",
        lent=networks,
    )


def made(
    clip: Path,
    output: Path,
    options: DubOptions = LOSSLESS,
    networks: dict[str, nn.Module] | None = None,
    voice: np.ndarray | None = None,
    progress: StageProgress = quiet,
) -> Dubbed:
    samples = babble(0.72) if voice is None else voice
    lent = lending(stand_ins(lnet=LNetStandIn(0.05)) if networks is None else networks)
    return dub(open_clip(clip), SoundArray(samples[None], RATE), output, options, lent, progress)


# Exact where nothing is edited, in time


@pytest.mark.parametrize("preset", ["fast", "paper", "original"])
def test_frames_and_times_stay_and_so_does_all_outside_the_face(
    talking_clip: Path, tmp_path: Path, preset: str
) -> None:
    output = tmp_path / "out.mkv"
    dubbed = made(talking_clip, output, replace(LOSSLESS, preset=preset))  # type: ignore[arg-type]
    assert dubbed.report.frames_out == dubbed.report.frames_edited == 18
    assert stamps_of(output) == [Fraction(i, FPS) for i in range(18)]
    for before, after in zip(pixels_of(talking_clip), pixels_of(output), strict=True):
        rows, columns = np.nonzero((before != after).any(axis=2))
        assert len(rows) > 300
        assert rows.min() > 70 and columns.min() > 25 and columns.max() < 135  # eyes at 66, face 50 to 112


@pytest.mark.parametrize(
    ("word", "title", "enhance"),
    [
        ("wav2lip", "Wav2Lip without GAN", True),
        ("wav2lip_gan", "Wav2Lip with GAN", False),
        ("lipgan", "LipGAN", False),
        ("pcavs", "PC-AVS", True),
        ("pcavs", "PC-AVS", False),
    ],
)
def test_other_lips_are_drawn_behind_the_same_track_and_blend(
    talking_clip: Path, tmp_path: Path, word: str, title: str, enhance: bool
) -> None:
    networks = stand_ins(
        wav2lip=LNetStandIn(0.05),
        wav2lip_gan=LNetStandIn(0.05),
        lipgan=LipGANStandIn(0.05),
        pcavs_g=HeadStandIn(0.3),
    )
    del networks["lnet"]
    stages = Stages.of("paper", lips=word, enhance=enhance)
    dubbed = made(talking_clip, tmp_path / "out.mkv", replace(LOSSLESS, stages=stages), networks)
    assert dubbed.report.frames_out == dubbed.report.frames_edited == 18
    assert f"sync by {title}" in dubbed.report.engine_note
    for before, after in zip(pixels_of(talking_clip), pixels_of(tmp_path / "out.mkv"), strict=True):
        rows, columns = np.nonzero((before != after).any(axis=2))
        assert len(rows) > 300
        assert rows.min() > 70 and columns.min() > 25 and columns.max() < 135


@pytest.mark.parametrize(
    ("offset", "first"), [(80, (0, 0, 0, Fraction(1, 25))), (-40, (Fraction(1, 25), Fraction(2, 25)))]
)
def test_with_an_offset_the_lips_say_what_was_heard_so_much_earlier(
    talking_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    offset: int,
    first: tuple[Fraction, ...],
) -> None:
    plans = []
    plan = stream.LipsPlan
    monkeypatch.setattr(stream, "LipsPlan", lambda *parts: plans.append(plan(*parts)) or plans[-1])
    made(talking_clip, tmp_path / "out.mkv", replace(LOSSLESS, preset="fast", voice_offset=offset))
    assert tuple(plans[0].times[: len(first)]) == first
    assert len(plans[0].times) == 18


def test_a_protected_part_stays_as_it_is(talking_clip: Path, tmp_path: Path) -> None:
    mask = np.zeros((80, 80), np.float32)  # half the clip's size
    mask[:, 40:] = 1
    made(talking_clip, tmp_path / "out.mkv", replace(LOSSLESS, protect=mask))
    for before, after in zip(pixels_of(talking_clip), pixels_of(tmp_path / "out.mkv"), strict=True):
        np.testing.assert_array_equal(before[:, 81:], after[:, 81:])
        assert (before[:, :79] != after[:, :79]).any()


def test_gaps_cuts_two_faces_and_empty_stretches_are_reported(tmp_path: Path) -> None:
    one = talking(9, 160)
    other = [np.ascontiguousarray(picture[:, ::-1]) for picture in talking(8, 160)]
    pair = np.hstack(
        [portrait(160), cv2.resize(portrait(160), (120, 120))[:, :120][[*range(120), *[119] * 40]]]
    )
    wide = [
        np.hstack([picture, np.full((160, 120, 3), 90, np.uint8)]) for picture in one + scenery(12) + other
    ]
    clip = write_clip(tmp_path / "clip.mkv", [*wide, *[np.ascontiguousarray(pair)] * 8])
    dubbed = made(clip, tmp_path / "out.mkv", voice=babble(37 / FPS))
    report = dubbed.report
    assert report.frames_out == 37
    assert report.faces_seen == 2
    assert [stretch.reason for stretch in report.untouched] == ["no face"]
    assert report.untouched[0].start == pytest.approx(9 / FPS) and report.untouched[0].frames == 12
    for i, (before, after) in enumerate(zip(pixels_of(clip), pixels_of(tmp_path / "out.mkv"), strict=True)):
        assert np.array_equal(before, after) == (9 <= i < 21)


def test_a_still_picture_speaks(tmp_path: Path) -> None:
    picture = tmp_path / "face.png"
    cv2.imwrite(str(picture), portrait(160)[..., ::-1])
    networks = stand_ins(lnet=LNetStandIn(0.05))
    dubbed = made(picture, tmp_path / "out.mkv", networks=networks, voice=babble(0.5))
    assert dubbed.report.frames_out == 13
    assert networks["dnet"].pictures == networks["face3d"].pictures == 1


def test_a_given_track_is_used(talking_clip: Path, tmp_path: Path) -> None:
    track = track_faces(open_clip(talking_clip).frames(), load_face_networks()).track
    weight = track.weight.clone()
    weight[5:9] = 0
    dubbed = made(talking_clip, tmp_path / "out.mkv", replace(LOSSLESS, track=replace(track, weight=weight)))
    assert dubbed.report.frames_edited == 14
    short = replace(LOSSLESS, track=replace(track, times=track.times[:7]))
    with pytest.raises(OptionError, match=r"7 frames of 160x160, but the clip has 18"):
        made(talking_clip, tmp_path / "out.mkv", short)


@pytest.mark.parametrize("wanted", ["retalk", "embedded"])
def test_a_given_track_without_the_face_where_the_clip_is_shown_is_refused_in_words(
    talking_clip: Path, tmp_path: Path, wanted: str
) -> None:
    track = track_faces(open_clip(talking_clip).frames(), load_face_networks()).track
    present = track.present.clone()
    present[8:] = False
    options = replace(LOSSLESS, engine=wanted, track=replace(track, present=present), start=Fraction(2, 5))
    with pytest.raises(NoFaceError, match="any of the 8 frames"):
        made(talking_clip, tmp_path / "out.mkv", options)


def test_batches_are_chosen_for_the_device_that_computes(
    talking_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, torch.device | None] = {}

    def choose(key: str, free: int, device: torch.device | None = None) -> int:
        asked[key] = device
        return 4

    monkeypatch.setattr(lender, "batch_size_for", choose)
    made(talking_clip, tmp_path / "out.mkv")
    expected = ("face3d", "dnet", "lnet", "enet", "gfpgan", "parser")
    assert asked == dict.fromkeys(expected, torch.device("cpu"))


# Framing


@pytest.mark.parametrize("source", ["track", "s3fd"])
@pytest.mark.parametrize("smoothing", ["savgol", "none"])
def test_faces_are_framed_by_the_boxes_that_were_chosen(
    talking_clip: Path, tmp_path: Path, source: str, smoothing: str
) -> None:
    frames = list(open_clip(talking_clip).frames())
    track = track_faces(frames, load_face_networks(), smoothing=smoothing).track  # type: ignore[arg-type]
    near = track.boxes.double().numpy()
    boxes = near + (-0.1, -0.05, 0.12, 0.08) * np.tile(near[:, 2:] - near[:, :2], 2)
    networks = stand_ins(s3fd=S3FDStandIn(*[[(4.0, box)] for box in boxes[:12]], []))
    stages = Stages(neutralise=False, restore="off", face_boxes=source)  # type: ignore[arg-type]
    options = replace(LOSSLESS, stages=stages, smoothing=smoothing)  # type: ignore[arg-type]
    report = made(talking_clip, tmp_path / "out.mkv", options, networks).report

    given = boxes if source == "s3fd" else None
    affines = frame_faces(track, "face", boxes=given, smooth=smoothing == "savgol").frame_to_crop
    cut = [cut_crop(frame.pixels, affine, 384) for frame, affine in zip(frames, affines, strict=True)]
    faces = torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).flip(1)  # BGR
    torch.testing.assert_close(networks["enet"].inputs[1], faces, atol=1e-4, rtol=0)
    assert ("frame by S3FD" in report.engine_note) == (source == "s3fd")
    missed = "S3FD did not see the face in 6 of 18 frames: they are framed by the track"
    assert report.warnings == ([missed] if source == "s3fd" else [])
    assert networks["s3fd"].pictures == (18 if source == "s3fd" else 0)


# Which engine


def test_auto_takes_the_best_engine_that_the_files_allow(talking_clip: Path, tmp_path: Path) -> None:
    options = replace(LOSSLESS, engine="auto", phones=False, duration=Fraction(2, FPS))
    ran = []
    for missing in ((), ("gfpgan", "gpen"), ("dnet", "gfpgan", "parser")):
        networks = {key: network for key, network in stand_ins().items() if key not in missing}
        report = made(talking_clip, tmp_path / "out.mkv", options, networks).report
        ran.append((report.engine, report.preset, report.lacking))
    assert ran == [
        ("retalk", "paper", []),
        ("retalk", "fast", ["GFPGAN or GPEN-BFR-512"]),
        ("embedded", "", ["D-Net", "Face parser"]),
    ]


def test_the_embedded_engine_says_what_it_cannot_do(small_clip: Path, tmp_path: Path) -> None:
    options = replace(LOSSLESS, engine="auto", phones=False, work_dir=tmp_path / "work")
    report = made(small_clip, tmp_path / "out.mkv", options, {}, babble(0.12)).report
    assert [note for note in report.warnings if "nothing was kept for resuming" in note]
    assert not [note for note in report.warnings if "not heeded" in note]
    stages = Stages.of("fast", upper_face="sad", expression_edits={3: 0.5})
    options = replace(options, preset="fast", stages=stages, batch=2, work_dir=None)
    report = made(small_clip, tmp_path / "out.mkv", options, {}, babble(0.12)).report
    wanted = "not heeded, since the engine embedded does without: preset, batch, expression edits, upper face"
    assert wanted in report.warnings


def test_the_engine_retalk_says_what_it_does_without(talking_clip: Path, tmp_path: Path) -> None:
    options = replace(LOSSLESS, phones=True, batch=2, duration=Fraction(2, FPS))
    report = made(talking_clip, tmp_path / "out.mkv", options).report
    told = [note for note in report.warnings if "not heeded" in note]
    assert told == ["not heeded, since the engine retalk does without: phones"]


def test_gpen_restores_where_gfpgan_is_missing(talking_clip: Path, tmp_path: Path) -> None:
    networks = {key: network for key, network in stand_ins().items() if key != "gfpgan"}
    report = made(talking_clip, tmp_path / "out.mkv", networks=networks).report
    assert "restore mouth (GPEN-BFR-512)" in report.engine_note
    assert networks["gpen"].pictures == 18


def test_what_was_asked_for_and_is_missing_is_named(talking_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as raised:
        made(talking_clip, tmp_path / "out.mkv", networks={"lnet": LNetStandIn()})
    text = str(raised.value)
    assert (
        "preset paper needs files that were not found: 3DMM regressor, D-Net, E-Net, GFPGAN or GPEN" in text
    )
    assert "models download --preset paper" in text
    assert leftovers(tmp_path) == []
    with pytest.raises(CheckpointError, match=r"files that were not found: S3FD\."):
        made(talking_clip, tmp_path / "out.mkv", replace(LOSSLESS, stages=Stages(face_boxes="s3fd")))


def test_a_smile_needs_its_file(talking_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"smile is in expression\.mat, which was not found"):
        made(talking_clip, tmp_path / "out.mkv", replace(LOSSLESS, stages=Stages(expression="smile")))


def test_the_expression_of_a_picture_is_taken_on(talking_clip: Path, tmp_path: Path) -> None:
    picture = tmp_path / "face.png"
    cv2.imwrite(str(picture), portrait(200)[..., ::-1])
    windows: list[Tensor] = []
    for expression in ("neutral", picture):
        networks = stand_ins()
        stages = Stages(expression=expression, restore="off")  # type: ignore[arg-type]
        made(talking_clip, tmp_path / "out.mkv", replace(LOSSLESS, stages=stages), networks)
        windows.append(networks["dnet"].inputs[1])
    assert torch.equal(windows[0][:, 64:], windows[1][:, 64:])  # the same poses
    assert not torch.equal(windows[0][:, :64], windows[1][:, :64])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expression_strength": 1.2}, "expression_strength is 1.2, but must be from 0 to 1"),
        ({"face_boxes": "dlib"}, "face_boxes is 'dlib', but must be one of track, s3fd"),
        ({"mask_smoothing": -0.1}, "mask_smoothing is -0.1, but must be from 0 to 1"),
        ({"restore": "magic"}, "restore is 'magic', but must be one of auto, gfpgan, gpen, off"),
        ({"expression": "grim"}, "expression is 'grim', but must be neutral, smile or a picture"),
        ({"upper_face": "bored"}, "upper_face is 'bored', but must be one of off, sad"),
    ],
)
def test_stages_that_do_not_exist_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words.replace("(", r"\(")):
        Stages.of("paper", **changes)


def test_each_preset_says_what_it_needs() -> None:
    fast = (("face3d",), ("dnet",), ("lnet",), ("enet",))
    assert tuple(Stages.of("fast").needs.values()) == fast
    assert tuple(Stages.of("paper").needs.values()) == (*fast, ("gfpgan", "gpen"), ("parser",))
    assert tuple(Stages.of("original").needs.values()) == (*fast, ("gpen",), ("gfpgan", "gpen"), ("parser",))
    assert tuple(Stages(neutralise=False, enhance=False, restore="off").needs.values()) == (("lnet",),)
    assert tuple(Stages.of("fast", face_boxes="s3fd").needs.values()) == (("s3fd",), *fast)


# Resuming


class StoppedError(Exception):
    pass


def stopping(after: int) -> StageProgress:
    """Stops the work once so many frames are dubbed."""

    def stage(name: str) -> Progress:
        def tell(done: int, total: int | None) -> None:
            if name == "dub" and done >= after:
                raise StoppedError

        return tell

    return stage


@pytest.fixture(scope="module")
def longer_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "longer.mkv", talking(40))


def test_a_stopped_dub_goes_on_where_it_stopped(longer_clip: Path, tmp_path: Path) -> None:
    options = replace(LOSSLESS, work_dir=tmp_path / "work")
    voice = babble(40 / FPS)
    output = tmp_path / "out.mkv"
    options = replace(options, stages=Stages(restore="off", face_boxes="s3fd"))
    boxes = [[(3.0, (48 + i % 3, 30, 112, 110))] for i in range(40)]
    networks = stand_ins(lnet=LNetStandIn(0.05), s3fd=S3FDStandIn(*boxes))
    with pytest.raises(StoppedError):
        made(longer_clip, output, options, networks, voice, progress=stopping(32))
    assert not output.exists()
    assert networks["s3fd"].pictures == 40

    networks = stand_ins(lnet=LNetStandIn(0.05), s3fd=S3FDStandIn([]))
    report = made(longer_clip, output, options, networks, voice).report
    assert report.frames_resumed == 32
    assert networks["lnet"].pictures == 8
    assert networks["face3d"].pictures == networks["s3fd"].pictures == 0  # the first pass was kept as well
    networks = stand_ins(lnet=LNetStandIn(0.05), s3fd=S3FDStandIn(*boxes))
    made(longer_clip, tmp_path / "whole.mkv", replace(options, work_dir=None), networks, voice)
    for one, other in zip(pixels_of(output), pixels_of(tmp_path / "whole.mkv"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_smoothed_masks_go_on_where_a_dub_was_stopped(longer_clip: Path, tmp_path: Path) -> None:
    stages = Stages(neutralise=False, restore="gfpgan", mask_smoothing=0.3)
    options = replace(LOSSLESS, work_dir=tmp_path / "work", stages=stages)

    def run(output: Path, options: DubOptions, progress: StageProgress = quiet) -> Dubbed:
        networks = stand_ins(gfpgan=DarkeningRestorer(), parser=PulsingParser())
        return made(longer_clip, output, options, networks, babble(40 / FPS), progress)

    whole = run(tmp_path / "whole.mkv", replace(options, work_dir=None))
    assert "smooth its mask over 0.3 s" in whole.report.engine_note
    with pytest.raises(StoppedError):
        run(tmp_path / "out.mkv", options, stopping(32))
    resumed = [run(tmp_path / "out.mkv", options).report.frames_resumed]
    outputs = [pixels_of(tmp_path / "out.mkv")]
    (kept,) = (tmp_path / "work").glob("*/state_mask_000001.npz")
    kept.unlink()  # the chunk has to be made again, or the one after it couldn't be
    resumed += [run(tmp_path / "out.mkv", options).report.frames_resumed]
    outputs += [pixels_of(tmp_path / "out.mkv")]

    assert resumed == [32, 24]
    for output in outputs:
        for one, other in zip(output, pixels_of(tmp_path / "whole.mkv"), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("change", ["voice", "stages", "weights", "clip"])
def test_nothing_is_taken_from_another_dub(
    small_clip: Path, talking_clip: Path, tmp_path: Path, change: str
) -> None:
    options = replace(LOSSLESS, work_dir=tmp_path / "work")
    voice = babble(0.12)
    made(small_clip, tmp_path / "out.mkv", options, voice=voice)
    networks = stand_ins(lnet=LNetStandIn(0.05))
    if change == "weights":
        assert isinstance(networks["enet"], StandIn)
        networks["enet"].weight += 1
    if change == "stages":
        options = replace(options, stages=Stages.of("paper", colour_match=0.0))
    report = made(
        talking_clip if change == "clip" else small_clip,
        tmp_path / "out.mkv",
        options,
        networks,
        voice * 0.9 if change == "voice" else voice,
    ).report
    assert report.frames_resumed == 0


def test_another_codec_takes_over_what_is_there(small_clip: Path, tmp_path: Path) -> None:
    options = replace(LOSSLESS, work_dir=tmp_path / "work")
    voice = babble(0.12)
    made(small_clip, tmp_path / "out.mkv", options, voice=voice)
    report = made(small_clip, tmp_path / "out.mp4", replace(options, codec="h264"), voice=voice).report
    assert report.frames_resumed == 6
    assert "resumed: 6 frames were there from an earlier run" in report.to_text()


# The command, with networks of the real kind


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, made_weights: Path) -> Path:
    """Every file that a dub may need, with weights made by a recipe."""
    return recipe.recipe_folder(tmp_path_factory.mktemp("weights"), made=made_weights)


def test_the_command_runs_every_network(
    talking_clip: Path, voice_file: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mkv"
    words = ["dub", str(talking_clip), str(voice_file), "-o", str(output), "--models", str(weights), "-q"]
    words += ["--engine", "retalk", "--preset", "original", "--codec", "ffv1", "--upper-face", "4=0.3,12=0.5"]
    words += [
        "--face-boxes",
        "s3fd",
        "--duration",
        "0.04",
        "--noise-seed",
        "3",
        "--precision",
        "fp32",
        "--no-check",
        "--json",
    ]
    assert main([*words, "--work-dir", str(tmp_path / "work")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["frames_edited"] == 1 and report["preset"] == "original"
    assert set(report["networks"]["networks"]) == {
        *("face3d", "dnet", "lnet", "enet", "gpen", "gfpgan", "parser", "ganimation", "s3fd")
    }
    assert all(len(each["sha256"]) == 64 for each in report["networks"]["networks"].values())
    assert report["networks"]["precision"] == "fp32"
    before, after = pixels_of(talking_clip)[0], pixels_of(output)[0]
    assert (before != after).any(axis=2).sum() > 300

    assert main(["work", "list", str(tmp_path / "work")]) == 0
    assert " 1 chunks" in capsys.readouterr().out
    assert main(["work", "clear", str(tmp_path / "work")]) == 0
    assert "removed: " in capsys.readouterr().out
    assert main(["work", "list", str(tmp_path / "work")]) == 0
    assert "holds no jobs" in capsys.readouterr().out
