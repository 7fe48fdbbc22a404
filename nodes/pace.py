"""How much of a dub's bar each stage gets: as the last dub of the same kind took, or else a measured one."""

from __future__ import annotations

from collections.abc import Mapping

# Seconds of each stage, in their order, for a clip of 5 s at 720x720 with two cores. What a machine takes
# otherwise is learnt from its first dub.
PREVIEW = {"listen": 1.0, "track": 10.0, "fit": 0.0, "dub": 10.0, "check": 4.0}
PAPER = {"listen": 1.0, "track": 10.0, "fit": 20.0, "dub": 300.0, "check": 4.0}

_learnt: dict[str, dict[str, float]] = {}


def shares_of(kind: str) -> dict[str, float]:
    """The shares of the stages of a kind of dub, adding up to 1.

    kind: such as a node's engine and preset; "embedded preview" is known from the start
    """
    seconds = _learnt.get(kind) or (PREVIEW if "preview" in kind else PAPER)
    whole = sum(seconds.values())
    return {stage: spent / whole for stage, spent in seconds.items()}


def learn_shares(kind: str, spent: Mapping[str, float]) -> None:
    """Remember what the stages of a kind of dub took, in seconds; others than those of a bar are left out."""
    seconds = {stage: max(spent.get(stage, 0.0), 0.0) for stage in PAPER}
    if sum(seconds.values()) > 0:
        _learnt[kind] = seconds
