"""Answers are read as they were given, and who can't be counted is told with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.study.answers import read_answers, read_study_key
from studies import small_key

KEY = small_key()
GOOD = {"lnet-own": (4, 3), "wav2lip-own": (3, 4), "reference": (5, 5), "anchor": (1, 2), "check": (2, 5)}


def answer(folder: Path, rater: str, said: dict[str, tuple[int, int]] = GOOD, **more: Any) -> Path:  # noqa: ANN401
    answers = [
        {
            "video": name,
            "quality": said[each.system][0],
            "sync": said[each.system][1],
            "watched": 1,
            "seconds": 9,
        }
        for name, each in KEY.stimuli.items()
    ]
    path = folder / f"{rater}.json"
    path.write_text(json.dumps({"study": "abc", "rater": rater, "answers": answers, **more}))
    return path


def test_good_answers_count(tmp_path: Path) -> None:
    answer(tmp_path, "a")
    (rater,) = read_answers(tmp_path, KEY).counted
    said = {each.stimulus.name: (each.answers["quality"], each.answers["sync"]) for each in rater.opinions}
    assert said == {name: GOOD[each.system] for name, each in KEY.stimuli.items()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"check": (2, 4)}, "missed 1 of 1 attention checks"),
        ({"anchor": (5, 5)}, "rated the spoiled videos as high"),
        (dict.fromkeys(("lnet-own", "wav2lip-own", "reference", "anchor"), (3, 3)), "gave one answer"),
    ],
)
def test_whoever_fails_a_check_is_dropped_by_name(
    tmp_path: Path, change: dict[str, tuple[int, int]], words: str
) -> None:
    answer(tmp_path, "good")
    answer(tmp_path, "bad", {**GOOD, **change})
    answers = read_answers(tmp_path, KEY)
    assert [rater.name for rater in answers.counted] == ["good"]
    (bad,) = [rater for rater in answers.raters if rater.dropped]
    assert bad.name == "bad" and words in "; ".join(bad.dropped)


def test_half_of_the_videos_must_be_rated(tmp_path: Path) -> None:
    path = answer(tmp_path, "short")
    told = json.loads(path.read_text())
    told["answers"] = told["answers"][:3]
    path.write_text(json.dumps(told))
    (rater,) = read_answers(tmp_path, KEY).raters
    assert rater.dropped == ("rated 3 of 8 videos",)


def test_a_video_that_did_not_play_has_no_opinion(tmp_path: Path) -> None:
    path = answer(tmp_path, "a")
    told = json.loads(path.read_text())
    told["answers"][0] |= {"quality": None, "sync": None, "broken": True}
    path.write_text(json.dumps(told))
    (rater,) = read_answers(tmp_path, KEY).counted
    assert len(rater.opinions) == len(KEY.stimuli) - 1


def test_foreign_files_are_told_and_left_out(tmp_path: Path) -> None:
    answer(tmp_path, "a")
    answer(tmp_path, "other", study="xyz")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "torn.json").write_text('{"study": "abc"')
    strange = json.loads(answer(tmp_path, "strange").read_text())
    strange["answers"][0]["video"] = "unknown"
    (tmp_path / "strange.json").write_text(json.dumps(strange))

    answers = read_answers(tmp_path, KEY)

    assert [rater.name for rater in answers.raters] == ["a"]
    assert len(answers.unread) == 4
    assert "other.json: answers to another study" in answers.unread


def test_of_two_files_by_one_person_the_fuller_counts(tmp_path: Path) -> None:
    told = json.loads(answer(tmp_path, "a").read_text())
    told["answers"] = told["answers"][:6]
    (tmp_path / "z_early.json").write_text(json.dumps(told))
    answers = read_answers(tmp_path, KEY)
    assert [rater.file for rater in answers.raters] == ["a.json"]
    assert "z_early.json" in answers.unread[0]


def test_a_folder_without_answers_and_a_key_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no answers"):
        read_answers(tmp_path, KEY)
    with pytest.raises(InputError, match="is no folder"):
        read_answers(tmp_path / "nowhere", KEY)
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(InputError, match="can't be read as a study's key"):
        read_study_key(tmp_path / "key.json")
