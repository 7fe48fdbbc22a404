"""A node for each network, one for all of them, and one that says what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from comfy_api.latest import io, ui

from ..nodes import host, sockets
from . import networks, weights
from .schema import node_schema

AUTO = "auto"
NONE = "(no file found)"
PLACES = {  # of Load ReTalk Models: the input, the catalogue's key, what it is for
    "face3d": ("face3d", "3DMM regressor: reads pose and expression."),
    "dnet": ("dnet", "D-Net: neutralises the expression."),
    "lnet": ("lnet", "L-Net: draws lips that follow the voice."),
    "enet": ("enet", "E-Net: redraws the face sharply."),
    "gfpgan": ("gfpgan", "GFPGAN: restores the mouth."),
    "gpen": ("gpen", "GPEN: restores whole faces, or the mouth in GFPGAN's place."),
    "parser": ("parser", "Face parser: marks the mouth."),
    "ganimation": ("ganimation", "GANimation: moves the upper face."),
    "expression": ("expression", "The calm and the smiling expression."),
}


def file_input(name: str, key: str, tooltip: str) -> io.Combo.Input:
    """A choice among the files for one place in the catalogue, or the best of them."""
    return io.Combo.Input(
        name,
        options=[AUTO, *weights.weight_names(key)],
        default=AUTO,
        tooltip=f"{tooltip} auto: the best one found.",
    )


def file_problem(file: str | None, *keys: str) -> bool | str:
    """True if a chosen file is there, else what to do; None is a value that isn't known yet."""
    if file is None or file == AUTO or weights.weight_path(file) is not None:
        return True
    from ..retalk_core.weights.files import missing_words

    folders = weights.weight_folders()
    said = "" if file == NONE else f"{file} is in none of ReTalk's folders. "
    return said + " ".join(missing_words(key, folders) for key in keys[:1])


def _existing(file: str, *keys: str) -> Path:
    """The file of that name. Raises InputError, which says what to do."""
    from ..retalk_core.errors import InputError

    path = weights.weight_path(file)
    if path is None:
        raise InputError(str(file_problem(file, *keys)))
    return path


class _LoadNetwork(io.ComfyNode):
    """Load one network from a file."""

    KEYS: ClassVar[tuple[str, ...]]  # places in the catalogue that the file may be for
    SOCKET: ClassVar[Any]
    ABOUT: ClassVar[tuple[str, str, str]]  # node id, name, what it is for
    ALIASES: ClassVar[tuple[str, ...]]

    @classmethod
    def define_schema(cls) -> io.Schema:
        node_id, name, purpose = cls.ABOUT
        return node_schema(
            node_id,
            name,
            "loaders",
            f"{purpose} The file is checked before it is used, and nothing in it is executed.",
            aliases=["checkpoint", "model loader", "weights", *cls.ALIASES],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=weights.weight_names(*cls.KEYS) or [NONE],
                    tooltip="From models/retalk or another pack's folder. Check Models says how to get one.",
                )
            ],
            outputs=[
                cls.SOCKET.Output(
                    display_name=cls.SOCKET.io_type.removeprefix("RETALK_").lower(),
                    tooltip="The network, for its stage.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return file_problem(file, *cls.KEYS)

    @classmethod
    def fingerprint_inputs(cls, file: str | None) -> object:
        return weights.state_of_file(file)

    @classmethod
    @host.in_words
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(networks.host_network(_existing(file, *cls.KEYS), *cls.KEYS))


class LoadDNet(_LoadNetwork):
    """Load D-Net."""

    KEYS = ("dnet",)
    SOCKET = sockets.DNet
    ABOUT = ("ReTalkLoadDNet", "Load D-Net (expression)", "Loads D-Net, which neutralises the expression.")
    ALIASES = ("dnet", "pirenderer")


class LoadLNet(_LoadNetwork):
    """Load L-Net."""

    KEYS = ("lnet",)
    SOCKET = sockets.LNet
    ABOUT = ("ReTalkLoadLNet", "Load L-Net (lip sync)", "Loads L-Net, which draws lips that follow a voice.")
    ALIASES = ("lnet", "lip sync")


class LoadENet(_LoadNetwork):
    """Load E-Net."""

    KEYS = ("enet",)
    SOCKET = sockets.ENet
    ABOUT = ("ReTalkLoadENet", "Load E-Net (enhance)", "Loads E-Net, which redraws a synced face sharply.")
    ALIASES = ("enet", "enhance")


class LoadFace3D(_LoadNetwork):
    """Load the 3DMM regressor."""

    KEYS = ("face3d",)
    SOCKET = sockets.Face3D
    ABOUT = (
        "ReTalkLoadFace3D",
        "Load 3DMM Regressor",
        "Loads the network that reads a 3D morphable model's coefficients off a face.",
    )
    ALIASES = ("face3d", "deep3d", "3dmm")


class LoadRestorer(_LoadNetwork):
    """Load GFPGAN or GPEN."""

    KEYS = ("gfpgan", "gpen")
    SOCKET = sockets.Restorer
    ABOUT = (
        "ReTalkLoadRestorer",
        "Load Face Restorer",
        "Loads GFPGAN or GPEN, which restore a face's detail.",
    )
    ALIASES = ("gfpgan", "gpen", "face restore")


class LoadParser(_LoadNetwork):
    """Load ParseNet or BiSeNet."""

    KEYS = ("parser",)
    SOCKET = sockets.Parser
    ABOUT = ("ReTalkLoadParser", "Load Face Parser", "Loads ParseNet or BiSeNet, which mark a face's parts.")
    ALIASES = ("parsenet", "bisenet", "face parsing")


class LoadGanimation(_LoadNetwork):
    """Load GANimation."""

    KEYS = ("ganimation",)
    SOCKET = sockets.Ganimation
    ABOUT = ("ReTalkLoadGanimation", "Load GANimation", "Loads GANimation, which moves the upper face.")
    ALIASES = ("ganimation", "emotion")


class LoadModels(io.ComfyNode):
    """Choose the files of all networks."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkLoadModels",
            "Load ReTalk Models",
            "loaders",
            "Chooses the files of all networks for Dub Video and Dub Frames. Each is loaded when it is first "
            "needed; without this node the best file of each kind is used.",
            aliases=["checkpoint", "all models", "video retalking", "weights"],
            inputs=[file_input(name, key, purpose) for name, (key, purpose) in PLACES.items()],
            outputs=[sockets.Models.Output(display_name="models", tooltip="For Dub Video and Dub Frames.")],
        )

    @classmethod
    def fingerprint_inputs(cls, **files: str | None) -> object:
        return weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(cls, **files: str) -> io.NodeOutput:
        keys = {name: PLACES[name][0] for name, file in files.items() if file != AUTO}
        return io.NodeOutput(
            networks.HostNetworks({key: _existing(files[name], key) for name, key in keys.items()})
        )


class CheckModels(io.ComfyNode):
    """Say which files are there and how to get the others."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkCheckModels",
            "Check Models",
            "loaders",
            "Lists every file of weights: where it was found, or its size, its licence, where it comes from "
            "and the command that fetches it. Nothing is downloaded by itself.",
            aliases=["missing models", "download", "checkpoints", "install"],
            inputs=[],
            outputs=[io.String.Output(display_name="report", tooltip="The list, as text.")],
            shows_text=True,
            ends=True,
        )

    @classmethod
    def fingerprint_inputs(cls) -> object:
        return weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(cls) -> io.NodeOutput:
        from ..retalk_core.weights.commands import survey_lines

        report = "\n".join(survey_lines(weights.model_files()))
        host.say(cls, report)
        return io.NodeOutput(report, ui=ui.PreviewText(report))
