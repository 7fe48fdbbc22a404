"""ReTalk: give a talking-head clip a voice, and its lips follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .retalk_core.version import __version__

if TYPE_CHECKING:
    from .nodes import ReTalk

__all__ = ["WEB_DIRECTORY", "__version__", "comfy_entrypoint"]

WEB_DIRECTORY = "./web"  # ComfyUI serves the help pages from here


async def comfy_entrypoint() -> ReTalk:
    """What ComfyUI calls to learn of the nodes; nothing else imports ComfyUI."""
    from .nodes import ReTalk

    return ReTalk()
