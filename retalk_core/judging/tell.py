"""Tell what was judged: a table, a chart, what looks wrong, and the paper's own figures apart from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..metrics.registry import metrics
from ..reports.charts import Scene, draw_chart
from .corpus.features import distance_lines
from .corpus.folder import Corpus
from .judge import Judgement
from .references import References

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
    """A table for people, and what is to be said beside it."""
    for name, value in judgement.values.items():
        yield f"{name:<17} {_number(value):>10}   {ARROWS[metrics()[name].better]}; {judgement.details[name]}"
    for name, why in judgement.unavailable.items():
        yield f"{name:<17} {'–':>10}   unavailable ({why})"
    if judgement.values.get("lse_c", WEAK) < WEAK:
        yield HINTS
    yield from reference_lines(judgement.references)
    yield from doubt_lines(judgement)
    yield from (f"note: {note}" for note in judgement.notes)
    files = judgement.networks.get("networks", {})
    used = [f"{each['file']} (sha256 {each['sha256'][:12]})" for each in files.values()]
    if used:
        yield f"weights: {', '.join(used)}"
    if set(PAPERS_NAMES) & set(judgement.values):
        yield from paper_lines()


def doubt_lines(judgement: Judgement) -> Iterator[str]:
    """What looks wrong, with its times."""
    yield from (f"doubt, {doubt}" for doubt in judgement.doubts)
    if not judgement.doubts:
        yield "no doubts"


def reference_lines(references: References) -> Iterator[str]:
    """The source's own figures, to hold the result's against."""
    if references:
        yield "To compare with, the source itself:"
    for row, values in references.items():
        told = ", ".join(f"{name} {_number(value)}" for name, value in values.items())
        yield f"  {row}: {told or 'nothing can be told'}"


def paper_lines() -> Iterator[str]:
    """The paper's figures, which are of other clips and another protocol."""
    yield "The paper's protocol, its tables 1 and 2: its own figures on its own clips, not repeated here:"
    for corpus, figures in _PAPER.items():
        told = ", ".join(f"{name} {value}" for name, value in zip(PAPERS_NAMES, figures, strict=True))
        yield f"  {corpus}: {told}"


def corpus_lines(corpus: Corpus) -> Iterator[str]:
    """What was found about a folder, for people."""
    for row in corpus.rows:
        if "failed" in row:
            yield f"not judged: {Path(row['video']).name}: {row['failed']}"
    for name, interval in corpus.values.items():
        yield f"{name:<18}{interval}"
    if corpus.made is not None and corpus.real is not None:
        yield from distance_lines(corpus.made, corpus.real)
    elif corpus.why_not:
        yield f"fid, mouth_kid     unavailable ({corpus.why_not})"
    if corpus.references:
        yield "To compare with, the sources themselves:"
    for row_name, values in corpus.references.items():
        for name, interval in values.items():
            yield f"  {row_name}: {name} {interval}"
    doubtful = [row for row in corpus.rows if row.get("doubts")]
    for row in doubtful:
        words = "; ".join(f"{each['severity']}: {each['words']}" for each in row["doubts"])
        yield f"doubts about {Path(row['video']).name}: {words}"
    judged = f"{corpus.judged} of {len(corpus.rows)} videos judged"
    yield f"{judged}; intervals are for other clips and other voices (95 %)"
    yield from paper_lines()


def draw_judgement(judgement: Judgement) -> np.ndarray:
    """Loudness and mouth over time, and where something looks wrong, as RGB uint8 (h, w, 3)."""
    silence = np.zeros(len(judgement.times))
    return draw_chart(
        Scene(
            times=judgement.times,
            loudness=silence if judgement.loudness is None else judgement.loudness,
            wanted=None,
            seen=judgement.opening,
            cuts=judgement.cuts,
            untouched=(),
            doubtful=[each for doubt in judgement.doubts for each in doubt.ranges],
        )
    )


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4f}"
