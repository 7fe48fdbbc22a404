"""How much of a dub's bar each stage gets: as the last dub of the same kind took, or else a measured one."""

from __future__ import annotations

from collections.abc import Mapping

PREVIEW = "embedded"  # the kind that needs no weights
# Seconds of each stage, in order, for 126 frames of 590x590 with two cores: measured for the preview, for
# the paper's networks from the times of each in benchmarks/README.md. What a machine takes otherwise is
# learnt from its first dub.
QUICK = {"listen": 0.3, "track": 2.1, "fit": 0.0, "dub": 7.8, "check": 2.5}
PAPER = {"listen": 0.3, "track": 2.1, "fit": 12.0, "dub": 380.0, "check": 2.5}

_learnt: dict[str, dict[str, float]] = {}


def shares_of(kind: str) -> dict[str, float]:
    """The shares of the stages of a kind of dub, adding up to 1.

    kind: the engine that runs, and its preset
    """
    seconds = _learnt.get(kind) or (QUICK if kind == PREVIEW else PAPER)
    whole = sum(seconds.values())
    return {stage: spent / whole for stage, spent in seconds.items()}


def learn_shares(kind: str, spent: Mapping[str, float]) -> None:
    """Remember what the stages of a kind of dub took, in seconds; others than those of a bar are left out."""
    seconds = {stage: max(spent.get(stage, 0.0), 0.0) for stage in PAPER}
    if sum(seconds.values()) > 0:
        _learnt[kind] = seconds
