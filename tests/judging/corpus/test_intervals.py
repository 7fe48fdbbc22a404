"""A corpus value has an interval over clips and voices."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.judging.corpus.intervals import corpus_value, corpus_values


def test_the_mean_is_the_mean_and_the_interval_holds_it() -> None:
    values = np.random.default_rng(0).normal(7, 1, 40)

    found = corpus_value(values, [f"c{i}" for i in range(40)], [f"v{i}" for i in range(40)])

    assert found.mean == pytest.approx(values.mean()) and found.videos == 40
    assert found.low is not None and found.high is not None
    assert found.low < found.mean < found.high


def test_the_interval_has_the_width_that_theory_gives_for_clips_of_their_own() -> None:
    values = np.random.default_rng(1).normal(0, 1, 200)

    found = corpus_value(values, [str(i) for i in range(200)], ["one"] * 200)

    assert found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 200**0.5, rel=0.1)


def test_many_videos_of_few_clips_know_little_of_other_clips() -> None:
    effect = np.random.default_rng(2).normal(0, 1, 4)
    clips = [str(i % 4) for i in range(200)]
    values = [float(effect[i % 4]) for i in range(200)]

    few = corpus_value(values, clips, ["v"] * 200)
    many = corpus_value(values, [str(i) for i in range(200)], ["v"] * 200)

    assert few.low is not None and few.high is not None and many.low is not None and many.high is not None
    assert few.high - few.low > 3 * (many.high - many.low)


def test_a_few_videos_have_no_interval() -> None:
    found = corpus_value([1.0, 2.0], ["a", "b"], ["a", "b"])

    assert found.low is None and "too few" in str(found)


def test_the_same_videos_always_give_the_same_interval() -> None:
    values = [1.0, 2.0, 5.0, 3.0]
    assert corpus_value(values, list("abcd"), list("wxyz")) == corpus_value(
        values, list("abcd"), list("wxyz")
    )


def test_only_what_all_videos_have_is_told() -> None:
    rows = [
        {"clip": "a", "voice": "v", "metrics": {"cpbd": 0.2, "lse_d": 7.0}},
        {"clip": "b", "voice": "w", "metrics": {"cpbd": 0.3}},
    ]

    assert set(corpus_values(rows)) == {"cpbd"} and corpus_values([]) == {}
