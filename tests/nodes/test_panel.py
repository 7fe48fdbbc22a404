"""What the editor's panel is told, and what a dub's bar learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retalk_nodes.nodes import dub as dub_nodes
from retalk_nodes.nodes import pace, panel
from retalk_nodes.retalk_core.reports.faces import FacesInView
from test_execution import Nodes


def test_words_stand_for_every_client_and_more_only_for_the_panel(nodes: Nodes) -> None:
    shown = panel.words("two\nlines", badge="", player=None, faces={"size": [1, 2]})
    assert shown["text"] == ("two\nlines",)
    (told,) = shown["retalk"]
    assert told["text"] == "two\nlines" and told["faces"] == {"size": [1, 2]}
    assert "badge" not in told and "player" not in told
    assert str(Path.home()) in told["private"]
    assert all(len(folder) > 1 for folder in told["private"])


def test_a_face_sets_the_widgets_that_choose_it(nodes: Nodes, base: Path) -> None:
    boxes = np.array([[10.0 * i, 5, 10 * i + 8, 15] for i in range(6)])
    found = FacesInView(np.zeros((20, 80, 3), np.uint8), boxes, 1)
    told: Any = panel.faces(found, dub_nodes._from_left)
    assert told["size"] == [80, 20] and told["chosen"] == 1
    offered = next(each for each in nodes["ReTalkDubVideo"].GET_SCHEMA().inputs if each.id == "face").options
    assert [face["sets"].get("face") for face in told["faces"]] == [*offered[1:5], None, None]
    assert (base / "temp" / told["picture"]["filename"]).is_file()
    assert panel.faces(None, dub_nodes._from_left) is None


@pytest.mark.parametrize("kind", ["embedded", "retalk fast", "retalk paper"])
def test_the_bars_shares_are_whole_and_follow_the_last_dub(kind: str) -> None:
    assert sum(pace.shares_of(kind).values()) == pytest.approx(1)
    pace.learn_shares(kind, {"track": 1.0, "dub": 8.0, "check": 1.0, "crop and paste": 5.0})
    assert pace.shares_of(kind) == {"listen": 0, "track": 0.1, "fit": 0, "dub": 0.8, "check": 0.1}
    pace.learn_shares(kind, {})
    assert pace.shares_of(kind)["dub"] == 0.8, "a dub that tells nothing teaches nothing"
    pace._learnt.pop(kind)
