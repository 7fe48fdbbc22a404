"""What a node is wired to: read off the workflow that ComfyUI runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comfy_api.latest import io

from ..retalk_core.errors import InputError, OptionError

Prompt = Mapping[str, Mapping[str, Any]]  # a workflow in API form, by the nodes' ids
ONLY_SAVE_DUB = ("prores", "ffv1")  # encoders whose files ComfyUI's own Save Video can't write


def workflow_of(node: type[io.ComfyNode]) -> tuple[Prompt, str]:
    """The workflow that runs, and the id of a node in it; nothing where they aren't told."""
    hidden = getattr(node, "hidden", None)
    return getattr(hidden, "prompt", None) or {}, str(getattr(hidden, "unique_id", None) or "")


def refuse_meta_batches(node: type[io.ComfyNode]) -> None:
    """Raise InputError where a node would get its clip in pieces, each of them in a run of its own.

    VideoHelperSuite's meta batch does that: a face can't be followed so, and each piece would be given the
    voice from its beginning.
    """
    prompt, own = workflow_of(node)
    for key in _before(prompt, own):
        title = _title(prompt[key])
        if prompt[key].get("class_type") == "VHS_BatchManager":
            raise InputError(
                f"The clip comes in pieces from VideoHelperSuite's meta batch ({title}), but a face must be "
                "followed through the whole clip. Take that node out, or use Load Video and Dub Video, which "
                "need no more memory for an hour than for a minute."
            )


def _before(prompt: Prompt, key: str) -> Iterator[str]:
    """The nodes that a node hangs on."""
    seen: set[str] = set()
    waiting = _sources(prompt, key)
    while waiting:
        found = waiting.pop()
        if found not in seen and found in prompt:
            seen.add(found)
            yield found
            waiting += _sources(prompt, found)


def _sources(prompt: Prompt, key: str) -> list[str]:
    given = prompt.get(key, {}).get("inputs", {}).values()
    return [str(value[0]) for value in given if isinstance(value, list) and len(value) == 2]


def refuse_what_save_video_cant(node: type[io.ComfyNode], encoder: str) -> None:
    """Raise OptionError where a dub's file goes to a node that can't save what it is encoded with."""
    prompt, own = workflow_of(node)
    if encoder not in ONLY_SAVE_DUB:
        return
    for each in prompt.values():
        if each.get("class_type") == "SaveVideo" and _keeps_packets(each, own):
            raise OptionError(
                f"{_title(each)} can't save {encoder}: put Save Dub in its place, which keeps the file as it "
                "is, or choose another encoder in Dub Options."
            )


def _keeps_packets(save: Mapping[str, Any], source: str) -> bool:
    """Whether a Save Video takes the first output of a node, and leaves its encoding as it is."""
    inputs = save.get("inputs", {})
    chosen = [value for name, value in inputs.items() if name.split(".")[-1] == "codec"]
    return inputs.get("video") == [source, 0] and set(chosen) <= {"auto"}


def _title(node: Mapping[str, Any]) -> str:
    """What a node is called on the canvas."""
    return str(node.get("_meta", {}).get("title") or node.get("class_type"))
