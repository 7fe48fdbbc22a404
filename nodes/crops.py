"""Cut faces out for the stages that want them so, and bring them to the framing of the next."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from . import host, media, sockets
from .schema import node_schema

if TYPE_CHECKING:
    from ..retalk_core.types import FaceCrops, FaceTrack


FRAMINGS = ("face", "portrait", "ffhq", "gpen", "mouth", "pcavs")


class CropFaces(io.ComfyNode):
    """Cut a followed face out."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkCropFaces",
            "Crop Faces",
            "faces",
            "Cuts the face out of every frame, in the framing that a later stage was trained on. The crops "
            "are plain IMAGEs: other nodes, an upscaler for instance, fit in between.",
            aliases=["face crop", "align face", "extract face", "ffhq"],
            inputs=[
                io.Image.Input(
                    "images", tooltip="The frames that were tracked, or the same ones at another size."
                ),
                sockets.FaceTrack.Input("face_track", tooltip="From Detect Faces."),
                io.Combo.Input(
                    "framing",
                    options=list(FRAMINGS),
                    default="face",
                    tooltip="face: for L-Net, E-Net and GANimation · portrait: one fixed box for each shot, "
                    "for Fit 3DMM and D-Net · ffhq: for GFPGAN · gpen: for GPEN · mouth: a square around "
                    "the lips · pcavs: for PC-AVS.",
                ),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=4096,
                    step=16,
                    tooltip="Side of the crops in pixels. 0: what the framing's network was trained with, "
                    "224 to 512.",
                ),
                io.Boolean.Input(
                    "plain",
                    default=False,
                    optional=True,
                    tooltip="Without averaging, as Wav2Lip and LipGAN are shown their faces by their own "
                    "programs: for those, with a size of 96. Heads for PC-AVS are always cut so.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="faces", tooltip="Square crops, one for each frame."),
                sockets.FaceCrops.Output(
                    display_name="face_crops",
                    tooltip="Where they came from, for Paste Back and Reframe Faces.",
                ),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, images: Tensor, face_track: FaceTrack, framing: str, size: int, plain: bool = False
    ) -> io.NodeOutput:
        from ..retalk_core.crops.cut import crop_faces
        from ..retalk_core.crops.framing import frame_faces

        media.same_count(images=images, face_track=face_track)
        crops = frame_faces(face_track, framing)
        plain = plain or framing == "pcavs"
        faces = crop_faces(media.pictures(images), crops, size or None, host.Bar()(), plain=plain)
        return io.NodeOutput(media.image(faces), crops)


class ReframeFaces(io.ComfyNode):
    """Bring crops to another framing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkReframeFaces",
            "Reframe Faces",
            "faces",
            "Brings face crops from one framing to another, such as D-Net's portraits to the faces that "
            "L-Net wants, in one resampling. What the crops don't cover comes from the base.",
            aliases=["warp crop", "convert crop", "align"],
            inputs=[
                io.Image.Input("faces", tooltip="Crops in the framing they come from, of any size."),
                sockets.FaceCrops.Input("crops_from", tooltip="Where they came from, from Crop Faces."),
                sockets.FaceCrops.Input("crops_to", tooltip="The wanted framing, from another Crop Faces."),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=4096,
                    step=16,
                    tooltip="Side of the result in pixels. 0: what the framing's network was trained with.",
                ),
                io.Image.Input(
                    "base",
                    optional=True,
                    tooltip="Crops in the wanted framing, for what the faces don't cover. Without it their "
                    "edge is repeated there.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Drawn in the given crops, by Parse Face for instance: it is brought along. One, "
                    "or one for each face.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="faces", tooltip="The same faces in the wanted framing."),
                io.Mask.Output(display_name="covered", tooltip="Where the given faces cover the result."),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="The mask in the wanted framing, black where the crops didn't reach. Without a "
                    "mask: what the faces cover.",
                ),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        faces: Tensor,
        crops_from: FaceCrops,
        crops_to: FaceCrops,
        size: int,
        base: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..retalk_core.crops.cut import reframe, reframe_masks

        drawn = None if mask is None else media.masks(mask)
        given: dict[str, Sized | None] = {"faces": faces, "crops_from": crops_from, "crops_to": crops_to}
        given |= {"base": base, "mask": drawn}
        count = media.same_count(**{name: each for name, each in given.items() if each is not None})
        below = None if base is None else media.pictures(base, "base").expand(count, -1, -1, -1)
        reframed, covered = reframe(
            media.pictures(faces, "faces"), crops_from, crops_to, side=size or None, base=below
        )
        moved = covered if drawn is None else reframe_masks(drawn, crops_from, crops_to, side=size or None)
        return io.NodeOutput(media.image(reframed), media.mask(covered), media.mask(moved))
