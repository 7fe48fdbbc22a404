"""Networks that restore faces."""

from __future__ import annotations

from ..network import Builder, Cost, Entry, File, Loader, Network
from .sources import PAPER, of_the_paper

GFPGAN = "https://github.com/TencentARC/GFPGAN/releases/download/v1.3.0"
RESTORER_LOADER = Loader(
    "Restorer",
    "Load Face Restorer",
    "Loads GFPGAN or GPEN, which restore a face's detail.",
    ("gfpgan", "gpen", "face restore"),
)

RESTORERS: tuple[Entry, ...] = (
    Network(
        key="gfpgan",
        title="GFPGAN",
        role="restores the mouth's detail",
        tip="GFPGAN: restores the mouth.",
        licence="Apache-2.0, with NVIDIA's terms for StyleGAN2",
        stage="restore",
        files=(
            File(
                "GFPGANv1.3.pth",
                (f"{GFPGAN}/GFPGANv1.3.pth", f"{PAPER}/GFPGANv1.3.pth"),
                "c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
                348_632_874,
            ),
            File(
                "GFPGANv1.4.pth",
                (f"{GFPGAN}/GFPGANv1.4.pth",),
                "e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
                348_632_874,
            ),
        ),
        telltales={
            "conv_body_first.weight": (32, 3, 1, 1),
            "final_linear.weight": (8192, 4096),
            "stylegan_decoder.constant_input.weight": (1, 512, 4, 4),
            "condition_scale.6.2.weight": (32, 32, 3, 3),
        },
        cost=Cost(once=490, picture=3, most=8),
        build=Builder("restorers.gfpgan", "GFPGAN"),
        loader=RESTORER_LOADER,
    ),
    Network(
        key="gpen",
        title="GPEN-BFR-512",
        role="restores whole faces",
        tip="GPEN: restores whole faces, or the mouth in GFPGAN's place.",
        licence="no licence file",
        stage="restore",
        files=(
            of_the_paper(
                "GPEN-BFR-512.pth", "f1002c41add95b0decad69604d80455576f7187dd99ca16bd611bcfd44c10b51"
            ),
        ),
        telltales={
            "ecd0.0.0.weight": (64, 3, 1, 1),
            "ecd7.0.1.weight": (512, 512, 3, 3),
            "generator.input.input": (1, 512, 4, 4),
            "generator.convs.13.conv.weight": (1, 64, 128, 3, 3),
        },
        cost=Cost(once=560, picture=160, most=4),
        build=Builder("restorers.gpen", "GPEN"),
        loader=RESTORER_LOADER,
    ),
)
