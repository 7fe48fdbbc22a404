"""D-Net, the 3DMM regressor, GANimation and S3FD give the numbers of the original networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import plain_faces
import pytest
import recipe
import torch
from recordings import Recording, load_recording
from retalk_nodes.models import checkpoint
from retalk_nodes.models.catalog import NETWORKS
from retalk_nodes.models.expression.dnet import DNet, warp
from retalk_nodes.models.expression.ganimation import Ganimation
from retalk_nodes.models.faces.face3d import Face3D
from retalk_nodes.models.faces.s3fd import S3FD, Level
from retalk_nodes.models.layers import ORDERED, AdaIN, InOrder, LayerNorm2d, full_precision
from retalk_nodes.models.lips import enet
from retalk_nodes.models.restorers import gpen
from retalk_nodes.retalk_core.faces.s3fd import STRIDES, faces_in
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

NAMES = ("dnet", "face3d", "ganimation", "s3fd")
PLAIN: dict[str, Callable[..., dict[str, Tensor]]] = {
    "dnet": plain_faces.d_net,
    "face3d": plain_faces.face3d,
    "ganimation": plain_faces.ganimation,
    "s3fd": plain_faces.s3fd,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files of the recipe's weights."""
    return tmp_path_factory.mktemp("weights")


def loaded(name: str, folder: Path, seed: int = 0) -> nn.Module:
    """A network filled through the real loader from a file like the official one."""
    builder = NETWORKS[name].build
    path = recipe.recipe_weights(name, seed, folder)
    return checkpoint.load(builder.create(), path, builder.find_layout(), name)


@contextmanager
def watched(tensors: dict[str, Tensor], **parts: nn.Module) -> Iterator[None]:
    """Note what parts of a network give; under a name that starts with `into_`, what they are given."""

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
            tensors[name.removeprefix("into_")] = (given[0] if name.startswith("into_") else result).clone()

        return hook

    hooks = [part.register_forward_hook(note(name)) for name, part in parts.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def run(network: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Outputs and intermediates under their recorded names."""
    seen: dict[str, Tensor] = {}
    with torch.inference_mode():
        if isinstance(network, DNet):
            parts = {"descriptor": network.encoder, "into_hourglass_out": network.flow.norm}
            with watched(seen, editing_encoder_last=network.editor.down[2], **parts):
                picture, warped, flow = network(*inputs)
            seen |= {"fake_image": picture, "warp_image": warped, "flow_field": flow}
        elif isinstance(network, Face3D):
            trunk = network.backbone
            with watched(seen, layer1=trunk.layer1, layer3=trunk.layer3, pooled=trunk.avgpool):
                seen["coeffs"] = network(*inputs)
        elif isinstance(network, Ganimation):
            with watched(seen, into_features=network.colour_head):
                picture, colour, mask = network(*inputs)
            seen |= {"fused": picture, "color": colour, "au_mask": mask}
        elif isinstance(network, S3FD):
            for i, level in enumerate(network(*inputs), start=1):
                seen |= {f"cls{i}": level.scores, f"reg{i}": level.boxes}
    return seen


def plain_recording(name: str, seed: int, inputs: dict[str, Tensor]) -> Recording:
    """What the plain formulas give, in the place of a recording."""
    with torch.inference_mode():
        expected = PLAIN[name](recipe.recipe_tensors(name, seed), *inputs.values())
    if name == "face3d":
        expected = {key: expected[key] for key in ("layer1", "layer3", "pooled", "coeffs")}
    return Recording(seed, inputs, expected, dict.fromkeys(expected, ()))


def pictures(name: str, seed: int) -> dict[str, Tensor]:
    """Inputs like the recorded ones, of another seed."""
    recorded = load_recording(name, whole=False).inputs
    inputs = {}
    for key, like in recorded.items():
        if like.dim() == 4:
            u8 = torch.from_numpy(recipe.image_u8(seed, key, (1, *like.shape[1:]))).float()
            low, high = (0.0, 255.0) if "0_255" in key else (-1.0 if like.min() < 0 else 0.0, 1.0)
            inputs[key] = low + u8 * ((high - low) / 255)
        else:
            shape = (1, *like.shape[1:])
            inputs[key] = torch.from_numpy(recipe.noise(seed, key, shape) * 0.3).float()
    return inputs


@pytest.fixture(scope="module")
def recorded_run(weights: Path) -> Callable[[str], dict[str, Tensor]]:
    """What a network gives for the recorded inputs, which are the same in whole and thinned recordings."""

    @cache
    def give(name: str) -> dict[str, Tensor]:
        return run(loaded(name, weights), tuple(load_recording(name, whole=False).inputs.values()))

    return give


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
@pytest.mark.parametrize("name", NAMES)
def test_network_repeats_the_recorded_output(
    name: str, whole: bool, recorded_run: Callable[[str], dict[str, Tensor]]
) -> None:
    load_recording(name, whole).assert_matches(recorded_run(name))


@pytest.mark.parametrize("name", NAMES)
def test_drawn_inputs_are_the_recorded_ones(name: str) -> None:
    whole, thinned = load_recording(name, whole=True).inputs, load_recording(name, whole=False).inputs

    assert whole.keys() == thinned.keys()
    assert all(torch.equal(whole[key], thinned[key]) for key in whole)


@pytest.mark.parametrize("name", NAMES)
def test_network_agrees_with_the_plain_formulas_for_other_weights(name: str, weights: Path) -> None:
    plain = plain_recording(name, seed=1, inputs=pictures(name, seed=1))

    given = run(loaded(name, weights, seed=1), tuple(plain.inputs.values()))

    plain.assert_matches(given)


@pytest.mark.parametrize("name", ["dnet", "ganimation"])
def test_bfloat16_leaves_the_picture_as_it_was(name: str, weights: Path) -> None:
    network = loaded(name, weights)
    inputs = tuple(value[:1] for value in load_recording(name, whole=False).inputs.values())

    with torch.inference_mode():
        full = network(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            lower = network(*inputs)

    error = (lower.picture.float() - full.picture).square().mean().item()
    assert 10 * math.log10(2**2 / error) >= 45  # dB; pictures are in [-1, 1]
    if name == "dnet":
        assert torch.equal(lower.flow, full.flow)
        assert torch.equal(lower.warped, full.warped)


def test_coefficients_and_face_boxes_ignore_autocast(weights: Path) -> None:
    inputs = {"face3d": torch.rand(1, 3, 64, 64), "s3fd": torch.rand(1, 3, 64, 64) * 255 - 120}
    for name, picture in inputs.items():
        network = loaded(name, weights)
        with torch.inference_mode():
            full = network(picture)
            with torch.autocast("cpu", torch.bfloat16):
                lower = network(picture)
        if name == "s3fd":
            full, lower = (torch.cat([level.boxes.flatten() for level in out]) for out in (full, lower))
        assert torch.equal(lower, full)


def test_warp_without_flow_shrinks_the_picture_by_a_64th() -> None:
    position = (torch.arange(256) + 0.5).expand(1, 3, 256, 256)

    warped = warp(position, torch.zeros(1, 2, 64, 64))

    expected = 128 + (torch.arange(2, 254) + 0.5 - 128) * 64 / 63
    torch.testing.assert_close(warped[0, 0, 128, 2:-2], expected, rtol=0, atol=1e-2)
    assert (warped[0, 0, 0] < 0.6 * warped[0, 0, 128]).all()  # the edge is half mixed with black


def test_flow_moves_along_its_axis() -> None:
    picture = torch.zeros(1, 3, 256, 256)
    picture[:, :, 128:132, 128:132] = 1
    flow = torch.zeros(1, 2, 64, 64)
    flow[:, 0] = 8  # cells to the right: the picture moves left

    rows, columns = warp(picture, flow)[0, 0].nonzero(as_tuple=True)

    assert abs(rows.float().mean() - 129.5) < 1
    assert abs(columns.float().mean() - (129.5 - 8 * 4)) < 2


def test_adain_keeps_pictures_of_a_batch_apart() -> None:
    torch.manual_seed(0)
    norm = AdaIN(6, 5)
    x, style = torch.randn(3, 6, 8, 7), torch.randn(3, 5, 1)

    together = norm(x, style)

    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], norm(x[i : i + 1], style[i : i + 1]))


def test_layer_norm_is_over_channels_rows_and_columns() -> None:
    torch.manual_seed(0)
    norm, x = LayerNorm2d(6), torch.randn(2, 6, 8, 7) * 3 + 1

    y = norm(x)

    torch.testing.assert_close(y.mean((1, 2, 3)), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.var((1, 2, 3), correction=0), torch.ones(2), rtol=0, atol=1e-4)
    assert y.mean((2, 3)).abs().max() > 0.01  # channels keep their differences


@pytest.mark.parametrize("norm", [LayerNorm2d(8), lambda x: AdaIN(8, 5)(x, torch.zeros(len(x), 5))])
@pytest.mark.parametrize("batch", [1, 2])
def test_norm_is_as_exact_with_channels_last(norm: Callable[[Tensor], Tensor], batch: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(batch, 8, 16, 16) * 0.1 + 30  # a small signal on a large offset

    torch.manual_seed(1)
    expected = norm(x)
    torch.manual_seed(1)
    given = norm(x.contiguous(memory_format=torch.channels_last))

    torch.testing.assert_close(given, expected, rtol=0, atol=1e-4)


def test_full_precision_needs_no_autocast_to_switch_off() -> None:
    with full_precision(torch.device("meta")), full_precision(torch.device("cpu")):
        assert not torch.is_autocast_enabled("cpu")


class Watch(TorchFunctionMode):
    """Notes how tensors lie that convolutions and their like are given."""

    def __init__(self) -> None:
        super().__init__()
        self.plain: list[bool] = []
        self.parts_written: list[object] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        given = dict(kwargs or {})
        if function in ORDERED:
            values = (*args, *given.values())
            self.plain += [value.is_contiguous() for value in values if isinstance(value, Tensor)]
        if "out" in given:
            self.parts_written.append(function)
        return function(*args, **given)


@torch.no_grad()
def test_in_order_convolutions_see_plain_tensors_and_give_the_same() -> None:
    torch.manual_seed(0)
    enlarge = gpen.StyledConvolution(8, 4, up=True)
    gpen._settle(enlarge, None)
    last = nn.Conv2d(4, 3, 3).to(memory_format=torch.channels_last)
    pictures = torch.randn(2, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    led_by = torch.randn(2, 4, 12, 12).contiguous(memory_format=torch.channels_last)
    style = torch.randn(2, gpen.STYLE)

    def compute() -> Tensor:
        large = enlarge(pictures, style, led_by)
        return F.interpolate(enet.blur(last(large[:, 2:6]), bias=None), scale_factor=2.0)

    with Watch() as unordered:
        expected = compute()
    assert not all(unordered.plain) and unordered.parts_written
    with Watch() as ordered, InOrder():
        given = compute()
    assert all(ordered.plain) and len(ordered.plain) == len(unordered.plain)
    assert not ordered.parts_written
    torch.testing.assert_close(given, expected)


def empty_levels(height: int, width: int) -> list[Level]:
    """Readings that see no face anywhere."""
    sizes = [(max(1, height // stride), max(1, width // stride)) for stride in STRIDES]
    scores = (torch.tensor([4.0, -4.0]).view(1, 2, 1, 1).repeat(2, 1, *size) for size in sizes)
    return [Level(score, torch.zeros(2, 4, *size)) for score, size in zip(scores, sizes, strict=True)]


def test_boxes_are_decoded_from_their_anchors_and_the_surest_comes_first() -> None:
    levels = empty_levels(256, 320)
    levels[1].scores[0, 1, 5, 9] = 5.0
    levels[3].scores[0, 1, 2, 7] = 9.0
    levels[3].boxes[0, :, 2, 7] = torch.tensor([1.0, -0.5, 0.0, 5 * math.log(2)])

    found, nothing = faces_in(levels)

    # The anchor: 128 pixels wide, its centre at (7.5, 2.5) strides of 32.
    x, y = 7.5 * 32 + 0.1 * 128, 2.5 * 32 - 0.05 * 128
    np.testing.assert_allclose(found.boxes[0], [x - 64, y - 128, x + 64, y + 128], atol=1e-3)
    np.testing.assert_allclose(found.boxes[1], [60, 28, 92, 60], atol=1e-3)  # 32 pixels around (76, 44)
    assert found.scores[0] > 0.99 and 0.7 < found.scores[1] < 0.8
    assert nothing.boxes.shape == (0, 4)


def test_of_boxes_that_overlap_only_the_surest_stays() -> None:
    levels = empty_levels(256, 320)
    for column, score in ((2, 5.0), (3, 7.0), (5, 6.0), (6, 4.5), (8, 3.5)):  # each 128 wide, 32 to the next
        levels[3].scores[0, 1, 4, column] = score  # 4 says that it is no face

    found, _ = faces_in(levels)

    assert found.boxes[:, 0].tolist() == [48, 144]  # column 3, and 6, which shares a seventh with it


def test_regressor_names_its_parts_in_the_order_of_the_row(weights: Path) -> None:
    network = cast(Face3D, loaded("face3d", weights))
    theirs = recipe.recipe_tensors("face3d", 0, only=r"^final_layers\.\d\.bias")

    ours = [head.bias for head in network.heads.values()]

    assert all(torch.equal(a, b) for a, b in zip(ours, theirs.values(), strict=True))
    assert [len(bias) for bias in ours] == [80, 64, 80, 3, 27, 2, 1]
