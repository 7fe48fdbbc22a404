"""A network is fitted to one clip, judged by stretches of it, and written; what can't be used is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.models.training.enet import ENetInTraining, ENetShape
from retalk_nodes.retalk_core.errors import CheckpointError, InputError
from retalk_nodes.retalk_core.training import personalise as fitting
from retalk_nodes.retalk_core.training.checkpoints import RunState
from retalk_nodes.retalk_core.training.data.cartoons import Cartoon
from retalk_nodes.retalk_core.training.data.talks import first_rows
from retalk_nodes.retalk_core.training.export import export_state
from retalk_nodes.retalk_core.training.personalise import GAP, Personal, personalise
from retalk_nodes.retalk_core.training.settings import to_plain
from safetensors import safe_open

SHAPE = ENetShape(looks=(8, 16, 16), looks_side=16, style=16, features=(16, 8))
SMALL = (
    *("side=24", "frames=1", "rate=3e-3", "momentum=0.9"),
    *("pace.steps=60", "pace.average=0.8", "pace.validate_every=20", "pace.device=cpu"),
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small E-Net to begin with, as it is exported."""
    torch.manual_seed(0)
    network = ENetInTraining(SHAPE)
    tensors = network.state_dict()
    state = RunState(0, "all", "enet", {"shape": to_plain(SHAPE)}, {"enet": tensors}, tensors)
    return export_state(state, tmp_path_factory.mktemp("weights") / "enet.safetensors")


def test_a_person_is_fitted_judged_and_written(weights: Path, tmp_path: Path) -> None:
    clip = scenes.speaking_clip(tmp_path / "ann.mkv", 76)
    wanted = Personal(begin=weights, lnet="small", words=SMALL)
    made = personalise(clip, tmp_path / "ann.safetensors", "her own", wanted, tmp_path / "ann.png")

    assert made["steps"] == 60 and made["frames"] == 76 and made["better"]
    assert made["after"]["distance"] < 0.85 * made["before"]["distance"]
    with safe_open(tmp_path / "ann.safetensors", "pt") as file:
        header = file.metadata()
    told = json.loads(header["source"])
    assert (told["personalised_from"], told["clip"]) == ("enet.safetensors", "ann.mkv")
    assert (told["before"], told["after"]) == (made["before"], made["after"])
    assert "her own" in header["licence"]
    network = load_network(catalog["enet"], tmp_path / "ann.safetensors")
    assert network(torch.rand(1, 3, 24, 24), torch.rand(1, 3, 96, 96)).shape == (1, 3, 96, 96)
    strip = cv2.imread(str(tmp_path / "ann.png"))
    assert strip.shape == (2 * 4 * 96, 96, 3)  # of one frame: enlarged, looks, drawn, wanted; twice
    before, after = strip[:384], strip[384:]
    assert np.array_equal(before[:96], after[:96]) and not np.array_equal(before[192:288], after[192:288])


def test_what_is_kept_back_of_a_clip_is_not_learnt_from() -> None:
    talk = Cartoon(3)
    talks, judged = fitting._parted(talk, "her own")
    (learnt,), (chosen_by,), (judge,) = talks.train, talks.held, judged
    for held in (chosen_by, judge):
        apart = np.abs(np.flatnonzero(learnt.usable)[:, None] - np.flatnonzero(held.usable))
        assert apart.min() == GAP + 1 and len(first_rows(held)) == 15 - 4
    assert not (chosen_by.usable & judge.usable).any()
    assert talks.about["licences"] == ["her own"]


def test_a_long_clip_is_judged_in_more_places() -> None:
    class Long(Cartoon):
        usable, shot = np.ones(600, bool), np.zeros(600, int)

    talks, judged = fitting._parted(Long(3), "her own")
    assert [len(part) for part in (talks.train, talks.held, judged)] == [1, 2, 2]
    assert sum(int(each.usable.sum()) for each in (*talks.held, *judged)) == 120


def test_what_became_no_better_is_not_written_unless_it_is_asked_for(weights: Path, tmp_path: Path) -> None:
    clip = scenes.speaking_clip(tmp_path / "ann.mkv", 76)
    words = (*SMALL, "rate=0.0", "pace.steps=20")
    wanted, output = Personal(begin=weights, lnet="small", words=words), tmp_path / "ann.safetensors"
    with pytest.raises(
        InputError, match=r"became no better on what was kept back .*nothing was written"
    ) as told:
        personalise(clip, output, "her own", wanted)
    assert "--keep-worse" in str(told.value) and not output.exists()

    made = personalise(clip, output, "her own", replace(wanted, keep_worse=True))
    assert output.exists() and not made["better"] and made["before"] == made["after"]
    assert "became no better" in made["doubts"][0]
    with safe_open(output, "pt") as file:
        assert json.loads(file.metadata()["source"])["doubts"] == made["doubts"]


def test_a_result_that_is_no_better_than_enlarging_is_doubted() -> None:
    before = {"distance": 0.03, "bicubic": 0.01}
    assert fitting._doubts("distance", before, {"distance": 0.009, "bicubic": 0.01}) == []
    (doubt,) = fitting._doubts("distance", before, {"distance": 0.02, "bicubic": 0.01})
    assert doubt == "It is no better than the coarse face plainly enlarged (0.02 against 0.01)"


def test_clips_and_weights_that_do_not_do_are_told(weights: Path, tmp_path: Path) -> None:
    mute = scenes.write_clip(tmp_path / "mute.mkv", scenes.talking(3))
    short = scenes.speaking_clip(tmp_path / "short.mkv", 20)
    output, wanted = tmp_path / "x.safetensors", Personal(begin=weights, lnet="small")
    with pytest.raises(InputError, match="state whose consent there is"):
        personalise(mute, output, " ", wanted)
    with pytest.raises(InputError, match=r"mute.mkv can't be learnt from: .*sound"):
        personalise(mute, output, "her own", wanted)
    with pytest.raises(InputError, match=r"short.mkv shows the face well for 0.8 s; 3 s are needed"):
        personalise(short, output, "her own", wanted)
    with pytest.raises(CheckpointError, match="is no lnet: choose another file to begin with"):
        fitting._task(replace(wanted, network="lnet"), weights, fitting._parted(Cartoon(3), "her own")[0])
    assert not output.exists()
