"""Schemas for every ComfyUI from 0.3.64 on: what a version doesn't know yet is left out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from comfy_api.latest import io


def known(target: Callable[..., Any], **keywords: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever it takes
    """Those of the keywords that a class or function of the running ComfyUI accepts; it refuses others."""
    accepted = inspect.signature(target).parameters
    return {name: value for name, value in keywords.items() if name in accepted}


T = TypeVar("T")

# `io.Int.Input(..., **ADVANCED)` is folded away until asked for, where the editor can do that.
ADVANCED = known(io.Int.Input, advanced=True)


def node_schema(
    node_id: str,
    name: str,
    category: str,
    description: str,
    *,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    aliases: Sequence[str],
    shows_text: bool = False,
    ends: bool = False,
    sees_graph: bool = False,
) -> io.Schema:
    """A node's schema.

    category:   the part after "ReTalk/"
    aliases:    other words that people search for
    shows_text: the node tells something on its face
    ends:       the node is worth running although nothing is wired to it
    sees_graph: it must know what it is wired to
    """
    hidden = [io.Hidden.unique_id] if shows_text or sees_graph else []
    hidden += [io.Hidden.prompt] if sees_graph else []
    return io.Schema(
        node_id=node_id,
        display_name=name,
        category=f"ReTalk/{category}",
        description=description,
        inputs=list(inputs),
        outputs=list(outputs),
        is_output_node=ends,
        hidden=hidden or None,
        **known(io.Schema, search_aliases=list(aliases), has_intermediate_output=shows_text and not ends),
    )


def meant(choice: str, choices: Mapping[str, T]) -> T:
    """What a choice of a widget stands for. Raises OptionError: old versions let any text through."""
    from ..retalk_core.errors import OptionError

    if choice not in choices:
        raise OptionError(f"{choice!r} is no choice here. Choose one of: {', '.join(choices)}.")
    return choices[choice]


def parse_numbers(text: str) -> dict[int, float]:
    """Read "3:0.5, 10:-0.2" as numbers and their values. Raises OptionError."""
    from ..retalk_core.errors import OptionError

    numbers = {}
    for part in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        number, _, value = part.partition(":")
        try:
            index, change = int(number), float(value)
        except ValueError:
            index, change = 0, math.nan
        if not math.isfinite(change):
            raise OptionError(f"{part!r} is no change: write number, colon, value, such as 3:0.5.")
        numbers[index] = change
    return numbers


BATCH_TIP = "Pictures at a time. 0: as many as suit the device. It is halved by itself where memory runs out."
