"""Networks that judge results."""

from __future__ import annotations

from ..network import Builder, Cost, Entry, File, Network
from .sources import FACEXLIB

JUDGES: tuple[Entry, ...] = (
    Network(
        key="syncnet",
        title="SyncNet",
        role="judges whether lips and speech belong together",
        licence="none stated (University of Oxford; code MIT)",
        stage="judge",
        files=(
            File(
                "syncnet_v2.model",
                (
                    "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
                    "https://huggingface.co/chunyu-li/LatentSync/resolve/main/auxiliary/syncnet_v2.model",
                ),
                "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
                54_573_114,
            ),
        ),
        telltales={
            "netcnnlip.0.weight": (96, 3, 5, 7, 7),
            "netcnnaud.18.weight": (512, 256, 5, 4),
            "netfclip.3.weight": (1024, 512),
        },
        cost=Cost(once=35, picture=10, most=8),
        measures=True,
        build=Builder("judges.syncnet", "SyncNet"),
    ),
    Network(
        key="inception",
        title="Inception v3 (2015)",
        role="reads the features that FID and KID compare",
        licence="Apache-2.0 (TensorFlow)",
        stage="judge",
        files=(
            File(
                "pt_inception-2015-12-05-6726825d.pth",
                (
                    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
                    "pt_inception-2015-12-05-6726825d.pth",
                ),
                "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
                95_628_359,
                also=("weights-inception-2015-12-05-6726825d.pth",),
            ),
        ),
        telltales={
            "Mixed_5b.branch_pool.conv.weight": (32, 192, 1, 1),
            "Mixed_7c.branch_pool.conv.weight": (192, 2048, 1, 1),
            "fc.weight": (1008, 2048),
        },
        cost=Cost(once=20, picture=20, most=8),
        measures=True,
        build=Builder("judges.inception", "Inception"),
    ),
    Network(
        key="arcface",
        title="ArcFace (IR-SE-50)",
        role="tells whether two faces are the same person's",
        licence="MIT (facexlib)",
        stage="judge",
        files=(
            File(
                "recognition_arcface_ir_se50.pth",
                (f"{FACEXLIB}/v0.1.0/recognition_arcface_ir_se50.pth",),
            ),
        ),
        telltales={
            "input_layer.0.weight": (64, 3, 3, 3),
            "body.0.res_layer.5.fc1.weight": (4, 64, 1, 1),
            "output_layer.3.weight": (512, 25088),
        },
        cost=Cost(once=25, picture=18, most=8),
        measures=True,
        build=Builder("judges.arcface", "ArcFace"),
    ),
    Network(
        key="lpips",
        title="LPIPS (AlexNet)",
        role="tells how different two pictures look",
        licence="BSD-3-Clause (torchvision)",
        stage="judge",
        files=(
            File(
                "alexnet-owt-7be5be79.pth",
                ("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
            ),
        ),
        telltales={
            "features.0.weight": (64, 3, 11, 11),
            "features.3.weight": (192, 64, 5, 5),
            "features.6.weight": (384, 192, 3, 3),
        },
        cost=Cost(once=20, picture=2, most=8),
        measures=True,
        build=Builder("judges.lpips", "Lpips"),
    ),
)
