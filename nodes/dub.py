"""The whole dub in one node: from file to file, or on a batch of frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from comfy_api.latest import Input, io, ui
from torch import Tensor

from ..nodes import host, media, sockets
from . import networks, weights
from .dub_options import GIGABYTE, SUFFIXES, MoreOptions
from .host import SHARES
from .schema import meant, node_schema
from .speech import LONGER, LONGER_TIP, SHORTER, SHORTER_TIP

if TYPE_CHECKING:
    from ..retalk_core.dub.options import DubOptions
    from ..retalk_core.media.sound import SoundArray
    from ..retalk_core.reports.report import Report
    from ..retalk_core.types import FaceTrack


ENGINES = {  # what the widget offers, and the core's word for it
    "auto": "auto",
    "retalk": "retalk",
    "embedded preview": "embedded",
}
PRESETS = ("paper", "fast", "original")
FACES = {  # the index from the left; -1: the largest
    "largest": -1,
    "1st from the left": 0,
    "2nd from the left": 1,
    "3rd from the left": 2,
    "4th from the left": 3,
}
PAUSES = ("close", "keep_original")
STAGES = {
    "listen": "listening to the voice",
    "track": "finding the face",
    "frame": "framing the face",
    "fit": "reading its expression",
    "dub": "dubbing",
    "check": "looking at the result",
}


def face_inputs() -> list[Any]:
    """The widgets on the face of the dub nodes."""
    return [
        io.Combo.Input(
            "engine",
            options=list(ENGINES),
            default="auto",
            tooltip="auto: the best that the files here allow · retalk: the paper's networks, an error if a "
            "file is missing · embedded preview: needs no checkpoint, moves the clip's own mouth pictures; "
            "quick and rough. The report says what ran.",
        ),
        io.Combo.Input(
            "preset",
            options=list(PRESETS),
            default="paper",
            tooltip="Of the paper's networks. paper: neutralise, sync, enhance, restore the mouth · fast: "
            "without restoring · original: the reference is restored too, as the released program does.",
        ),
        io.Combo.Input(
            "face",
            options=list(FACES),
            default="largest",
            tooltip="Whose face, where several are in view; decided anew after each cut. For finer choices "
            "connect a face track from Detect Faces.",
        ),
        io.Combo.Input("voice_longer", options=list(LONGER), default="bounce", tooltip=LONGER_TIP),
        io.Combo.Input("voice_shorter", options=list(SHORTER), default="keep_clip", tooltip=SHORTER_TIP),
        io.Combo.Input(
            "pauses",
            options=list(PAUSES),
            default="close",
            tooltip="While the voice rests. close: the mouth comes to rest · keep_original: pauses of half a "
            "second or more show the untouched frames.",
        ),
        io.Float.Input(
            "start",
            default=0.0,
            min=0.0,
            max=1_000_000.0,
            step=0.01,
            tooltip="Seconds left out at the beginning of picture and voice.",
        ),
        io.Float.Input(
            "duration",
            default=0.0,
            min=0.0,
            max=1_000_000.0,
            step=0.01,
            tooltip="Seconds of picture and voice that are used. 0: all.",
        ),
    ]


def optional_inputs() -> list[Any]:
    """The sockets that the dub nodes can do without."""
    return [
        io.Audio.Input(
            "soundtrack",
            optional=True,
            tooltip="What the result shall sound like, such as the voice with music. Without it: the voice.",
        ),
        sockets.FaceTrack.Input(
            "face_track",
            optional=True,
            tooltip="A track of this clip, all of its frames, from Detect Faces or Edit Track. Without it "
            "the face is tracked here.",
        ),
        sockets.Models.Input(
            "models", optional=True, tooltip="From Load ReTalk Models. Without it: the best files there are."
        ),
        sockets.DubOptions.Input(
            "options", optional=True, tooltip="From Dub Options: encoder, stages, precision and more."
        ),
        io.Mask.Input(
            "protect",
            optional=True,
            tooltip="White where the frames must stay as they are, such as a hand before the mouth. One, or "
            "one for each frame, of any size.",
        ),
    ]


class DubVideo(io.ComfyNode):
    """Dub a video from file to file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDubVideo",
            "Dub Video",
            "dub",
            "Gives a video a new voice, and its speaker's lips follow. It is streamed from its file to a new "
            "one, so that an hour takes no more memory than a minute. Works without any checkpoint, as a "
            "preview.",
            aliases=[
                "lipsync",
                "lip sync",
                "dubbing",
                "talking head",
                "video retalking",
                "wav2lip",
                "revoice",
            ],
            shows_text=True,
            inputs=[
                io.Video.Input("video", tooltip="The clip. Trims, rotation and later edits are honoured."),
                io.Audio.Input("voice", tooltip="What shall be said: the voice alone, without music."),
                *face_inputs(),
                *optional_inputs(),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video", tooltip="The dubbed clip, a file in ComfyUI's temporary folder."
                ),
                io.Audio.Output(display_name="audio", tooltip="What it sounds like."),
                io.Image.Output(
                    display_name="chart",
                    tooltip="Over time: loudness, the mouth as wanted and as found, cuts, untouched "
                    "stretches.",
                ),
                io.Image.Output(
                    display_name="sheet",
                    tooltip="Mouths before, after and where they were edited; below, the least sharp.",
                ),
                io.String.Output(
                    display_name="report", tooltip="What ran, what was left alone and why, what was measured."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, engine: str | None = None, **_: object) -> object:
        return None if engine == "embedded preview" else weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(
        cls,
        video: Input.Video,
        voice: media.Audio,
        engine: str,
        preset: str,
        face: str,
        voice_longer: str,
        voice_shorter: str,
        pauses: str,
        start: float,
        duration: float,
        soundtrack: media.Audio | None = None,
        face_track: FaceTrack | None = None,
        models: networks.HostNetworks | None = None,
        options: MoreOptions | None = None,
        protect: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..retalk_core.dub.pipeline import dub

        more, bar = options or MoreOptions(), _bar(cls)
        heard = None if soundtrack is None else media.sound(soundtrack, "soundtrack")
        spoken = media.sound(voice)
        wanted = dub_options(
            on_face=(engine, preset, face, voice_longer, voice_shorter, pauses, start, duration),
            more=more,
            soundtrack=heard,
            face_track=face_track,
            protect=protect,
        )
        path = host.temporary_file(meant(wanted.codec, SUFFIXES))
        lent = (models or networks.HostNetworks()).with_precision(more.precision)
        with media.clip_of(video) as clip:
            if protect is not None:
                media.same_count(video=clip, protect=media.masks(protect))
            dubbed = dub(clip, spoken, path, wanted, lent, bar, show=bar.picture)
        report = _told(dubbed.report, more)
        host.say(cls, report)
        sound = media.cut_sound(heard or spoken, wanted.start, dubbed.report.seconds_out)
        return io.NodeOutput(
            media.video(path),
            media.audio(sound.samples, sound.rate),
            media.picture(dubbed.chart),
            media.picture(dubbed.sheet),
            report,
            ui=ui.PreviewText(report),
        )


def _bar(node: type[io.ComfyNode]) -> host.Bar:
    """A bar for a dub; the stage that begins shows on the node."""
    return host.Bar(SHARES, lambda stage: host.say(node, f"{STAGES.get(stage, stage)} …"))


def _told(report: Report, more: MoreOptions) -> str:
    """The report as text, with a line on what is kept for resuming."""
    report.output = "video"  # the temporary file's name says nothing
    text = report.to_text()
    if more.resume_bytes and report.engine != "embedded":
        from ..retalk_core.resume.store import list_work

        jobs = list_work(host.jobs_folder())
        kept = sum(job.size for job in jobs) / GIGABYTE
        text += f"\nkept for resuming: {kept:.2f} GB of {len(jobs)} dubs in {host.jobs_folder()}"
    return text


def dub_options(
    on_face: tuple[str, str, str, str, str, str, float, float],
    more: MoreOptions,
    soundtrack: SoundArray | None,
    face_track: FaceTrack | None,
    protect: Tensor | None,
) -> DubOptions:
    """The core's options from what is on a dub node, on Dub Options and on the sockets."""
    from ..retalk_core.dub.options import DubOptions
    from ..retalk_core.faces.choice import FaceChoice
    from ..retalk_core.stages.options import Stages

    engine, preset, face, longer, shorter, pauses, start, duration = on_face
    stages = Stages.of(preset, **more.stages)  # type: ignore[arg-type]  # refused there if unknown
    index = meant(face, FACES)
    chosen: dict[str, Any] = {
        "engine": meant(engine, ENGINES),
        "preset": preset,
        "stages": None if stages == Stages.of(preset) else stages,  # type: ignore[arg-type]
        "face": FaceChoice() if index < 0 else FaceChoice("index", index),
        "track": face_track,
        "protect": None if protect is None else media.masks(protect).numpy(),
        "longer": longer,
        "shorter": shorter,
        "pauses": pauses,
        "start": media.exact_seconds(start),
        "duration": media.exact_seconds(duration) if duration else None,
        "soundtrack": soundtrack,
    }
    if more.resume_bytes:
        chosen |= {"work_dir": host.jobs_folder(), "work_limit": more.resume_bytes}
    return DubOptions(**{**more.dub, **chosen})


class DubFrames(io.ComfyNode):
    """Dub a batch of frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDubFrames",
            "Dub Frames",
            "dub",
            "Gives a batch of frames a new voice, and the speaker's lips follow: Dub Video for IMAGEs, for "
            "short clips between other nodes. All frames are in memory; for long clips use Dub Video.",
            aliases=["lipsync", "lip sync", "dub images", "video retalking", "wav2lip"],
            shows_text=True,
            inputs=[
                io.Image.Input(
                    "images", tooltip="The clip's frames. One picture alone is shown all the time."
                ),
                io.Audio.Input("voice", tooltip="What shall be said: the voice alone, without music."),
                *face_inputs(),
                io.Float.Input(
                    "fps",
                    optional=True,
                    force_input=True,
                    tooltip="Frames per second, from the node that loaded the frames. Needed unless "
                    "video_info is connected.",
                ),
                sockets.VideoInfo.Input(
                    "video_info",
                    optional=True,
                    tooltip="From VideoHelperSuite's Load Video: it knows the frame rate. Its meta batches "
                    "are not supported.",
                ),
                *optional_inputs(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The dubbed frames, as many as are shown."),
                io.Audio.Output(display_name="audio", tooltip="What they sound like."),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the result."),
                io.Mask.Output(
                    display_name="support", tooltip="1 where pixels may have changed; 0 where they are exact."
                ),
                io.String.Output(display_name="report", tooltip="What ran, and what was left alone and why."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, engine: str | None = None, **_: object) -> object:
        return None if engine == "embedded preview" else weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(
        cls,
        images: Tensor,
        voice: media.Audio,
        engine: str,
        preset: str,
        face: str,
        voice_longer: str,
        voice_shorter: str,
        pauses: str,
        start: float,
        duration: float,
        fps: float | None = None,
        video_info: Mapping[str, Any] | None = None,
        soundtrack: media.Audio | None = None,
        face_track: FaceTrack | None = None,
        models: networks.HostNetworks | None = None,
        options: MoreOptions | None = None,
        protect: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..retalk_core.dub.frames import dub_pictures

        more, bar = options or MoreOptions(), _bar(cls)
        heard = None if soundtrack is None else media.sound(soundtrack, "soundtrack")
        spoken = media.sound(voice)
        wanted = dub_options(
            on_face=(engine, preset, face, voice_longer, voice_shorter, pauses, start, duration),
            more=more,
            soundtrack=heard,
            face_track=face_track,
            protect=protect,
        )
        lent = (models or networks.HostNetworks()).with_precision(more.precision)
        rate = media.exact_rate(_rate_of(fps, video_info))
        if protect is not None:
            media.same_count(images=images, protect=media.masks(protect))
        dubbed = dub_pictures(
            media.pictures(images, "images"), rate, spoken, wanted, lent, bar, host.stop_if_asked
        )
        report = dubbed.report.to_text()
        host.say(cls, report)
        sound = media.cut_sound(heard or spoken, wanted.start, dubbed.seconds)
        return io.NodeOutput(
            media.image(dubbed.images),
            media.audio(sound.samples, sound.rate),
            float(len(dubbed.images) / dubbed.seconds),
            media.mask(dubbed.support),
            report,
            ui=ui.PreviewText(report),
        )


def _rate_of(fps: float | None, video_info: Mapping[str, Any] | None) -> float:
    """The frame rate out of the one input that is connected."""
    from ..retalk_core.errors import OptionError

    if (fps is None) == (video_info is None):
        which = "Neither" if fps is None else "Both"
        raise OptionError(f"{which} of fps and video_info are connected: connect one of them.")
    return float(fps if fps is not None else (video_info or {})["loaded_fps"])
