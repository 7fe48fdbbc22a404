"""ReTalk: give a talking-head clip a voice, and its lips follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nodes import ReTalk

__version__ = "0.2.0"
WEB_DIRECTORY = "./web"  # ComfyUI serves the help pages from here


async def comfy_entrypoint() -> ReTalk:
    """What ComfyUI calls to learn of the nodes; nothing else imports ComfyUI."""
    from .nodes import ReTalk

    return ReTalk()
