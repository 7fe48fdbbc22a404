"""Tells which network a file of weights belongs to, by a few tensors that no other network has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

TITLES = {
    "face3d": "3DMM regressor",
    "dnet": "D-Net",
    "lnet": "L-Net",
    "enet": "E-Net",
    "ganimation": "GANimation",
    "parsenet": "ParseNet",
    "bisenet": "BiSeNet",
    "gfpgan": "GFPGAN",
    "gpen": "GPEN-BFR-512",
    "retinaface": "RetinaFace (ResNet-50)",
    "s3fd": "S3FD",
    # not ours: known only to say what was given
    "retinaface_mobilenet": "RetinaFace (MobileNet)",
    "alignment": "facexlib's landmark network",
    "syncnet": "SyncNet",
    "wav2lip_expert": "the lip-sync expert of Wav2Lip",
}

# Names as the official files have them, with the shapes. Spectrally normalised weights are left out:
# folding renames them.
TELLTALES: dict[str, dict[str, tuple[int, ...]]] = {
    "face3d": {
        "backbone.conv1.weight": (64, 3, 7, 7),
        "final_layers.0.weight": (80, 2048, 1, 1),
        "final_layers.4.weight": (27, 2048, 1, 1),
        "final_layers.6.bias": (1,),
    },
    "dnet": {
        "mapping_net.first.0.weight": (256, 73, 7),
        "warpping_net.flow_out.2.weight": (2, 256, 7, 7),
        "editing_net.encoder.first.model.0.weight": (64, 6, 7, 7),
        "editing_net.decoder.final.model.0.weight": (3, 64, 7, 7),
    },
    "lnet": {
        "audio_encoder.0.conv_block.0.weight": (32, 1, 3, 3),
        "encoder.ca2.layers.0.0.fn.to_q.weight": (256, 512),
        "decoder.res0.res0.conv1.ffc.convl2l.weight": (32, 32, 3, 3),
        "decoder.final.model.0.bias": (3,),
    },
    "enet": {
        "conv_body_first.weight": (256, 3, 1, 1),
        "final_linear.weight": (512, 8192),
        "style_convs.0.modulated_conv.weight": (1, 256, 3, 3, 3),
        "to_rgbs.1.modulated_conv.weight": (1, 3, 128, 1, 1),
    },
    "ganimation": {
        "model.0.weight": (64, 20, 7, 7),
        "model.9.conv_block.0.weight": (256, 256, 3, 3),
        "color_top.0.weight": (3, 64, 7, 7),
        "au_top.0.weight": (1, 64, 7, 7),
    },
    "parsenet": {
        "encoder.0.conv2d.weight": (64, 3, 3, 3),
        "body.9.conv2.norm.norm.weight": (256,),
        "out_img_conv.conv2d.weight": (3, 64, 3, 3),
        "out_mask_conv.conv2d.weight": (19, 64, 3, 3),
    },
    "bisenet": {
        "cp.resnet.conv1.weight": (64, 3, 7, 7),
        "cp.arm16.conv.conv.weight": (128, 256, 3, 3),
        "ffm.convblk.conv.weight": (256, 256, 1, 1),
        "conv_out.conv_out.weight": (19, 256, 1, 1),
    },
    "gfpgan": {
        "conv_body_first.weight": (32, 3, 1, 1),
        "final_linear.weight": (8192, 4096),
        "stylegan_decoder.constant_input.weight": (1, 512, 4, 4),
        "condition_scale.6.2.weight": (32, 32, 3, 3),
    },
    "gpen": {
        "ecd0.0.0.weight": (64, 3, 1, 1),
        "ecd7.0.1.weight": (512, 512, 3, 3),
        "generator.input.input": (1, 512, 4, 4),
        "generator.convs.13.conv.weight": (1, 64, 128, 3, 3),
    },
    "retinaface": {
        "body.conv1.weight": (64, 3, 7, 7),
        "fpn.output1.0.weight": (256, 512, 1, 1),
        "BboxHead.0.conv1x1.weight": (8, 256, 1, 1),
        "LandmarkHead.2.conv1x1.weight": (20, 256, 1, 1),
    },
    "s3fd": {
        "conv1_1.weight": (64, 3, 3, 3),
        "fc6.weight": (1024, 512, 3, 3),
        "conv3_3_norm.weight": (256,),
        "conv7_2_mbox_loc.weight": (4, 256, 3, 3),
    },
    "retinaface_mobilenet": {
        "body.stage1.0.0.weight": (8, 3, 3, 3),
        "fpn.output1.0.weight": (64, 64, 1, 1),
        "BboxHead.0.conv1x1.weight": (8, 64, 1, 1),
        "LandmarkHead.2.conv1x1.weight": (20, 64, 1, 1),
    },
}
ENOUGH = 0.5  # of a network's telltales; the file may be incomplete


def recognise(contents: Mapping[str, Any]) -> str | None:
    """Name the network whose tensors these are, wrapped in a container or not; None for a stranger."""
    wrapped = [part for part in contents.values() if isinstance(part, Mapping)]
    best, found = 0.0, None
    for part in (contents, *wrapped):
        shapes = {
            str(key).replace("module.", ""): tuple(value.shape)
            for key, value in part.items()
            if isinstance(value, Tensor)
        }
        for name, telltales in TELLTALES.items():
            share = sum(shapes.get(key) == shape for key, shape in telltales.items()) / len(telltales)
            if share > best:
                best, found = share, name
    return found if best >= ENOUGH else None


def title(name: str) -> str:
    """What a network is called in a sentence; a name we don't know stays as it is."""
    return TITLES.get(name, name)
