"""Weights in Keras' files are read under PyTorch's names, and nothing in such a file is followed or run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from keras_files import write_keras
from recipe import recipe_tensors
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.checkpoint import examine, load_network
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.formats import keras
from retalk_nodes.models.formats.keras import KerasError, read_keras
from retalk_nodes.models.reading import find_kind, read_tensors

h5py = pytest.importorskip("h5py")


def tensors() -> dict[str, torch.Tensor]:
    """A few layers of each kind, all values different."""
    made, count = {}, 0
    for kind, shape in (("conv2d", (4, 3, 5, 2)), ("conv2d_transpose", (3, 4, 3, 3))):
        for number in range(1, 13):  # beyond 9, where text would sort otherwise
            size = int(np.prod(shape))
            made[f"{kind}_{number}.weight"] = torch.arange(count, count + size).float().view(shape)
            made[f"{kind}_{number}.bias"] = torch.arange(4.0) - number
            count += size
    for part in ("weight", "bias", "running_mean", "running_var"):
        made[f"batch_normalization_1.{part}"] = torch.full((4,), float(len(part)))
    return made


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("first", [0, 1, 101])
@pytest.mark.parametrize("text", [True, False])
def test_every_array_is_found_under_its_name_however_the_file_was_written(
    tmp_path: Path, alone: bool, first: int, text: bool
) -> None:
    path = write_keras(tmp_path / "net.h5", tensors(), alone=alone, first=first, text=text)
    assert find_kind(path) == "keras"
    found = read_keras(path)
    assert found.keys() == tensors().keys()
    assert all(torch.equal(found[key], value) for key, value in tensors().items())


def test_lipgans_file_is_told_by_its_tensors_and_loaded_whole(tmp_path: Path) -> None:
    expected = recipe_tensors("lipgan", 0)
    path = write_keras(tmp_path / "whatever.h5", expected, first=0)
    assert len(read_tensors(path)) == 434
    assert examine(path).network == "lipgan"
    network = load_network(catalog["lipgan"], path)
    assert torch.equal(network.picture.weight, expected["conv2d_67.weight"])
    assert torch.equal(network.decoder[0][0].convolution.weight, expected["conv2d_transpose_1.weight"])


def test_lipgans_edition_for_mfcc_is_told_by_its_first_look_at_speech(tmp_path: Path) -> None:
    look = {"conv2d_13.weight": torch.ones(128, 1, 3, 3), "conv2d_13.bias": torch.ones(128)}
    path = write_keras(tmp_path / "lipgan.h5", {**tensors(), **look})
    with pytest.raises(CheckpointError, match=r"LipGAN's edition for MFCC\. .*: choose lipgan_residual_mel"):
        examine(path)


def test_without_h5py_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_keras(tmp_path / "net.h5", tensors())
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(CheckpointError, match="h5py, which reads those, isn't installed: pip install h5py"):
        read_tensors(path)


def without_names(file: h5py.File) -> None:
    del file["model_weights"].attrs["layer_names"]


def without_a_layer(file: h5py.File) -> None:
    del file["model_weights/conv2d_3"]


def without_an_array(file: h5py.File) -> None:
    del file["model_weights/conv2d_3/conv2d_3/kernel:0"]


def with_a_strange_part(file: h5py.File) -> None:
    file["model_weights/conv2d_3"].attrs["weight_names"] = [b"conv2d_3/code:0"]


def with_an_array_elsewhere(file: h5py.File) -> None:
    del file["model_weights/conv2d_3/conv2d_3/kernel:0"]
    file["model_weights/conv2d_3/conv2d_3/kernel:0"] = h5py.ExternalLink("other.h5", "/secret")


def with_a_link(file: h5py.File) -> None:
    del file["model_weights/conv2d_3/conv2d_3/kernel:0"]
    file["model_weights/conv2d_3/conv2d_3/kernel:0"] = h5py.SoftLink("/model_weights")


def with_raw_bytes_of_another_file(file: h5py.File) -> None:
    del file["model_weights/conv2d_3/conv2d_3/kernel:0"]
    group = file["model_weights/conv2d_3/conv2d_3"]
    space = h5py.h5s.create_simple((4,))
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_external(b"other.h5", 0, 16)
    h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space, how)


def with_words_for_numbers(file: h5py.File) -> None:
    del file["model_weights/conv2d_3/conv2d_3/kernel:0"]
    file["model_weights/conv2d_3/conv2d_3/kernel:0"] = b"import os"


def with_far_too_many_layers(file: h5py.File) -> None:
    file["model_weights"].attrs["layer_names"] = np.array([b"c"] * 6000)


def with_an_array_that_fills_the_memory(file: h5py.File) -> None:
    del file["model_weights/conv2d_3/conv2d_3/kernel:0"]
    file["model_weights/conv2d_3"].create_dataset(
        "conv2d_3/kernel:0", (1 << 20, 1 << 10), "f4", chunks=(1 << 10, 1 << 10), compression="gzip"
    )


@pytest.mark.parametrize(
    "spoil",
    [
        without_names,
        without_a_layer,
        without_an_array,
        with_a_strange_part,
        with_an_array_elsewhere,
        with_a_link,
        with_raw_bytes_of_another_file,
        with_words_for_numbers,
        with_far_too_many_layers,
        with_an_array_that_fills_the_memory,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_whatever_else_is_in_it_is_refused(spoil: Callable[[h5py.File], None], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones((5, 2, 3, 4), np.float32)
    path = write_keras(tmp_path / "net.h5", tensors())
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(KerasError):
        read_keras(path)
    with pytest.raises(CheckpointError, match=r"file of Keras' \(HDF5\) whose weights can't be taken out"):
        read_tensors(path)


@pytest.mark.parametrize("kept", [12, 900, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_told(kept: float, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "net.h5", tensors())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(CheckpointError, match=r"cut short or damaged|can't be taken out"):
        read_tensors(path)


def test_the_description_of_a_network_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_keras(tmp_path / "net.h5", tensors())
    asked = []
    words = keras._words
    monkeypatch.setattr(keras, "_words", lambda group, name: asked.append(name) or words(group, name))
    read_keras(path)
    assert set(asked) == {"layer_names", "weight_names"}
