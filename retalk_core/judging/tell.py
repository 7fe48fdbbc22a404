"""Tell what was judged: a table, and the paper's own figures apart from it."""

from __future__ import annotations

from collections.abc import Iterator

from ..metrics.registry import metrics
from .judge import Judgement

ARROWS = {"higher": "more is better", "lower": "less is better", "near 0": "0 is best", "near 1": "1 is best"}
# Of the paper's tables 1 and 2, its own method: FID, CPBD, LSE-D, LSE-C.
_PAPER = {"LRS2": (5.193, 0.2809, 6.519, 7.089), "HDTF": (4.504, 0.2903, 9.359, 4.518)}
PAPERS_NAMES = ("fid", "cpbd", "lse_d", "lse_c")
WEAK = 1.0  # an LSE-C below which SyncNet hears nothing that fits
HINTS = (
    "SyncNet finds hardly any agreement. Usual reasons: the pictures are not at 25 frames a second, the "
    "sound was timed anew, or the crop misses the mouth."
)


def lines(judgement: Judgement) -> Iterator[str]:
    """A table for people."""
    for name, value in judgement.values.items():
        yield f"{name:<18}{_number(value):>10}   {ARROWS[metrics()[name].better]}; {judgement.details[name]}"
    for name, why in judgement.unavailable.items():
        yield f"{name:<18}{'–':>10}   unavailable ({why})"
    if judgement.values.get("lse_c", WEAK) < WEAK:
        yield HINTS
    files = judgement.networks.get("networks", {})
    used = [f"{each['file']} (sha256 {each['sha256'][:12]})" for each in files.values()]
    if used:
        yield f"weights: {', '.join(used)}"
    if set(PAPERS_NAMES) & set(judgement.values):
        yield from paper_lines()


def paper_lines() -> Iterator[str]:
    """The paper's figures, which are of other clips and another protocol."""
    yield "For comparison only, the paper's own figures, by its protocol and on its clips; not repeated here:"
    for corpus, figures in _PAPER.items():
        told = ", ".join(f"{name} {value}" for name, value in zip(PAPERS_NAMES, figures, strict=True))
        yield f"  {corpus}: {told}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4f}"
