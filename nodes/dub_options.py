"""Everything of a dub that is not on the dub nodes' face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from comfy_api.latest import io

from ..nodes import host, media, sockets
from .schema import ADVANCED, meant, node_schema, parse_numbers

SUFFIXES = {"h264": ".mp4", "prores": ".mov", "ffv1": ".mkv"}
GIGABYTE = 10**9
AS_PRESET = "as preset"


@dataclass(frozen=True)
class MoreOptions:
    """What Dub Options hands on: everything that isn't on the face of the dub nodes."""

    dub: Mapping[str, Any] = field(default_factory=dict)  # of the core's DubOptions
    stages: Mapping[str, Any] = field(default_factory=dict)  # of the core's Stages, where the user chose
    precision: str = "auto"
    resume_bytes: int = 0  # that finished parts may take; 0 keeps none


class DubOptionsNode(io.ComfyNode):
    """Everything of a dub that is not on the dub nodes' face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDubOptions",
            "Dub Options",
            "dub",
            "Further options for Dub Video and Dub Frames: how the result is written, how the networks "
            "compute, which stages run.",
            aliases=["settings", "encoder", "codec", "prores", "resume", "precision"],
            inputs=[*_file_inputs(), *_work_inputs(), *_stage_inputs()],
            outputs=[
                sockets.DubOptions.Output(display_name="options", tooltip="For Dub Video and Dub Frames.")
            ],
        )

    @classmethod
    @host.in_words
    def execute(cls, **given: Any) -> io.NodeOutput:  # noqa: ANN401 - one for each input
        from ..retalk_core.times import parse_ranges

        rate = given["frame_rate"]
        dub = {
            "codec": given["encoder"],
            "quality": given["quality"],
            "constant_rate": media.exact_rate(rate) if rate else None,
            "smoothing": "savgol" if given["smooth"] else "none",
            "phones": meant(given["speech_sounds"], {"auto": None, "on": True, "off": False}),
            "edit_only": parse_ranges(given["edit_only"]),
            "check": given["check"],
            "batch": given["batch_size"] or None,
        }
        resume = round(given["resume_gb"] * GIGABYTE) if given["resume"] else 0
        return io.NodeOutput(MoreOptions(dub, _stages(given), given["precision"], resume))


def _stages(given: Mapping[str, Any]) -> dict[str, Any]:
    """The stages that were chosen, without those that are as the preset has them."""
    seed = given["noise_seed"]
    stages = {
        "neutralise": given["neutralise"],
        "expression": given["expression"],
        "expression_strength": given["expression_strength"],
        "expression_edits": parse_numbers(given["expression_edits"]),
        "one_shot": given["one_shot"],
        "enhance": given["enhance"],
        "noise_seed": None if seed < 0 else seed,
        "keep_upper": given["keep_upper"],
        "upper_face": "units" if given["upper_face"] == "action units" else given["upper_face"],
        "action_units": parse_numbers(given["action_units"]),
        "restore_strength": given["restore_strength"],
        "colour_match": given["colour_match"],
        "face_boxes": given["face_boxes"],
        "mask_smoothing": given["mask_smoothing"],
    }
    if given["restore_reference"] != AS_PRESET:
        stages["restore_reference"] = given["restore_reference"] == "on"
    if given["restore_mouth"] != AS_PRESET:
        stages["restore"] = given["restore_mouth"]
    return stages


def _file_inputs() -> list[Any]:
    """How the result is written."""
    return [
        io.Combo.Input(
            "encoder",
            options=list(SUFFIXES),
            default="h264",
            tooltip="h264: MP4 that plays everywhere · prores: MOV for editing · ffv1: lossless MKV. For Dub "
            "Video.",
        ),
        io.Int.Input(
            "quality",
            default=17,
            min=0,
            max=51,
            tooltip="Of h264: its constant rate factor. Lower is better and larger; 17 shows no loss.",
        ),
        io.Float.Input(
            "frame_rate",
            default=0.0,
            min=0.0,
            max=1000.0,
            step=0.001,
            tooltip="A constant frame rate for the result. 0: every frame keeps its time.",
        ),
        io.String.Input(
            "edit_only",
            default="",
            placeholder="0:01.5-0:03, 10-12",
            tooltip="Edit these parts of the result only, in seconds or minutes:seconds; every other frame "
            "stays as it is. Empty: everywhere.",
        ),
        io.Boolean.Input(
            "check",
            default=True,
            tooltip="Look at the finished file again and report what it shows. Takes a tenth of the time.",
        ),
    ]


def _work_inputs() -> list[Any]:
    """How the work is done."""
    return [
        io.Boolean.Input(
            "smooth", default=True, tooltip="Calm the face's landmarks over time, shot by shot."
        ),
        io.Combo.Input(
            "speech_sounds",
            options=["auto", "on", "off"],
            default="auto",
            tooltip="For the embedded preview: recognise speech sounds with pocketsphinx, where it is "
            "installed.",
        ),
        io.Combo.Input(
            "precision",
            options=["auto", "fp32", "bf16", "fp16"],
            default="auto",
            tooltip="Of the networks. auto: half precision where the device is made for it; ComfyUI's own "
            "switches are obeyed.",
        ),
        io.Int.Input(
            "batch_size",
            default=0,
            min=0,
            max=256,
            tooltip="Pictures that a network sees at a time. 0: as many as suit the device.",
        ),
        io.Boolean.Input(
            "resume",
            default=True,
            tooltip="Keep finished parts in ComfyUI's user folder, so that a dub that was stopped goes on "
            "where it was. For Dub Video with the paper's networks.",
        ),
        io.Float.Input(
            "resume_gb",
            default=10.0,
            min=0.1,
            max=10_000.0,
            step=0.1,
            tooltip="Gigabytes that such parts may take; the oldest go first.",
        ),
    ]


def _stage_inputs() -> list[Any]:
    """The paper's stages; each is a node on the canvas too."""
    return [
        io.Boolean.Input(
            "neutralise",
            default=True,
            tooltip="D-Net gives the reference a calm expression. Off: the frame itself is the reference.",
            **ADVANCED,
        ),
        io.Combo.Input(
            "expression",
            options=["neutral", "smile"],
            default="neutral",
            tooltip="The expression that D-Net gives the reference. A smile needs expression.mat.",
        ),
        io.Float.Input(
            "expression_strength",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="How far from each frame's own expression (0) to the wanted one (1).",
            **ADVANCED,
        ),
        io.String.Input(
            "expression_edits",
            default="",
            placeholder="3:0.5, 10:-0.2",
            tooltip="Added to single coefficients of the expression: number from 0 to 63, colon, change.",
            **ADVANCED,
        ),
        io.Boolean.Input(
            "one_shot",
            default=False,
            tooltip="Each shot's first face lends its looks to the whole shot.",
            **ADVANCED,
        ),
        io.Combo.Input(
            "restore_reference",
            options=[AS_PRESET, "on", "off"],
            default=AS_PRESET,
            tooltip="GPEN sharpens the reference, as the preset 'original' has it.",
            **ADVANCED,
        ),
        io.Boolean.Input(
            "enhance",
            default=True,
            tooltip="E-Net redraws L-Net's small face sharply. Off: its 96 pixels as they are.",
            **ADVANCED,
        ),
        io.Int.Input(
            "noise_seed",
            default=-1,
            min=-1,
            max=2**31 - 1,
            control_after_generate=False,  # else the editor changes what is called a seed after each run
            tooltip="Of the fine noise that E-Net can add to skin. -1: no noise.",
            **ADVANCED,
        ),
        io.Boolean.Input(
            "keep_upper",
            default=True,
            tooltip="The upper face stays the frame's own. Off: E-Net's whole picture, as the original does.",
            **ADVANCED,
        ),
        io.Combo.Input(
            "upper_face",
            options=["off", "surprise", "angry", "sad", "action units"],
            default="off",
            tooltip="GANimation moves brows and eyes.",
        ),
        io.String.Input(
            "action_units",
            default="",
            placeholder="4:0.3, 5:0.2",
            tooltip="For 'action units': number of the unit, colon, intensity of about 0 to 1.",
            **ADVANCED,
        ),
        io.Combo.Input(
            "restore_mouth",
            options=[AS_PRESET, "auto", "gfpgan", "gpen", "off"],
            default=AS_PRESET,
            tooltip="What restores the mouth's detail. auto: GFPGAN, or else GPEN.",
        ),
        io.Float.Input(
            "restore_strength",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="How far from the drawn mouth to the restored one.",
            **ADVANCED,
        ),
        io.Float.Input(
            "colour_match",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="How far the drawn face's colour follows the frame's.",
            **ADVANCED,
        ),
        io.Combo.Input(
            "face_boxes",
            options=["track", "s3fd"],
            default="track",
            tooltip="What frames the faces for L-Net and E-Net. track: the face's track · s3fd: the "
            "original's detector, if its file is there; slow.",
            **ADVANCED,
        ),
        io.Float.Input(
            "mask_smoothing",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="Seconds over which the restored mouth's mask is smoothed, against trembling. 0: not at "
            "all.",
            **ADVANCED,
        ),
    ]
