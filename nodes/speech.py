"""The voice: how long it is beside the picture, and what L-Net hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ..retalk_core.dub.options import DubOptions
from ..retalk_core.fields import option_named
from . import host, media, sockets
from .schema import node_schema
from .widgets import widget_of

if TYPE_CHECKING:
    from ..retalk_core.types import FaceTrack


class FitLength(io.ComfyNode):
    """Decide how long picture and voice are."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkFitLength",
            "Fit Length",
            "speech",
            "Makes the frames as many as the voice needs. It is the only place of a graph where lengths are "
            "decided: put it before Detect Faces, and all later stages agree.",
            aliases=["audio length", "loop video", "bounce", "trim", "duration", "ping pong"],
            inputs=[
                io.Image.Input(
                    "images", tooltip="The clip's frames. A single picture is shown all the time."
                ),
                io.Audio.Input("voice", tooltip="What shall be said."),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the images. Wire it from the node that loaded them.",
                ),
                widget_of(option_named(DubOptions, "longer")),
                widget_of(option_named(DubOptions, "shorter")),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="As many frames as are shown."),
                io.Audio.Output(display_name="voice", tooltip="The voice, cut where the picture ends."),
                io.Int.Output(display_name="frames", tooltip="How many frames there are, for Audio to Mel."),
                io.Float.Output(
                    display_name="fps", tooltip="Frames per second from here on; stretching makes them fewer."
                ),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, images: Tensor, voice: media.Audio, fps: float, voice_longer: str, voice_shorter: str
    ) -> io.NodeOutput:
        from fractions import Fraction

        from ..retalk_core.dub.timeline import plan_timeline

        rate, sound = media.exact_rate(fps), media.sound(voice)
        count = len(media.pictures(images, "images"))
        timeline = plan_timeline(
            tuple(i / rate for i in range(count)),
            count / rate,
            rate,
            Fraction(sound.samples.shape[1], sound.rate),
            longer=voice_longer,  # type: ignore[arg-type]  # refused there if unknown
            shorter=voice_shorter,  # type: ignore[arg-type]
            constant_rate=rate if count == 1 else None,
            still=count == 1,
        )
        shown = images
        if timeline.source != tuple(range(count)):
            shown = images[torch.tensor(timeline.source, device=images.device)]
        spoken = sound.samples[:, : max(1, round(timeline.voice_end * sound.rate))]
        out_rate = timeline.rate or rate
        return io.NodeOutput(shown, media.audio(spoken, sound.rate), len(timeline), float(out_rate))


class AudioToMel(io.ComfyNode):
    """Turn a voice into what L-Net hears."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkAudioToMel",
            "Audio to Mel",
            "speech",
            "Cuts the voice into one window of mel spectrogram, 0.2 seconds of sound, for each frame: what "
            "L-Net listens to. Any sample rate, mono or stereo.",
            aliases=["spectrogram", "mel", "audio features", "speech"],
            inputs=[
                io.Audio.Input("voice", tooltip="What shall be said: the voice alone, without music."),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=10_000_000,
                    tooltip="How many frames there are, from Fit Length. 0: as many as the voice is long.",
                ),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the picture. Not used where a face track is connected.",
                ),
                sockets.FaceTrack.Input(
                    "face_track",
                    optional=True,
                    tooltip="Its frames' exact times are used in place of 'frames' and 'fps'.",
                ),
            ],
            outputs=[
                sockets.MelWindows.Output(
                    display_name="mel_windows", tooltip="One window for each frame, for Draw Lips."
                ),
                io.Image.Output(display_name="spectrogram", tooltip="The whole spectrogram, to look at."),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, voice: media.Audio, frames: int, fps: float, face_track: FaceTrack | None = None
    ) -> io.NodeOutput:
        import math

        from ..retalk_core.media.sound import read_mono
        from ..retalk_core.reports.charts import draw_mel
        from ..retalk_core.stages.speech import SAMPLE_RATE, log_mel, mel_windows

        samples = torch.from_numpy(read_mono(media.sound(voice), SAMPLE_RATE))
        rate = media.exact_rate(fps)
        count = frames or math.ceil(len(samples) * rate / SAMPLE_RATE)
        times = face_track.times if face_track is not None else tuple(i / rate for i in range(count))
        windows = mel_windows(samples, times)
        return io.NodeOutput(windows, media.picture(draw_mel(log_mel(samples).numpy())))
