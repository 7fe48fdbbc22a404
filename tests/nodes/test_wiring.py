"""What a node is wired to decides before the work begins, not after it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from retalk_nodes.nodes import wiring
from retalk_nodes.retalk_core.errors import InputError, OptionError


def node(prompt: dict[str, Any], key: str = "3") -> Any:  # noqa: ANN401 - a class of ComfyUI's
    return SimpleNamespace(hidden=SimpleNamespace(unique_id=key, prompt=prompt))


def saved_by(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:  # noqa: ANN401
    meta = {"_meta": {"title": title}} if title else {}
    return {
        "3": {"class_type": "ReTalkDubVideo", "inputs": {}},
        "4": {"class_type": kind, "inputs": inputs, **meta},
    }


BATCHED = {
    "0": {"class_type": "VHS_BatchManager", "inputs": {"frames_per_batch": 16}, "_meta": {"title": "Pieces"}},
    "1": {"class_type": "VHS_LoadVideo", "inputs": {"meta_batch": ["0", 0]}},
    "2": {"class_type": "ImageSharpen", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "ReTalkDubFrames", "inputs": {"images": ["2", 0], "fps": 25.0}},
    "5": {"class_type": "ReTalkDubFrames", "inputs": {"images": ["6", 0]}},
    "6": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
}


def test_a_meta_batch_is_seen_through_other_nodes_and_refused() -> None:
    with pytest.raises(InputError, match=r"meta batch \(Pieces\).*Take that node out"):
        wiring.refuse_meta_batches(node(BATCHED))
    wiring.refuse_meta_batches(node(BATCHED, "5"))  # it stands in the same workflow, but elsewhere


def test_without_a_workflow_nothing_is_refused() -> None:
    wiring.refuse_meta_batches(SimpleNamespace())  # type: ignore[arg-type]
    wiring.refuse_what_save_video_cant(SimpleNamespace(), "prores")  # type: ignore[arg-type]


def test_a_workflow_that_runs_in_a_circle_ends() -> None:
    circle = {
        key: {"class_type": "X", "inputs": {"a": [other, 0]}} for key, other in (("3", "4"), ("4", "3"))
    }
    wiring.refuse_meta_batches(node(circle))


@pytest.mark.parametrize("encoder", ["prores", "ffv1"])
@pytest.mark.parametrize(
    "chosen", [{"format": "auto", "codec": "auto"}, {"format": "mp4"}, {"format.codec": "auto"}]
)
def test_what_save_video_cant_save_is_refused_by_its_title(encoder: str, chosen: dict[str, str]) -> None:
    prompt = saved_by("SaveVideo", "Save It", video=["3", 0], **chosen)
    with pytest.raises(OptionError, match=f"Save It can't save {encoder}: put Save Dub in its place"):
        wiring.refuse_what_save_video_cant(node(prompt), encoder)


@pytest.mark.parametrize(
    ("prompt", "encoder"),
    [
        (saved_by("SaveVideo", video=["3", 0], codec="auto"), "h264"),
        (saved_by("SaveVideo", video=["3", 0], codec="auto"), "hevc"),
        (saved_by("SaveVideo", video=["3", 0], codec="h264"), "prores"),  # it encodes anew
        (saved_by("SaveVideo", **{"video": ["3", 0], "format": "mp4", "format.codec": "av1"}), "ffv1"),
        (saved_by("SaveVideo", video=["7", 0], codec="auto"), "ffv1"),  # another node's
        (saved_by("ReTalkSaveDub", video=["3", 0]), "ffv1"),
    ],
)
def test_what_can_be_saved_is_not_refused(prompt: dict[str, Any], encoder: str) -> None:
    wiring.refuse_what_save_video_cant(node(prompt), encoder)
