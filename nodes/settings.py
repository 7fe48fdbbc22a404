"""What is set for all of ComfyUI: in the editor's settings, or by a variable where nobody opens it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import folder_paths

if TYPE_CHECKING:
    from ..retalk_core.marks.choice import MarkChoice

MARK_VARIABLE = "RETALK_MARK"
MARK_SETTING = "ReTalk.Mark"  # web/js/retalk.js offers it
_SETTINGS = Path("default", "comfy.settings.json")  # of ComfyUI's user; where there are several, the first


def mark_word(environment: Mapping[str, str] = os.environ) -> str:
    """How dubs are to be marked whose options say auto, as it was written; "auto" where nothing was."""
    return environment.get(MARK_VARIABLE, "").strip() or _of_editor().get(MARK_SETTING) or "auto"


def mark_choice(environment: Mapping[str, str] = os.environ) -> MarkChoice:
    """The same, checked. Raises OptionError."""
    from ..retalk_core.errors import OptionError
    from ..retalk_core.marks.choice import MarkChoice

    word = mark_word(environment)
    for choice in get_args(MarkChoice):
        if word == choice:
            return choice
    named = MARK_VARIABLE if environment.get(MARK_VARIABLE, "").strip() else f"The setting {MARK_SETTING}"
    known = ", ".join(get_args(MarkChoice))
    raise OptionError(f"{named} is {word!r}, but it must be one of {known}: correct it, or take it away.")


def _of_editor() -> dict[str, str]:
    """What the editor keeps; nothing where it has kept nothing yet, or where that can't be read."""
    try:
        kept = json.loads((Path(folder_paths.get_user_directory()) / _SETTINGS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
