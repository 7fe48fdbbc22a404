"""A figure of a table is a corpus value, or a dash with the reason."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retalk_nodes.retalk_core.comparing.exhibits.pages import Page, comparison_lines, html_page, markdown
from retalk_nodes.retalk_core.comparing.inputs import PAIRED, UNPAIRED, Case
from retalk_nodes.retalk_core.comparing.pairs import ClipAndVoice
from retalk_nodes.retalk_core.comparing.systems import choose_systems
from retalk_nodes.retalk_core.comparing.tables import Cell, Sets, Table, make_tables
from retalk_nodes.retalk_core.comparing.work import SOURCE, CompareQuestion, Outcome, Work
from retalk_nodes.retalk_core.judging.corpus.features import PictureFeatures
from retalk_nodes.retalk_core.judging.references import LATE_VOICE, OTHERS_VOICE, OWN_VOICE
from retalk_nodes.retalk_core.metrics.pictures import frechet

SYSTEMS = tuple(choose_systems(("lnet", "wav2lip", "embedded")))
BY_NAME = {each.name: each for each in SYSTEMS}
WHY = {"unavailable": {"lse_d": "needs syncnet_v2.model", "lse_c": "needs syncnet_v2.model"}}


def case(number: int, protocol: str = UNPAIRED) -> Case:
    pair = ClipAndVoice(Path(f"{number}.mp4"), Path(f"{(number + 1) % 4}.wav"), Fraction(0))
    return Case(f"{number:05d}", protocol, pair.video, pair.voice, pair, Fraction(1))


def outcome(where: Case, system: str, failed: str = "", **values: float) -> Outcome:
    kind = SOURCE if system == "source" else BY_NAME[system]
    if failed:
        return Outcome(where, kind, None, failed=failed)
    judgement: dict[str, Any] = {"metrics": values, **WHY}
    if system == "source":
        rows = {OWN_VOICE: 7.0, OTHERS_VOICE: 9.0, LATE_VOICE: 8.0}
        judgement["references"] = {row: {"lse_d": value} for row, value in rows.items()}
    return Outcome(where, kind, Path("v.mkv"), 1.0, judgement)


@pytest.fixture
def work() -> Work:
    cases = [case(number) for number in range(4)]
    outcomes = [
        *(outcome(each, "source", cpbd=0.5) for each in cases),
        *(outcome(each, "lnet-own", cpbd=0.1 * i, lse_d=6.0 + i) for i, each in enumerate(cases)),
        *(
            outcome(each, "wav2lip-common", cpbd=0.2, **({"lse_d": 7.0} if i else {}))
            for i, each in enumerate(cases)
        ),
        outcome(cases[0], "embedded", failed="no face"),
        *(outcome(each, "embedded", cpbd=0.4) for each in cases[1:]),
    ]
    question = CompareQuestion(pairs=[each.pair for each in cases], folder=Path("r"))
    return Work(question, SYSTEMS, tuple(cases), tuple(outcomes), {"lnet-common": "needs E-Net"})


def tables(work: Work, sets: Sets | None = None) -> dict[str, Table]:
    return {table.key: table for table in make_tables(work, sets or Sets(why_not="needs Inception"))}


def cells(table: Table, system: str) -> dict[str, Cell]:
    return dict(next(row for row in table.rows if row.system == system).cells)


def test_a_figure_is_the_mean_over_pairs_with_an_interval(work: Work) -> None:
    found = cells(tables(work)["methods"], "lnet-own")
    assert found["cpbd"].value == pytest.approx(0.15) and found["cpbd"].over == 4
    assert found["cpbd"].low is not None and found["cpbd"].high is not None
    assert found["cpbd"].low < 0.15 < found["cpbd"].high
    assert str(found["lse_d"]) == "7.500" and str(found["cpbd"]) == "0.1500"


def test_what_is_missing_is_a_dash_with_the_reason(work: Work) -> None:
    methods = tables(work)["methods"]
    assert str(cells(methods, "lnet-own")["lse_c"]) == "–"
    assert cells(methods, "lnet-own")["lse_c"].why == "needs syncnet_v2.model"
    assert cells(methods, "lnet-own")["fid"].why == "needs Inception"
    assert cells(methods, "lnet-common")["cpbd"].why == "needs E-Net"
    assert cells(methods, "wav2lip-common")["lse_d"].why == "told in 3 of 4 videos"
    parts = {row.label: row for row in tables(work)["parts"].rows}
    crossed = parts["L-Net without cross-attention"]
    assert all("trained without" in cell.why and cell.value is None for cell in crossed.cells.values())


def test_failures_are_counted(work: Work) -> None:
    (row,) = [each for each in tables(work)["references"].rows if each.system == "embedded"]
    assert (row.made, row.failed, row.of) == (3, 1, 4)
    assert row.cells["cpbd"].value == pytest.approx(0.4)


def test_the_source_has_a_row_for_each_voice(work: Work) -> None:
    rows = [row for row in tables(work)["references"].rows if row.system == "source"]
    assert [row.cells["lse_d"].value for row in rows] == [7, 9, 8]
    assert {row.cells["cpbd"].value for row in rows} == {0.5}
    assert {row.cells["fid"].why for row in rows} == {"the real pictures are these"}


def test_clips_with_their_own_voice_have_a_table_of_their_own(work: Work) -> None:
    assert "own_voice" not in tables(work)
    own = [case(number, PAIRED) for number in range(4)]
    more = tuple(outcome(each, "lnet-own", mouth_distance=0.01 * i) for i, each in enumerate(own))
    found = tables(Work(work.question, SYSTEMS, (*work.cases, *own), (*work.entries, *more), {}))
    assert found["own_voice"].columns == ("mouth_distance",)
    cell = cells(found["own_voice"], "lnet-own")["mouth_distance"]
    assert cell.value == pytest.approx(0.015) and cell.low is not None


def test_fid_is_told_for_enough_pictures_only(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    real, made = (PictureFeatures(generator.normal(shift, 1, (80, 3)), np.zeros((0, 3))) for shift in (0, 1))
    sets = Sets(real, {"lnet-own": made})
    few = cells(tables(work, sets)["methods"], "lnet-own")["fid"]
    assert few.value is None and few.why == "80 pictures against 80: below 2,048 it says nothing"
    monkeypatch.setattr(frechet, "FEWEST_PICTURES", 50)
    enough = cells(tables(work, sets)["methods"], "lnet-own")["fid"]
    assert enough.value == pytest.approx(3, rel=0.3) and "biased" in enough.why
    assert cells(tables(work, sets)["methods"], "wav2lip-common")["fid"].why == "no video"


def test_the_papers_figures_stand_beside_and_are_marked(work: Work) -> None:
    page = Page(list(tables(work).values()), (), ("a|b failed",), ("fact",))
    text, shown, lines = markdown(page), html_page(page), "\n".join(comparison_lines(page))
    assert (
        "| *VideoReTalking on LRS2, as the paper says* | *5.193* | *0.2809* | *6.519* | *7.089* | *paper* |"
        in text
    )
    assert '<tr class="paper"><td>VideoReTalking on HDTF, as the paper says<td>4.504' in shown
    first = lines.strip().split("\n\n")[0].split("\n")
    ends = [line.rindex("   ") for line in first if line.endswith(("   pairs", "   paper"))]
    assert len(ends) == 3 and len(set(ends)) == 1  # one below the other
    assert "VideoReTalking on HDTF" in lines and "failed: a|b failed" in lines
    for told in (text, shown):
        assert "not reproduced here" in told and "Wav2Lip: the paper has a figure, which is not known" in told
        assert "lnet-common" not in told and "needs E-Net" in told
    assert "as the paper says" not in text.partition("## To hold")[2]
