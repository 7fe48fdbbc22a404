"""What is changed by chance is changed in all that belongs together, and only where it is asked for."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.stages.speech import log_mel
from retalk_nodes.retalk_core.training.data.augment import Augment, ChangedTalk, as_shown, augmented
from retalk_nodes.retalk_core.training.data.cartoons import Cartoon, cartoon_set
from retalk_nodes.retalk_core.training.tasks.enet import ENET_TINY, ENetTask
from retalk_nodes.retalk_core.training.tasks.lnet import LNET_TINY, LNetTask

TALK, ROWS = Cartoon(3), [10, 11, 12]
SKIN = 0.4  # of red, above which it is no mouth


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_nothing_is_changed_unless_it_is_asked_for() -> None:
    assert not Augment().changes and augmented(TALK, Augment(), chance()) is TALK
    assert as_shown(TALK, TALK.faces(ROWS, 48)).equal(TALK.faces(ROWS, 48))
    for each in fields(Augment):
        assert replace(Augment(), **{each.name: 0.5}).changes


def test_left_and_right_are_exchanged_in_all_pictures_and_points() -> None:
    talk = ChangedTalk(TALK, Augment(flip=1.0), chance())
    assert torch.equal(talk.faces(ROWS, 48), TALK.faces(ROWS, 48).flip(2))
    assert torch.equal(talk.references(ROWS, 48), TALK.references(ROWS, 48).flip(2))
    points, plain = talk.points(ROWS), TALK.points(ROWS)
    torch.testing.assert_close(points[:, 0], torch.tensor([1.0, 0.0]) + plain[:, 1] * torch.tensor([-1, 1]))
    assert (points[:, 0, 0] < points[:, 1, 0]).all() and (points[:, 3, 0] < points[:, 4, 0]).all()


def test_faces_of_a_row_lie_elsewhere_together_and_their_points_with_them() -> None:
    talk, plain = ChangedTalk(TALK, Augment(shift=6), chance(2)), TALK.faces(ROWS, 96)
    found = set()
    for _ in range(20):
        faces, points = talk.faces(ROWS, 96), talk.points(ROWS)
        x, y = ((points - TALK.points(ROWS))[0, 0] * 96).round().int().tolist()
        found.add((x, y))
        assert max(abs(x), abs(y)) <= 6
        inside = slice(8, -8)
        there = plain.roll((y, x), (1, 2))
        assert torch.equal(faces[:, inside, inside], there[:, inside, inside])
    assert len(found) > 10  # another one each time


def test_a_louder_voice_is_the_spectrogram_of_a_louder_waveform() -> None:
    talk = ChangedTalk(TALK, Augment(gain=0.5), chance(1))
    gain = 1 + chance_after_flip(1, 0.5)
    louder = log_mel(TALK.waveform * gain)[:, 32:48]
    got, plain = talk.mels([10])[0, 0], log_mel(TALK.waveform)[:, 32:48]
    loud = (plain > -3) & (louder < 3.99)
    assert loud.sum() > 100 and abs(gain - 1) > 0.02
    torch.testing.assert_close(got[loud], louder[loud], rtol=0, atol=1e-3)


def chance_after_flip(seed: int, gain: float) -> float:
    drawn = chance(seed)
    drawn.uniform()
    return float(drawn.uniform(-gain, gain))


def test_a_hiss_lies_under_the_voice_and_fills_silence() -> None:
    talk = ChangedTalk(TALK, Augment(hiss=1.0), chance(4))
    plain = TALK.mels(list(range(60)))
    hissing = talk.mels(list(range(60)))
    silent, loud = plain < -3.5, plain > 0
    level = (hissing[silent] - 4) / 0.08  # decibels below full
    assert -88 < level.mean() < -62 and level.std() > 1
    assert loud.any() and (hissing[loud] - plain[loud]).abs().max() < 0.05 and (hissing >= plain - 1e-5).all()


def test_shown_pictures_are_jpegs_and_what_shall_be_drawn_is_not() -> None:
    talk = ChangedTalk(TALK, Augment(jpeg=1.0), chance())
    faces = talk.faces(ROWS, 48)
    shown = as_shown(talk, faces)
    assert torch.equal(faces, TALK.faces(ROWS, 48))
    assert 0 < (shown - faces).abs().mean() < 0.03 and shown.shape == faces.shape

    task = LNetTask(replace(LNET_TINY, augment=Augment(jpeg=1.0)), cartoon_set(2, 1))
    plain = LNetTask(LNET_TINY, cartoon_set(2, 1))
    one, other = task.draw(chance(5)), plain.draw(chance(5))
    assert one["pairs"].shape == other["pairs"].shape
    held = {name for name, value in plain._sample(TALK, 4, 20, False).items()}
    assert held == {"pairs", "wanted", "speech"}


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_are_the_same_for_the_same_chance(seed: int) -> None:
    wanted = Augment(flip=0.5, gain=0.1, hiss=0.5, shift=3, jpeg=0.3)
    task = ENetTask(replace(ENET_TINY, augment=wanted), cartoon_set(2, 1))
    one, other = (task.draw(chance(seed)) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not all(torch.equal(one[name], task.draw(chance(seed + 9))[name]) for name in one)
    assert math.isfinite(float(one["speech"].sum()))
