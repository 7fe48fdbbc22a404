"""Means, intervals and tests say what the opinions say, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.study.answers import Answers, Opinion, Rater
from retalk_nodes.retalk_core.study.make import Stimulus
from retalk_nodes.retalk_core.study.opinions import find, find_all, holm, people_needed, rater_means
from retalk_nodes.retalk_core.study.told import study_lines, study_to_dict
from scipy import stats
from studies import both, people, small_key

SYSTEMS = ("lnet-own", "wav2lip-own", "lipgan-own")


def noisy(count: int, gaps: dict[str, float], clips: int = 8, seed: int = 0) -> list[Rater]:
    """People of different strictness, who see clips of different quality, and round to whole points."""
    chance = np.random.default_rng(seed)
    strict, hard = chance.normal(0, 0.5, count), chance.normal(0, 0.5, clips)
    raters = []
    for person in range(count):
        opinions = []
        for clip in range(clips):
            for system, gap in gaps.items():
                value = 3 + gap + strict[person] + hard[clip] + chance.normal(0, 0.7)
                points = int(np.clip(round(value), 1, 5))
                opinions.append(Opinion(Stimulus(f"{clip}{system}", str(clip), system, {}), both(points)))
        raters.append(Rater(str(person), f"{person}.json", tuple(opinions), ()))
    return raters


def test_means_are_those_of_all_opinions() -> None:
    raters = [*people({"lnet-own": both(4)}, clips=2), *people({"lnet-own": both(2)}, clips=2, first=1)]
    found = find(raters, ("lnet-own",), "sync")
    assert found.means["lnet-own"].mean == 3 and found.means["lnet-own"].videos == 4
    np.testing.assert_array_equal(rater_means(raters, ("lnet-own", "x"), "sync")[:, 0], [4, 2])
    assert np.isnan(rater_means(raters, ("x",), "sync")).all()


def test_intervals_respect_people_and_clips() -> None:
    """Of one clip and few people an interval is wider than of as many opinions by as many people."""
    many = find(noisy(40, {"a": 0.0}, clips=1), ("a",), "quality").means["a"]
    few = find(noisy(4, {"a": 0.0}, clips=10), ("a",), "quality").means["a"]
    assert many.videos == few.videos == 40
    assert None not in (many.low, many.high, few.low, few.high)
    assert few.high - few.low > many.high - many.low  # type: ignore[operator]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    hits = 0
    for seed in range(60):
        interval = find(noisy(12, {"a": 0.3}, clips=10, seed=seed), ("a",), "quality").means["a"]
        assert interval.low is not None and interval.high is not None
        hits += interval.low <= 3.3 <= interval.high
    assert hits >= 48  # of 60; 57 are wanted, and few clips and people make intervals a little narrow


def test_a_real_difference_is_found_and_none_is_not_invented() -> None:
    found = find(noisy(20, {"lnet-own": 0.8, "wav2lip-own": 0.0, "lipgan-own": 0.0}), SYSTEMS, "quality")
    assert found.friedman is not None and found.friedman < 0.001
    by_pair = {(pair.first, pair.second): pair for pair in found.pairs}
    assert by_pair["lnet-own", "wav2lip-own"].corrected < 0.01
    assert by_pair["lnet-own", "wav2lip-own"].difference == pytest.approx(0.8, abs=0.25)
    assert by_pair["wav2lip-own", "lipgan-own"].corrected > 0.05
    same = find(noisy(20, dict.fromkeys(SYSTEMS, 0.0), seed=3), SYSTEMS, "quality")
    assert same.friedman is not None and same.friedman > 0.05
    assert all(pair.corrected >= pair.p for pair in same.pairs)


def test_tests_are_those_of_scipy() -> None:
    raters = noisy(15, dict(zip(SYSTEMS, (0.2, 0.1, 0.0), strict=True)), seed=5)
    table = rater_means(raters, SYSTEMS, "sync")
    found = find(raters, SYSTEMS, "sync")
    assert found.friedman == pytest.approx(stats.friedmanchisquare(*table.T).pvalue)
    assert found.pairs[0].p == pytest.approx(stats.wilcoxon(table[:, 0] - table[:, 1]).pvalue)


def test_nobody_and_people_who_agree_in_everything_are_no_mistake() -> None:
    assert find([], SYSTEMS, "sync").means == {}
    found = find(people({name: both(3) for name in SYSTEMS}, count=4), SYSTEMS, "sync")
    assert found.friedman == 1 and [pair.p for pair in found.pairs] == [1, 1, 1]
    assert [pair.needed for pair in found.pairs] == [None, None, None]


def test_holm_corrects_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_so_many_people_do_find_the_difference() -> None:
    count = people_needed(0.4, 0.7, tests=3)
    assert count is not None
    chance = np.random.default_rng(1)
    found = [stats.wilcoxon(chance.normal(0.4, 0.7, count)).pvalue < 0.05 / 3 for _ in range(300)]
    assert 0.7 < np.mean(found) < 0.92
    assert people_needed(0.0, 0.7, 3) is None and people_needed(0.2, float("nan"), 3) is None
    assert people_needed(1.0, 0.0, 1) == 2


def test_it_is_told_in_the_form_of_the_papers_table() -> None:
    key = small_key()
    scores = {"lnet-own": both(4), "wav2lip-own": both(3), "reference": both(5), "anchor": both(1)}
    raters = people(scores, count=3)
    dropped = Rater("x", "x.json", raters[0].opinions, ("missed 1 of 2 attention checks",))
    answers = Answers((*raters, dropped), ("y.json: no answers to a study",))

    found = find_all(answers.counted, list(key.titles))
    told = "\n".join(study_lines(key, answers, found))

    assert "3 of 4 raters counted" in told and "dropped: x.json: missed 1 of 2" in told
    assert "not read: y.json" in told and "VideoReTalking  " in told and "4.00 (4.00 to 4.00)" in told
    assert "hidden reference" in told and "bad anchor" in told
    assert "VideoReTalking against Wav2Lip: +1.00 points" in told
    assert "can't show any difference" in told and "not reproduced here" in told
    plain = study_to_dict(key, answers, found)
    assert plain["questions"]["sync"]["means"]["anchor"]["mean"] == 1
    assert plain["paper"]["people"] == 51
