"""Words that people search the editor for: the node that does all comes first among the pack's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

WORD_STARTS = re.compile(r"[ ]|\b|(?<=[a-z])(?=[A-Z])|(?=[A-Z][a-z])", re.ASCII)


def rank(query: str, name: str) -> tuple[float, ...]:
    """How the editor (1.27 to 1.58) sorts a name that it found; the lower, the earlier."""
    words = [word.lower() for word in WORD_STARTS.split(name) if word]
    name, query = name.lower(), query.lower()
    place = name.find(query)
    if name == query:
        return (0, 0, 0)
    if place == 0:
        return (1, 0, len(name))
    if place > 0:
        return (2 if query in words else 3, place + len(name) / 2, len(name))
    parts = query.split()
    if all(part in words for part in parts):
        at = [words.index(part) for part in parts]
        return (4, max(at) * 1.5 - min(at) + len(name) / 2, len(name))
    return (9, 0, 0)


def names(nodes: dict[str, Any], root: Path, language: str) -> dict[str, str]:
    """Names of the pack's nodes in the editor, by id."""
    shown = json.loads((root / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
    return {key: shown[key]["display_name"] for key in nodes}


@pytest.mark.parametrize(
    ("language", "query"),
    [
        *(("en", word) for word in ("lip sync", "lipsync", "dub", "dub video")),
        *(("zh", word) for word in ("lip sync", "lipsync", "配音", "口型", "对口型")),
    ],
)
def test_dub_video_is_found_first(nodes: dict[str, Any], root: Path, language: str, query: str) -> None:
    ranks = {
        key: min(rank(query, key), rank(query, name)) for key, name in names(nodes, root, language).items()
    }
    first = ranks.pop("ReTalkDubVideo")
    assert first < min(ranks.values()), sorted(ranks.items(), key=lambda item: item[1])[:3]


def test_no_name_takes_the_search_for_another_engine_from_the_node_that_does_all(
    nodes: dict[str, Any], root: Path
) -> None:
    """Names come before aliases: "wav2lip" is one of Dub Video's."""
    for language in ("en", "zh"):
        assert not [name for name in names(nodes, root, language).values() if "wav2lip" in name.lower()]
