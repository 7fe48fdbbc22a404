"""Showing a track: drawn over the clip, on a sheet, in numbers, and as the `inspect` command does it."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.track import TrackedFace
from retalk_nodes.retalk_core.images import eight_bit
from retalk_nodes.retalk_core.media.clip import Clip
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.reports.track import (
    describe_track,
    draw_track,
    oval_masks,
    overlay_sheet,
    write_overlay,
)
from scenes import deepened, leftovers, pixels_of, scenery, stamps_of, talking, write_clip


@pytest.fixture(scope="module")
def faces() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 frames with a face, 8 without, 8 with it again."""
    pictures = [*talking(8), *scenery(8), *talking(8)]
    return write_clip(tmp_path_factory.mktemp("mixed") / "mixed.mkv", pictures)


@pytest.fixture(scope="module")
def clip(mixed: Path) -> Clip:
    return open_clip(mixed)


@pytest.fixture(scope="module")
def tracked(clip: Clip, faces: FaceNetworks) -> TrackedFace:
    return track_faces(clip.frames(), faces)


# Numbers


def test_a_description_holds_what_was_found(clip: Clip, tracked: TrackedFace) -> None:
    found = describe_track(clip, tracked, range(24))
    assert json.loads(json.dumps(found)) == found
    assert (found["width"], found["height"], found["frames"], found["bit_depth"]) == (160, 160, 24, 8)
    assert found["seconds"] == pytest.approx(24 / 25) and found["frame_rate"] == "25"
    assert found["frames_with_face"] == 16 and found["faces_seen"] == 1 and not found["has_sound"]
    assert 65 < found["face_height"]["median"] < 85
    assert found["cuts"] == [8 / 25, 16 / 25]
    assert found["untouched"] == [{"start": 8 / 25, "end": 16 / 25, "frames": 8, "reason": "no face"}]
    for angle in ("yaw", "pitch", "roll"):
        assert found["head_degrees"][angle]["least"] <= found["head_degrees"][angle]["most"]
        assert abs(found["head_degrees"][angle]["most"]) < 25


# Pictures


def test_the_face_is_drawn_where_it_is_and_nowhere_else(clip: Clip, tracked: TrackedFace) -> None:
    frame = next(clip.frames([3]))
    before = frame.pixels.copy()
    drawn = draw_track(frame, tracked, 3)
    np.testing.assert_array_equal(frame.pixels, before)
    assert drawn.shape == (160, 160, 3) and drawn.dtype == np.uint8
    changed = (drawn != before).any(axis=2)
    changed[:30] = False  # the label
    rows, columns = np.nonzero(changed)
    left, top, right, bottom = tracked.track.boxes[3].tolist()
    assert top - 3 < rows.min() and rows.max() < bottom + 3
    assert left - 3 < columns.min() and columns.max() < right + 3
    assert changed.sum() > 200


def test_a_frame_without_a_face_gets_a_label_only(clip: Clip, tracked: TrackedFace) -> None:
    frame = next(clip.frames([12]))
    changed = (draw_track(frame, tracked, 12) != frame.pixels).any(axis=2)
    assert changed[:40].any() and not changed[40:].any()


def test_a_deep_clip_is_drawn_in_eight_bits(faces: FaceNetworks, tmp_path: Path) -> None:
    deep = open_clip(write_clip(tmp_path / "deep.mkv", deepened(talking(3))))
    found = track_faces(deep.frames(), faces)
    frame = next(deep.frames([1]))
    drawn = draw_track(frame, found, 1)
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn[-12:], eight_bit(frame.pixels)[-12:])  # below the chin
    write_overlay(deep, found, tmp_path / "drawn.mp4", range(3))
    assert len(pixels_of(tmp_path / "drawn.mp4")) == 3


def test_the_overlay_has_the_clips_frames_and_times(clip: Clip, tracked: TrackedFace, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    output = tmp_path / "drawn.mp4"
    write_overlay(clip, tracked, output, range(24), lambda done, total: told.append((done, total)))
    assert stamps_of(output) == list(clip.times)
    assert told == [(i, 24) for i in range(1, 25)]
    source, drawn = pixels_of(clip.path), pixels_of(output)
    for row in (2, 20):  # green marks
        assert (drawn[row][40:, :, 1].astype(int) - source[row][40:, :, 1]).max() > 60
    assert np.abs(drawn[12][40:].astype(int) - source[12][40:]).mean() < 4


def test_a_part_of_a_clip_begins_at_zero(faces: FaceNetworks, clip: Clip, tmp_path: Path) -> None:
    part = range(2, 7)
    found = track_faces(clip.frames(part), faces)
    write_overlay(clip, found, tmp_path / "part.mp4", part)
    assert stamps_of(tmp_path / "part.mp4") == [Fraction(i, 25) for i in range(5)]
    assert overlay_sheet(clip, found, part).shape[1] == 5 * 200


def test_an_uneven_clip_keeps_its_times(faces: FaceNetworks, tmp_path: Path) -> None:
    stamps = [0, 2, 3, 5, 8, 9]
    path = write_clip(
        tmp_path / "uneven.mp4", talking(6), rate=30, stamps=stamps, codec="libx264", options={"bf": "0"}
    )
    uneven = open_clip(path)
    found = track_faces(uneven.frames(), faces)
    write_overlay(uneven, found, tmp_path / "drawn.mp4", range(6))
    assert stamps_of(tmp_path / "drawn.mp4") == [Fraction(stamp, 30) for stamp in stamps]
    assert describe_track(uneven, found, range(6))["frame_rate"] == "variable"


def test_pixels_that_arent_square_stay_so(faces: FaceNetworks, tmp_path: Path, small_clip: Path) -> None:
    wide = replace(open_clip(small_clip), pixel_aspect=Fraction(4, 3))
    found = track_faces(wide.frames(), faces)
    write_overlay(wide, found, tmp_path / "drawn.mp4", range(6))
    assert open_clip(tmp_path / "drawn.mp4").pixel_aspect == Fraction(4, 3)


@pytest.mark.parametrize("count", [1, 3, 8, 9, 24])
def test_a_sheet_shows_frames_evenly_spread(clip: Clip, tracked: TrackedFace, count: int) -> None:
    sheet = overlay_sheet(clip, tracked, range(count))
    assert sheet.shape == (200 * -(-count // 8), 200 * min(count, 8), 3) and sheet.dtype == np.uint8


def test_a_sheet_never_holds_more_than_32_frames(faces: FaceNetworks, tmp_path: Path) -> None:
    many = open_clip(write_clip(tmp_path / "many.mkv", talking(40, 96)))
    sheet = overlay_sheet(many, track_faces(many.frames(), faces), range(40))
    assert sheet.shape == (800, 1600, 3)


def test_a_wide_clip_fits_on_a_sheet(faces: FaceNetworks, tmp_path: Path) -> None:
    frames = [np.hstack([frame, np.zeros((160, 301, 3), np.uint8)]) for frame in talking(2)]
    wide = open_clip(write_clip(tmp_path / "wide.mkv", frames))
    assert overlay_sheet(wide, track_faces(wide.frames(), faces), range(2)).shape == (200, 400, 3)


# The command


def test_inspect_prints_json(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(mixed), "--json", "-q"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["clip"] == str(mixed) and found["frames_with_face"] == 16 and said.err == ""
    assert leftovers(tmp_path) == []


def test_inspect_prints_a_few_lines(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(mixed), "-q"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mixed.mkv: 160x160, 24 frames, 0.96 s")
    assert "face in 16 frames" in lines[1] and "2 cuts" in lines[1]
    assert lines[2] == "no edit from 0.32 to 0.64 s: no face"


@pytest.mark.parametrize("name", ["drawn.png", "DRAWN.PNG"])
def test_inspect_writes_a_sheet(small_clip: Path, tmp_path: Path, name: str) -> None:
    assert main(["inspect", str(small_clip), "-o", str(tmp_path / name), "-q"]) == 0
    sheet = cv2.imdecode(np.frombuffer((tmp_path / name).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None and sheet.shape == (200, 1200, 3)
    assert leftovers(tmp_path) == [name]


@pytest.mark.parametrize("name", ["drawn.mp4", "drawn.mkv"])
def test_inspect_writes_a_video(small_clip: Path, tmp_path: Path, name: str) -> None:
    assert main(["inspect", str(small_clip), "-o", str(tmp_path / name), "-q"]) == 0
    assert len(pixels_of(tmp_path / name)) == 6
    assert leftovers(tmp_path) == [name]


@pytest.mark.parametrize("name", ["drawn.gif", "nowhere/drawn.png", "nowhere/drawn.mp4"])
def test_inspect_refuses_what_it_cant_write(
    small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["inspect", str(small_clip), "-o", str(tmp_path / name), "-q"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("retalk: ") and said.err.count("\n") == 1 and said.out == ""
    assert leftovers(tmp_path) == []


def test_inspect_follows_the_face_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = talking(2, 160), talking(2, 160)
    small = [cv2.copyMakeBorder(cv2.resize(f, (112, 112)), 0, 48, 0, 48, cv2.BORDER_CONSTANT) for f in right]
    clip = write_clip(tmp_path / "two.mkv", [np.hstack(pair) for pair in zip(left, small, strict=True)])
    heights = []
    for words in ([], ["--face-index", "1"], ["--face-at", "215,60"]):
        assert main(["inspect", str(clip), "--json", "-q", *words]) == 0
        found = json.loads(capsys.readouterr().out)
        heights.append(found["face_height"]["median"])
        assert found["faces_seen"] == 2
    assert heights[0] > 65 and heights[1] < 60 and heights[2] < 60


# Masks


def test_masks_cover_the_face_and_nothing_else(tracked: TrackedFace) -> None:
    masks = oval_masks(tracked.track)
    assert masks.shape == (24, 160, 160) and not masks[8:16].any()
    left, top, right, bottom = tracked.track.boxes[3].tolist()
    rows, columns = masks[3].any(dim=1).nonzero(), masks[3].any(dim=0).nonzero()
    assert abs(int(rows.min()) - top) < 2 and abs(int(rows.max()) - bottom) < 2
    assert abs(int(columns.min()) - left) < 2 and abs(int(columns.max()) - right) < 2
    together = oval_masks(tracked.track, together=True)
    assert together.shape == (1, 160, 160) and torch.equal(together[0], masks.amax(dim=0))
