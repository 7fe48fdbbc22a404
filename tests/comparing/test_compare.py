"""A comparison makes everything once, counts what fails, and leaves tables, pictures, videos and a page."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from comparisons import FRAMES, STRETCH, Counting, Small, written_pairs
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.comparing import work as working
from retalk_nodes.retalk_core.comparing.compare import LOCK_FILE, alone_in, compare
from retalk_nodes.retalk_core.comparing.inputs import PAIRED, SILENT, UNPAIRED
from retalk_nodes.retalk_core.comparing.pairs import read_pairs
from retalk_nodes.retalk_core.comparing.work import CompareQuestion
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.reader import open_clip
from scenes import pixels_of
from standins import LNetStandIn

UNPAIRED_RUNS = ("lnet-own", "lnet-common", "wav2lip-common", "embedded", "part-l", "part-le", "part-dl")


def test_every_pair_is_made_by_every_system_that_can_run(small: Small) -> None:
    work = small.comparison.work
    for name in UNPAIRED_RUNS:
        (system,) = [each for each in work.systems if each.name == name]
        assert [each.failed for each in work.of(system)] == ["", ""], name
        assert len(work.of(system, PAIRED)) == (2 if system.is_whole else 0)
    given = [each for each in work.systems if each.title == "Elsewhere"]
    assert [each.finish for each in given] == ["as it was given", "common paste"]
    for system in given:
        assert [each.failed for each in work.of(system)] == [""] and work.of(system, PAIRED) == []
    assert [case.protocol for case in work.cases].count(SILENT) == 1


def test_videos_are_lossless_unmarked_and_as_long_as_the_pair(small: Small) -> None:
    made = [each for each in small.comparison.work.entries if each.system.options is not None]
    for entry in made:
        with av.open(str(entry.video)) as container:
            assert container.streams.video[0].codec_context.name == "ffv1"
            assert "marked" not in json.loads(container.metadata.get("RETALK", "{}")).get("mark", "")
        assert entry.case.protocol == SILENT or open_clip(entry.video).end == STRETCH
    (first,) = [
        each
        for each in made
        if each.system.name == "lnet-common" and each.case.name == "00001" and each.case.protocol == UNPAIRED
    ]
    before, after = pixels_of(first.case.source), pixels_of(first.video)
    changed = np.any(np.stack(before) != np.stack(after), axis=(0, 3))
    assert 0 < changed.mean() < 0.5


def test_asked_again_nothing_is_made_again_nor_opened(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(path: Path) -> None:
        pytest.fail(f"{path} was opened again")

    for name in ("inputs", "work", "exhibits.strips", "exhibits.together"):
        monkeypatch.setattr(f"retalk_nodes.retalk_core.comparing.{name}.open_clip", opened)
    pictures = small.question.folder / "pictures"
    before = {path: path.stat().st_mtime_ns for path in pictures.iterdir()}
    networks = Counting(small.question.folder.parent)
    again = compare(small.question, networks)
    assert sum(networks.asked.values()) == 0
    assert again.to_dict() == small.comparison.to_dict()
    assert {path: path.stat().st_mtime_ns for path in before} == before and len(before) == 4


def test_a_strip_is_drawn_anew_where_what_it_shows_has_changed(small: Small, tmp_path: Path) -> None:
    shutil.copytree(small.question.folder, tmp_path / "results", copy_function=shutil.copy2)
    pictures = tmp_path / "results" / "pictures"
    before = {path: path.stat().st_mtime_ns for path in pictures.iterdir()}
    (tmp_path / "results" / "videos" / "anothers_voice" / "part-dl" / "00001.mkv").unlink()
    compare(replace(small.question, folder=tmp_path / "results"), Counting(tmp_path))
    anew = [path.stem for path, changed in before.items() if path.stat().st_mtime_ns != changed]
    assert anew == ["restorers_00001"]  # the parts of the method are in no other


def test_two_comparisons_do_not_work_in_one_folder(small: Small, tmp_path: Path) -> None:
    question = replace(small.question, folder=tmp_path / "r")
    with alone_in(question.folder), pytest.raises(InputError, match="Another comparison is at work in"):
        compare(question, Counting(tmp_path))
    assert [path.name for path in question.folder.iterdir()] == [LOCK_FILE]


def test_a_stopped_comparison_goes_on_where_it_was(small: Small, tmp_path: Path) -> None:
    shutil.copytree(small.question.folder, tmp_path / "results", copy_function=shutil.copy2)
    lost = tmp_path / "results" / "videos" / "anothers_voice" / "part-dl" / "00002.mkv"
    kept = {path: path.stat().st_mtime_ns for path in lost.parent.parent.rglob("*.mkv") if path != lost}
    lost.unlink()
    networks = Counting(tmp_path)

    compare(replace(small.question, folder=tmp_path / "results"), networks)

    assert lost.is_file() and networks.asked["lnet"] > 0 and networks.asked["enet"] == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_other_options_or_other_weights_are_made_anew(small: Small, tmp_path: Path) -> None:
    shutil.copytree(small.question.folder, tmp_path / "results", copy_function=shutil.copy2)
    other = LNetStandIn(0.1)
    other.weight.data += 1
    networks = Counting(tmp_path, lnet=other)
    question = replace(small.question, folder=tmp_path / "results", own_voice=False, shown=0)
    compare(question, networks)
    assert networks.asked["lnet"] >= 10  # of two pairs by five systems
    assert networks.asked["wav2lip"] == 0


def test_a_system_that_fails_at_a_pair_is_counted_and_the_others_go_on(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = working.dub

    def failing(clip: Any, voice: Any, output: Path, options: Any, *more: Any) -> Any:  # noqa: ANN401
        if options.engine == "embedded" and output.stem == "00002":
            raise RuntimeError("a card fell out")
        return real(clip, voice, output, options, *more)

    monkeypatch.setattr(working, "dub", failing)
    question = replace(small.question, folder=tmp_path / "r", systems=("embedded",), own_voice=False, shown=1)
    found = compare(question, Counting(tmp_path))
    assert found.page.failures == (
        "Embedded engine, pair 00002 with another's voice: RuntimeError: a card fell out",
    )
    (row,) = [
        row
        for table in found.page.tables
        if table.key == "references"
        for row in table.rows
        if row.system == "embedded"
    ]
    assert (row.made, row.failed, row.of) == (1, 1, 2)
    assert "1 of 2, 1 failed" in (tmp_path / "r" / "comparison.md").read_text()
    monkeypatch.setattr(working, "dub", real)
    assert compare(question, Counting(tmp_path)).page.failures == ()  # it was tried again


def test_what_lacks_its_weights_is_a_row_of_dashes(small: Small, tmp_path: Path) -> None:
    question = replace(
        small.question, folder=tmp_path / "r", own_voice=False, shown=0, pairs=small.question.pairs[:1]
    )
    found = compare(question, Counting(tmp_path, without=("lnet", "gfpgan", "gpen")))
    methods = {row.system: row for row in found.page.tables[0].rows}
    assert methods["lnet-own"].of == 0 and "needs L-Net" in methods["lnet-own"].note
    assert {str(cell) for cell in methods["lnet-own"].cells.values()} == {"–"}
    assert methods["wav2lip-common"].cells["cpbd"].value is not None


def test_strips_and_videos_show_the_first_pairs(small: Small) -> None:
    folder = small.question.folder
    for exhibit in small.comparison.page.exhibits:
        assert (folder / exhibit.file).is_file()
    names = [Path(each.file).stem for each in small.comparison.page.exhibits]
    assert names == ["mouths_00001", "silence_00001", "restorers_00001", "together_00001"]
    strip = cv2.imread(str(folder / "pictures" / "mouths_00001.png"))
    case = small.comparison.work.cases[0]
    shown = [each for each in small.comparison.work.entries if each.case is case and each.system.is_whole]
    assert strip.shape[0] == 28 + 147 * (len(shown) + 1)  # the source among them, and who says it
    with av.open(str(folder / "pictures" / "together_00001.mp4")) as container:
        assert container.streams.audio and container.streams.video[0].frames == round(STRETCH * 25)


def test_the_page_needs_nothing_from_elsewhere(small: Small) -> None:
    page = (small.question.folder / "comparison.html").read_text()
    assert "http:" not in page and "https:" not in page and "<script" not in page
    for words in (
        "VideoReTalking on HDTF, as the paper says",
        "4.504",
        "not reproduced here",
        "pictures/together_00001.mp4",
    ):
        assert words in page


def test_words_that_can_not_be_used_are_refused_before_any_work(small: Small, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no system gan: choose from lnet"):
        compare(replace(small.question, systems=("gan",)), Counting(tmp_path))
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="can't be made a folder"):
        compare(replace(small.question, folder=tmp_path / "file"), Counting(tmp_path))
    with pytest.raises(OptionError, match="no metric sharp"):
        CompareQuestion(pairs=small.question.pairs, folder=tmp_path / "r", names=("sharp",))


def test_inputs_alone_are_cut_for_other_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = written_pairs(tmp_path, ("a", "b"))
    words = ["eval", "compare", str(table), "-o", str(tmp_path / "r"), "--inputs-only", "-q"]
    assert main(words) == 0
    assert "00002: " in capsys.readouterr().out
    inputs = tmp_path / "r" / "inputs"
    assert sorted(path.name for path in inputs.iterdir()) == [
        "00001.mkv",
        "00001.wav",
        "00002.mkv",
        "00002.wav",
    ]
    cut, whole = pixels_of(inputs / "00001.mkv"), pixels_of(read_pairs(table)[0].video)
    assert len(whole) == FRAMES and len(cut) == 9
    np.testing.assert_array_equal(np.stack(cut), np.stack(whole[2:11]))


def test_the_command_prints_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = written_pairs(tmp_path, ("a", "b"))
    words = [
        *("eval", "compare", str(table), "-o", str(tmp_path / "r"), "--systems", "embedded", "-q"),
        *("--metrics", "cpbd,fid", "--shown", "0", "--no-own-voice", "--models", str(tmp_path)),
    ]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "Embedded engine" in told and "Source with the other voice" in told
    assert "FID: needs the weights of Inception" in told and "comparison.html" in told
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tables"][0]["rows"][3]["cells"]["cpbd"]["value"] > 0
    assert main([*words, "--shown", "-1"]) == 1
