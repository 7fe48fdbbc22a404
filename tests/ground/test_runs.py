"""Where something holds without a break."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.runs import true_runs


@pytest.mark.parametrize(
    ("flags", "runs"),
    [
        ("", []),
        ("....", []),
        ("xxxx", [(0, 4)]),
        ("x", [(0, 1)]),
        (".xx.x", [(1, 3), (4, 5)]),
        ("x..xx", [(0, 1), (3, 5)]),
    ],
)
def test_runs_are_found_from_end_to_end(flags: str, runs: list[tuple[int, int]]) -> None:
    assert true_runs(np.array([flag == "x" for flag in flags], bool)) == runs
