"""Of two videos the one is kept that more figures speak for."""

from __future__ import annotations

import json

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.judging.prefer import prefer, read_judgement


def of(**metrics: float) -> dict[str, object]:
    return {"metrics": metrics}


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        ("lse_d", 6.0, 9.0),
        ("lse_c", 7.0, 3.0),
        ("sync_offset", -1, 4),
        ("lip_sharpness", 1.1, 0.7),
        ("lip_sharpness", 0.9, 2.0),
        ("seam", -0.2, 1.5),
    ],
)
def test_each_metric_votes_as_it_is_meant(name: str, better: float, worse: float) -> None:
    assert prefer(of(**{name: better}), of(**{name: worse})).better == 1
    assert prefer(of(**{name: worse}), of(**{name: better})).better == 2


def test_only_what_both_have_votes() -> None:
    found = prefer(of(lse_d=6.0, cpbd=0.1, lse_c=7.0), of(cpbd=0.3, identity=0.9))
    assert [vote.name for vote in found.votes] == ["cpbd"] and found.better == 2 and found.is_clear
    assert "the second is kept: 0 to 1 of 1" in next(iter(found.lines()))


def test_a_tie_keeps_the_first_and_says_so() -> None:
    found = prefer(of(cpbd=0.1, lse_c=7.0), of(cpbd=0.3, lse_c=6.0))
    assert found.better == 1 and not found.is_clear
    assert "neither has more" in next(iter(found.lines()))
    assert prefer(of(cpbd=0.1), of(lse_c=7.0)).better == 1
    assert "nothing is known of both" in "".join(prefer(of(cpbd=0.1), of(lse_c=7.0)).lines())


def test_what_hardly_differs_does_not_vote() -> None:
    found = prefer(of(cpbd=0.300, lse_c=5.0), of(cpbd=0.303, lse_c=4.0))
    assert [vote.winner for vote in found.votes] == [0, 1] or [vote.winner for vote in found.votes] == [1, 0]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000])
def test_what_is_no_json_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no judgement"):
        read_judgement(text)


@pytest.mark.parametrize("given", [{}, {"metrics": None}, {"metrics": {"cpbd": "high"}}])
def test_other_json_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no judgement"):
        prefer(read_judgement(json.dumps(given)), of(cpbd=0.1))
