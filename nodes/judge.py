"""How good a video's lips are, and which of two is better."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from comfy_api.latest import Input, io
from torch import Tensor

from . import host, media, networks, panel, sockets, weights
from .schema import meant, node_schema

if TYPE_CHECKING:
    from ..retalk_core.judging.judge import Judgement
    from ..retalk_core.judging.question import Question

# Outputs, in this order for ever: what each is, with its unit.
SHOWN = {
    "lse_d": "SyncNet's distance between lips and voice; less is better.",
    "lse_c": "SyncNet's confidence that they belong together; more is better.",
    "cpbd": "Share of edges that look sharp, 0 to 1; more is better.",
    "identity": "Likeness of the face to the source's, at most 1; more is better.",
    "opening_loudness": "Correlation of the mouth's opening with loudness, at most 1; more is better.",
    "lip_sharpness": "Sharpness of the lips, of the source's; 1 is best.",
    "warping_error": "Flicker of the face, of the source's; 1 is best.",
    "loss_outside": "Decibels of signal to noise outside the edit; 100 is exact; more is better.",
    "seam": "Lab units of colour by which the edit's border shows; 0 is best.",
    "mouth_distance": "Eye distances between the mouth and the true one; less is better.",
}
PLAIN, ALL = "without weights", "all"
CHOICES = {PLAIN: True, ALL: False}
SHARES = {"track": 0.3, "judge": 0.7}


def _about() -> list[Any]:
    """The inputs that say how it is judged."""
    return [
        io.Combo.Input(
            "metrics",
            options=list(CHOICES),
            default=PLAIN,
            tooltip="without weights: what needs no file of weights · all: what there are files for, too.",
        ),
        io.Boolean.Input(
            "source_is_truth",
            default=False,
            tooltip="The source shows what the result should be: it was dubbed with its own voice.",
        ),
    ]


def _optional() -> list[Any]:
    return [
        io.Audio.Input(
            "voice",
            optional=True,
            tooltip="What is said, alone and without music. Without it: the video's own.",
        ),
        io.String.Input(
            "transcript",
            optional=True,
            multiline=True,
            default="",
            placeholder="What the voice says",
            tooltip="What the voice says: text, SRT or VTT. Mouth shapes are then judged, too.",
        ),
        sockets.Models.Input(
            "models", optional=True, tooltip="From Load ReTalk Models. Without it: the best files there are."
        ),
    ]


def _outputs() -> list[Any]:
    made = [
        io.String.Output(
            display_name="report", tooltip="Every figure, or why there is none, and what looks wrong."
        ),
        io.String.Output(
            display_name="json", tooltip="The same for programs, and for Keep the Better Video."
        ),
        io.Image.Output(
            display_name="chart", tooltip="Loudness and mouth over time; red where something looks wrong."
        ),
    ]
    for name, words in SHOWN.items():
        made.append(io.Float.Output(display_name=name, tooltip=f"{words} 0 where it can't be told."))
        made.append(
            io.Boolean.Output(display_name=f"{name}_available", tooltip=f"Whether {name} could be told.")
        )
    return made


class JudgeVideo(io.ComfyNode):
    """Judge a video of anyone's making."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkJudgeVideo",
            "Judge Video",
            "judge",
            "Measures how well lips follow the voice and what an edit did to the picture, in a video of "
            "anyone's making. Figures that lack something say so, and are never made up.",
            aliases=[
                "evaluate",
                "metrics",
                "lse",
                "syncnet",
                "cpbd",
                "quality",
                "lip sync score",
                "benchmark",
            ],
            shows_text=True,
            ends=True,
            inputs=[
                io.Video.Input("video", tooltip="What is judged."),
                *_about(),
                io.Video.Input(
                    "source", optional=True, tooltip="What it was made from. Much can only be told beside it."
                ),
                *_optional(),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, metrics: str | None = None, **_: object) -> object:
        return None if metrics == PLAIN else weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(
        cls,
        video: Input.Video,
        metrics: str,
        source_is_truth: bool,
        source: Input.Video | None = None,
        voice: media.Audio | None = None,
        transcript: str = "",
        models: networks.HostNetworks | None = None,
    ) -> io.NodeOutput:
        from contextlib import ExitStack

        with ExitStack() as stack:
            clip = stack.enter_context(media.clip_of(video))
            heard = media.heard_in(video, clip) if voice is None else media.sound(voice)
            asked = {
                "result": clip,
                "source": None if source is None else stack.enter_context(media.clip_of(source)),
                "voice": heard,
                "transcript": transcript,
                "truth": source_is_truth,
            }
            return _answer(cls, _question(metrics, asked), models)


class JudgeFrames(io.ComfyNode):
    """Judge a batch of frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkJudgeFrames",
            "Judge Frames",
            "judge",
            "Judge Video for IMAGEs: measures how well lips follow the voice and what an edit did to the "
            "picture. With the mask of what may have changed, what lies outside is judged exactly.",
            aliases=["evaluate", "metrics", "lse", "syncnet", "cpbd", "quality", "lip sync score"],
            shows_text=True,
            ends=True,
            inputs=[
                io.Image.Input("images", tooltip="What is judged."),
                *_about(),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the frames, and of the source's.",
                ),
                io.Image.Input(
                    "source",
                    optional=True,
                    tooltip="The frames it was made from. Much can only be told beside them.",
                ),
                *_optional(),
                io.Mask.Input(
                    "support",
                    optional=True,
                    tooltip="White where pixels may have changed, from Dub Frames: one, or one for each "
                    "frame. Without it the pixels tell.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, metrics: str | None = None, **_: object) -> object:
        return None if metrics == PLAIN else weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(
        cls,
        images: Tensor,
        metrics: str,
        source_is_truth: bool,
        fps: float,
        source: Tensor | None = None,
        voice: media.Audio | None = None,
        transcript: str = "",
        models: networks.HostNetworks | None = None,
        support: Tensor | None = None,
    ) -> io.NodeOutput:
        from contextlib import ExitStack

        masks = None if support is None else media.masks(support)
        if masks is not None:
            media.same_count(images=images, support=masks)
        with ExitStack() as stack:
            asked = {
                "result": stack.enter_context(media.clip_of(images, fps)),
                "source": None if source is None else stack.enter_context(media.clip_of(source, fps)),
                "voice": None if voice is None else media.sound(voice),
                "transcript": transcript,
                "truth": source_is_truth,
                "support": None if masks is None else masks.numpy(),
            }
            return _answer(cls, _question(metrics, asked), models)


def _question(metrics: str, asked: Mapping[str, Any]) -> Question:
    from ..retalk_core.errors import InputError
    from ..retalk_core.judging.question import Question, plain_metrics

    if asked["truth"] and asked["source"] is None:
        raise InputError("source_is_truth says that the source is the truth: connect a source.")
    return Question(**asked, names=plain_metrics() if meant(metrics, CHOICES) else ())


def _answer(
    node: type[io.ComfyNode], question: Question, models: networks.HostNetworks | None
) -> io.NodeOutput:
    """Judge, tell, and give the figures in their order."""
    from ..retalk_core.judging.judge import judge
    from ..retalk_core.judging.tell import draw_judgement, lines

    found = judge(question, models or networks.HostNetworks(), host.Bar(SHARES))
    report = host.say(node, "\n".join(lines(found)))
    return io.NodeOutput(
        report,
        json.dumps(found.to_dict(), indent=2, ensure_ascii=False),
        media.picture(draw_judgement(found)),
        *_figures(found),
        ui=panel.words(report),
    )


def _figures(found: Judgement) -> list[float | bool]:
    """Each figure of `SHOWN` and whether it is one."""
    told: list[float | bool] = []
    for name in SHOWN:
        told += [float(found.values.get(name, 0.0)), name in found.values]
    return told


class KeepBetter(io.ComfyNode):
    """Keep the better of two videos."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkKeepBetter",
            "Keep the Better Video",
            "judge",
            "Hands on the better of two videos, by what Judge Video knows of both: each figure that both "
            "have votes once. It is a count of figures, no verdict of people's.",
            aliases=["best of", "choose", "select", "compare", "switch", "a/b"],
            shows_text=True,
            inputs=[
                io.Video.Input("first", tooltip="The one video."),
                io.String.Input("first_judgement", force_input=True, tooltip="Its json, from Judge Video."),
                io.Video.Input("second", tooltip="The other video."),
                io.String.Input("second_judgement", force_input=True, tooltip="Its json, from Judge Video."),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video", tooltip="The better one; the first where they are equal."
                ),
                io.String.Output(display_name="report", tooltip="How each figure voted."),
                io.Boolean.Output(display_name="first_is_better", tooltip="Whether it is the first."),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, first: Input.Video, first_judgement: str, second: Input.Video, second_judgement: str
    ) -> io.NodeOutput:
        from ..retalk_core.judging.prefer import prefer, read_judgement

        found = prefer(read_judgement(first_judgement), read_judgement(second_judgement))
        report = host.say(cls, "\n".join(found.lines()))
        is_first = found.better == 1
        return io.NodeOutput(first if is_first else second, report, is_first, ui=panel.words(report))
