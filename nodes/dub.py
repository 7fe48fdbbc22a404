"""The whole dub in one node: from file to file, or on a batch of frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from comfy_api.latest import Input, io
from torch import Tensor

from ..retalk_core.compute.options import Computing
from ..retalk_core.dub.options import DubOptions
from ..retalk_core.provenance.finish import open_records
from ..retalk_core.stages.options import Stages
from . import host, media, networks, pace, panel, settings, sockets, weights, widgets, wiring
from .dub_options import MoreOptions
from .schema import node_schema

if TYPE_CHECKING:
    from ..retalk_core.media.sound import SoundArray
    from ..retalk_core.reports.report import Report
    from ..retalk_core.types import FaceTrack


STILL_RATE = 25.0  # frames per second of what a still picture becomes
STAGES = {
    "listen": "listening to the voice",
    "track": "finding the face",
    "frame": "framing the face",
    "fit": "reading its expression",
    "dub": "dubbing",
    "check": "looking at the result",
}


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
            "Dub Video (Lip Sync, Lipsync)",
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
            sees_graph=True,
            inputs=[
                io.Video.Input("video", tooltip="The clip. Trims, rotation and later edits are honoured."),
                io.Audio.Input("voice", tooltip="What shall be said: the voice alone, without music."),
                *map(widgets.widget_of, widgets.face_options()),
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
                sockets.FaceTrack.Output(
                    display_name="face_track",
                    tooltip="The face in all of the clip's frames, for Edit Track and another run. Frames "
                    "that weren't shown have none.",
                ),
                io.String.Output(
                    display_name="doubts",
                    tooltip="What looks wrong, as a JSON list: kind, severity, frames, ranges of seconds, "
                    "words, advice.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, engine: str | None = None, **_: object) -> object:
        files = None if engine == "embedded preview" else weights.state_of_files()
        return settings.mark_word(), files

    @classmethod
    @host.in_words
    def execute(
        cls,
        video: Input.Video,
        voice: media.Audio,
        soundtrack: media.Audio | None = None,
        face_track: FaceTrack | None = None,
        models: networks.HostNetworks | None = None,
        options: MoreOptions | None = None,
        protect: Tensor | None = None,
        **on_face: Any,  # noqa: ANN401 - one for each widget
    ) -> io.NodeOutput:
        from ..retalk_core.dub.pipeline import dub
        from ..retalk_core.media.codecs import suffixes_of

        wiring.refuse_meta_batches(cls)
        order = _order(on_face, voice, soundtrack, face_track, models, options, protect)
        order = replace(order, options=marked_as_set(order.options))
        wiring.refuse_what_save_video_cant(cls, order.options.codec)
        kind = _kind(order)
        bar, path = _bar(cls, kind), host.temporary_file(suffixes_of(order.options.codec)[0])
        viewing = panel.Viewing(bar)
        with media.clip_of(video) as clip:
            if protect is not None:
                media.same_count(video=clip, protect=media.masks(protect))
            dubbed = dub(clip, order.voice, path, order.options, order.networks, bar, viewing)
        pace.learn_shares(kind, dubbed.report.seconds)
        dubbed.report.warnings[:0] = order.notes
        report = host.say(cls, _told(dubbed.report, order.options))
        shown = panel.words(
            report,
            badge=panel.BADGE if dubbed.report.preview else "",
            player=viewing.player(dubbed, path),
            faces=panel.faces(dubbed.faces, _from_left),
        )
        sound = media.cut_sound(order.heard, order.options.start, dubbed.report.seconds_out)
        return io.NodeOutput(
            media.video(path),
            media.audio(sound.samples, sound.rate),
            media.picture(dubbed.chart),
            media.picture(dubbed.sheet),
            report,
            dubbed.track,
            json.dumps(panel.doubts(dubbed.report), ensure_ascii=False),
            ui=shown,
        )


def _kind(order: Order) -> str:
    """The kind of dub that will run: one takes about as long as the other. Raises CheckpointError."""
    from ..retalk_core.dub.choose import choose_engine

    choice = choose_engine(order.options, order.networks)
    return f"{choice.engine} {choice.preset or ''}".strip()


def _bar(node: type[io.ComfyNode], kind: str) -> host.Bar:
    """A bar for a dub; the stage that begins shows on the node."""
    return host.Bar(pace.shares_of(kind), lambda stage: host.say(node, f"{STAGES.get(stage, stage)} …"))


def _from_left(place: int, box: Sequence[float]) -> dict[str, object]:
    """What the widgets hold that choose a face by its place; nothing where they can't."""
    offered = next(each for each in widgets.face_options() if each.widget == "face")
    places = widgets.widget_of(offered).options[1:]
    return {"face": places[place]} if place < len(places) else {}


def _engine_word(report: Report) -> str:
    """The engine that ran, as the widget calls it."""
    return widgets.word_for(DubOptions, "engine", report.engine)


def _told(report: Report, options: DubOptions) -> str:
    """The report as text, with lines on who signs it and on what is kept for resuming."""
    report.output = "video"  # the temporary file's name says nothing
    text = report.to_text(_engine_word(report))
    if options.records and options.records.certificate:
        text += "\nnot signed yet: Save Dub signs what it saves, and Save Video would drop a signature"
    if options.work_dir is not None and report.engine != "embedded":
        from ..retalk_core.resume.store import list_work

        jobs = list_work(host.jobs_folder())
        kept = sum(job.size for job in jobs) / widgets.GIGABYTE
        text += f"\nkept for resuming: {kept:.2f} GB of {len(jobs)} dubs in {host.jobs_folder()}"
    return text


@dataclass(frozen=True)
class Order:
    """What a dub node was asked for, as the core has it."""

    voice: SoundArray
    heard: SoundArray  # the soundtrack, or else the voice
    options: DubOptions
    networks: networks.HostNetworks
    notes: list[str]  # for the report


def _order(
    on_face: Mapping[str, Any],
    voice: media.Audio,
    soundtrack: media.Audio | None,
    face_track: FaceTrack | None,
    models: networks.HostNetworks | None,
    options: MoreOptions | None,
    protect: Tensor | None,
) -> Order:
    """What a dub node's inputs mean."""
    more = options or MoreOptions()
    heard = None if soundtrack is None else media.sound(soundtrack, "soundtrack")
    spoken = media.sound(voice)
    wanted = wanted_options(on_face, more, heard, face_track, protect)
    lent = (models or networks.HostNetworks()).with_precision(Computing(**more.computing).precision)
    notes = media.batch_notes(voice=voice, soundtrack=soundtrack)
    return Order(voice=spoken, heard=heard or spoken, options=wanted, networks=lent, notes=notes)


def wanted_options(
    on_face: Mapping[str, Any],
    more: MoreOptions,
    soundtrack: SoundArray | None = None,
    face_track: FaceTrack | None = None,
    protect: Tensor | None = None,
) -> DubOptions:
    """The core's options.

    on_face: what the widgets of a dub node hold, by their ids
    more:    from Dub Options
    protect: (T, H, W) MASK of any size
    """
    values = {"mark": "auto", **more.dub, **widgets.values_of(DubOptions, on_face)}
    resumes = values.pop("work_dir", False)
    options = DubOptions(
        **values,
        work_dir=host.jobs_folder() if resumes else None,
        records=open_records(host.records_folder(), at_once=False),  # Save Dub signs
        soundtrack=soundtrack,
        track=face_track,
        protect=None if protect is None else media.masks(protect).numpy(),
    )
    stages = Stages.of(options.preset, **more.stages)
    return options if stages == Stages.of(options.preset) else replace(options, stages=stages)


def marked_as_set(options: DubOptions) -> DubOptions:
    """The same, with what is set for all of ComfyUI where a file's mark is left to it. Raises OptionError."""
    return replace(options, mark=settings.mark_choice()) if options.mark == "auto" else options


class DubFrames(io.ComfyNode):
    """Dub a batch of frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDubFrames",
            "Dub Frames (Lip Sync of IMAGEs)",
            "dub",
            "Gives a batch of frames a new voice, and the speaker's lips follow: Dub Video for IMAGEs, for "
            "short clips between other nodes. All frames are in memory; for long clips use Dub Video.",
            aliases=["lipsync", "lip sync", "dub images", "video retalking", "wav2lip"],
            shows_text=True,
            sees_graph=True,
            inputs=[
                io.Image.Input(
                    "images", tooltip="The clip's frames. One picture alone is shown all the time."
                ),
                io.Audio.Input("voice", tooltip="What shall be said: the voice alone, without music."),
                *map(widgets.widget_of, widgets.face_options()),
                io.Float.Input(
                    "fps",
                    optional=True,
                    force_input=True,
                    tooltip="Frames per second, from the node that loaded the frames. Needed unless "
                    "video_info is connected or there is one picture only, which becomes 25 a second.",
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
        fps: float | None = None,
        video_info: Mapping[str, Any] | None = None,
        soundtrack: media.Audio | None = None,
        face_track: FaceTrack | None = None,
        models: networks.HostNetworks | None = None,
        options: MoreOptions | None = None,
        protect: Tensor | None = None,
        **on_face: Any,  # noqa: ANN401 - one for each widget
    ) -> io.NodeOutput:
        from ..retalk_core.dub.frames import dub_pictures

        wiring.refuse_meta_batches(cls)
        order = _order(on_face, voice, soundtrack, face_track, models, options, protect)
        rate = media.exact_rate(_rate_of(fps, video_info, still=len(images) == 1))
        if protect is not None:
            media.same_count(images=images, protect=media.masks(protect))
        dubbed = dub_pictures(
            media.pictures(images, "images"),
            rate,
            order.voice,
            order.options,
            order.networks,
            _bar(cls, _kind(order)),
            host.stop_if_asked,
        )
        dubbed.report.warnings[:0] = order.notes
        report = host.say(cls, dubbed.report.to_text(_engine_word(dubbed.report)))
        sound = media.cut_sound(order.heard, order.options.start, dubbed.seconds)
        return io.NodeOutput(
            media.image(dubbed.images),
            media.audio(sound.samples, sound.rate),
            float(len(dubbed.images) / dubbed.seconds),
            media.mask(dubbed.support),
            report,
            ui=panel.words(report, badge=panel.BADGE if dubbed.report.preview else ""),
        )


def _rate_of(fps: float | None, video_info: Mapping[str, Any] | None, *, still: bool) -> float:
    """The frame rate out of the one input that is connected; a still picture needs none."""
    from ..retalk_core.errors import OptionError

    if still and fps is None and video_info is None:
        return STILL_RATE
    if (fps is None) == (video_info is None):
        which = "Neither" if fps is None else "Both"
        raise OptionError(f"{which} of fps and video_info are connected: connect one of them.")
    return float(fps if fps is not None else (video_info or {})["loaded_fps"])
