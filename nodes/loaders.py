"""A node for each network, one for all of them, and one that says what is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from comfy_api.latest import io

from ..models.catalog import catalog, loaders
from ..models.catalog import lips as lips_words
from ..models.network import Loader
from ..retalk_core.fields import option_named
from ..retalk_core.stages.options import Stages
from . import host, networks, panel, sockets, weights
from .schema import node_schema
from .vocabulary import on_canvas

AUTO = "auto"
NONE = "(no file found)"
# Saved workflows keep the values of Load ReTalk Models by their order, so what is new comes last. The nodes
# are in the order that they have always had, too.
FIRST_PLACES = ("face3d", "dnet", "lnet", "enet", "gfpgan", "gpen", "parser", "ganimation", "expression")
FIRST_NODES = ("DNet", "LNet", "ENet", "Face3D", "Restorer", "Parser", "Ganimation")


def chosen_places() -> dict[str, str]:
    """The places in the catalogue that Load ReTalk Models chooses files for, and what it says of each."""
    tips = {key: place.tip for key, place in catalog.items() if place.tip}
    return {key: tips[key] for key in (*FIRST_PLACES, *tips)}


def file_input(name: str, keys: Sequence[str], tooltip: str) -> io.Combo.Input:
    """A choice among the files for some places in the catalogue, or the best of them."""
    return io.Combo.Input(
        name,
        options=[AUTO, *weights.weight_names(*keys)],
        default=AUTO,
        tooltip=f"{tooltip} auto: the best one found.",
    )


def file_problem(file: str | None, *keys: str) -> bool | str:
    """True if a chosen file is there, else what to do; None is a value that isn't known yet."""
    if file is None or file == AUTO or weights.weight_path(file) is not None:
        return True
    said = "" if file == NONE else f"{file} is in none of ReTalk's folders. "
    files = weights.model_files()
    return on_canvas(said + " ".join(files.missing_words(key) for key in keys[:1]))


def _existing(file: str, *keys: str) -> Path:
    """The file of that name. Raises InputError, which says what to do."""
    from ..retalk_core.errors import InputError

    path = weights.weight_path(file)
    if path is None:
        raise InputError(str(file_problem(file, *keys)))
    return path


def _best(*keys: str) -> Path | None:
    """The best file for the first of some places in the catalogue that has one, whatever it is called."""
    files = weights.model_files()
    found = (files.find(key) for key in keys)
    return next((each[0] for each in found if each), None)


class _LoadNetwork(io.ComfyNode):
    """Load one network from a file."""

    LOADER: ClassVar[Loader]
    KEYS: ClassVar[tuple[str, ...]]  # places in the catalogue that the file may be for

    @classmethod
    def define_schema(cls) -> io.Schema:
        socket = sockets.NETWORKS[cls.LOADER.kind]
        return node_schema(
            cls.LOADER.node_id,
            cls.LOADER.title,
            "loaders",
            f"{cls.LOADER.purpose} The file is checked before it is used, and nothing in it is executed.",
            aliases=["checkpoint", "model loader", "weights", *cls.LOADER.aliases],
            inputs=[
                file_input(
                    "file",
                    cls.KEYS,
                    "From models/retalk or another pack's folder; Get ReTalk Models fetches it.",
                )
            ],
            outputs=[
                socket.Output(display_name=cls.LOADER.kind.lower(), tooltip="The network, for its stage.")
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        if file == AUTO and _best(*cls.KEYS) is None:
            return file_problem(NONE, *cls.KEYS)
        return file_problem(file, *cls.KEYS)

    @classmethod
    def fingerprint_inputs(cls, file: str | None) -> object:
        return weights.state_of_files() if file == AUTO else weights.state_of_file(file)

    @classmethod
    @host.in_words
    def execute(cls, file: str) -> io.NodeOutput:
        best = _best(*cls.KEYS) if file == AUTO else None
        path = best or _existing(NONE if file == AUTO else file, *cls.KEYS)
        return io.NodeOutput(networks.host_network(path, *cls.KEYS))


def _loading_node(loader: Loader, keys: tuple[str, ...]) -> type[_LoadNetwork]:
    """A node for one of the catalogue's loaders."""
    words = {"__doc__": loader.purpose, "__module__": __name__, "LOADER": loader, "KEYS": keys}
    return type(f"Load{loader.kind}", (_LoadNetwork,), words)


def network_loaders() -> tuple[type[_LoadNetwork], ...]:
    """A node for each of the catalogue's loaders."""
    made = {loader.kind: _loading_node(loader, keys) for loader, keys in loaders().items()}
    return tuple({kind: made[kind] for kind in (*FIRST_NODES, *made)}.values())


class LoadLips(io.ComfyNode):
    """Choose what draws the lips, and load its networks."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        places = [key for keys in lips_words().values() for key in keys]
        return node_schema(
            "ReTalkLoadLips",
            "Load Lip Sync Network (L-Net and Its Rivals)",
            "loaders",
            "Loads what draws the lips: the paper's L-Net, or one of those that the paper compares itself "
            "with. The files are checked before they are used, and nothing in them is executed.",
            aliases=["checkpoint", "model loader", "weights", "wav2lip", "lipgan", "pc-avs", "lnet", "lips"],
            inputs=[
                io.Combo.Input(
                    "lips",
                    options=list(lips_words()),
                    default="lnet",
                    tooltip=option_named(Stages, "lips").tip,
                ),
                file_input(
                    "file",
                    places,
                    "From models/retalk: of the network that is chosen, or one of its several. The others "
                    "are found by themselves.",
                ),
            ],
            outputs=[sockets.Lips.Output(display_name="lips", tooltip="For Draw Lips.")],
        )

    @classmethod
    def validate_inputs(cls, lips: str | None, file: str | None) -> bool | str:
        if file is not None and file != AUTO:
            return file_problem(file, *_places_of(lips))
        lacking = [key for key in _places_of(lips) if lips is not None and _best(key) is None]
        return file_problem(NONE, lacking[0]) if lacking else True

    @classmethod
    def fingerprint_inputs(cls, lips: str | None, file: str | None) -> object:
        return weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(cls, lips: str, file: str) -> io.NodeOutput:
        keys = _places_of(lips)
        given = None if file == AUTO else _existing(file, *keys)
        fits = "" if given is None else networks.look_at_file(given, *keys).key
        paths = {key: given if key == fits else _best(key) for key in keys}
        hosted = [networks.host_network(path or _existing(NONE, key), key) for key, path in paths.items()]
        return io.NodeOutput(networks.HostedLips(lips, tuple(hosted)))


def _places_of(word: str | None) -> tuple[str, ...]:
    """The places in the catalogue of what draws the lips; of a word that isn't known yet, L-Net's."""
    return lips_words().get(word or "lnet", lips_words()["lnet"])


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
            inputs=[file_input(key, [key], tip) for key, tip in chosen_places().items()],
            outputs=[sockets.Models.Output(display_name="models", tooltip="For Dub Video and Dub Frames.")],
        )

    @classmethod
    def fingerprint_inputs(cls, **files: str | None) -> object:
        return weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(cls, **files: str) -> io.NodeOutput:
        chosen = {key: _existing(file, key) for key, file in files.items() if file != AUTO}
        for key, path in chosen.items():  # now, not when a dub comes to it
            networks.look_at_file(path, key)
        return io.NodeOutput(networks.HostNetworks(chosen))


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

        report = host.say(cls, "\n".join(survey_lines(weights.model_files())))
        return io.NodeOutput(report, ui=panel.words(report))
