"""One small comparison that the tests of this room look at."""

from __future__ import annotations

import cv2
import pytest
from comparisons import Counting, Small, written_pairs
from retalk_nodes.retalk_core.comparing.compare import compare
from retalk_nodes.retalk_core.comparing.pairs import read_pairs
from retalk_nodes.retalk_core.comparing.work import CompareQuestion
from scenes import talking, write_clip

NAMES = ("cpbd", "lse_d", "fid", "opening_loudness", "loss_outside", "mouth_distance")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Two clips with each other's voice by stand-ins of all networks, and a video of a system elsewhere."""
    folder = tmp_path_factory.mktemp("small")
    elsewhere = write_clip(folder / "else.mkv", [cv2.GaussianBlur(each, (0, 0), 2) for each in talking(9)])
    table = written_pairs(folder, ("a", "b"), given={0: elsewhere})
    question = CompareQuestion(
        pairs=read_pairs(table), folder=folder / "results", names=NAMES, shown=1, frames=3
    )
    networks = Counting(folder)
    return Small(question, networks, compare(question, networks))
