"""Lips that follow the voice: L-Net, E-Net, and the preview that needs no checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from ..retalk_core.dub.options import DubOptions
from ..retalk_core.fields import option_named
from . import host, media, networks, pace, sockets, widgets
from .schema import ADVANCED, BATCH_TIP, node_schema

if TYPE_CHECKING:
    from ..retalk_core.types import FaceTrack, MelWindows


class LipSync(io.ComfyNode):
    """Draw lips that fit the speech with L-Net."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkLipSync",
            "Draw Lips (L-Net)",
            "lips",
            "Draws small faces, 96 pixels wide, whose lips fit the speech. The upper half of the faces says "
            "how the head is held; the reference says what the person looks like.",
            aliases=["lnet", "talking head", "mouth", "video retalking", "speech to lips"],
            inputs=[
                io.Image.Input("faces", tooltip="Crops of the frames in the face framing, from Crop Faces."),
                io.Image.Input(
                    "reference",
                    tooltip="The same crops with a calm expression, reframed from Neutralise Expression; or "
                    "the crops themselves. One serves for all.",
                ),
                sockets.MelWindows.Input(
                    "mel_windows", tooltip="What is said in each frame, from Audio to Mel."
                ),
                sockets.LNet.Input("lnet", tooltip="From Load L-Net."),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
            ],
            outputs=[
                io.Image.Output(display_name="synced", tooltip="Faces of 96 pixels, for Enhance Identity.")
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        faces: Tensor,
        reference: Tensor,
        mel_windows: MelWindows,
        lnet: networks.HostedNetwork,
        batch_size: int,
    ) -> io.NodeOutput:
        from ..retalk_core.stages.lips.lnet import sync_lips

        media.same_count(mel_windows=mel_windows.windows, faces=faces, reference=reference)
        with networks.running(lnet) as (network, progress):
            synced = sync_lips(
                network,
                media.pictures(faces, "faces"),
                media.pictures(reference, "reference"),
                mel_windows.windows,
                batch_size=networks.batch_size(lnet, batch_size),
                progress=progress,
            )
        return io.NodeOutput(media.image(synced))


class EnhanceIdentity(io.ComfyNode):
    """Redraw synced faces sharply with E-Net."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkEnhanceIdentity",
            "Enhance Identity (E-Net)",
            "lips",
            "Redraws L-Net's small faces at 384 pixels with the looks of the reference. What comes out has "
            "the place and framing of the face crops: paste it back with those.",
            aliases=["upscale face", "enhance", "super resolution", "identity"],
            inputs=[
                io.Image.Input("synced", tooltip="Faces from Draw Lips (L-Net)."),
                io.Image.Input(
                    "reference", tooltip="The same reference as for Draw Lips. One serves for all."
                ),
                sockets.ENet.Input("enet", tooltip="From Load E-Net."),
                io.Int.Input(
                    "seed",
                    default=-1,
                    min=-1,
                    max=2**31 - 1,
                    control_after_generate=False,  # else the editor changes a seed after each run
                    tooltip="Of the fine noise that E-Net can add to skin, the same in every frame. -1: no "
                    "noise.",
                ),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
            ],
            outputs=[io.Image.Output(display_name="faces", tooltip="Faces of 384 pixels, for Paste Back.")],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, synced: Tensor, reference: Tensor, enet: networks.HostedNetwork, seed: int, batch_size: int
    ) -> io.NodeOutput:
        from ..retalk_core.stages.lips.enet import enhance_identity

        media.same_count(synced=synced, reference=reference)
        with networks.running(enet) as (network, progress):
            faces = enhance_identity(
                network,
                media.pictures(synced, "synced"),
                media.pictures(reference, "reference"),
                seed=None if seed < 0 else seed,
                batch_size=networks.batch_size(enet, batch_size),
                progress=progress,
            )
        return io.NodeOutput(media.image(faces))


class LipSyncPreview(io.ComfyNode):
    """Move the lips without any checkpoint."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkLipSyncPreview",
            "Draw Lips (preview, no checkpoint)",
            "lips",
            "Moves the lips to a voice without any checkpoint: the clip's own mouth pictures, warped to what "
            "is said. Quick and rough, a preview for those who have no weights yet.",
            aliases=["no model", "embedded", "quick", "mouth"],
            inputs=[
                io.Image.Input("images", tooltip="The frames, as many as shall be shown: from Fit Length."),
                sockets.FaceTrack.Input("face_track", tooltip="Of these frames, from Detect Faces."),
                io.Audio.Input("voice", tooltip="What shall be said, from Fit Length."),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the images, from Fit Length.",
                ),
                *(widgets.widget_of(option_named(DubOptions, name)) for name in ("transcript", "language")),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames with moved lips."),
                io.Mask.Output(
                    display_name="support", tooltip="1 where pixels may have changed; 0 where they are exact."
                ),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        images: Tensor,
        face_track: FaceTrack,
        voice: media.Audio,
        fps: float,
        transcript: str = "",
        language: str = "auto",
    ) -> io.NodeOutput:
        from ..retalk_core.dub.frames import dub_pictures

        media.same_count(images=images, face_track=face_track)
        dubbed = dub_pictures(
            media.pictures(images, "images"),
            media.exact_rate(fps),
            media.sound(voice),
            DubOptions(
                engine="embedded",
                track=face_track,
                longer="cut_voice",
                transcript=transcript,
                language=language,
            ),
            networks.HostNetworks(),
            host.Bar(pace.shares_of(pace.PREVIEW)),
            host.stop_if_asked,
        )
        return io.NodeOutput(media.image(dubbed.images), media.mask(dubbed.support))
