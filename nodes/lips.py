"""Lips that follow the voice: L-Net, E-Net, and the preview that needs no checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from ..retalk_core.dub.options import DubOptions
from ..retalk_core.fields import option_named
from . import host, media, networks, pace, sockets, widgets
from .schema import ADVANCED, BATCH_TIP, node_schema

if TYPE_CHECKING:
    from fractions import Fraction

    from ..retalk_core.stages.lips.base import LipSyncer
    from ..retalk_core.types import FaceTrack, MelWindows


class LipSync(io.ComfyNode):
    """Draw lips that fit the speech."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkLipSync",
            "Draw Lips",
            "lips",
            "Draws small faces whose lips fit the speech, with L-Net or what else was loaded. The upper half "
            "of the faces says how the head is held; the reference says what the person looks like.",
            aliases=["lnet", "wav2lip", "talking head", "mouth", "video retalking", "speech to lips"],
            inputs=[
                io.Image.Input(
                    "faces",
                    tooltip="Crops of the frames from Crop Faces: in the face framing, for PC-AVS in the "
                    "framing pcavs.",
                ),
                io.Image.Input(
                    "reference",
                    tooltip="The same crops with a calm expression, reframed from Neutralise Expression; or "
                    "the crops themselves, for PC-AVS always. One serves for all.",
                ),
                sockets.lips_input("lnet", "From Load Lip Sync Network, or Load L-Net."),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
                sockets.MelWindows.Input(
                    "mel_windows",
                    optional=True,
                    tooltip="What is said in each frame, from Audio to Mel, as L-Net and Wav2Lip hear it. "
                    "Without it, connect the voice.",
                ),
                io.Audio.Input(
                    "voice",
                    optional=True,
                    tooltip="What shall be said, from Fit Length: the network hears it in its own way. It "
                    "counts where no mel windows are connected.",
                ),
                sockets.FaceTrack.Input(
                    "face_track",
                    optional=True,
                    tooltip="Its frames' exact times are used in place of 'fps'.",
                ),
                io.Float.Input(
                    "fps",
                    optional=True,
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the faces, where the voice is connected and no face track.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="synced",
                    tooltip="Faces of 96 pixels, for Enhance Identity or Paste Back; PC-AVS' heads have 224.",
                )
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        faces: Tensor,
        reference: Tensor,
        lnet: networks.HostedLips | networks.HostedNetwork,
        batch_size: int,
        mel_windows: MelWindows | None = None,
        voice: media.Audio | None = None,
        face_track: FaceTrack | None = None,
        fps: float = 25.0,
    ) -> io.NodeOutput:
        from ..retalk_core.stages.lips.syncers import SYNCERS

        lips = networks.as_lips(lnet)
        syncer = SYNCERS[lips.word]
        if mel_windows is not None:
            windows = _given_windows(syncer, mel_windows)
        else:
            count = max(len(faces), len(reference))
            times = face_track.times if face_track is not None else _times(count, media.exact_rate(fps))
            windows = _cut_windows(syncer, voice, times)
        media.same_count(mel_windows=windows, faces=faces, reference=reference)
        with networks.running(*lips.networks) as (*running, progress):
            synced = syncer.sync(
                dict(zip((each.key for each in lips.networks), running, strict=True)),
                media.pictures(faces, "faces"),
                media.pictures(reference, "reference"),
                windows,
                batch_size=min(networks.batch_size(each, batch_size) for each in lips.networks),
                progress=progress,
            )
        return io.NodeOutput(media.image(synced))


def _times(count: int, rate: Fraction) -> tuple[Fraction, ...]:
    return tuple(i / rate for i in range(count))


def _given_windows(syncer: LipSyncer, given: MelWindows) -> Tensor:
    """Windows of speech that were cut elsewhere. Raises InputError where the network hears otherwise."""
    from ..retalk_core.errors import InputError
    from ..retalk_core.stages.lips.half_face import MEL

    if syncer.wants.speech != MEL:
        raise InputError(
            f"mel_windows holds what L-Net and Wav2Lip hear, and {syncer.wants.title} hears speech in its "
            "own way: take that wire away and connect the voice."
        )
    return given.windows


def _cut_windows(syncer: LipSyncer, voice: media.Audio | None, times: Sequence[Fraction]) -> Tensor:
    """The speech that goes with frames at T times. Raises InputError without a voice."""
    from ..retalk_core.errors import InputError
    from ..retalk_core.media.sound import read_mono
    from ..retalk_core.stages.speech import SAMPLE_RATE

    if voice is None:
        raise InputError("Nothing says what is spoken: connect mel_windows, or the voice.")
    samples = read_mono(media.sound(voice), SAMPLE_RATE)
    return syncer.windows(syncer.spectrogram(samples), times)


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
                io.Image.Input("synced", tooltip="Faces from Draw Lips."),
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
