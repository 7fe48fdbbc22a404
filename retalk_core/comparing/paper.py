"""What the paper says of itself, as far as it is known here: never measured by us, never filled in."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple


class Protocol(NamedTuple):
    """How many pairs a comparison has, and how long they are."""

    pairs: int
    seconds: Fraction | None  # None: clips and voices at their own length


PROTOCOLS: Mapping[str, Protocol] = {
    "hdtf": Protocol(100, Fraction(20)),
    "lrs2": Protocol(14_000, None),
}

CORPORA = ("LRS2", "HDTF")
# By the network that draws the lips: FID, CPBD, LSE-D, LSE-C in its table 1, by corpus.
PAPERS_FIGURES: Mapping[str, Mapping[str, tuple[float, float, float, float]]] = {
    "lnet": {"LRS2": (5.193, 0.2809, 6.519, 7.089), "HDTF": (4.504, 0.2903, 9.359, 4.518)},
}
NOT_REPRODUCED = "the paper's own figure, of its clips and its protocol; not reproduced here"
NOT_KNOWN = "the paper has a figure, which is not known to this program"
# Of its user study, table 2: clips of HDTF, people, and opinions on five points.
STUDY = {"clips": 10, "people": 51, "opinions": 510}
