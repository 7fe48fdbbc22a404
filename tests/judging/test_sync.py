"""SyncNet is fed in blocks, and told the same as at once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.models.judges.syncnet import LIP_FRAMES
from retalk_nodes.retalk_core.judging import sync
from retalk_nodes.retalk_core.judging.sync import SyncWatch, frames_at_25
from retalk_nodes.retalk_core.metrics.lse import mel_cepstra, places, shift_distances, sound_stretches
from torch import Tensor, nn


class Reader(nn.Module):
    """Reads faces and sound as SyncNet does, but into a few plain numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1), requires_grad=False)

    def read_lips(self, faces: Tensor) -> Tensor:
        seen = faces.mean(dim=(3, 4)).unfold(2, LIP_FRAMES, 1)  # (1, 3, T - 4, 5)
        return self._spread(seen.permute(0, 2, 1, 3).flatten(2))

    def read_sound(self, cepstra: Tensor) -> Tensor:
        return self._spread(cepstra.flatten(1)[:, :15])

    @staticmethod
    def _spread(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, (0, 1024 - values.shape[-1]))


@pytest.mark.parametrize("frames", [36, 40, 55, 73])
def test_blocks_give_what_the_whole_gives(frames: int) -> None:
    generator = np.random.default_rng(frames)
    faces = generator.integers(0, 256, (frames, 4, 4, 3), np.uint8)
    sound = generator.uniform(-0.3, 0.3, 640 * frames)
    watch = SyncWatch(Reader(), sound, frames)  # type: ignore[arg-type]

    for face in faces:
        watch.see(face)
    given = watch.mean_distances()

    count = places(frames, len(sound))
    with torch.inference_mode():
        shown = torch.from_numpy(faces[..., ::-1].copy()).float().permute(3, 0, 1, 2)[None]
        lips = Reader().read_lips(shown)[0, :count]
        heard = Reader().read_sound(torch.from_numpy(sound_stretches(mel_cepstra(sound, white=32768), count)))
    assert given is not None
    np.testing.assert_allclose(given, shift_distances(lips.numpy(), heard.numpy()).mean(axis=0), rtol=1e-5)


def test_a_short_clip_is_not_judged() -> None:
    watch = SyncWatch(Reader(), np.zeros(640 * 35), 35)  # type: ignore[arg-type]
    for _ in range(35):
        watch.see(np.zeros((4, 4, 3), np.uint8))
    assert watch.mean_distances() is None


def test_sound_that_ends_early_ends_the_judgement() -> None:
    watch = SyncWatch(Reader(), np.zeros(640 * 40), 60)  # type: ignore[arg-type]
    for _ in range(60):
        watch.see(np.zeros((4, 4, 3), np.uint8))
    assert watch.moments == 35 and watch.mean_distances() is not None


@pytest.mark.parametrize(
    ("rate", "expected"), [(25, [0, 1, 2, 3]), (50, [0, 2, 4, 6]), (Fraction(25, 2), [0, 0, 1, 1])]
)
def test_frames_are_taken_at_25_a_second(rate: Fraction, expected: list[int]) -> None:
    count = 100
    times = [Fraction(i) / rate for i in range(count)]

    shown = frames_at_25(times, Fraction(count) / rate)

    assert shown[:4].tolist() == expected and shown.max() < count
    assert len(shown) == int(count / Fraction(rate) * 25)


def test_the_block_is_a_part_of_what_is_tested() -> None:
    assert sync.BLOCK < 36
