"""What is handed out names nobody, and the key that stays at home tells all."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.sound import read_mono
from retalk_nodes.retalk_core.study.answers import read_study_key
from retalk_nodes.retalk_core.study.make import Study, make_study
from retalk_nodes.retalk_core.study.results import read_results
from scenes import pixels_of
from studies import FRAMES, SIDE, TITLES, write_comparison

NAMES = ("lnet", "l-net", "wav2lip", "retalk", "part-l", "anchor")
WORDS = ("reference", "source", "own", "check", "0000")
MADE_BY_THE_MUXER = {
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("language", "handler_name", "vendor_id"),
}


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_comparison(tmp_path_factory.mktemp("comparison"))


@pytest.fixture(scope="module")
def study(comparison: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("made")
    return make_study(read_results(comparison), folder / "study", folder / "study.key.json", checks=1)


def test_methods_that_all_pairs_have_are_asked_about(comparison: Path) -> None:
    results = read_results(comparison)
    assert set(results.titles) == {"wav2lip-own"} and len(results.clips) == 3
    both = read_results(comparison, tuple(TITLES))
    assert [clip.name for clip in both.clips] == ["00001", "00002"]
    assert [clip.name for clip in read_results(comparison, count=1).clips] == ["00002"]
    with pytest.raises(OptionError, match="no system gan"):
        read_results(comparison, ("gan",))
    with pytest.raises(OptionError, match="0 pairs"):
        read_results(comparison, count=0)
    with pytest.raises(InputError, match="can't be read as a comparison"):
        read_results(comparison / "videos")


def test_nothing_that_is_handed_out_names_a_system(study: Study) -> None:
    page = (study.folder / "index.html").read_text().lower()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert set(data) == {"study", "videos", "sheets", "seconds"}
    assert all(set(name) <= set("0123456789abcdef") for name in data["videos"])
    assert not any(name in page for name in NAMES)
    assert "http:" not in page and "https:" not in page  # nor does it ask anybody for anything
    for path in study.folder.rglob("*"):
        assert not any(name in path.name for name in (*NAMES, *WORDS))
    for path in (study.folder / "videos").iterdir():
        assert path.stat().st_mtime == 0
        assert not any(name.encode() in path.read_bytes().lower() for name in NAMES)
        with av.open(str(path)) as container:
            told = [container.metadata, *(stream.metadata for stream in container.streams)]
        assert {key for each in told for key in each} <= MADE_BY_THE_MUXER


def test_the_key_tells_which_video_is_whose(study: Study) -> None:
    key = read_study_key(study.key)
    assert set(key.stimuli) == {path.stem for path in (study.folder / "videos").iterdir()}
    kinds = [each.system for each in key.stimuli.values()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        **{"wav2lip-own": 3, "reference": 3, "anchor": 3, "check": 1}
    }
    (check,) = [each for each in key.stimuli.values() if each.system == "check"]
    assert set(check.expected) == {"quality", "sync"} and len(set(check.expected.values())) == 2


def test_videos_are_what_the_key_says(study: Study, comparison: Path) -> None:
    of = {each.system: study.folder / "videos" / f"{each.name}.mp4" for each in study.stimuli}
    source = np.stack(pixels_of(comparison / "inputs" / "00001.mkv")).astype(float)
    apart = {name: abs(np.stack(pixels_of(path)).astype(float) - source).mean() for name, path in of.items()}
    assert apart["reference"] < apart["wav2lip-own"] < apart["anchor"]
    assert np.stack(pixels_of(of["check"])).shape == (FRAMES, SIDE, SIDE, 3)
    assert apart["check"] > 2 * apart["reference"]
    voices = {name: read_mono(path, 16_000) for name, path in of.items()}
    own, other = (read_mono(comparison / "inputs" / f"00001.{kind}", 16_000) for kind in ("mkv", "wav"))
    for name, right, wrong in (
        ("reference", own, other),
        ("wav2lip-own", other, own),
        ("anchor", other, own),
    ):
        count = min(map(len, (voices[name], right, wrong)))
        errors = [abs(voices[name][:count] - each[:count]).mean() for each in (right, wrong)]
        assert errors[0] <= errors[1], name


def test_a_key_among_what_is_handed_out_is_refused(comparison: Path, tmp_path: Path) -> None:
    results = read_results(comparison)
    with pytest.raises(OptionError, match="keep it elsewhere"):
        make_study(results, tmp_path / "study", tmp_path / "study" / "key.json")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("x")
    with pytest.raises(InputError, match="isn't an empty folder"):
        make_study(results, tmp_path / "full", tmp_path / "key.json")
    with pytest.raises(OptionError, match="99 checks"):
        make_study(results, tmp_path / "study", tmp_path / "key.json", checks=99)


def test_the_command_makes_a_study_and_says_where(
    comparison: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "eval",
        "study",
        "make",
        str(comparison),
        "-o",
        str(tmp_path / "s"),
        "--clips",
        "1",
        "-q",
        "--json",
    ]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["videos"] == 3 + 2
    assert Path(told["key"]) == tmp_path / "s.key.json" and Path(told["page"]).is_file()
