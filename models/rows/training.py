"""Networks that others learn from."""

from __future__ import annotations

from ..network import Builder, Cost, Entry, File, Network
from .sources import TRAINED_ON_LRS2

TRAINING: tuple[Entry, ...] = (
    Network(
        key="sync_expert",
        title="Sync expert (Wav2Lip)",
        role="teaches L-Net and E-Net whether lips and speech belong together",
        licence=TRAINED_ON_LRS2,
        stage="judge",
        files=(
            File(
                "lipsync_expert.pth",
                sha256="9b9936c721696446eeed353032cab242a8cf0eed8c46cde540366f6ae5493be5",
                size=197_357_631,
            ),
        ),
        telltales={
            "face_encoder.0.conv_block.0.weight": (32, 15, 7, 7),
            "face_encoder.16.conv_block.0.weight": (512, 512, 1, 1),
            "audio_encoder.13.conv_block.0.weight": (512, 512, 1, 1),
        },
        cost=Cost(once=50, picture=15, most=8),
        measures=True,
        build=Builder("training.sync_expert", "SyncExpert"),
    ),
    Network(
        key="vgg19",
        title="VGG19",
        role="teaches what is drawn to look like what it should",
        licence="BSD-3-Clause (torchvision)",
        stage="judge",
        files=(File("vgg19-dcbb9e9d.pth", ("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",)),),
        telltales={
            "features.0.weight": (64, 3, 3, 3),
            "features.28.weight": (512, 512, 3, 3),
            "features.34.weight": (512, 512, 3, 3),
        },
        cost=Cost(once=50, picture=15, most=8),
        measures=True,
        build=Builder("training.vgg", "Vgg19"),
    ),
)
