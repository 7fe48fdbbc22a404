"""One job after the other: what is told of each, and what stays loaded."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.dub.session import quiet as untold
from retalk_nodes.retalk_core.jobs import dubbing
from retalk_nodes.retalk_core.jobs.dubbing import THUMB_SIDE, Dubber
from retalk_nodes.retalk_core.jobs.job import Job
from scenes import leftovers, pixels_of, write_clip

OPTIONS = {"engine": "embedded", "phones": "off", "mark": "off"}


@pytest.fixture(scope="module")
def dubber() -> Dubber:
    return Dubber()


def done(dubber: Dubber, clip: object, voice: object, output: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    again = more.pop("again", False)
    job = Job(2, str(clip), str(voice), str(output), {**OPTIONS, **more}, again)
    return json.loads(json.dumps(dubber(json.loads(json.dumps(job.to_plain())), untold)))


def test_a_dub_is_told_with_figures_doubts_and_a_picture(
    dubber: Dubber, talking_clip: Path, voice_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "folder" / "out.mp4"
    found = done(dubber, talking_clip, voice_file, out)
    assert (found["status"], found["words"], found["row"]) == ("done", "", 2)
    told = found["told"]
    assert told["engine"] == "embedded" and told["frames"] == 18 and 0 < told["edited"] <= 18
    assert told["measured"]["frames"] == 18 and told["spent"] > 0
    encoded = np.frombuffer(base64.b64decode(told["thumbnail"]), np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR).astype(float)
    assert picture.shape == (THUMB_SIDE, 2 * THUMB_SIDE, 3)
    before, after = picture[:, :THUMB_SIDE], picture[:, THUMB_SIDE:]
    assert picture.std() > 20 and 0.1 < np.abs(before - after).mean() < 40
    assert leftovers(out.parent) == ["out.mp4"]
    changed = out.stat().st_mtime_ns
    assert done(dubber, talking_clip, voice_file, out)["status"] == "there"
    assert out.stat().st_mtime_ns == changed
    assert done(dubber, talking_clip, voice_file, out, again=True)["status"] == "done"
    assert out.stat().st_mtime_ns != changed


def test_files_from_elsewhere_are_fetched_and_the_result_is_stored(
    dubber: Dubber, small_clip: Path, voice_file: Path, tmp_path: Path
) -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe_file("memory://dubs/clip.mp4", small_clip.read_bytes())
    system.pipe_file("memory://dubs/voice.wav", voice_file.read_bytes())
    words = ("memory://dubs/clip.mp4", "memory://dubs/voice.wav", "memory://dubs/new/out.mp4")
    assert done(dubber, *words, check=False)["status"] == "done"
    (tmp_path / "out.mp4").write_bytes(system.cat_file(words[2]))
    assert len(pixels_of(tmp_path / "out.mp4")) == 15  # as long as the voice
    assert [Path(name).name for name in system.ls("memory://dubs/new", detail=False)] == ["out.mp4"]
    assert done(dubber, *words)["status"] == "there"
    gone = done(dubber, "memory://dubs/gone.mp4", *words[1:], again=True)
    assert (gone["status"], gone["words"]) == ("failed", "row 2: There is nothing at memory://dubs/gone.mp4.")


def test_what_fails_is_told_and_leaves_nothing(dubber: Dubber, voice_file: Path, tmp_path: Path) -> None:
    grey = write_clip(tmp_path / "grey.mkv", [np.full((64, 64, 3), 128, np.uint8)] * 3)
    found = done(dubber, grey, voice_file, tmp_path / "out.mp4")
    assert found["status"] == "failed" and found["words"].startswith("row 2: No face was found")
    found = done(dubber, voice_file, voice_file, tmp_path / "out.mp4")
    assert found["status"] == "failed" and "row 2: " in found["words"]
    assert leftovers(tmp_path) == ["grey.mkv"]
    (tmp_path / "file").touch()
    found = done(dubber, grey, voice_file, tmp_path / "file" / "out.mp4")
    assert found["status"] == "failed" and "can't be written" in found["words"]


def test_a_mistake_of_ours_keeps_no_other(
    dubber: Dubber, talking_clip: Path, voice_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dubbing, "dub", lambda *_: 1 / 0)
    found = done(dubber, talking_clip, voice_file, tmp_path / "out.mp4")
    assert found["status"] == "fault"
    assert "this should not have happened (ZeroDivisionError: division by zero)" in found["words"]


def test_networks_stay_until_others_are_asked_for(
    talking_clip: Path, voice_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def note(*given: object) -> None:
        seen.append(given[4])
        raise dubbing.RetalkError("noted")

    monkeypatch.setattr(dubbing, "dub", note)
    dubber = Dubber()
    for precision in ("auto", "auto", "fp32", "fp32"):
        done(dubber, talking_clip, voice_file, tmp_path / "out.mp4", precision=precision)
    assert seen[0] is seen[1] and seen[2] is seen[3] and seen[0] is not seen[2]
