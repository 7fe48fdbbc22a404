"""Every lip-sync network keeps what the protocol promises."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.retalk_core.crops.framing import SIDES
from retalk_nodes.retalk_core.stages.lips.syncers import SYNCERS
from retalk_nodes.retalk_core.types import silent
from scenes import babble
from torch import Tensor, nn


class Grey(nn.Module):
    """Draws grey faces of a side, whatever it is given."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, windows: Tensor, *_: Tensor) -> Tensor:
        return torch.full((len(windows), 3, self.side, self.side), 0.5)


@pytest.mark.parametrize("name", SYNCERS)
def test_it_is_called_as_its_network_is_in_the_catalogue(name: str) -> None:
    assert SYNCERS[name].network == name and name in catalog


@pytest.mark.parametrize("name", SYNCERS)
def test_its_crops_have_a_framing_that_is_known(name: str) -> None:
    assert SYNCERS[name].framing in SIDES and SYNCERS[name].side >= 32


@pytest.mark.parametrize("name", SYNCERS)
def test_every_frame_has_a_window_of_speech_beyond_the_voice_too(name: str) -> None:
    heard = SYNCERS[name].spectrogram(torch.from_numpy(babble(0.5)))
    times = [Fraction(i * 1001, 30_000) for i in range(20)]  # 0.63 s
    windows = SYNCERS[name].windows(heard, times)
    assert windows.shape[:2] == (20, 1) and windows.shape[2] == heard.shape[0]
    assert bool(torch.isfinite(windows).all())
    later = SYNCERS[name].windows(heard, times[5:])
    np.testing.assert_array_equal(windows[5:].numpy(), later.numpy())


@pytest.mark.parametrize("name", SYNCERS)
def test_it_draws_one_face_for_each_window(name: str) -> None:
    syncer = SYNCERS[name]
    heard = syncer.spectrogram(torch.from_numpy(babble(0.5)))
    windows = syncer.windows(heard, [Fraction(i, 25) for i in range(3)])
    faces = torch.rand(3, 120, 100, 3)
    drawn = syncer.sync(Grey(syncer.side), faces, faces, windows, batch_size=2, progress=silent)
    assert drawn.shape == (3, syncer.side, syncer.side, 3)
    assert float(drawn.min()) >= 0 and float(drawn.max()) <= 1
