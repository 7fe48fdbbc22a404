"""E-Net's losses: steepness, samples that L-Net drew out of step left out, faces aligned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from retalk_nodes.models.training.sync_expert import SyncExpert, SyncShape
from retalk_nodes.retalk_core.metrics.likeness import ARCFACE_POINTS, aligned_face
from retalk_nodes.retalk_core.training.data.cartoons import Cartoon, cartoon_set
from retalk_nodes.retalk_core.training.engine import TrainingEngine
from retalk_nodes.retalk_core.training.journal import read_log
from retalk_nodes.retalk_core.training.judges import JudgeFiles
from retalk_nodes.retalk_core.training.loop import learn
from retalk_nodes.retalk_core.training.losses import align_identities
from retalk_nodes.retalk_core.training.rivals import steepness
from retalk_nodes.retalk_core.training.settings import to_plain
from retalk_nodes.retalk_core.training.tasks.base import collate
from retalk_nodes.retalk_core.training.tasks.enet import ENET_PRESETS, ENET_TINY, ENetRun, ENetTask
from torch import Tensor, nn

FOOLING = replace(ENET_TINY, half_steps=0, whole_steps=0, steep_weight=10.0, rivalry="wgan_softplus")


def batch_of(task: ENetTask, count: int = 3) -> dict[str, Tensor]:
    return collate([task.draw(np.random.default_rng(seed)) for seed in range(count)])


def test_the_ancestors_losses_are_a_preset() -> None:
    run = ENET_PRESETS["ancestor"]
    assert (run.rivalry, run.steep_weight, run.steep_every) == ("wgan_softplus", 10.0, 16)
    assert ENET_PRESETS["full"].steep_weight == 0


def test_steepness_is_looked_at_now_and_then_and_counts_as_often_more() -> None:
    task = ENetTask(FOOLING, cartoon_set(2, 1))
    batch = batch_of(task)
    seen = [step for step in range(40) if "steepness" in task.losses("rival", batch, "all", step)]
    assert seen == [0, 16, 32]
    assert task.weights("rival", "all")["steepness"] == 10 / 2 * 16
    rival = task.networks["rival"].eval()  # so that its spectral norms rest
    terms = task.losses("rival", batch, "all", 0)
    real = (batch["wanted"].flatten(0, 1) * 2 - 1).requires_grad_()
    expected = steepness(rival(real).mean(dim=(1, 2, 3)), real)
    torch.testing.assert_close(terms["steepness"], expected)
    slopes = torch.autograd.grad(terms["steepness"], list(rival.parameters()), allow_unused=True)
    assert any(slope is not None and slope.abs().sum() > 0 for slope in slopes)
    assert "steepness" not in ENetTask(replace(FOOLING, steep_weight=0.0), cartoon_set(2, 1)).losses(
        "rival", batch, "all", 0
    )


def test_a_run_with_steepness_learns_and_tells_it(tmp_path: Path) -> None:
    pace = replace(FOOLING.pace, steps=2, batch=1, tell_every=1, validate_every=9, draw_every=9, device="cpu")
    run = replace(FOOLING, pace=pace)
    learn(ENetTask(run, cartoon_set(2, 1)), TrainingEngine("cpu"), tmp_path, to_plain(run))
    lines = [line["losses"] for line in read_log(tmp_path / "log.jsonl") if "losses" in line]
    assert "rival.steepness" in lines[0] and "rival.steepness" not in lines[1]


class Known(SyncExpert):
    """Finds faces in sync as its list says, clip after clip."""

    def __init__(self) -> None:
        super().__init__(SyncShape(width=4, side=48))
        self.answers: list[list[float]] = []

    def forward(self, mel: Tensor, lips: Tensor) -> tuple[Tensor, Tensor]:
        cosine = torch.tensor(self.answers.pop(0)) + 0 * lips.mean()
        other = (1 - cosine.square()).clamp_min(0).sqrt()
        one = torch.tensor([1.0, 0.0]).expand(len(cosine), 2)
        return one, torch.stack([cosine, other], dim=1)


def judged(most_lost: float, answers: list[list[float]]) -> tuple[ENetTask, dict[str, Tensor]]:
    class Judges(JudgeFiles):
        def load_expert(self, wanted: str, frames: int) -> dict[str, nn.Module]:
            return {"expert": expert}

    expert = Known()
    expert.answers = answers
    run: ENetRun = replace(ENET_TINY, frames=5, expert="official", most_lost=most_lost, fool_weight=0.0)
    task = ENetTask(run, cartoon_set(2, 1), Judges())
    return task, batch_of(task)


def test_samples_that_lnet_drew_out_of_step_are_left_out() -> None:
    coarse, sharp = [0.9, 0.2, 0.6], [0.9, 0.9, 0.8]
    task, batch = judged(0.5, [coarse, sharp])
    terms = task.losses("enet", batch, "whole", 0)
    rest = {name: value[[0, 2]] for name, value in batch.items()}
    alone, _ = judged(1.0, [])
    alone.networks["enet"].load_state_dict(task.networks["enet"].state_dict())
    torch.testing.assert_close(terms["pixels"], alone.losses("enet", rest, "whole", 0)["pixels"])
    assert float(terms["followed"]) == pytest.approx(2 / 3)
    assert task.weights("enet", "whole")["followed"] == 0


def test_where_none_is_left_nothing_is_learnt() -> None:
    task, batch = judged(0.3, [[0.1, 0.1, 0.1], [0.9, 0.9, 0.9]])
    terms = task.losses("enet", batch, "whole", 0)
    assert float(terms["followed"]) == 0 and float(terms["pixels"].detach()) == 0
    terms["pixels"].backward()
    slopes = [weight.grad for weight in task.networks["enet"].parameters() if weight.grad is not None]
    assert slopes and all(float(slope.abs().sum()) == 0 for slope in slopes)


def test_nothing_is_left_out_unless_somebody_tells() -> None:
    task, batch = judged(1.0, [])
    assert "followed" not in task.losses("enet", batch, "whole", 0)
    plain = ENetTask(ENET_TINY, cartoon_set(2, 1))
    assert "followed" not in plain.losses("enet", batch_of(plain), "whole", 0)


def test_faces_are_aligned_by_five_points_as_arcface_was_taught() -> None:
    """Marks at the five points of a turned face come to lie on ArcFace's."""
    side, turn = 384, np.deg2rad(12)
    rotate = np.array([(np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))])
    points = ((ARCFACE_POINTS - 56) @ rotate.T * 2.6 + (190, 185)) / side
    face = torch.zeros(1, 3, side, side)
    for x, y in np.round(points * side - 0.5).astype(int):
        face[:, :, y - 3 : y + 4, x - 3 : x + 4] = 1
    face.requires_grad_()
    aligned = align_identities(face, torch.from_numpy(points.astype(np.float32))[None])
    assert aligned.shape == (1, 3, 112, 112)
    seen = aligned[0, 0].detach().numpy()
    for x, y in ARCFACE_POINTS:
        around = seen[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5]
        rows, columns = np.mgrid[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5]
        assert abs((around * rows).sum() / around.sum() - y) < 0.6
        assert abs((around * columns).sum() / around.sum() - x) < 0.6
    aligned.sum().backward()
    assert face.grad is not None and face.grad.abs().sum() > 0


def test_they_are_those_that_the_metric_reads() -> None:
    head = Cartoon(5)
    face, points = head.draw(3, 384), head.points([3])
    ours = align_identities(face.permute(2, 0, 1)[None], points)[0].permute(1, 2, 0)
    pixels = (face.numpy() * 255).round().astype(np.uint8)
    theirs = aligned_face(pixels, points[0].double().numpy() * 384 - 0.5) / 255
    inside = slice(30, 90)
    assert np.abs(ours.numpy() - theirs)[inside, inside].mean() < 0.02


def test_identity_is_compared_between_aligned_faces() -> None:
    seen: list[Any] = []

    class Reader(nn.Module):
        def forward(self, faces: Tensor) -> Tensor:
            seen.append(faces.shape)
            return faces.flatten(1)

    class Judges(JudgeFiles):
        def load(self, key: str, wanted: str, needed_for: str) -> nn.Module:
            return Reader()

    task = ENetTask(replace(FOOLING, side=48, identity="arcface"), cartoon_set(2, 1), Judges())
    terms = task.losses("enet", batch_of(task, 2), "all", 0)
    assert set(seen) == {(2, 3, 112, 112)} and 0 < float(terms["identity"].detach()) < 2
