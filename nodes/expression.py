"""Choose an expression, give it to every frame, move the upper face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from . import host, media, networks, sockets, weights
from .loaders import AUTO, file_input, file_problem
from .schema import ADVANCED, BATCH_TIP, meant, node_schema, parse_numbers

if TYPE_CHECKING:
    from ..retalk_core import types


class Expression(io.ComfyNode):
    """Say which expression a face shall have."""

    TEMPLATES = ("neutral", "smile", "own calm", "from coefficients")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkExpression",
            "Expression",
            "expression",
            "Says which expression the faces shall have. A calm one keeps old lip motion out of the result.",
            aliases=["emotion", "smile", "neutral", "template"],
            inputs=[
                io.Combo.Input(
                    "template",
                    options=list(cls.TEMPLATES),
                    default="neutral",
                    tooltip="neutral: the calm face of expression.mat, or where that file isn't there the "
                    "clip's own · smile: that file's · own calm: the median of the clip · from "
                    "coefficients: the median of the coefficients that are connected.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How far from each frame's own expression (0) to the template (1).",
                ),
                io.String.Input(
                    "edits",
                    default="",
                    placeholder="3:0.5, 10:-0.2",
                    tooltip="Added to single coefficients afterwards: number from 0 to 63, colon, change; "
                    "commas in between.",
                    **ADVANCED,
                ),
                file_input("file", ["expression"], "The file with the templates."),
                sockets.Coefficients.Input(
                    "coefficients",
                    optional=True,
                    tooltip="For 'from coefficients': from Fit 3DMM, of the face whose expression is wanted.",
                ),
            ],
            outputs=[
                sockets.Expression.Output(display_name="expression", tooltip="For Neutralise Expression.")
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return file_problem(file, "expression")

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> object:
        return weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(
        cls,
        template: str,
        strength: float,
        edits: str,
        file: str,
        coefficients: types.Coefficients | None = None,
    ) -> io.NodeOutput:
        from ..retalk_core.errors import OptionError
        from ..retalk_core.stages.expression import calm_expression
        from ..retalk_core.types import Expression as Wanted

        wanted = None
        if template == "from coefficients":
            if coefficients is None:
                raise OptionError("Connect the coefficients whose expression is wanted, from Fit 3DMM.")
            wanted = calm_expression(coefficients, _shown(coefficients)[0])
        elif template != "own calm":
            wanted = _stored(template, file)
        return io.NodeOutput(Wanted(wanted, strength, parse_numbers(edits)))


def _stored(template: str, file: str) -> Tensor | None:
    """A template (64,) out of expression.mat; the neutral one is None where the file isn't there."""
    from ..retalk_core.errors import OptionError
    from ..retalk_core.stages.expression import read_templates

    files = weights.model_files()
    found = files.find("expression")
    path = weights.weight_path(file) if file != AUTO else found[0] if found else None
    if path is not None:
        return read_templates(path)[template]
    if template == "neutral" and not files.refused("expression"):
        return None
    raise OptionError(files.missing_words("expression"))


class NeutraliseExpression(io.ComfyNode):
    """Give every frame one expression with D-Net."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkNeutraliseExpression",
            "Neutralise Expression (D-Net)",
            "expression",
            "Redraws every face with one expression, in its own pose, so that old lip motion can't leak into "
            "the result.",
            aliases=["neutral face", "expression editing", "pirenderer", "stabilize expression"],
            inputs=[
                io.Image.Input("faces", tooltip="Crops in the portrait framing; the ones Fit 3DMM has read."),
                sockets.Coefficients.Input("coefficients", tooltip="One row for each face, from Fit 3DMM."),
                sockets.Expression.Input("expression", tooltip="The expression to give them."),
                sockets.DNet.Input("dnet", tooltip="From Load D-Net."),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
            ],
            outputs=[
                io.Image.Output(
                    display_name="faces", tooltip="Portraits of 256 pixels with the wanted expression."
                )
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        faces: Tensor,
        coefficients: types.Coefficients,
        expression: types.Expression,
        dnet: networks.HostedNetwork,
        batch_size: int,
    ) -> io.NodeOutput:
        from ..retalk_core.stages.expression import neutralise_expression, resolve_expression

        given = media.pictures(faces, "faces")
        count = media.same_count(coefficients=coefficients, faces=given)
        present, shot = _shown(coefficients)
        with networks.running(dnet) as (network, progress):
            neutral = neutralise_expression(
                network,
                given.expand(count, -1, -1, -1),
                coefficients,
                resolve_expression(expression, coefficients, present),
                shot=shot,
                batch_size=networks.batch_size(dnet, batch_size),
                progress=progress,
            )
        return io.NodeOutput(media.image(neutral))


def _shown(coefficients: types.Coefficients) -> tuple[Tensor, Tensor]:
    """Which rows show the face (T,), and the rows' shots (T,); where they don't know, all and one."""
    count, present, shot = len(coefficients), coefficients.present, coefficients.shot
    return (
        torch.ones(count, dtype=torch.bool) if present is None else present,
        torch.zeros(count, dtype=torch.int64) if shot is None else shot,
    )


class EditUpperFace(io.ComfyNode):
    """Move brows and eyes with GANimation."""

    EMOTIONS = ("surprise", "angry", "sad", "action units")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkEditUpperFace",
            "Edit Upper Face",
            "expression",
            "Moves the muscles above the mouth: an emotion, or single action units. The lower half stays "
            "exactly as it is, and so does the detail of the skin.",
            aliases=["ganimation", "emotion", "eyebrows", "facs", "action units"],
            inputs=[
                io.Image.Input("faces", tooltip="Crops in the face framing, of any size."),
                sockets.Ganimation.Input("ganimation", tooltip="From Load GANimation."),
                io.Combo.Input(
                    "emotion",
                    options=list(cls.EMOTIONS),
                    default="surprise",
                    tooltip="surprise: lids raised · angry: brows lowered · sad: every muscle at rest · "
                    "action units: as given below.",
                ),
                io.String.Input(
                    "units",
                    default="",
                    placeholder="4:0.3, 5:0.2",
                    tooltip="For 'action units': the number of a unit (1, 2, 4, 5, 6, 7, 9 and others of "
                    "FACS), colon, intensity of about 0 to 1; commas in between.",
                ),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
            ],
            outputs=[io.Image.Output(display_name="faces", tooltip="The edited faces, of the given size.")],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, faces: Tensor, ganimation: networks.HostedNetwork, emotion: str, units: str, batch_size: int
    ) -> io.NodeOutput:
        from ..retalk_core.stages.expression import EMOTIONS, action_units, edit_upper_face

        wanted = parse_numbers(units) if emotion == "action units" else meant(emotion, EMOTIONS)
        with networks.running(ganimation) as (network, progress):
            edited = edit_upper_face(
                network,
                media.pictures(faces, "faces"),
                action_units(wanted),
                batch_size=networks.batch_size(ganimation, batch_size),
                progress=progress,
            )
        return io.NodeOutput(media.image(edited))
