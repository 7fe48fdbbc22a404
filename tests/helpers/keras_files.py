"""Writes weights as Keras does: HDF5, a group for each layer, the newest layout of 2.2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

PARTS = {
    "conv2d": {"weight": "kernel", "bias": "bias"},
    "conv2d_transpose": {"weight": "kernel", "bias": "bias"},
    "batch_normalization": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
}


def write_keras(
    path: Path, tensors: Mapping[str, Tensor], *, alone: bool = False, first: int = 1, text: bool = False
) -> Path:
    """Write tensors, named like `conv2d_3.weight`, as a file of Keras'.

    alone: the weights by themselves, without the description of the network around them
    first: the number of each kind's first layer; 0 as later editions count, which then leave it out
    text:  names as text, not as bytes
    """
    import h5py

    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        layer, part = name.rsplit(".", 1)
        layers.setdefault(layer, {})[part] = tensor
    # The file's order follows the graph's depth, so that it says nothing about the numbers.
    shuffled = sorted(layers, key=lambda name: name[::-1])
    with h5py.File(path, "w") as file:
        root = file if alone else file.create_group("model_weights")
        if not alone:
            file.create_group("optimizer_weights")
            file.attrs["model_config"] = b'{"class_name": "Lambda", "config": {"function": "4wEAAAA="}}'
        root.attrs["layer_names"] = _words(
            [*(_named(each, first) for each in shuffled), "activation_1", "add_1"], text
        )
        for empty in ("activation_1", "add_1"):
            root.create_group(empty).attrs["weight_names"] = np.array([], "S1")
        for layer in shuffled:
            name, kind = _named(layer, first), layer.rpartition("_")[0]
            group = root.create_group(name)
            words = {part: f"{name}/{PARTS[kind][part]}:0" for part in layers[layer]}
            group.attrs["weight_names"] = _words(list(words.values()), text)
            for part, tensor in layers[layer].items():
                value = tensor.numpy()
                turned = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
                group.create_dataset(words[part], data=turned)
    return path


def _named(layer: str, first: int) -> str:
    kind, _, number = layer.rpartition("_")
    place = int(number) - 1 + first
    return f"{kind}_{place}" if place else kind


def _words(words: list[str], text: bool) -> np.ndarray | list[str]:
    return words if text else np.array([word.encode() for word in words])
