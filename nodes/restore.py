"""Restore the detail of faces, and mark their parts."""

from __future__ import annotations

from typing import ClassVar

import torch
from comfy_api.latest import io
from torch import Tensor

from . import host, media, networks, sockets
from .schema import ADVANCED, BATCH_TIP, meant, node_schema


class ParseFace(io.ComfyNode):
    """Mark parts of faces."""

    REGIONS: ClassVar[dict[str, tuple[str, ...]]] = {  # what the widget offers, and the parser's words for it
        "mouth": ("mouth", "upper lip", "lower lip"),
        "skin": ("skin", "nose"),
        "face": (
            *("skin", "nose", "mouth", "upper lip", "lower lip"),
            *("left eye", "right eye", "left brow", "right brow"),
        ),
        "eyes and brows": ("left eye", "right eye", "left brow", "right brow"),
        "teeth and tongue": ("mouth",),
    }

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkParseFace",
            "Parse Face",
            "restore",
            "Marks a part of every face, such as the mouth, as a soft mask in the crop.",
            aliases=["face parsing", "segmentation", "mouth mask", "bisenet", "parsenet"],
            inputs=[
                io.Image.Input("faces", tooltip="Aligned crops in the ffhq or gpen framing, of any size."),
                sockets.Parser.Input("parser", tooltip="From Load Face Parser."),
                io.Combo.Input(
                    "region", options=list(cls.REGIONS), default="mouth", tooltip="What is white in the mask."
                ),
                io.Float.Input(
                    "soften",
                    default=0.02,
                    min=0.0,
                    max=0.25,
                    step=0.005,
                    tooltip="How far the mask's edge reaches to either side, as a share of the crop's side.",
                ),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="One mask for each face, of its size.")],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, faces: Tensor, parser: networks.HostedNetwork, region: str, soften: float, batch_size: int
    ) -> io.NodeOutput:
        from ..retalk_core.stages.restore import parse_regions

        with networks.running(parser) as (network, progress):
            marked = parse_regions(
                network,
                media.pictures(faces, "faces"),
                meant(region, cls.REGIONS),
                soften=soften,
                batch_size=networks.batch_size(parser, batch_size),
                progress=progress,
            )
        return io.NodeOutput(media.mask(marked))


class RestoreFace(io.ComfyNode):
    """Restore aligned faces with GFPGAN or GPEN."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkRestoreFace",
            "Restore Face",
            "restore",
            "Gives aligned faces back the detail that small or blurred ones lack, at 512 pixels. GFPGAN "
            "wants the ffhq framing, GPEN the gpen framing.",
            aliases=["gfpgan", "gpen", "face restoration", "sharpen face", "codeformer"],
            inputs=[
                io.Image.Input("faces", tooltip="Crops in the framing of the restorer: ffhq or gpen."),
                sockets.Restorer.Input("restorer", tooltip="From Load Face Restorer."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How far from the given face to the restored one.",
                ),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White where the restored face shows, drawn in the crop. Without it: everywhere.",
                ),
            ],
            outputs=[io.Image.Output(display_name="faces", tooltip="Faces of 512 pixels.")],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        faces: Tensor,
        restorer: networks.HostedNetwork,
        strength: float,
        batch_size: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..retalk_core.images import resize
        from ..retalk_core.stages.restore import restore_faces

        given = media.pictures(faces, "faces")
        with networks.running(restorer) as (network, progress):
            restored = restore_faces(
                network,
                given,
                strength=strength,
                batch_size=networks.batch_size(restorer, batch_size),
                progress=progress,
            )
        if mask is not None:
            where = media.masks(mask, restored.shape[1:3])
            media.same_count(faces=given, mask=where)
            restored = torch.lerp(resize(given, restored.shape[1]), restored, where[..., None])
        return io.NodeOutput(media.image(restored))
