"""A folder against real videos: features are kept, and a few pictures have no FID."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.judging.corpus import features
from retalk_nodes.retalk_core.judging.corpus.features import (
    FeatureShelf,
    PictureFeatures,
    distance_lines,
    distances,
    videos_in,
)
from retalk_nodes.retalk_core.judging.corpus.folder import FolderQuestion, judge_folder
from retalk_nodes.retalk_core.judging.tell import corpus_lines
from retalk_nodes.retalk_core.metrics.pictures.frechet import FEWEST_PICTURES
from retalk_nodes.retalk_core.weights.files import ModelFiles
from scenes import talking, write_clip
from torch import Tensor, nn

ASKED = {"names": ("cpbd",)}


class Eyes(nn.Module):
    """Sees twelve numbers in a picture: a small Inception for tests."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, pictures: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(pictures, 2).flatten(1)


class Lender(LocalNetworks):
    """Has a small Inception, and no other weights."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ModelFiles([folder]), lent={"inception": Eyes()})
        self.asked = 0

    @contextmanager
    def borrow(self, key: str) -> Iterator[Any]:
        self.asked += key == "inception"
        with super().borrow(key) as network:
            yield network


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two results, and two real videos."""
    pictures = talking(12, 160)
    made, real = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("real")
    for name, folder, part in (("a", made, 0), ("b", made, 4), ("c", real, 0), ("d", real, 2)):
        write_clip(folder / f"{name}.mkv", pictures[part : part + 8])
    return made, real


def test_distances_are_told_with_their_counts(folders: tuple[Path, Path], tmp_path: Path) -> None:
    question = FolderQuestion(folder=folders[0], real=folders[1], frames=4, asked=ASKED)

    corpus = judge_folder(question, Lender(tmp_path))

    assert corpus.judged == 2 and corpus.made is not None and corpus.real is not None
    assert corpus.made.pictures.shape == corpus.made.mouths.shape == (8, 12)
    told = "\n".join(corpus_lines(corpus))
    assert "8 pictures against 8 real ones: below 2,048 it says nothing" in told
    assert "mouth_kid" in told and "8 mouths against 8 real ones" in told and "The paper's protocol" in told
    assert set(corpus.to_dict()["distances"]) == {"mouth_kid"}
    json.dumps(corpus.to_dict())


def test_features_are_looked_at_once(folders: tuple[Path, Path], tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    question = FolderQuestion(folder=folders[0], real=folders[1], frames=4, report=report, asked=ASKED)
    first, second, third = (Lender(tmp_path) for _ in range(3))

    one, other = judge_folder(question, first), judge_folder(question, second)
    more = FolderQuestion(folder=folders[0], real=folders[1], frames=5, report=report, asked=ASKED)
    judge_folder(more, third)

    assert first.asked == 4 and second.asked == 0 and third.asked == 4
    assert one.made is not None and other.made is not None
    np.testing.assert_array_equal(one.made.mouths, other.made.mouths)
    (tmp_path / "r.features" / "made" / "a.mkv.npz").write_bytes(b"nothing")
    again = Lender(tmp_path)
    judge_folder(more, again)
    assert again.asked == 1


def test_without_weights_it_is_said(folders: tuple[Path, Path], tmp_path: Path) -> None:
    question = FolderQuestion(folder=folders[0], real=folders[1], asked=ASKED)
    corpus = judge_folder(question, LocalNetworks(ModelFiles([tmp_path])))
    assert "fid, mouth_kid     unavailable (needs" in "\n".join(corpus_lines(corpus))


def test_a_fid_of_few_pictures_is_called_biased(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    some, others = (
        PictureFeatures(generator.normal(shift, 1, (FEWEST_PICTURES, 6)), generator.normal(shift, 1, (50, 6)))
        for shift in (0, 1)
    )
    assert distances(some, others)["fid"] == pytest.approx(6, rel=0.15)
    assert any("biased: below 10,000" in line for line in distance_lines(some, others))
    monkeypatch.setattr(features, "UNBIASED", FEWEST_PICTURES)
    assert not any("biased" in line for line in distance_lines(some, others))


def test_a_video_without_a_face_has_no_mouths(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "plain.mkv", [np.full((96, 96, 3), 90, np.uint8)] * 3)
    found = FeatureShelf(None).of(path, 2, Lender(tmp_path))
    assert found.pictures.shape == (2, 12) and found.mouths.shape == (0, 12)
    assert "unavailable" in "\n".join(distance_lines(found, found))


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no video"):
        videos_in(tmp_path)
    with pytest.raises(InputError, match="can't be read"):
        videos_in(tmp_path / "nowhere")
