"""Lip sync: what L-Net and E-Net are shown, what becomes of what they draw, and where it may show."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.models.lips.enet import NOISE_SIDES
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.stages.lips.enet import enhance_identity
from retalk_nodes.retalk_core.stages.lips.lnet import pair_faces, sync_lips
from standins import part_of
from torch import Tensor, nn

Recording = Callable[[str], dict[str, np.ndarray]]


class DrawnLips(nn.Module):
    """Half of the crop, a quarter of the reference, and the sound's mean in the blue channel."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        assert mel.shape[1:] == (1, 80, 16) and face.shape[1:] == (6, 96, 96)
        self.batches.append(len(face))
        drawn = face[:, :3] / 2 + face[:, 3:] / 4
        drawn[:, 0] += mel.mean(dim=(1, 2, 3))[:, None, None]
        return drawn.half()


class Enlarged(nn.Module):
    """The mouth four times as large, brightened by the looks' mean; noise, if any, in every pixel."""

    def forward(self, mouth: Tensor, looks: Tensor, noise: list[Tensor] | None, area: Area) -> Tensor:
        assert mouth.shape[1:] == (3, 96, 96) and looks.shape[1:] == (3, 384, 384)
        drawn = nn.functional.interpolate(mouth, scale_factor=4.0) + looks.mean(dim=(2, 3), keepdim=True)
        if noise is not None:
            assert [each.shape for each in noise] == [(1, 1, side, side) for side in NOISE_SIDES]
            drawn = drawn + noise[-1][..., 8:-8, 8:-8] / 100
        return part_of(drawn, area)


def pictures(count: int, side: int = 384, seed: int = 0) -> Tensor:
    return torch.rand(count, side, side, 3, generator=torch.Generator().manual_seed(seed))


def speech(*levels: float) -> Tensor:
    return torch.tensor(levels, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, 80, 16)


def shrunk(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (96, 96), interpolation=cv2.INTER_LINEAR)


# L-Net


def test_the_network_sees_the_upper_half_and_the_whole_reference_in_bgr() -> None:
    faces, references = pictures(2), pictures(2, seed=1)
    pairs = pair_faces(faces, references).numpy()
    assert pairs.shape == (2, 6, 384, 384)
    assert not pairs[:, :3, 192:].any()
    np.testing.assert_array_equal(pairs[1, :3, :192], faces[1, :192].flip(-1).movedim(-1, 0))
    np.testing.assert_array_equal(pairs[1, 3:], references[1].flip(-1).movedim(-1, 0))


def test_faces_are_left_as_they_were() -> None:
    faces = pictures(1)
    copy = faces.clone()
    pair_faces(faces, faces)
    assert torch.equal(faces, copy)


def test_lips_are_drawn_from_what_opencv_would_make_of_the_pair() -> None:
    faces, references = pictures(1), pictures(1, seed=1)
    hidden = faces[0].numpy().copy()
    hidden[192:] = 0
    expected = shrunk(hidden) / 2 + shrunk(references[0].numpy()) / 4
    expected[..., 2] += 0.125  # blue
    drawn = sync_lips(DrawnLips(), faces, references, speech(0.125))
    assert drawn.dtype == torch.float32
    np.testing.assert_allclose(drawn[0], expected, atol=1e-3)  # half precision


@pytest.mark.parametrize("side", [96, 200, 384, 500, 1024])
def test_crops_may_have_any_size(side: int) -> None:
    faces = torch.linspace(0, 1, side)[None, None, :, None].expand(2, side, side, 3)
    drawn = sync_lips(DrawnLips(), faces, faces, speech(0, 0))
    assert drawn.shape == (2, 96, 96, 3)
    expected = (torch.arange(96) + 0.5) / 96
    np.testing.assert_allclose(drawn[0, 20, 2:-2, 0], 0.75 * expected[2:-2], atol=0.01)
    np.testing.assert_allclose(drawn[0, 80, 2:-2, 0], 0.25 * expected[2:-2], atol=0.01)


def test_every_frame_goes_with_its_own_speech_whatever_the_batch() -> None:
    faces, references = pictures(5), pictures(5, seed=1)
    mel = speech(0, 0.1, 0.2, 0.3, 0.4)
    told: list[tuple[int, int | None]] = []
    network = DrawnLips()
    drawn = sync_lips(network, faces, references, mel, batch_size=2, progress=lambda *done: told.append(done))
    assert network.batches == [2, 2, 1] and told == [(2, 5), (4, 5), (5, 5)]
    for i in range(5):
        alone = sync_lips(DrawnLips(), faces[i : i + 1], references[i : i + 1], mel[i : i + 1])
        assert torch.equal(drawn[i], alone[0])


def test_one_face_or_one_reference_serves_all_windows() -> None:
    faces, references, mel = pictures(3), pictures(3, seed=1), speech(0, 0.1, 0.2)
    one = sync_lips(DrawnLips(), faces[:1], references, mel)
    other = sync_lips(DrawnLips(), faces, references[:1], mel)
    assert torch.equal(one, sync_lips(DrawnLips(), faces[:1].expand(3, -1, -1, -1), references, mel))
    assert torch.equal(other, sync_lips(DrawnLips(), faces, references[:1].expand(3, -1, -1, -1), mel))


def test_counts_that_dont_agree_are_named() -> None:
    with pytest.raises(InputError, match="2 faces for 3 windows of speech"):
        sync_lips(DrawnLips(), pictures(2), pictures(3), speech(0, 0, 0))
    with pytest.raises(InputError, match="4 references for 3 windows of speech"):
        sync_lips(DrawnLips(), pictures(3), pictures(4), speech(0, 0, 0))
    with pytest.raises(InputError, match="2 references for 3 synced faces"):
        enhance_identity(Enlarged(), pictures(3, 96), pictures(2))


# E-Net


def test_a_face_is_redrawn_with_its_own_looks_and_stays_within_bounds() -> None:
    synced, references = pictures(2, 96), pictures(2) * torch.tensor([0.2, 0.4, 0.6])
    drawn = enhance_identity(Enlarged(), synced, references)
    assert drawn.shape == (2, 384, 384, 3) and drawn.dtype == torch.float32
    for i in range(2):
        large = synced[i].repeat_interleave(4, 0).repeat_interleave(4, 1)
        expected = (large + references[i].mean(dim=(0, 1))).clamp(0, 1)
        torch.testing.assert_close(drawn[i], expected)
    assert drawn.max() == 1


def test_an_enlarged_picture_of_lnets_is_taken_too() -> None:
    synced, references = pictures(1, 96), pictures(1)
    large = synced.repeat_interleave(4, 1).repeat_interleave(4, 2)
    small, other = (enhance_identity(Enlarged(), each, references) for each in (synced, large))
    assert (small - other).abs().mean() < 0.1


def test_noise_is_repeatable_and_the_same_for_every_frame() -> None:
    synced, references = pictures(1, 96).expand(3, -1, -1, -1) / 4, pictures(1) / 4
    plain = enhance_identity(Enlarged(), synced, references)
    noisy = enhance_identity(Enlarged(), synced, references, seed=3, batch_size=2)
    assert (noisy - plain).std() > 0.005
    assert torch.equal(noisy[0], noisy[1]) and torch.equal(noisy[0], noisy[2])
    assert torch.equal(noisy, enhance_identity(Enlarged(), synced, references, seed=3))
    assert not torch.equal(noisy, enhance_identity(Enlarged(), synced, references, seed=4))
