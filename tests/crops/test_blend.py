"""Blending: exact outside the support, whatever the size, the mask and the number of levels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.crops.blend import Blended, blend_picture, laplacian_blend, pyramid_blend

SIZES = [(1, 1), (3, 5), (1, 9), (2, 2), (31, 17), (48, 64), (65, 63)]
LEVELS = [None, 1, 2, 5, 12, 40]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def disc(height: int, width: int, radius: float, middle: tuple[float, float] | None = None) -> torch.Tensor:
    """A mask (1, H, W) that is 1 within a radius."""
    y, x = np.mgrid[:height, :width]
    centre = middle or (height / 2 - 0.5, width / 2 - 0.5)
    inside = np.hypot(y - centre[0], x - centre[1]) < radius
    return torch.from_numpy(inside[None].astype(np.float32))


def masks(height: int, width: int) -> dict[str, torch.Tensor]:
    """Masks (1, H, W) of many kinds."""
    kinds = {
        "empty": torch.zeros(1, height, width),
        "full": torch.ones(1, height, width),
        "faint": torch.full((1, height, width), 1e-6),
        "disc": disc(height, width, min(height, width) / 3 + 1),
        "corner": disc(height, width, min(height, width) / 2, (0, 0)),
        "noise": (noise(1, height, width) - 0.5).clip(0),
        "slope": torch.linspace(0, 1, width).expand(1, height, width).clone(),
    }
    for name, rows, columns in (("left edge", slice(None), slice(0, 1)), ("last pixel", slice(-1, None), -1)):
        kinds[name] = torch.zeros(1, height, width)
        kinds[name][:, rows, columns] = 1
    return kinds


def assert_exact_outside(blended: Blended, base: torch.Tensor) -> None:
    outside = blended.support == 0
    assert torch.equal(blended.images[outside], base.expand_as(blended.images)[outside])


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("levels", LEVELS)
def test_outside_the_support_every_value_is_the_bases(size: tuple[int, int], levels: int | None) -> None:
    base, layer = noise(1, *size, 3), noise(1, *size, 3, seed=1)
    for name, mask in masks(*size).items():
        blended = laplacian_blend(base, layer, mask, levels=levels, colour_match=1.0)
        assert_exact_outside(blended, base)
        assert torch.equal(blended.support, (mask > 0).float()), name
        assert torch.isfinite(blended.images).all(), name


def test_an_empty_mask_gives_the_base_back() -> None:
    base = noise(2, 20, 30, 3)
    blended = laplacian_blend(base, noise(2, 20, 30, 3, seed=1), torch.zeros(2, 20, 30))
    assert torch.equal(blended.images, base)
    assert not blended.support.any()
    assert blended.images is not base and blended.images.data_ptr() != base.data_ptr()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("levels", LEVELS)
def test_a_full_mask_shows_the_layer_alone(size: tuple[int, int], levels: int | None) -> None:
    layer = noise(1, *size, 3, seed=1)
    blended = laplacian_blend(noise(1, *size, 3), layer, torch.ones(1, *size), levels=levels)
    torch.testing.assert_close(blended.images, layer, atol=1e-5, rtol=0)


@pytest.mark.parametrize("levels", [1, 3, 6])
def test_a_full_mask_of_one_half_shows_the_mean(levels: int) -> None:
    base, layer = noise(1, 33, 47, 3), noise(1, 33, 47, 3, seed=1)
    blended = laplacian_blend(base, layer, torch.full((1, 33, 47), 0.5), levels=levels)
    torch.testing.assert_close(blended.images, (base + layer) / 2, atol=1e-5, rtol=0)


def test_deep_inside_a_mask_the_layer_shows() -> None:
    base, layer = noise(1, 96, 96, 3), noise(1, 96, 96, 3, seed=1)
    blended = laplacian_blend(base, layer, disc(96, 96, 40), levels=3)
    middle = (slice(None), slice(40, 56), slice(40, 56))
    torch.testing.assert_close(blended.images[middle], layer[middle], atol=2e-2, rtol=0)


def test_no_seam_is_as_steep_as_the_step_between_the_pictures() -> None:
    base, layer = torch.full((1, 96, 96, 3), 0.2), torch.full((1, 96, 96, 3), 0.8)
    row = laplacian_blend(base, layer, disc(96, 96, 40)).images[0, 48, :, 0]
    assert row.max() > 0.7
    assert row.diff().abs().max() < 0.25 * 0.6


def test_a_slowly_growing_mask_changes_the_picture_slowly() -> None:
    """A face that comes nearer must not show a seam that widens at a blow when the pyramid gets a level."""
    base, layer = torch.zeros(1, 300, 300, 1), torch.ones(1, 300, 300, 1)
    radii = np.arange(50.0, 140.0, 0.5)
    images = torch.cat([laplacian_blend(base, layer, disc(300, 300, radius)).images for radius in radii])
    assert images.diff(dim=0).abs().max() < 0.12


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_between_whole_numbers_of_levels_lies_their_mixture(levels: int) -> None:
    base, layer, mask = (each.numpy() for each in (noise(40, 56, 3), noise(40, 56, 3, seed=1), noise(40, 56)))
    less, more, between = (
        pyramid_blend(layer, base, mask, count) for count in (levels, levels + 1, levels + 0.25)
    )
    np.testing.assert_allclose(between, less + 0.25 * (more - less), atol=1e-6)
    assert np.abs(more - less).max() > 1e-4


def test_the_frames_own_edge_is_no_seam() -> None:
    base, layer = torch.full((1, 64, 64, 3), 0.2), torch.full((1, 64, 64, 3), 0.8)
    mask = torch.zeros(1, 64, 64)
    mask[:, :, :40] = 1
    images = laplacian_blend(base, layer, mask, levels=3).images
    torch.testing.assert_close(images[:, :, :20], layer[:, :, :20], atol=2e-2, rtol=0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_of_any_number_of_channels_blend_alike(channels: int) -> None:
    base, layer = noise(1, 40, 56, 1), noise(1, 40, 56, 1, seed=1)

    def blended(depth: int) -> torch.Tensor:
        one, other = (picture.expand(1, 40, 56, depth).contiguous() for picture in (base, layer))
        return laplacian_blend(one, other, disc(40, 56, 15), levels=4, colour_match=1.0).images

    images = blended(channels)
    assert images.shape == (1, 40, 56, channels)
    torch.testing.assert_close(images, blended(3)[..., :1].expand_as(images))


@pytest.mark.parametrize("single", ["base", "layer", "mask", "base and mask"])
def test_one_picture_serves_all_of_the_other(single: str) -> None:
    given = {"base": noise(3, 24, 32, 3), "layer": noise(3, 24, 32, 3, seed=1), "mask": noise(3, 24, 32)}
    for name in single.split(" and "):
        given[name] = given[name][:1]
    blended = laplacian_blend(given["base"], given["layer"], given["mask"])
    assert blended.images.shape == (3, 24, 32, 3) and blended.support.shape == (3, 24, 32)
    for i in range(3):
        alone = laplacian_blend(*(each[i if len(each) > 1 else 0][None] for each in given.values()))
        assert torch.equal(blended.images[i], alone.images[0])
        assert torch.equal(blended.support[i], alone.support[0])


@pytest.mark.parametrize(
    ("counts", "named"),
    [((2, 3, 1), "base holds 2"), ((3, 2, 3), "layer holds 2"), ((1, 4, 5), "layer holds 4")],
)
def test_counts_that_dont_agree_are_named(counts: tuple[int, int, int], named: str) -> None:
    base, layer, mask = counts
    with pytest.raises(ValueError, match=f"{named} pictures, the others hold {max(counts)}"):
        laplacian_blend(noise(base, 8, 8, 3), noise(layer, 8, 8, 3), noise(mask, 8, 8))


@pytest.mark.parametrize(
    ("base", "layer", "mask"),
    [
        ((1, 8, 9, 3), (1, 8, 8, 3), (1, 8, 9)),
        ((1, 8, 9, 3), (1, 8, 9, 4), (1, 8, 9)),
        ((1, 8, 9, 3), (1, 8, 9, 3), (1, 9, 8)),
    ],
)
def test_sizes_that_dont_agree_are_named(
    base: tuple[int, ...], layer: tuple[int, ...], mask: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="sizes differ") as caught:
        laplacian_blend(noise(*base), noise(*layer), noise(*mask))
    for shape in (base, layer, mask):
        assert str(shape) in str(caught.value)


def test_fewer_than_one_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        laplacian_blend(noise(1, 8, 8, 3), noise(1, 8, 8, 3), torch.ones(1, 8, 8), levels=0)


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("colour_match", [0.0, 1.0])
def test_a_layer_that_is_the_base_changes_nothing(levels: int | None, colour_match: float) -> None:
    for base in (torch.full((1, 45, 61, 3), 0.37), noise(1, 45, 61, 3)):
        for mask in masks(45, 61).values():
            images = laplacian_blend(
                base, base.clone(), mask, levels=levels, colour_match=colour_match
            ).images
            torch.testing.assert_close(images, base, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("own", "others"), [(0.5, 0.55), (0.55, 0.5), (0.02, 0.9), (0.9, 0.02)])
def test_colour_match_moves_the_layer_towards_the_base(own: float, others: float) -> None:
    base, layer = torch.full((1, 64, 64, 3), own), torch.full((1, 64, 64, 3), others)
    means = [
        float(laplacian_blend(base, layer, disc(64, 64, 28), colour_match=share).images[0, 32, 32, 0])
        for share in (0.0, 0.5, 1.0)
    ]
    assert means[0] == pytest.approx(others, abs=0.01)
    away = [abs(mean - own) for mean in means]
    assert away[0] > away[1] > away[2]


def test_colour_match_is_not_misled_by_what_only_one_of_the_pictures_shows() -> None:
    base, layer = torch.full((1, 64, 64, 3), 0.6), torch.full((1, 64, 64, 3), 0.6)
    layer[:, 45:] = 0.2  # a third of the disc's border
    blended = laplacian_blend(base, layer, disc(64, 64, 28), colour_match=1.0).images
    torch.testing.assert_close(blended[0, 24, 32], base[0, 24, 32], atol=0.002, rtol=0)


def test_colour_match_is_for_each_channel() -> None:
    base, layer = torch.full((1, 64, 64, 3), 0.5), torch.full((1, 64, 64, 3), 0.5)
    layer[..., 2] = 0.55
    middle = laplacian_blend(base, layer, disc(64, 64, 28), colour_match=1.0).images[0, 32, 32]
    assert middle.tolist() == pytest.approx([0.5, 0.5, 0.5], abs=0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_bases_type_is_kept_and_its_values_too(dtype: torch.dtype) -> None:
    base = noise(1, 30, 30, 3).to(dtype) / 3
    blended = laplacian_blend(base, noise(1, 30, 30, 3, seed=1), disc(30, 30, 9))
    assert blended.images.dtype == dtype
    assert_exact_outside(blended, base)


def test_what_is_given_is_left_as_it_was() -> None:
    given = noise(1, 30, 30, 3), noise(1, 30, 30, 3, seed=1), disc(30, 30, 9)
    copies = [each.clone() for each in given]
    laplacian_blend(*given, colour_match=1.0)
    assert all(torch.equal(each, copy) for each, copy in zip(given, copies, strict=True))


def test_one_picture_blends_as_in_a_batch() -> None:
    base, layer, mask = noise(1, 30, 40, 3), noise(1, 30, 40, 3, seed=1), disc(30, 40, 12)
    picture, support = blend_picture(*(each[0].numpy() for each in (base, layer, mask)), levels=3)
    blended = laplacian_blend(base, layer, mask, levels=3)
    np.testing.assert_array_equal(picture, blended.images[0].numpy())
    np.testing.assert_array_equal(support, blended.support[0].numpy() > 0)


# The plain pyramid against recordings of the original program

# Levels of 255 by which a float pyramid may be off, whatever the pictures are. fp32 rounds 255 to within
# 1.5e-5, a few dozen times in a pixel of ten levels. The original rounds each level of an eight-bit pyramid
# to whole numbers: that cancels where the mask is flat, and elsewhere stays below the half level of either
# picture. A whole number flips as often as the float one beside it is off.
FLOAT_OFF = 1e-3
ROUNDED_MOST, ROUNDED_MEAN = 1.0, 0.1


@pytest.fixture(scope="module")
def pyramids(recording: Callable[[str], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return recording("laplacian")


def recorded_blend(pyramids: dict[str, np.ndarray], side: int, levels: int) -> np.ndarray:
    over, under = (pyramids[f"{name}_{side}"].astype(np.float32) for name in "ab")
    return pyramid_blend(over, under, pyramids[f"m_{side}"], levels)


def test_float_pictures_blend_as_recorded(pyramids: dict[str, np.ndarray]) -> None:
    expected = pyramids["out6_128_float_inputs"]
    np.testing.assert_allclose(recorded_blend(pyramids, 128, 6), expected, atol=FLOAT_OFF)


@pytest.mark.parametrize(
    ("name", "side", "levels", "stride"),
    [("out6_128", 128, 6, 1), ("out6_512_stride4", 512, 6, 4), ("out10_512_stride4", 512, 10, 4)],
)
def test_eight_bit_pictures_blend_as_recorded(
    pyramids: dict[str, np.ndarray], name: str, side: int, levels: int, stride: int
) -> None:
    off = np.abs(recorded_blend(pyramids, side, levels)[::stride, ::stride] - pyramids[name])
    assert off.max() <= ROUNDED_MOST and off.mean() <= ROUNDED_MEAN


def test_ten_levels_of_eight_bit_pictures_are_a_level_off_at_most(pyramids: dict[str, np.ndarray]) -> None:
    blended = recorded_blend(pyramids, 512, 10)[::2, ::2].clip(0, 255).astype(np.uint8)
    off = np.abs(blended.astype(int) - pyramids["out10_512_uint8_stride2"])
    assert off.max() <= ROUNDED_MOST and (off > 0).mean() <= ROUNDED_MEAN
