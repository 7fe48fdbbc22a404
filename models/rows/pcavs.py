"""PC-AVS' four networks, which draw heads together in the place of L-Net."""

from __future__ import annotations

from functools import partial

from ..network import Builder, Cost, Entry, File, Network

LICENCE = "code CC BY 4.0, of the weights nothing stated (trained on VoxCeleb2)"
UNKNOWN = "from demo.zip; no size and no hash is published"

_one_of_four = partial(Network, licence=LICENCE, stage="lips", word="pcavs")

PCAVS: tuple[Entry, ...] = (
    _one_of_four(
        key="pcavs_v",
        title="PC-AVS' identity (V)",
        role="says who somebody is, for PC-AVS in the place of L-Net",
        files=(File("latest_net_V.pth", known=f"about 152 MB, {UNKNOWN}"),),
        telltales={
            "model.layer1.0.conv2.weight": (128, 4, 3, 3),
            "model.layer4.2.conv3.weight": (2048, 1024, 1, 1),
            "conv1x1.weight": (512, 2048, 1, 1),
        },
        cost=Cost(once=40, picture=21, most=2),
        build=Builder("lips.pcavs_faces", "PCAVSIdentity", "IDENTITY_LAYOUT", "identity_sample"),
    ),
    _one_of_four(
        key="pcavs_e",
        title="PC-AVS' head pose (E)",
        role="says how the head is held, for PC-AVS in the place of L-Net",
        files=(File("latest_net_E.pth", known=f"about 57 MB, {UNKNOWN}"),),
        telltales={
            "model.m0.b2_plus_1.conv1.weight": (128, 256, 3, 3),
            "headpose_embed.1.weight": (12, 512),
            "mouth_embed.1.weight": (500, 512),
        },
        cost=Cost(once=35, picture=37, most=1),
        build=Builder("lips.pcavs_faces", "PCAVSPose", "POSE_LAYOUT", "pose_sample"),
    ),
    _one_of_four(
        key="pcavs_a_sync",
        title="PC-AVS' speech (A)",
        role="listens, for PC-AVS in the place of L-Net",
        files=(File("latest_net_A_sync.pth", known=f"about 41 MB, {UNKNOWN}"),),
        telltales={
            "model.conv1.weight": (32, 1, 3, 3),
            "model.layer1.0.se.fc.0.weight": (4, 32),
            "model.attention.0.weight": (128, 2560, 1),
        },
        cost=Cost(once=10, picture=4, most=4),
        build=Builder("lips.pcavs_speech", "PCAVSSpeech"),
    ),
    _one_of_four(
        key="pcavs_g",
        title="PC-AVS' generator (G)",
        role="draws heads, for PC-AVS in the place of L-Net",
        files=(File("latest_net_G.pth", known=f"about 359 MB, {UNKNOWN}"),),
        telltales={
            "conv1.conv.modulation.weight": (512, 2560),
            "convs.9.conv.weight": (1, 128, 128, 3, 3),
            "to_rgbs.4.conv.weight": (1, 3, 128, 1, 1),
        },
        cost=Cost(once=95, picture=115, most=1),
        build=Builder("lips.pcavs_draw", "PCAVSGenerator"),
    ),
)
