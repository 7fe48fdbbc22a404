"""ParseNet gives the numbers of the original network, BiSeNet those of facexlib's own class."""

from __future__ import annotations

from pathlib import Path

import pytest
import recipe
import torch
from probes import loaded, run
from recordings import TOLERANCE, Recording, load_recording
from retalk_nodes.models import checkpoint
from retalk_nodes.models.faces.parsing import BISENET, PARSENET, BiSeNet, ParseNet
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> ParseNet:
    return loaded(ParseNet(), PARSENET, "parsenet", made_weights)


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return load_recording("parsenet", whole=False)


@pytest.fixture(scope="module")
def given(network: ParseNet, recorded: Recording) -> dict[str, Tensor]:
    """Outputs and intermediates for the recorded pictures, under their recorded names."""
    parts = {"encoder_out": network.encoder, "body_out": network.body, "decoder_out": network.decoder}
    seen = run(network, recorded.inputs["image_rgb"], parts)
    return {**seen, "mask_logits": seen[""]}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(
    whole: bool, given: dict[str, Tensor], recorded: Recording
) -> None:
    recording = load_recording("parsenet", whole)
    assert torch.equal(recording.inputs["image_rgb"], recorded.inputs["image_rgb"])
    del recording.expected["rgb_head"]  # nothing reads it, and it is not computed
    classes = recording.expected.pop("mask_argmax")

    recording.assert_matches(given)
    labels = given["mask_logits"].argmax(dim=1)[recording.slices["mask_argmax"]]
    assert (labels == classes).float().mean() >= 0.999


@pytest.mark.parametrize("size", [(256, 256), (32, 48)])
def test_parsenet_takes_other_sizes_as_the_class_in_facexlib_does(
    network: ParseNet, size: tuple[int, int]
) -> None:
    from facexlib.parsing.parsenet import ParseNet as Original

    original = Original(in_size=512, out_size=512, parsing_ch=19).eval()
    original.load_state_dict(recipe.recipe_tensors("parsenet", 0))
    picture = torch.from_numpy(recipe.image_u8(0, "small", (1, 3, *size))) / 127.5 - 1

    with torch.inference_mode():
        expected, logits = original(picture)[0], network(picture)
        labels = network.parse(picture)

    torch.testing.assert_close(logits, expected, rtol=0, atol=TOLERANCE * (1 + expected.abs().max().item()))
    assert labels.shape == (1, *size)
    assert (labels == expected.argmax(dim=1)).float().mean() >= 0.999


def test_parsing_ignores_autocast(network: ParseNet) -> None:
    picture = torch.rand(1, 3, 64, 64) * 2 - 1

    with torch.inference_mode():
        full = network(picture)
        with torch.autocast("cpu", torch.bfloat16):
            lower = network(picture)

    assert torch.equal(lower, full)
    assert len(network.classes) == full.shape[1] == 19


def test_bisenet_gives_what_the_class_in_facexlib_gives(tmp_path: Path) -> None:
    from facexlib.parsing.bisenet import BiSeNet as Original

    torch.manual_seed(0)
    original = Original(num_class=19).eval()
    for name, tensor in original.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_(std=0.1)
    path = tmp_path / "parsing_bisenet.pth"
    torch.save(original.state_dict(), path)
    picture = torch.rand(2, 3, 128, 96)

    network = checkpoint.load(BiSeNet(), path, BISENET, "bisenet")

    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    with torch.inference_mode():
        expected = original((picture - mean) / deviation)[0]
        logits = network(2 * picture - 1)
        labels = network.parse(2 * picture - 1)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert logits.shape == (2, 19, 128, 96) and len(network.classes) == 19
    assert torch.equal(labels, logits.argmax(dim=1))


def test_both_parsers_name_the_same_classes() -> None:
    assert sorted(ParseNet.classes) == sorted(BiSeNet.classes)
    assert len(set(ParseNet.classes)) == 19
