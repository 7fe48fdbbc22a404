"""ReTalk: give a talking-head clip a voice, and its lips follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .models.errors import RetalkError
from .retalk_core.version import __version__

if TYPE_CHECKING:  # the pack's import shall cost nothing
    from pathlib import Path

    from .nodes import ReTalk
    from .retalk_core.media.sound import SoundArray
    from .retalk_core.reports.report import Report

__all__ = ["WEB_DIRECTORY", "RetalkError", "__version__", "comfy_entrypoint", "dub"]

WEB_DIRECTORY = "./web"  # ComfyUI serves the help pages and scripts from here


async def comfy_entrypoint() -> ReTalk:
    """What ComfyUI calls to learn of the nodes; nothing else imports ComfyUI."""
    from .nodes import ReTalk

    return ReTalk()


def dub(
    clip: str | Path,
    voice: str | Path | SoundArray,
    output: str | Path,
    **options: Any,  # noqa: ANN401, as the fields have them
) -> Report:
    """Give a clip's speaker a new voice, from a program; see `retalk_core.dub.program.dub_file`.

    Raises RetalkError for what the caller can put right; nothing is left at `output` then.
    """
    from .retalk_core.dub.program import dub_file

    return dub_file(clip, voice, output, **options)
