"""Whether a mouth takes the shapes of what is said: lips that meet, bite and round where they should.

It needs to be known what is said when: see `visemes/text`. Frames are looked at by their middles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..visemes.targets import Phone
from .registry import metric

LIPS_SHUT, LIPS_BITTEN = 0.02, 0.05  # eye distances between the lips
_SLACK = 0.04  # seconds by which lips may be early or late
_SHORTEST = 0.06  # seconds of a vowel that must show
_MEET, _BITE = frozenset(["P", "B", "M"]), frozenset(["F", "V"])
_OPEN = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "OW", "OY"])
_ROUNDED, _SPREAD = (
    frozenset(["UW", "UH", "OW", "AO", "W"]),
    frozenset(["IY", "IH", "EH", "EY", "AE", "AA", "AH", "AY"]),
)


@metric("closures", better="higher", words="lips meet for {:.2f} of p, b and m")
def closures_met(closure_gaps: np.ndarray) -> float | None:
    """For how many of p, b and m lips meet, by their least gaps (n,) in eye distances."""
    return _share(closure_gaps, LIPS_SHUT)


@metric("false_closures", better="lower", words="and for {:.2f} of open vowels")
def false_closures(vowel_gaps: np.ndarray) -> float | None:
    """In how many open vowels lips are shut, by gaps (m,) at their middles in eye distances."""
    return _share(vowel_gaps, LIPS_SHUT)


@metric("bites", better="higher", words="{:.2f} of f and v are bitten")
def bites_met(bite_gaps: np.ndarray) -> float | None:
    """For how many of f and v lips are nearly shut, by their least gaps (k,) in eye distances."""
    return _share(bite_gaps, LIPS_BITTEN)


@metric("rounding", better="higher", words="rounded sounds are told by width with {:.2f}")
def rounding(rounded_widths: np.ndarray, spread_widths: np.ndarray) -> float | None:
    """How surely mouths are narrower in rounded sounds (i,) than in spread ones (j,): 1, or 0 by chance."""
    if not (len(rounded_widths) and len(spread_widths)):
        return None
    wins = np.subtract.outer(np.asarray(spread_widths), np.asarray(rounded_widths))
    return 2 * float((wins > 0).mean() + 0.5 * (wins == 0).mean()) - 1


@metric("viseme_accuracy", better="higher", words="mouth shapes right by {:.2f}")
def viseme_accuracy(closure_gaps: np.ndarray, vowel_gaps: np.ndarray, bite_gaps: np.ndarray) -> float | None:
    """The share of p, b, m, f, v and open vowels whose lips are as they should be; each kind counts alike."""
    false = false_closures(vowel_gaps)
    kinds = (closures_met(closure_gaps), bites_met(bite_gaps), None if false is None else 1 - false)
    known = [kind for kind in kinds if kind is not None]
    return float(np.mean(known)) if known else None


def _share(gaps: np.ndarray, limit: float) -> float | None:
    return float((np.asarray(gaps) < limit).mean()) if len(gaps) else None


def articulated(
    phones: Sequence[Phone], times: np.ndarray, opening: np.ndarray, width: np.ndarray
) -> Mapping[str, np.ndarray]:
    """What a mouth does in each speech sound, by the names that metrics use.

    times:          (T,) seconds, middles of frames
    opening, width: (T,) eye distances; NaN without a face, and sounds there don't count
    """
    known = np.isfinite(opening)
    if not known.any():
        return {}
    times, opening, width = times[known], opening[known], width[known]
    reach = 1.5 * float(np.median(np.diff(times))) if len(times) > 1 else 0.04
    said = [phone for phone in phones if _shown(times, phone, reach)]
    rounded, spread = ([phone for phone in said if phone.name in part] for part in (_ROUNDED, _SPREAD))
    return {
        "closure_gaps": np.array(list(_least(said, _MEET, times, opening))),
        "bite_gaps": np.array(list(_least(said, _BITE, times, opening))),
        "vowel_gaps": np.array(
            [
                np.interp((phone.start + phone.stop) / 2, times, opening)
                for phone in said
                if phone.name in _OPEN and phone.stop - phone.start > _SHORTEST
            ]
        ),
        "rounded_widths": np.array([_mean(phone, times, width) for phone in rounded]),
        "spread_widths": np.array([_mean(phone, times, width) for phone in spread]),
    }


def _shown(times: np.ndarray, phone: Phone, reach: float) -> bool:
    """Whether a face is seen while a sound is made."""
    nearest = np.abs(times - (phone.start + phone.stop) / 2).min()
    return bool(nearest <= max(reach, (phone.stop - phone.start) / 2))


def _least(
    phones: Sequence[Phone], kind: frozenset[str], times: np.ndarray, opening: np.ndarray
) -> Iterator[float]:
    """The least gap about each sound of a kind, between frames too."""
    for phone in phones:
        if phone.name in kind:
            moments = np.arange(phone.start - _SLACK, phone.stop + _SLACK, 0.005)
            yield float(np.interp(moments, times, opening).min())


def _mean(phone: Phone, times: np.ndarray, values: np.ndarray) -> float:
    moments = np.linspace(phone.start, phone.stop, 9)[1:-1]
    return float(np.interp(moments, times, values).mean())
