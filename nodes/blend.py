"""Put pictures into pictures: seamless for any two, and face crops back into their frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from comfy_api.latest import io
from torch import Tensor

from . import host, media, sockets
from .schema import meant, node_schema

if TYPE_CHECKING:
    from ..retalk_core.types import FaceCrops


LEVELS_TIP = (
    "Levels of the pyramid: the more, the wider shading is blended. 0: what fits the mask, at most 6. 1: "
    "plain blending under the mask."
)
COLOUR_TIP = (
    "How far the colour of what is pasted follows its surroundings near the mask's edge, from 0 (not at all) "
    "to 1."
)


class LaplacianBlend(io.ComfyNode):
    """Blend any two pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkLaplacianBlend",
            "Laplacian Blend",
            "blend",
            "Blends a layer into a base under a mask without a seam: shading over a wide transition, detail "
            "over a narrow one. Outside the mask the base stays exact, bit for bit. For any pictures.",
            aliases=["pyramid blend", "seamless", "composite", "multi-band blending", "poisson"],
            inputs=[
                io.Image.Input("base", tooltip="The picture below. One picture serves for many layers."),
                io.Image.Input(
                    "layer", tooltip="The picture that shows inside the mask, of the base's size."
                ),
                io.Mask.Input("mask", tooltip="White where the layer shows; any size, one or one for each."),
                io.Int.Input("levels", default=0, min=0, max=6, tooltip=LEVELS_TIP),
                io.Float.Input("colour_match", default=0.0, min=0.0, max=1.0, step=0.05, tooltip=COLOUR_TIP),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The blended pictures."),
                io.Mask.Output(
                    display_name="support",
                    tooltip="1 where pixels may have changed; 0 where they are the base's.",
                ),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, base: Tensor, layer: Tensor, mask: Tensor, levels: int, colour_match: float
    ) -> io.NodeOutput:
        from ..retalk_core.crops.blend import laplacian_blend
        from ..retalk_core.errors import InputError

        under, over = media.pictures(base, "base"), media.pictures(layer, "layer")
        if under.shape[1:3] != over.shape[1:3]:
            sizes = [f"{picture.shape[2]}x{picture.shape[1]}" for picture in (under, over)]
            raise InputError(
                f"The base is {sizes[0]} and the layer {sizes[1]}. Scale one to the other's size."
            )
        where = media.masks(mask, under.shape[1:3])
        count = media.same_count(base=under, layer=over, mask=where)
        progress = host.Bar()()
        images, support = [], []
        for i in range(count):
            own = [given[i if len(given) > 1 else 0][None] for given in (under, over, where)]
            blended = laplacian_blend(*own, levels=levels or None, colour_match=colour_match)
            images.append(blended.images)
            support.append(blended.support)
            progress(i + 1, count)
        return io.NodeOutput(media.image(torch.cat(images)), media.mask(torch.cat(support)))


class PasteBack(io.ComfyNode):
    """Put face crops back into their frames."""

    # Whether the upper face stays; None: the outline doesn't count
    REGIONS: ClassVar[dict[str, bool | None]] = {
        "lower face": True,
        "whole face": False,
        "whole crop": None,
    }

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkPasteBack",
            "Paste Back",
            "blend",
            "Blends face crops back into their frames at the frames' own resolution. Outside the support the "
            "frames stay exact, bit for bit; frames without a face stay as they are.",
            aliases=["composite face", "uncrop", "stitch", "insert face"],
            inputs=[
                io.Image.Input("frames", tooltip="The frames to paste into; the tracked ones, at any size."),
                io.Image.Input("faces", tooltip="What to paste: one crop for each frame, of any size."),
                sockets.FaceCrops.Input("face_crops", tooltip="Where the crops come from, from Crop Faces."),
                io.Combo.Input(
                    "region",
                    options=list(cls.REGIONS),
                    default="lower face",
                    tooltip="What of the crop shows where no mask is connected. lower face: inside the "
                    "face's outline, below a soft seam across the cheeks, so that eyes, brows and all beside "
                    "the face stay the frame's own; for the framing 'face' · whole face: inside the outline "
                    "· whole crop: all of it, soft at its borders.",
                ),
                io.Int.Input("levels", default=0, min=0, max=6, tooltip=LEVELS_TIP),
                io.Float.Input("colour_match", default=1.0, min=0.0, max=1.0, step=0.05, tooltip=COLOUR_TIP),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White where the crop shows, drawn in the crop: one, or one for each frame. It "
                    "takes the place of 'region'.",
                ),
                io.Mask.Input(
                    "protect",
                    optional=True,
                    tooltip="White where the frame must stay as it is, such as a hand or a microphone; drawn "
                    "in the frame: one, or one for each.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="The frames with the faces in them."),
                io.Mask.Output(
                    display_name="support",
                    tooltip="1 where pixels may have changed; 0 where they are as given.",
                ),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        frames: Tensor,
        faces: Tensor,
        face_crops: FaceCrops,
        region: str,
        levels: int,
        colour_match: float,
        mask: Tensor | None = None,
        protect: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..retalk_core.crops.masks import face_masks, seam_mask
        from ..retalk_core.crops.paste import paste_back

        count = media.same_count(frames=frames, faces=faces, face_crops=face_crops)
        crops = media.pictures(faces, "faces").expand(count, -1, -1, -1)
        side, keep_upper = crops.shape[1], meant(region, cls.REGIONS)
        where = seam_mask(side, keep_upper=False)[None]
        if keep_upper is not None:
            where = face_masks(face_crops, side, keep_upper=keep_upper)
        if mask is not None:
            where = media.masks(mask, crops.shape[1:3])
        kept = None if protect is None else media.masks(protect)
        media.same_count(frames=frames, mask=where, **({} if kept is None else {"protect": kept}))
        pasted = paste_back(
            media.pictures(frames, "frames"),
            crops,
            face_crops,
            where,
            protect=kept,
            levels=levels or None,
            colour_match=colour_match,
            progress=host.Bar()(),
        )
        return io.NodeOutput(media.image(pasted.images), media.mask(pasted.support))
