"""Every sentence that may reach the canvas has words in each language, and editors are answered in theirs."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from retalk_nodes.models.catalog import PRESETS, catalog
from retalk_nodes.nodes import dub, language
from retalk_nodes.nodes.vocabulary import on_canvas
from retalk_nodes.retalk_core.errors import NoFaceError
from retalk_nodes.retalk_core.metrics.registry import metrics
from retalk_nodes.retalk_core.reports.doubts import KINDS, Doubt, Severity
from retalk_nodes.retalk_core.reports.report import Measured, Report, Stretch
from retalk_nodes.retalk_core.weights.commands import survey_lines
from retalk_nodes.retalk_core.weights.files import ModelFiles, missing_words
from sentences import all_texts, sentences

LANGUAGES = sorted(
    path.parent.name for path in (Path(__file__).parents[2] / "locales").glob("*/sentences.json")
)
FILLED = re.compile(r"\{(\d+)[^{}]*\}")
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:'[a-z]+)?(?: [a-z]{2,})+")  # words in a row are no name
# What the system says, which comes in its own language.
NAMES = re.compile(r"`[^`]*`|/[^\s。；，`]+|\S+\.(?:pth?|mat|safetensors|mp4)|sha256|CC BY[^；，）]*")


@pytest.fixture(autouse=True)
def nobody_asks() -> Iterator[None]:
    language._editors.clear()
    yield
    language._editors.clear()


def rooms(root: Path, spoken: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(
        (root / "locales" / spoken / "sentences.json").read_text("utf-8")
    )
    return found


def told(root: Path, spoken: str) -> dict[str, str]:
    return {sentence: words for room in rooms(root, spoken).values() for sentence, words in room.items()}


def test_chinese_is_spoken() -> None:
    assert "zh" in LANGUAGES


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_every_sentence_of_the_sources_has_words(root: Path, spoken: str) -> None:
    """Where this fails, give them words in locales/<language>/sentences.json."""
    wanted = sentences(root)
    assert len(wanted) > 500
    assert {text: where for text, where in wanted.items() if text not in told(root, spoken)} == {}


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_no_sentence_stands_there_that_nobody_says_and_none_twice(root: Path, spoken: str) -> None:
    said, found = all_texts(root), rooms(root, spoken)
    own = {text for room, each in found.items() if room != "system" for text in each}  # that one is of others
    assert own - said == set()
    assert sum(map(len, found.values())) == len(told(root, spoken))


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_what_is_filled_in_is_there_to_be_filled_in(root: Path, spoken: str) -> None:
    for sentence, words in told(root, spoken).items():
        places = {int(place) for place in FILLED.findall(words)}
        assert all(place < sentence.count("{}") for place in places), sentence
        kinds = set(re.findall(r"\{\d+:([a-z]+)\}", words))
        assert kinds <= {"say", "list", "figure", "gap"}, sentence


def test_what_chinese_puts_in_quotes_is_called_so_on_the_canvas(root: Path) -> None:
    folder = root / "locales" / "zh"
    known = set(json.loads((folder / "choices.json").read_text("utf-8")).values())
    known |= {each["name"] for each in json.loads((folder / "options.json").read_text("utf-8")).values()}
    for node in json.loads((folder / "nodeDefs.json").read_text("utf-8")).values():
        known |= {node["display_name"], node["display_name"].split("（")[0]}
        known |= {each["name"] for each in (*node["inputs"].values(), *node["outputs"].values())}
    known |= {"下载"}  # the button of Get ReTalk Models
    for sentence, words in told(root, "zh").items():
        quoted = set(re.findall("“([^”{}]+)”", words))
        assert quoted <= known, sentence


def in_chinese(text: str) -> str:
    with language.speaking("zh-CN"):
        return on_canvas(text)


def left(text: str) -> list[str]:
    """English words in a row that are no names."""
    return ENGLISH.findall(NAMES.sub("", text))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", get_args(Severity))
def test_a_doubt_is_chinese_to_its_end(kind: str, severity: Severity) -> None:
    ranges = tuple((float(second), second + 0.5) for second in range(6))
    doubt = Doubt(kind, severity, 5, ranges, 1.0, KINDS[kind].words, KINDS[kind].advice)
    said = in_chinese(f"doubt, {doubt}")
    assert left(said) == [] and said.startswith("存疑，") and "另有 2 段" in said and "0:05" not in said


def a_report(doubts: list[Doubt], frames_doubtful: int) -> Report:
    values = {
        "lag_frames": 1,
        "opening_loudness": 0.9,
        "lip_sharpness": 1.0,
        "flicker": 1.1,
        "loss_outside": None,
    }
    return Report(
        output="video",
        engine="retalk",
        engine_note="VideoReTalking's networks, preset paper: neutralise, sync, restore mouth (GFPGAN)",
        frame_size=(96, 96),
        frames_in=10,
        frames_out=10,
        frames_edited=8,
        seconds_out=0.4,
        faces_seen=2,
        people_seen=2,
        untouched=[Stretch(0.1, 0.2, 2, "the voice rests")],
        warnings=["the face was hidden in 2 frames and was filled in between"],
        seconds=dict.fromkeys(("listen", "track", "frame", "fit", "dub", "check"), 1.0),
        measured=Measured(10, values),
        mouth_source="the voice's mel spectrogram",
        networks={"precision": "fp32", "device": "cpu", "networks": {}, "batches": {"lnet": 8}},
        lacking=["D-Net", "GFPGAN or GPEN-BFR-512"],
        refused={"L-Net": "/weights/LNet.pth is empty. Download it again."},
        frames_resumed=3,
        mark="picture on the face, inside the edit and sound; id 01234567, in sound 0123, under "
        "the public key",
        marks_before=["the sound, id 0123"],
        signed="ReTalk (local), a certificate of this machine, which viewers show as unknown, in a.c2pa "
        "beside it",
        preview=True,
        doubts=doubts,
        frames_doubtful=frames_doubtful,
    )


def test_a_report_is_chinese_to_its_end() -> None:
    kind = KINDS["outside"]
    doubts = [Doubt("outside", "serious", 6, ((0.0, 0.2),), 1.0, kind.words, kind.advice)]
    text = a_report(doubts, 6).to_text()
    said = in_chinese(text)
    assert len(said.split("\n")) == len(text.split("\n"))
    assert [line for line in said.split("\n") if left(line)] == []
    assert "视频：10 帧，0:00:00.400；已编辑 8 帧，2 帧保持原样" in said
    assert on_canvas(text).startswith("PREVIEW")  # to nobody in particular


@pytest.mark.parametrize("name", metrics())
def test_every_figure_is_told_in_chinese(name: str) -> None:
    each = metrics()[name]
    value = 1 if "d}" in each.words else 0.5
    told = [each.words.format(value), *filter(None, [each.unknown])]
    assert [words for words in told if left(in_chinese(f"measured: {words}, outside the edit exact"))] == []


def test_progress_and_the_list_of_files_are_chinese(tmp_path: Path) -> None:
    for words in dub.STAGES.values():
        assert left(in_chinese(f"{words} …")) == []
    (tmp_path / "DNet.pt").write_bytes(b"")
    said = in_chinese("\n".join(survey_lines(ModelFiles([tmp_path]))))
    assert [line for line in said.split("\n") if left(line)] == []
    assert "缺少" in said and "DNet.pt 是空文件。请重新下载。" in said


@pytest.mark.parametrize("preset", PRESETS)
def test_an_error_is_chinese_and_keeps_names_and_numbers(preset: str, tmp_path: Path) -> None:
    from retalk_nodes.retalk_core.dub.choose import missing_files

    said = in_chinese(missing_files(preset, [("dnet",), ("gfpgan", "gpen")], {}))
    assert left(said) == [] and "D-Net、GFPGAN 或 GPEN-BFR-512" in said and f"--preset {preset}`" in said
    for key in catalog:
        assert left(in_chinese(missing_words(key, [tmp_path]))) == []
    said = in_chinese(str(NoFaceError(126, 40, (720, 1280))))
    assert said.startswith("在全部 126 帧中（1280x720 像素）没有找到人脸。")


def test_what_is_not_known_is_said_in_english_as_before() -> None:
    assert in_chinese("Nobody ever heard of this") == "Nobody ever heard of this"
    assert in_chinese("Run `retalk models list` to look") == "Run Check Models to look"
    long = "No file of this kind was found in the folder, or it is of another machine. " * 40
    assert in_chinese(long).count("machine") == 40


def test_a_file_called_like_a_word_keeps_its_name() -> None:
    assert in_chinese("smile has no sound: choose a file with a voice in it.").startswith("smile 没有声音")


def test_an_editor_is_answered_in_its_language_and_others_in_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SimpleNamespace(content_type="application/json")
    asked.json = lambda: asyncio.sleep(0, {"client_id": "one", "language": "zh-CN"})
    assert asyncio.run(language._hear(asked)).status == 200
    server = SimpleNamespace(client_id="one")
    monkeypatch.setattr(language, "_server", lambda: server)
    assert language.spoken() == "zh" and on_canvas("the voice rests") == "语音停顿"
    server.client_id = "two"
    assert language.spoken() == "en" and on_canvas("the voice rests") == "the voice rests"
    server.client_id = None  # a program without an editor
    assert language.spoken() == "en"


def test_what_a_prompt_is_refused_for_is_said_to_who_sent_it() -> None:
    language._editors["one"] = "zh"

    async def refuse(prompt: dict[str, Any]) -> str:
        assert language._asked(prompt) is prompt
        return on_canvas("the voice rests")

    assert asyncio.run(refuse({"client_id": "one"})) == "语音停顿"
    assert asyncio.run(refuse({"client_id": "two"})) == asyncio.run(refuse({})) == "the voice rests"


@pytest.mark.parametrize(
    "told",
    [{"client_id": "one", "language": "../zh"}, {"client_id": "x" * 100, "language": "zh"}, {}],
)
def test_an_editor_that_says_no_language_is_not_heard(told: dict[str, str]) -> None:
    asked = SimpleNamespace(content_type="application/json", json=lambda: asyncio.sleep(0, told))
    assert asyncio.run(language._hear(asked)).status == 400 and not language._editors


def test_forms_of_other_sites_are_not_heard() -> None:
    asked = SimpleNamespace(content_type="text/plain")
    assert asyncio.run(language._hear(asked)).status == 415
