"""The source itself is judged with its own voice, with another, and out of step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from judges import Reader
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.judging.judge import judge
from retalk_nodes.retalk_core.judging.look import Subject
from retalk_nodes.retalk_core.judging.question import Question
from retalk_nodes.retalk_core.judging.references import (
    LATE_VOICE,
    OTHERS_VOICE,
    OWN_VOICE,
    opening_of,
    reference_rows,
)
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.metrics.mouth import MouthWatch
from retalk_nodes.retalk_core.weights.files import ModelFiles
from scenes import talking
from videos import speaking_clip

COUNT = 60


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait that moves its jaw, with a voice of its own."""
    return speaking_clip(tmp_path_factory.mktemp("clips") / "speaking.mkv", talking(COUNT, 160))


@pytest.fixture(scope="module")
def source(speaking: Path) -> Subject:
    clip = open_clip(speaking)
    return Subject(clip, track_faces(clip.frames(), load_face_networks()).track)


class Lender:
    """Lends a SyncNet that reads a few plain numbers."""

    @contextmanager
    def borrow(self, key: str) -> Iterator[Any]:
        assert key == "syncnet"
        yield Reader()


def test_openings_of_a_track_are_those_of_its_frames(source: Subject) -> None:
    watch = MouthWatch()
    for frame in source.clip.frames():
        mesh = source.mesh(frame.index)
        assert mesh is not None
        watch.see(frame.pixels, mesh)
    np.testing.assert_allclose(opening_of(source.track), watch.opening, atol=1e-6)


def test_three_rows_where_another_voice_is_known(source: Subject) -> None:
    other = np.random.default_rng(0).uniform(-0.3, 0.3, 640 * COUNT).astype(np.float32)

    rows = reference_rows(source, other, Lender(), with_syncnet=True)  # type: ignore[arg-type]

    assert list(rows) == [OWN_VOICE, LATE_VOICE, OTHERS_VOICE]
    assert all({"lse_d", "lse_c", "sync_offset"} <= set(values) for values in rows.values())
    assert len({values["lse_d"] for values in rows.values()}) == 3


def test_without_syncnet_and_another_voice_there_is_still_something(source: Subject) -> None:
    rows = reference_rows(source, None, Lender(), with_syncnet=False)  # type: ignore[arg-type]
    assert list(rows) == [OWN_VOICE, LATE_VOICE]
    assert set(rows[OWN_VOICE]) <= {"lag_frames", "opening_loudness"}


def test_a_silent_source_has_no_rows(talking_clip: Path) -> None:
    clip = open_clip(talking_clip)
    track = track_faces(clip.frames(), load_face_networks()).track
    assert reference_rows(Subject(clip, track), None, Lender(), with_syncnet=False) == {}  # type: ignore[arg-type]


def test_they_come_with_a_judgement_where_they_are_asked_for(speaking: Path, tmp_path: Path) -> None:
    networks = LocalNetworks(ModelFiles([tmp_path]))
    clip = open_clip(speaking)
    names = ("opening_loudness", "lag_frames")
    with torch.inference_mode():
        found = judge(Question(result=clip, source=clip, references=True, truth=True, names=names), networks)
        without = judge(Question(result=clip, names=names), networks)
    assert list(found.references) == [OWN_VOICE, LATE_VOICE] and not without.references
    assert dict(found.references[OWN_VOICE]) == pytest.approx(dict(found.values))
