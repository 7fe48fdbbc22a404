"""A sharp set holds what GPEN made of each face, in the face's own framing; what was made stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import scenes
import torch
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.retalk_core.crops.cut import reframe
from retalk_nodes.retalk_core.errors import CheckpointError, InputError
from retalk_nodes.retalk_core.stages.restore import WHOLE
from retalk_nodes.retalk_core.training.data import enhance
from retalk_nodes.retalk_core.training.data.enhance import enhance_set, sharp_faces
from retalk_nodes.retalk_core.training.data.layouts import find_videos
from retalk_nodes.retalk_core.training.data.sets import open_set, prepare_set, read_list
from retalk_nodes.retalk_core.weights.files import Found
from standins import RestorerStandIn
from torch import Tensor, nn


class Brighten(RestorerStandIn):
    """A restorer whose work is seen: half of what was missing to white."""

    def forward(self, picture: Tensor, area: Area = WHOLE) -> Tensor:
        return super().forward((picture + 1) / 2, area)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of two people."""
    videos = tmp_path_factory.mktemp("videos")
    for person, count in (("ann", 18), ("bob", 21)):
        scenes.speaking_clip(videos / f"{person}.mkv", count)
    place = tmp_path_factory.mktemp("set")
    prepare_set(find_videos(videos), place, "drawn for this test")
    return place


@pytest.fixture
def restorer(monkeypatch: pytest.MonkeyPatch) -> Brighten:
    """Takes GPEN's place."""
    network = Brighten()

    class Files:
        def __init__(self, folders: object) -> None: ...

        def require(self, key: str) -> tuple[Path, Found]:
            assert key == "gpen"
            return Path("GPEN-BFR-512.pth"), Found(sha256="1" * 64)

    class Networks:
        def __init__(self, files: Files, device: str) -> None: ...

        @contextmanager
        def borrow(self, key: str) -> Iterator[nn.Module]:
            yield network

    monkeypatch.setattr(enhance, "ModelFiles", Files)
    monkeypatch.setattr(enhance, "LocalNetworks", Networks)
    return network


def test_a_sharp_set_is_learnt_from_like_any_other(
    prepared: Path, restorer: Brighten, tmp_path: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    made = enhance_set(prepared, tmp_path / "sharp", progress=lambda *done: told.append(done))

    assert [each.dropped for each in made] == ["", ""] and told[-1] == (39, 39)
    assert restorer.pictures == sum(each.usable for each in made)
    before, after = open_set(prepared), open_set(tmp_path / "sharp")
    assert after.about["licences"] == ["drawn for this test"]
    assert after.about["made_with"] == ["GPEN-BFR-512.pth, 111111111111"]
    for plain, sharp in zip((*before.train, *before.held), (*after.train, *after.held), strict=True):
        rows = [0, 5, len(plain.usable) - 1]
        assert (sharp.name, sharp.speaker, sharp.voice) == (plain.name, plain.speaker, plain.voice)
        assert np.array_equal(sharp.usable, plain.usable) and np.array_equal(sharp.shot, plain.shot)
        assert torch.equal(sharp.mels(rows), plain.mels(rows))
        torch.testing.assert_close(sharp.points(rows), plain.points(rows), rtol=0, atol=1e-5)
        drawn, given = sharp.faces(rows, 384), plain.faces(rows, 384)
        assert (drawn - (given + 1) / 2)[:, 60:300, 60:300].abs().mean() < 0.02


def test_faces_are_restored_and_brought_back_as_a_dubs_references_are(prepared: Path) -> None:
    talk = open_set(prepared).train[0]
    network = Brighten()
    rows = [2, 9]
    faces = dict(enumerate(sharp_faces(talk, network)))  # type: ignore[arg-type]
    for row in rows:
        wide = torch.from_numpy(talk.crop("gpen", row))[None]  # type: ignore[attr-defined]
        base = talk.faces([row], 384)
        here, there = (talk.crops_of(framing, [row]) for framing in ("gpen", "face"))  # type: ignore[attr-defined]
        expected = reframe((wide + 1) / 2, here, there, side=384, base=base)[0][0]
        assert np.abs(faces[row] / 255 - expected.numpy()).max() < 0.51 / 255


def test_what_was_made_is_not_made_again_but_what_changed_is(
    prepared: Path, restorer: Brighten, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copytree(prepared, tmp_path / "set")
    real, calls = enhance._enhanced, []

    def stop_at_second(*words: object) -> object:
        calls.append(words[2].id)  # type: ignore[attr-defined]
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(enhance, "_enhanced", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        enhance_set(source, tmp_path / "sharp")
    enhance_set(source, tmp_path / "sharp")
    first, second = read_list(source)
    assert calls == [first.id, second.id, second.id]
    enhance_set(source, tmp_path / "sharp")
    assert len(calls) == 3

    line = second.line().replace(second.sha256, "0" * 64)
    (source / "manifest.jsonl").write_text(f"{first.line()}\n{line}\n")
    enhance_set(source, tmp_path / "sharp")
    assert calls[3:] == [second.id]
    names = {f"{each.id}{suffix}" for each in (first, second) for suffix in (".zip", ".json")}
    assert set(scenes.leftovers(tmp_path / "sharp" / "clips")) == names


def test_a_missing_gpen_is_told_by_its_file_before_anything_is_written(
    prepared: Path, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(CheckpointError, match=r"GPEN.* was not found.*GPEN-BFR-512"):
        enhance_set(prepared, tmp_path / "sharp", models=tmp_path / "models")
    assert not (tmp_path / "sharp").exists()
    with pytest.raises(InputError, match="is the set itself: name another folder"):
        enhance_set(prepared, prepared)
    with pytest.raises(InputError, match="holds no prepared set"):
        enhance_set(tmp_path, tmp_path / "sharp")


def test_a_sharp_set_has_no_portraits(prepared: Path, restorer: Brighten, tmp_path: Path) -> None:
    enhance_set(prepared, tmp_path / "sharp")
    talk = open_set(tmp_path / "sharp").train[0]
    with pytest.raises(
        InputError, match=r"sharp faces only, for E-Net: for D-Net name the set it was made of"
    ):
        talk.portraits([0], 64)
