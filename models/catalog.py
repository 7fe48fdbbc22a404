"""Every checkpoint: what it is for, its official files and where they come from, and how it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CheckpointError

if TYPE_CHECKING:
    from torch import nn

    from .checkpoint import Layout


PAPER = "https://github.com/OpenTalker/video-retalking/releases/download/v0.0.1"
HUGGING_FACE = (
    "https://huggingface.co/vinthony/videoretalking/resolve/main",
    "https://huggingface.co/camenduru/video-retalking/resolve/main",
)
GFPGAN = "https://github.com/TencentARC/GFPGAN/releases/download/v1.3.0"
FACEXLIB = "https://github.com/xinntao/facexlib/releases/download"


@dataclass(frozen=True)
class Edition:
    """One official file. Its tensors must fit; its name proves nothing."""

    file: str  # what it is called where it is published
    sources: tuple[str, ...] = ()  # addresses; none: to be fetched by hand
    sha256: str = ""  # where publicly stated
    size: int = 0  # bytes, where publicly stated
    network: str = ""  # a key of NETWORKS; "" for plain data
    also: tuple[str, ...] = ()  # other names in use
    known: str = ""  # what else is known of it

    @property
    def names(self) -> tuple[str, ...]:
        """Names to look for, converted files too."""
        published = (self.file, *self.also)
        return (*published, *(f"{name.rpartition('.')[0]}.safetensors" for name in published))


@dataclass(frozen=True)
class Builder:
    """Where a network is written: imported when it is loaded."""

    module: str
    make: str  # its class
    layout: str = "LAYOUT"

    def build(self) -> nn.Module:
        """The network with whatever weights it starts with."""
        made: nn.Module = getattr(import_module(f".{self.module}", __package__), self.make)()
        return made

    def find_layout(self) -> Layout:
        """How its official file is laid out."""
        layout: Layout = getattr(import_module(f".{self.module}", __package__), self.layout)
        return layout


NETWORKS = {
    "face3d": Builder("faces.face3d", "Face3D"),
    "dnet": Builder("expression.dnet", "DNet"),
    "lnet": Builder("lips.lnet", "LNet"),
    "enet": Builder("lips.enet", "ENet"),
    "ganimation": Builder("expression.ganimation", "Ganimation"),
    "parsenet": Builder("faces.parsing", "ParseNet", "PARSENET"),
    "bisenet": Builder("faces.parsing", "BiSeNet", "BISENET"),
    "gfpgan": Builder("restorers.gfpgan", "GFPGAN"),
    "gpen": Builder("restorers.gpen", "GPEN"),
    "retinaface": Builder("faces.retinaface", "RetinaFace"),
    "s3fd": Builder("faces.s3fd", "S3FD"),
}


@dataclass(frozen=True)
class Checkpoint:
    """What one stage needs: any one of these files."""

    key: str
    title: str
    role: str
    licence: str
    editions: tuple[Edition, ...]  # the first is the one the paper's program uses

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that may fill this role, without repetition; none for plain data."""
        return tuple(dict.fromkeys(edition.network for edition in self.editions if edition.network))

    def load(self, path: Path) -> nn.Module:
        """Build the network that a file is for and fill it strictly, in fp32 on the CPU, for inference."""
        from .checkpoint import Blank, load, read_tensors
        from .telltales import recognise, title

        if not self.networks:
            raise CheckpointError(f"{self.title} is no network, so {path} can't be loaded as one.")
        name = self.networks[0]
        if len(self.networks) > 1:
            found = recognise(read_tensors(path, names_only=True))
            if found not in self.networks:
                wanted = " or ".join(title(network) for network in self.networks)
                seems = f"seems to be {title(found)}" if found else "is none of the networks known here"
                raise CheckpointError(f"{path} {seems}. Choose a file of {wanted}.")
            name = found
        builder = NETWORKS[name]
        layout = builder.find_layout()
        with Blank():
            network = builder.build()
        return load(network, path, layout, name)


def _of_the_paper(file: str, sha256: str = "", size: int = 0, network: str = "", **more: Any) -> Edition:  # noqa: ANN401
    """A file of the paper's release, which two mirrors hold too."""
    sources = tuple(f"{base}/{file}" for base in (PAPER, *HUGGING_FACE))
    return Edition(file, sources, sha256, size, network, **more)


UNSTATED = "none stated (VideoReTalking's release)"
_ENTRIES = (
    Checkpoint(
        "face3d",
        "3DMM regressor",
        "reads head pose and expression off a face",
        UNSTATED,
        (
            _of_the_paper(
                "face3d_pretrain_epoch_20.pth",
                "6d17a6b23457b521801baae583cb6a58f7238fe6721fc3d65d76407460e9149b",
                288_860_037,
                "face3d",
            ),
        ),
    ),
    Checkpoint(
        "dnet",
        "D-Net",
        "neutralises the expression",
        "none stated; its ancestor PIRenderer is CC BY-NC 4.0 (no commercial use)",
        (_of_the_paper("DNet.pt", network="dnet", known="about 180 MB; no hash is published"),),
    ),
    Checkpoint(
        "lnet",
        "L-Net",
        "draws lips that follow the voice",
        UNSTATED,
        (
            _of_the_paper(
                "LNet.pth",
                "7ae06fef0454c421b828cc53e8d4b9c92d990867a858ea7bb9661ab6cf6ab774",
                network="lnet",
            ),
        ),
    ),
    Checkpoint(
        "enet",
        "E-Net",
        "enhances the synced face and keeps its identity",
        UNSTATED,
        (
            _of_the_paper(
                "ENet.pth",
                "967ee3ed857619cedd92b6407dc8a124cbfe763cc11cad58316fe21271a8928f",
                network="enet",
            ),
        ),
    ),
    Checkpoint(
        "ganimation",
        "GANimation",
        "edits the upper face",
        UNSTATED,
        (
            _of_the_paper(
                "30_net_gen.pth",
                "4db83e1727128e2c5de27bc80d2929586535e04a709af45016a63e7cf7c46b0c",
                network="ganimation",
            ),
        ),
    ),
    Checkpoint(
        "parser",
        "Face parser",
        "marks the mouth and the face's parts",
        "MIT (facexlib)",
        (
            Edition(
                "parsing_parsenet.pth",
                (f"{FACEXLIB}/v0.2.2/parsing_parsenet.pth", f"{PAPER}/ParseNet-latest.pth"),
                "3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
                85_331_193,
                "parsenet",
                also=("ParseNet-latest.pth",),
            ),
            Edition(
                "parsing_bisenet.pth",
                (f"{FACEXLIB}/v0.2.0/parsing_bisenet.pth",),
                "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
                53_289_463,
                "bisenet",
            ),
        ),
    ),
    Checkpoint(
        "gfpgan",
        "GFPGAN",
        "restores the mouth's detail",
        "Apache-2.0, with NVIDIA's terms for StyleGAN2",
        (
            Edition(
                "GFPGANv1.3.pth",
                (f"{GFPGAN}/GFPGANv1.3.pth", f"{PAPER}/GFPGANv1.3.pth"),
                "c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
                348_632_874,
                "gfpgan",
            ),
            Edition(
                "GFPGANv1.4.pth",
                (f"{GFPGAN}/GFPGANv1.4.pth",),
                "e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
                348_632_874,
                "gfpgan",
            ),
        ),
    ),
    Checkpoint(
        "gpen",
        "GPEN-BFR-512",
        "restores whole faces",
        "no licence file",
        (
            _of_the_paper(
                "GPEN-BFR-512.pth",
                "f1002c41add95b0decad69604d80455576f7187dd99ca16bd611bcfd44c10b51",
                network="gpen",
            ),
        ),
    ),
    Checkpoint(
        "retinaface",
        "RetinaFace (ResNet-50)",
        "finds faces as the original program does",
        "MIT",
        (
            Edition(
                "detection_Resnet50_Final.pth",
                (f"{FACEXLIB}/v0.1.0/detection_Resnet50_Final.pth", f"{PAPER}/RetinaFace-R50.pth"),
                "6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d",
                109_497_761,
                "retinaface",
                also=("RetinaFace-R50.pth",),
            ),
        ),
    ),
    Checkpoint(
        "s3fd",
        "S3FD",
        "frames faces exactly as the original program does",
        "not stated",
        (
            Edition(
                "s3fd-619a316812.pth",
                sha256="619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
                size=89_843_225,
                network="s3fd",
                also=("s3fd.pth",),
                known="the face detector of the face_alignment package",
            ),
        ),
    ),
    Checkpoint(
        "expression",
        "Expression templates",
        "hold the calm and the smiling expression",
        "CC BY-NC 4.0 (PIRenderer; no commercial use)",
        (
            _of_the_paper(
                "expression.mat",
                "93e9d69eb46e866ed5cbb569ed2bdb3813254720fb0cb745d5b56181faf9aec5",
                1456,
                known="the hash is that of PIRenderer's file",
            ),
        ),
    ),
)
catalog: Mapping[str, Checkpoint] = {entry.key: entry for entry in _ENTRIES}

# What a preset needs. Of several in one place any will do, the first by preference.
Need = tuple[str, ...]
_FAST: tuple[Need, ...] = (("face3d",), ("dnet",), ("lnet",), ("enet",))
_PAPER: tuple[Need, ...] = (*_FAST, ("gfpgan", "gpen"), ("parser",))
PRESETS: Mapping[str, tuple[Need, ...]] = {
    "fast": _FAST,
    "paper": _PAPER,
    "original": (*_PAPER, ("gpen",)),
}


def presets_with(key: str) -> tuple[str, ...]:
    """The presets that a checkpoint is needed for, or may serve."""
    return tuple(name for name, needs in PRESETS.items() if any(key in need for need in needs))
