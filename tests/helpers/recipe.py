"""Deterministic weights in the containers of the official files: parity needs no checkpoint.

The rules are those of the recordings in `golden/`: every value is a pure function of the network, the
seed and the tensor's name, made with exact steps on raw PCG64 words.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from keras_files import write_keras
from safetensors.torch import save_file
from torch import Tensor

MANIFESTS = Path(__file__).resolve().parents[1] / "golden" / "manifests"
Shapes = dict[str, tuple[tuple[int, ...], str]]  # by tensor: shape and type

# What the recordings call a network, where that differs from the catalogue's key.
RECORDED = {
    "face3d": "face3d_recon",
    "gfpgan": "gfpgan_v1_clean",
    "gpen": "gpen_bfr_512",
    "retinaface": "retinaface_r50",
    "syncnet": "syncnet_v2",
    "inception": "inception_fid",
    "wav2lip_gan": "wav2lip",
}
# The official file's name and how its tensors are wrapped and prefixed.
OFFICIAL = {
    "face3d_recon": ("face3d_pretrain_epoch_20.pth", "net_recon", ""),
    "dnet": ("DNet.pt", "net_G_ema", ""),
    "lnet": ("LNet.pth", "state_dict", "module."),
    "enet": ("ENet.pth", "state_dict", "module."),
    "wav2lip": ("wav2lip_gan.pth", "state_dict", "module."),
    "lipgan": ("lipgan_residual_mel.h5", "", ""),
    "pcavs_v": ("latest_net_V.pth", "", ""),
    "pcavs_e": ("latest_net_E.pth", "", ""),
    "pcavs_a_sync": ("latest_net_A_sync.pth", "", ""),
    "pcavs_g": ("latest_net_G.pth", "", ""),
    "ganimation": ("30_net_gen.pth", "", ""),
    "parsenet": ("ParseNet-latest.pth", "", ""),
    "gfpgan_v1_clean": ("GFPGANv1.3.pth", "params_ema", ""),
    "gpen_bfr_512": ("GPEN-BFR-512.pth", "", ""),
    "retinaface_r50": ("RetinaFace-R50.pth", "", "module."),
    "s3fd": ("s3fd-619a316812.pth", "", ""),
    "syncnet_v2": ("syncnet_v2.model", "", ""),
    "inception_fid": ("pt_inception-2015-12-05-6726825d.pth", "", ""),
    "vgg19": ("vgg19-dcbb9e9d.pth", "", ""),
    "sync_expert": ("lipsync_expert.pth", "state_dict", "module."),
    "quality_discriminator": ("visual_quality_disc.pth", "state_dict", "module."),
}
# The networks that a dub borrows.
PIPELINE = ("face3d", "dnet", "lnet", "enet", "ganimation", "parsenet", "gfpgan", "gpen", "s3fd")
# The networks that draw lips in the place of L-Net.
OTHER_LIPS = ("wav2lip", "lipgan", "pcavs_v", "pcavs_e", "pcavs_a_sync", "pcavs_g")
# A regex searched in the tensor's name, what to do, and a number; the first match wins, before the rules
# of `_value`. gain: spread over sqrt(inputs); raw: spread; near: mean; fir: blur kernel.
OVERRIDES: dict[str, list[tuple[str, str, float]]] = {
    "dnet": [(r"^warpping_net\.flow_out\.2\.weight$", "gain", 2.0)],
    "face3d_recon": [(r"^backbone\.layer\d\.\d+\.conv3\.weight$", "gain", 0.7)],
    "gpen_bfr_512": [
        (r"^generator\..*kernel$", "fir", 4.0),
        (r"kernel$", "fir", 1.0),
        (r"^generator\.style\.\d+\.weight$", "raw", 100.0),
        (r"^generator\.style\.\d+\.bias$", "raw", 10.0),
        (r"modulation\.bias$", "near", 1.0),
        (r"noise\.weight$", "near", 0.7),
        (r"to_rgb.*conv\.weight$", "raw", 0.2),
        (r"\.bias$", "raw", 0.1),
        (r"", "raw", 1.0),
    ],
    "gfpgan_v1_clean": [
        (r"modulation\.bias$", "near", 1.0),
        (r"condition_scale\.\d+\.2\.bias$", "near", 1.0),
        (r"to_rgb.*modulated_conv\.weight$", "gain", 0.2),
        (r"condition_\w+\.\d+\.2\.weight$", "gain", 0.5),
        (r"conv_body_(down|up)\.\d+\.skip\.weight$", "gain", 0.8),
        (r"noises\.noise\d+$", "raw", 1.0),
        (r"constant_input\.weight$", "raw", 1.0),
    ],
    "enet": [(r"modulation\.bias$", "near", 1.0), (r"to_rgbs.*modulated_conv\.weight$", "gain", 0.2)],
    "parsenet": [(r"(body|encoder|decoder).*conv2\.conv2d\.weight$", "gain", 0.7)],
    "retinaface_r50": [(r"^body\.conv1\.weight$", "gain", 0.02), (r"conv3\.weight$", "gain", 0.7)],
    "s3fd": [
        (r"^conv1_1\.weight$", "gain", 0.02),
        (r"_norm\.weight$", "near", 5.0),
        (r"_mbox_", "gain", 0.5),
        (r"weight$", "gain", 1.4),
    ],
    "syncnet_v2": [  # inputs are counted without the time axis here, so the spread is said outright
        (r"^netcnnlip\.0\.weight$", "raw", 5e-4),
        (r"^netcnnlip\.18\.weight$", "raw", 0.0146),
        (r"^netcnnlip\.(4|8|11|14)\.weight$", "raw", 0.029),
        (r"^netcnnaud\.0\.weight$", "gain", 0.1),
        (r"^netcnnaud\.(4|8|11|14|18)\.weight$", "gain", 1.4),
        (r"^netfc...\.0\.weight$", "gain", 1.4),
    ],
    "inception_fid": [(r"conv\.weight$", "gain", 1.4)],
    "vgg19": [(r"weight$", "gain", 1.4)],
    "quality_discriminator": [(r"weight$", "gain", 1.4)],
    "wav2lip": [
        (r"face_decoder_blocks\.[1-6]\.0\.conv_block\.0\.weight$", "diff0", 1.3),
        (r"(conv_block\.0|output_block\.1)\.weight$", "diff", 1.25),
    ],
    "lipgan": [
        (r"^conv2d_transpose_\d+\.weight$", "diff0", 1.3),
        (r"^conv2d_\d+\.weight$", "diff", 1.25),
    ],
    "pcavs_v": [
        (r"conv3\.weight$", "diff", 0.7),
        (r"(conv\d|downsample\.0|conv1x1)\.weight$", "diff", 1.4),
    ],
    "pcavs_e": [
        (r"^model\.(l0|fc)\.weight$", "diff", 1.4),
        (r"^model\..*conv\w*\.weight$", "diff", 1.2),
        (r"^(to_|mouth_embed|headpose_embed).*\.weight$", "gain", 1.4),
    ],
    "pcavs_a_sync": [
        (r"^model\.conv1\.weight$", "gain", 4.0),
        (r"^model\.layer.*conv\w*\.weight$", "diff", 1.2),
        (r"^model\.attention\.3\.weight$", "diff", 2.0),
    ],
    "pcavs_g": [
        (r"kernel$", "fir", 4.0),
        (r"^style\.\d+\.weight$", "raw", 100.0),
        (r"^style\.\d+\.bias$", "raw", 10.0),
        (r"modulation\.bias$", "near", 1.0),
        (r"noise\.weight$", "near", 0.3),
        (r"to_rgb.*conv\.weight$", "raw", 0.3),
        (r"bias$", "raw", 0.1),
        (r"", "raw", 1.0),
    ],
}


def recipe_weights(name: str, seed: int, folder: Path, low_res_of: str = "") -> Path:
    """Write a network's weights as its official file has them: container, prefix and file name.

    name:       a key of the catalogue, or what the recordings call the network
    low_res_of: "enet" writes the L-Net that E-Net's recording was made with as a file of L-Net
    returns:    the file; one that is there already, or that another process is making, is taken as it is
    """
    recorded = RECORDED.get(name, name)
    path = folder / f"{recorded}_{low_res_of}{seed}" / OFFICIAL[recorded][0]
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            _write(path, recorded, seed, low_res_of)
    return path


def _write(path: Path, recorded: str, seed: int, low_res_of: str) -> None:
    """Write the file of one network, whole or not at all."""
    _, container, prefix = OFFICIAL[recorded]
    tensors = low_res_tensors(low_res_of, seed) if low_res_of else recipe_tensors(recorded, seed)
    wrapped: Any = {f"{prefix}{key}": tensor for key, tensor in tensors.items()}
    unfinished = path.with_suffix(".part")
    if path.suffix == ".h5":
        write_keras(unfinished, wrapped)
    else:
        torch.save({container: wrapped} if container else wrapped, unfinished)
    unfinished.replace(path)


def recipe_folder(
    folder: Path, names: Iterable[str] = PIPELINE, seed: int = 0, made: Path | None = None
) -> Path:
    """Put networks' files side by side, as a user has them; `made` is where they are, or will be."""
    for name in names:
        path = recipe_weights(name, seed, made or folder / "made")
        (folder / path.name).hardlink_to(path)
    return folder


def add_other_lips(folder: Path, made: Path | None = None) -> None:
    """Put the files of all that draws lips in the place of L-Net beside those that are there.

    made: where they are, or will be
    LipGAN's are converted: not every place has the package that reads Keras' files.
    """
    for name in OTHER_LIPS:
        path = folder / OFFICIAL[name][0]
        path = path.with_suffix(".safetensors") if path.suffix == ".h5" else path
        if path.exists():
            continue
        if path.suffix == ".safetensors":
            save_file(recipe_tensors(name, 0), path)
        else:
            path.symlink_to(recipe_weights(name, 0, made or folder.parent / "made"))


def recipe_tensors(name: str, seed: int, only: str = "") -> dict[str, Tensor]:
    """A network's tensors under the official file's names; `only` those that a regex finds."""
    recorded = RECORDED.get(name, name)
    return {
        key: torch.from_numpy(_typed(_value(recorded, seed, key, shape, kind)))
        for key, (shape, kind) in manifest(recorded).items()
        if re.search(only, key)
    }


def low_res_tensors(name: str, seed: int) -> dict[str, Tensor]:
    """The L-Net inside a recording of E-Net, under L-Net's own names."""
    inside = recipe_tensors(name, seed, only=r"^low_res\.")
    return {key.removeprefix("low_res."): tensor for key, tensor in inside.items()}


@cache
def manifest(name: str) -> Shapes:
    """Every tensor of an official file in the file's order: shape and type by name."""
    packed = (MANIFESTS / f"{RECORDED.get(name, name)}.json.gz").read_bytes()
    stored = json.loads(gzip.decompress(packed))
    return {key: (tuple(shape), kind) for key, (shape, kind) in stored.items()}


def noise(seed: int, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform float64 numbers of mean 0 and variance 1, a pure function of all three arguments."""
    count = math.prod(shape)
    state = int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:16], "little")
    words = np.random.PCG64(state).random_raw((count + 1) // 2).astype("<u8").view("<u4")[:count]
    return (((words >> 8) * 2.0**-23) - 1.0 + 2.0**-24).reshape(shape) * 3.0**0.5


def image_u8(seed: int, name: str, shape: tuple[int, int, int, int]) -> np.ndarray:
    """A smooth random picture with grain, (B, C, H, W) uint8."""
    batch, channels, height, width = shape
    coarse = noise(seed, f"{name}/coarse", (batch, channels, 9, 9))
    at_y, at_x = (np.arange(n) * (8.0 / n) for n in (height, width))
    (i, fi), (j, fj) = ((at.astype(np.int64), at - np.floor(at)) for at in (at_y, at_x))
    rows = coarse[:, :, i, :] * (1 - fi)[:, None] + coarse[:, :, i + 1, :] * fi[:, None]
    smooth = rows[..., j] * (1 - fj) + rows[..., j + 1] * fj
    value = 127.5 + 60.0 * smooth + 12.0 * noise(seed, f"{name}/grain", shape)
    return np.ascontiguousarray(np.clip(np.floor(value), 0, 255).astype(np.uint8))


def _typed(value: np.ndarray) -> np.ndarray:
    return value if value.dtype == np.int64 else value.astype(np.float32)


def _value(net: str, seed: int, key: str, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """One tensor in float64, or whole numbers; the first rule that fits."""
    inputs = math.prod(shape[2:] if len(shape) == 5 else shape[1:]) if shape else 1
    if "int" in kind:
        return np.zeros(shape, np.int64)
    if key.endswith(("weight_u", "weight_v")):
        return _unit(seed, key, shape[0])
    z = noise(seed, key, shape)
    for pattern, action, number in OVERRIDES.get(net, ()):
        if re.search(pattern, key):
            return ACTIONS[action](z, number, inputs)
    if key.endswith("running_mean"):
        return 0.1 * z
    if key.endswith("running_var"):
        return 1.0 + z * (0.5 / 3.0**0.5)
    if key.endswith("bias"):
        return 0.1 * z
    if shape == (1,):  # strength of injected noise
        return 0.2 + 0.05 * z
    if math.prod(shape) == shape[0]:  # scale of a normalisation
        return 1.0 + 0.1 * z
    weight = z / inputs**0.5
    if key.endswith("weight_orig"):  # with its stored vectors as a singular direction
        stem = key.removesuffix("orig")
        planted = np.outer(_unit(seed, f"{stem}u", shape[0]), _unit(seed, f"{stem}v", inputs))
        weight = weight + planted.reshape(shape)
    return weight


def _unit(seed: int, key: str, length: int) -> np.ndarray:
    return np.sign(noise(seed, key, (length,))) / length**0.5


def _differences(z: np.ndarray, axis: int) -> np.ndarray:
    return z if z.shape[axis] == 1 else (z - np.roll(z, 1, axis)) * 0.5**0.5


def _blur(_: np.ndarray, number: float, inputs: int) -> np.ndarray:
    tap = np.array([1.0, 3.0, 3.0, 1.0])
    return np.outer(tap, tap) / 64.0 * number


ACTIONS: dict[str, Callable[[np.ndarray, float, int], np.ndarray]] = {
    "gain": lambda z, number, inputs: z * (number / inputs**0.5),
    "raw": lambda z, number, inputs: z * number,
    # Neighbouring inputs' weights cancel, so that a network of ReLUs doesn't drown its inputs in their means.
    "diff": lambda z, number, inputs: _differences(z, 1) * (number / inputs**0.5),
    "diff0": lambda z, number, inputs: _differences(z, 0) * (number / inputs**0.5),
    "near": lambda z, number, inputs: number + 0.1 * z,
    "fir": _blur,
}
