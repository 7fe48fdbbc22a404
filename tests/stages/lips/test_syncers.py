"""Every lip-sync network keeps what the protocol promises."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.models.catalog import lips
from retalk_nodes.models.lips.pcavs_faces import IDENTITY, Identity
from retalk_nodes.models.lips.pcavs_speech import HEARD
from retalk_nodes.retalk_core.crops.framing import SIDES
from retalk_nodes.retalk_core.stages.lips.base import LipSyncer
from retalk_nodes.retalk_core.stages.lips.syncers import SYNCERS
from retalk_nodes.retalk_core.types import silent
from scenes import babble
from torch import Tensor, nn


class Grey(nn.Module):
    """Draws grey faces of a side, whatever it is given."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, windows: Tensor, *_: object) -> Tensor:
        return torch.full((len(windows), 3, self.side, self.side), 0.5)


class Who(nn.Module):
    """In the place of PC-AVS' V."""

    def forward(self, picture: Tensor) -> Identity:
        return Identity(torch.zeros(len(picture), IDENTITY), torch.zeros(len(picture), 512, 7, 7))


class Codes(nn.Module):
    """In the places of PC-AVS' E and A."""

    def forward(self, picture: Tensor, *_: Tensor) -> Tensor:
        return torch.zeros(len(picture), HEARD)


def networks_of(syncer: LipSyncer) -> dict[str, nn.Module]:
    other = {"pcavs_v": Who(), "pcavs_e": Codes(), "pcavs_a_sync": Codes()}
    return {key: other.get(key, Grey(syncer.wants.side)) for key in syncer.wants.networks}


by_name = pytest.mark.parametrize("name", SYNCERS)


def test_every_word_has_one_and_wants_the_networks_that_the_catalogue_has_for_it() -> None:
    assert {word: syncer.wants.networks for word, syncer in SYNCERS.items()} == dict(lips())
    titles = [syncer.wants.title for syncer in SYNCERS.values()]
    assert len(set(titles)) == len(titles)


@by_name
def test_what_it_wants_is_known_here(name: str) -> None:
    wants = SYNCERS[name].wants
    assert {wants.framing, wants.own_framing} <= set(SIDES) and min(wants.side, wants.seen) >= 32
    assert sorted(wants.pictures) == (["hidden", "whole"] if wants.hidden != "nothing" else ["whole"] * 2)
    assert wants.together >= 1 and wants.speech.feature


@by_name
def test_every_frame_has_a_window_of_speech_beyond_the_voice_too(name: str) -> None:
    syncer = SYNCERS[name]
    heard = syncer.spectrogram(torch.from_numpy(babble(0.5)))
    times = [Fraction(i * 1001, 30_000) for i in range(20)]  # 0.63 s
    windows = syncer.windows(heard, times)
    wanted = syncer.wants.speech
    assert windows.shape == (20, 1, wanted.bands, wanted.columns) and wanted.bands == heard.shape[0]
    assert bool(torch.isfinite(windows).all())
    later = syncer.windows(heard, times[5:])
    np.testing.assert_array_equal(windows[5:].numpy(), later.numpy())


@by_name
def test_windows_lie_where_it_says(name: str) -> None:
    """A click in silence is heard by the frames whose windows reach it, and by no others."""
    syncer, wanted = SYNCERS[name], SYNCERS[name].wants.speech
    sound = np.zeros(2 * 16_000, np.float32)
    sound[16_000:16_040] = 0.5
    times = [Fraction(i, 100) for i in range(200)]
    windows = syncer.windows(syncer.spectrogram(torch.from_numpy(sound)), times)
    hears = (windows - windows[0]).abs().amax(dim=(1, 2, 3)) > 0.3
    begin = 1 - float(wanted.offset) - wanted.columns / wanted.rate
    heard = [float(time) for time, each in zip(times, hears.tolist(), strict=True) if each]
    assert abs(heard[0] - begin) < 0.06 and abs(heard[-1] - (1 - float(wanted.offset))) < 0.1


@by_name
def test_it_draws_one_face_for_each_window(name: str) -> None:
    syncer = SYNCERS[name]
    heard = syncer.spectrogram(torch.from_numpy(babble(0.5)))
    windows = syncer.windows(heard, [Fraction(i, 25) for i in range(3)])
    faces = torch.rand(3, 120, 100, 3)
    drawn = syncer.sync(networks_of(syncer), faces, faces, windows, batch_size=2, progress=silent)
    assert drawn.shape == (3, syncer.wants.side, syncer.wants.side, 3)
    assert float(drawn.min()) >= 0 and float(drawn.max()) <= 1
