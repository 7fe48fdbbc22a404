"""Weights from the canvas: a node that says what is missing, and the addresses that its button calls."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy.cli_args import args
from comfy_api.latest import io, ui

from ..models.catalog import PRESETS
from ..models.errors import RetalkError
from . import host, weights
from .language import speaking
from .schema import ADVANCED, meant, node_schema
from .vocabulary import on_canvas

if TYPE_CHECKING:
    from aiohttp import web

    from ..retalk_core.weights.download import Route
    from ..retalk_core.weights.fetching import Fetching, Lacking

ALLOW = "RETALK_ALLOW_DOWNLOADS"  # in the environment: people on other machines may press the button
ADDRESS = "/retalk/models"  # and /start, /stop below it
REFUSED = (
    "This server listens for other machines, so its button downloads nothing: whoever reaches it could fill "
    f"the disk. Start ComfyUI with {ALLOW}=1 in its environment to allow it, or run the command below."
)


class GetModels(io.ComfyNode):
    """Say which files a preset lacks; a button on the node fetches them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkGetModels",
            "Get ReTalk Models",
            "loaders",
            "Says which files a preset lacks, their licences first, and fetches them when its button is "
            "pressed: never by Run, so that no workflow of other people downloads anything.",
            aliases=["download", "install models", "weights", "checkpoints", "missing models"],
            inputs=[
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="paper",
                    tooltip="Whose files are fetched. paper: all stages · fast: without restoring · "
                    "original: what the released program uses.",
                ),
                io.String.Input(
                    "mirror",
                    default="",
                    placeholder="https://…",
                    tooltip="A folder on the web that holds the same files, tried first. Empty: none.",
                    **ADVANCED,
                ),
                io.String.Input(
                    "proxy",
                    default="",
                    placeholder="http://127.0.0.1:8080",
                    tooltip="A proxy for the downloads. Empty: the environment's.",
                    **ADVANCED,
                ),
            ],
            outputs=[io.String.Output(display_name="report", tooltip="What is missing, as text.")],
            shows_text=True,
            ends=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: object) -> object:
        return weights.state_of_files()

    @classmethod
    @host.in_words
    def execute(cls, preset: str, mirror: str, proxy: str) -> io.NodeOutput:
        report = host.say(cls, "\n".join(_offer_lines(preset, *_wanted(preset, mirror, proxy))))
        return io.NodeOutput(report, ui=ui.PreviewText(report))


def _offer(preset: str, mirror: str, proxy: str) -> dict[str, Any]:
    """What would be downloaded, and how, in the editor's words. Raises OptionError."""
    wanted, route = _wanted(preset, mirror, proxy)
    return {
        "lines": [on_canvas(line) for line in _offer_lines(preset, wanted, route)],
        "files": [each.file.name for each in wanted],
        "size": sum(each.file.size for each in wanted),
        "refused": on_canvas(REFUSED) if wanted and not may_download() else "",
        "state": _state(),
    }


def _offer_lines(preset: str, wanted: list[Lacking], route: Route) -> list[str]:
    """The same in the core's words."""
    from ..retalk_core.weights.fetching import offer_lines
    from ..retalk_core.weights.files import command

    lines = list(offer_lines(wanted, preset, target(), route))
    if wanted:
        instead = command("models", "download", "--preset", preset, "--folder", f'"{target()}"')
        lines.append(f"Press Download on this node. Without the editor: {instead}")
    return lines


def _wanted(preset: str, mirror: str, proxy: str) -> tuple[list[Lacking], Route]:
    from ..retalk_core.weights.download import Route
    from ..retalk_core.weights.fetching import lacking

    meant(preset, PRESETS)
    route = Route.of([mirror.strip()] if mirror.strip() else (), proxy.strip() or None)
    return lacking(weights.model_files(), preset), route


def target() -> Path:
    """Where downloads go: models/retalk, and nowhere else."""
    return Path(folder_paths.folder_names_and_paths[host.FOLDER][0][0])


def may_download() -> bool:
    """Whether only this machine reaches the server, or its owner allows it to others too."""
    listens = [each.strip() for each in str(args.listen).split(",") if each.strip()]
    return os.environ.get(ALLOW) == "1" or all(map(_is_own, listens))


def _is_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


_one: list[Any] = []


def _fetching() -> Fetching:
    """The one download of this process."""
    from ..retalk_core.weights.fetching import Fetching

    if not _one:
        _one.append(Fetching())
    found: Fetching = _one[0]
    return found


# What the button calls


def register_addresses() -> None:
    """Let the running server answer at `ADDRESS`; without one, such as in tests, nothing is done."""
    instance: Any = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if instance is not None:
        instance.routes.get(ADDRESS)(_answering(_offer))
        instance.routes.get(f"{ADDRESS}/state")(_answering(_state))
        instance.routes.post(f"{ADDRESS}/start")(_answering(_start))
        instance.routes.post(f"{ADDRESS}/stop")(_answering(_stop))


def _start(preset: str, mirror: str, proxy: str) -> dict[str, Any]:
    """Begin the download. Raises InputError, OptionError."""
    from ..retalk_core.errors import InputError

    if not may_download():
        raise InputError(REFUSED)
    wanted, route = _wanted(preset, mirror, proxy)
    _fetching().start(wanted, target(), route)
    return _state()


def _stop() -> dict[str, Any]:
    _fetching().stop()
    _fetching().wait(2)
    return _state()


def _state() -> dict[str, Any]:
    """How far the download is, in the language of who asks."""
    state = _fetching().state()
    return {**state, "problems": [on_canvas(problem) for problem in state["problems"]]}


def _answering(work: Callable[..., dict[str, Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that does its work beside the server's, and tells mistakes in words."""

    async def handle(request: web.Request) -> web.Response:
        from aiohttp import web

        if request.method == "POST" and request.content_type != "application/json":
            return web.json_response({"error": "JSON is wanted."}, status=415)  # a form of another site
        given = dict(request.query) if request.method == "GET" else await request.json()
        names = {"preset", "mirror", "proxy"} & set(work.__code__.co_varnames[: work.__code__.co_argcount])
        with speaking(str(given.get("language", ""))):
            try:
                told = await asyncio.to_thread(work, **{name: str(given.get(name, "")) for name in names})
            except RetalkError as error:
                return web.json_response({"error": on_canvas(str(error)).replace("--", "")}, status=400)
        return web.json_response(told)

    return handle
