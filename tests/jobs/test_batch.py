"""A whole table: mistakes are told in a sentence each, what is there stays, the rest is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.jobs.batch import Batch, run_batch
from retalk_nodes.retalk_core.jobs.executors import Answer, Task, Watch, Workload, unwatched
from retalk_nodes.retalk_core.jobs.job import Job
from retalk_nodes.retalk_core.jobs.results.journal import Journal, opened_journal
from retalk_nodes.retalk_core.jobs.results.outcome import JobOutcome

HEAD = "clip,voice,output"


class Pretend:
    """Runs jobs by writing a byte; notes what it was given."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.ended = False

    def run(self, work: Workload, tasks: Iterable[Task], watch: Watch = unwatched) -> Iterator[Answer]:
        try:
            for task in tasks:
                if task.given is None:
                    yield Answer(task)
                    continue
                job = Job(**task.given)
                self.jobs.append(job)
                Path(job.output).write_bytes(b"x")
                told = {"doubts": ["slight"], "engine": job.options.get("engine", "auto")}
                outcome = JobOutcome(job.row, job.output, "done", "", job.clip, job.voice, told)
                yield Answer(task, json.loads(json.dumps(outcome.to_plain())))
        finally:
            self.ended = True


def outcomes(batch: Batch, journal: Journal, executor: Pretend | None = None) -> list[JobOutcome]:
    return list(run_batch(batch, executor or Pretend(), journal))


# Each is one row, what is told of it, and whether it is JSON
MISTAKES = [
    ({"clip": ""}, "names no clip"),
    ({"voice": None}, "names no voice"),
    ({"clip": "", "output": ""}, "names no clip and no output"),
    ({"clip": 7}, "clip is '7', but must be the name of a file"),
    ({"clip": "gone.mp4"}, "gone.mp4 isn't there"),
    ({"clip": "."}, "is no file"),
    ({"voice": "gone.wav"}, "gone.wav isn't there"),
    ({"output": "out.gif"}, "end its name in .mp4"),
    ({"output": "out.mp4", "codec": "prores"}, "can't hold prores video"),
    ({"output": "a.mp4"}, "clip FOLDER/a.mp4 would be overwritten"),
    ({"output": "link.mp4"}, "would be overwritten"),
    ({"output": "taken.mp4"}, "is the output of row 1 already"),
    ({"output": "folder.mp4"}, "is a folder"),
    ({"output": "a.wav/out.mp4"}, "is no folder"),
    ({"enginee": "auto"}, "There is no option 'enginee'. engine is meant"),
    ({"engine": "best"}, "must be one of auto, retalk, embedded"),
    ({"quality": "fine"}, "must be a whole number"),
    ({"quality": 52}, "must be from 0 to 51"),
    ({"start": "soon"}, "is not a time"),
    ({"edit_only": "3-1"}, "is not a time range"),
    ({"fps": 0}, "frame rate"),
    ({"covers": "maybe"}, "must be yes or no"),
    ({"transcript": "gone.txt"}, "transcript FOLDER/gone.txt isn't there"),
    ({"soundtrack": "gone.wav"}, "soundtrack FOLDER/gone.wav isn't there"),
    ({"expression": "gone.png"}, "no such picture"),
    ({"protect": "gone.png"}, "isn't there"),
    ({"face": "left"}, "face is 'left'"),
    ({"face_index": 1, "face_mask": "a.mp4"}, "Choose the face by one thing"),
    ({"longer": "hold", "voice_longer": "loop"}, "given twice"),
    ({"upper_face": "4=x"}, "NUMBER=AMOUNT"),
    ({"clip": "nope://bucket/a.mp4"}, "is no kind of address"),
]


def test_thirty_kinds_of_mistakes_are_told_in_a_sentence_each_and_the_rest_is_done(
    table: Callable[..., str], files: Path, journal: Journal
) -> None:
    (files / "link.mp4").symlink_to(files / "a.mp4")
    (files / "folder.mp4").mkdir()
    good = {"clip": "a.mp4", "voice": "a.wav", "output": "taken.mp4"}
    rows = [good]
    for number, (change, _) in enumerate(MISTAKES):
        rows += [{**good, "output": f"bad{number}.mp4", **change}, {**good, "output": f"good{number}.mp4"}]
    name = table(*(json.dumps(row) for row in rows), name="jobs.jsonl")
    found = outcomes(Batch(table=name), journal)
    assert [each.row for each in found] == list(range(1, len(rows) + 1))
    assert {each.status for each in found[::2]} == {"done"}
    for bad, (change, told) in zip(found[1::2], MISTAKES, strict=True):
        assert bad.status == "failed" and bad.exit_status == 1, change
        assert bad.words.startswith(f"row {bad.row}"), bad.words
        assert told.replace("FOLDER", str(files)) in bad.words, bad.words
        assert "\n" not in bad.words and bad.words.endswith(".")
    assert sorted(path.name for path in files.glob("good*")) == sorted(
        f"good{number}.mp4" for number in range(len(MISTAKES))
    )
    assert not list(files.glob("bad*"))


def test_what_is_there_stays_and_keeps_its_figures(table: Callable[..., str], files: Path) -> None:
    name = table(HEAD, "a.mp4,a.wav,one.mp4", "a.mp4,a.wav,two.mp4")
    (files / "two.mp4").write_bytes(b"of somebody")
    with opened_journal(files / "results") as journal:
        assert [each.status for each in outcomes(Batch(table=name), journal)] == ["done", "there"]
    runner = Pretend()
    with opened_journal(files / "results") as journal:
        first, second = outcomes(Batch(table=name), journal, runner)
    assert (first.status, first.doubts) == ("there", ("slight",)) and second.told == {}
    assert runner.jobs == [] and runner.ended
    with opened_journal(files / "results") as journal:
        assert [each.status for each in outcomes(Batch(table=name, again=True), journal)] == ["done"] * 2
    assert (files / "two.mp4").read_bytes() == b"x"


def test_a_stopped_run_goes_on(table: Callable[..., str], files: Path) -> None:
    name = table(HEAD, *(f"a.mp4,a.wav,{number}.mp4" for number in range(6)))
    with opened_journal(files / "results") as journal:
        runner = Pretend()
        going = run_batch(Batch(table=name), runner, journal)
        for _ in range(3):
            next(going)
        going.close()
        assert runner.ended
    runner = Pretend()
    with opened_journal(files / "results") as journal:
        found = outcomes(Batch(table=name), journal, runner)
        assert len(runner.jobs) == 3 and len(found) == 6
        assert journal.counts()["there"] == 3 and all(each.doubts for each in journal.outcomes())


def test_options_of_all_rows_give_way_to_those_of_one(table: Callable[..., str], journal: Journal) -> None:
    name = table(
        f"{HEAD},engine,face", "a.mp4,a.wav,one.mp4,,", "a.mp4,b.wav,two.mp4,retalk,2nd from the left"
    )
    runner = Pretend()
    common = {"engine": "embedded", "point": "1,2", "quality": 20}
    outcomes(Batch(table=name, common=common), journal, runner)
    first, second = (dict(job.options) for job in runner.jobs)
    assert first == common
    assert second == {"engine": "retalk", "index": 1, "quality": 20}


def test_a_dry_run_writes_nothing(table: Callable[..., str], files: Path, journal: Journal) -> None:
    name = table(HEAD, "a.mp4,a.wav,new/one.mp4", "gone.mp4,a.wav,two.mp4")
    before = sorted(files.rglob("*"))
    found = outcomes(Batch(table=name, dry=True), journal)
    assert [each.status for each in found] == ["planned", "failed"]
    assert sorted(files.rglob("*")) == before


def test_rows_that_are_gone_from_the_table_are_forgotten(table: Callable[..., str], files: Path) -> None:
    first = table(HEAD, "a.mp4,a.wav,one.mp4", "gone.mp4,a.wav,two.mp4")
    with opened_journal(files / "results") as journal:
        outcomes(Batch(table=first), journal)
    second = table(HEAD, "a.mp4,a.wav,one.mp4")
    with opened_journal(files / "results") as journal:
        outcomes(Batch(table=second), journal)
        assert [Path(each.output).name for each in journal.outcomes()] == ["one.mp4"]


def test_a_table_that_cannot_be_read_is_refused(table: Callable[..., str], journal: Journal) -> None:
    with pytest.raises(InputError, match="names no column clip"):
        outcomes(Batch(table=table("a,b,c")), journal)


def test_what_an_executor_lost_is_a_failure_in_words(table: Callable[..., str], journal: Journal) -> None:
    class Losing(Pretend):
        def run(self, work: Workload, tasks: Iterable[Task], watch: Watch = unwatched) -> Iterator[Answer]:
            yield from (Answer(task, lost="the process died.") for task in tasks)

    (found,) = outcomes(Batch(table=table(HEAD, "a.mp4,a.wav,one.mp4")), journal, Losing())
    assert (found.status, found.words) == ("failed", "row 2: the process died.")
    assert found.output.endswith("one.mp4")
