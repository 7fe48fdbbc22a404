"""The headless script against a stand-in server: what it sends, saves and says, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed; ComfyUI brings it")

from comfy_stand_in import OUTPUT, REPORT, VIDEO, ComfyStandIn, answering

Run = Callable[..., int]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def comfy(tmp_path: Path) -> Iterator[ComfyStandIn]:
    with answering(tmp_path / "comfy") as stand_in:
        yield stand_in


@pytest.fixture
def run(queue_dub: ModuleType, comfy: ComfyStandIn, files: dict[str, str]) -> Run:
    """Run the script on clip and voice with more words; gives its exit status."""

    def call(*words: str, clip: str = files["clip.mp4"], output: str = files["out.mp4"]) -> int:
        given = [clip, files["voice.wav"], "-o", output, "--server", comfy.url, *words]
        status: int = queue_dub.main(given)
        return status

    return call


def test_a_dub_is_uploaded_queued_saved_and_reported(
    run: Run, comfy: ComfyStandIn, files: dict[str, str], capsys: Capture
) -> None:
    assert run("--engine", "embedded", "--preset", "fast", "--set", "3.start=1.5") == 0
    assert comfy.uploads == ["clip.mp4", "voice.wav"]
    (prompt,) = comfy.prompts
    assert prompt["1"]["inputs"]["file"] == "clip.mp4" and prompt["2"]["inputs"]["audio"] == "voice.wav"
    dub = prompt["3"]["inputs"]
    assert (dub["engine"], dub["preset"], dub["start"]) == ("embedded preview", "fast", 1.5)
    assert prompt["4"]["inputs"]["filename_prefix"] == "out"
    assert Path(files["out.mp4"]).read_bytes() == VIDEO
    said = capsys.readouterr()
    assert said.out.splitlines() == [files["out.mp4"], REPORT]
    assert "ReTalkDubVideo 50 %" in said.err


def test_quiet_says_the_result_only(run: Run, capsys: Capture) -> None:
    assert run("-q") == 0
    assert capsys.readouterr().err == ""


def test_the_prompt_without_a_workflow_fits_the_node(queue_dub: ModuleType, root: Path) -> None:
    """Every input of Dub Video that needs a value has one."""
    inputs = json.loads((root / "tests" / "nodes" / "schemas.json").read_text())["ReTalkDubVideo"]["inputs"]
    needed = [each.split(":")[0] for each in inputs if "(optional)" not in each]
    assert list(queue_dub.quick_dub()["3"]["inputs"]) == needed


def test_a_soundtrack_gets_a_node_of_its_own(run: Run, comfy: ComfyStandIn, files: dict[str, str]) -> None:
    assert run("--soundtrack", files["voice.wav"]) == 0
    prompt = comfy.prompts[0]
    assert prompt["3"]["inputs"]["soundtrack"] == ["soundtrack", 0]
    assert prompt["soundtrack"]["inputs"]["audio"] == "voice.wav"


def test_a_file_too_large_is_copied_where_the_server_is_local(run: Run, comfy: ComfyStandIn) -> None:
    comfy.features = {"max_upload_size": 10}
    assert run() == 0
    assert comfy.uploads == []
    assert {path.name for path in comfy.input.iterdir()} == {"clip.mp4", "voice.wav"}


def test_a_copy_keeps_other_files_of_its_name(run: Run, comfy: ComfyStandIn) -> None:
    (comfy.input / "clip.mp4").write_bytes(b"another clip")
    for _ in range(2):  # the second time it is there already
        assert run("--copy-into", str(comfy.input)) == 0
    assert (comfy.input / "clip.mp4").read_bytes() == b"another clip"
    assert [prompt["1"]["inputs"]["file"] for prompt in comfy.prompts] == ["clip (1).mp4"] * 2
    assert len(list(comfy.input.iterdir())) == 3


def test_a_copy_that_the_server_cannot_see_is_taken_back(
    run: Run, comfy: ComfyStandIn, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert run("--copy-into", str(tmp_path / "elsewhere")) == 1
    assert "another input folder" in capsys.readouterr().err
    assert list((tmp_path / "elsewhere").iterdir()) == [] and comfy.prompts == []


def test_a_file_too_large_for_a_server_elsewhere_is_refused_in_a_sentence(
    run: Run, comfy: ComfyStandIn, queue_dub: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    comfy.features = {"max_upload_size": 10}
    monkeypatch.setattr(queue_dub.Server, "is_local", False)
    assert run() == 1
    said = capsys.readouterr().err
    assert "clip.mp4 has" in said and "--max-upload-size" in said and "--copy-into" in said


def test_a_server_that_does_not_tell_its_limit_takes_the_usual(run: Run, comfy: ComfyStandIn) -> None:
    comfy.features = None
    assert run() == 0
    assert comfy.uploads == ["clip.mp4", "voice.wav"]


def test_what_the_server_refuses_is_said_by_node(run: Run, comfy: ComfyStandIn, capsys: Capture) -> None:
    error = {"message": "Value not in list", "details": "preset: 'slow' not in ['paper']"}
    comfy.refuses = {"error": {}, "node_errors": {"3": {"class_type": "ReTalkDubVideo", "errors": [error]}}}
    assert run() == 1
    assert "ReTalkDubVideo: Value not in list: preset: 'slow'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "status"),
    [("custom_nodes.ReTalk.retalk_core.errors.NoFaceError", 1), ("builtins.ZeroDivisionError", 3)],
)
def test_an_error_of_a_node_ends_with_the_commands_status(
    run: Run, comfy: ComfyStandIn, files: dict[str, str], capsys: Capture, kind: str, status: int
) -> None:
    comfy.ends_with = "execution_error"
    comfy.error = {"node_type": "ReTalkDubVideo", "exception_message": "No face.\n", "exception_type": kind}
    assert run() == status
    assert "ReTalkDubVideo: No face." in capsys.readouterr().err
    assert not Path(files["out.mp4"]).exists()


def test_a_job_that_somebody_stops_on_the_server_is_no_success(
    run: Run, comfy: ComfyStandIn, capsys: Capture
) -> None:
    comfy.ends_with = "execution_interrupted"
    assert run() == 1
    assert "stopped on the server" in capsys.readouterr().err


def test_a_cut_line_does_not_lose_the_result(run: Run, comfy: ComfyStandIn, files: dict[str, str]) -> None:
    comfy.drops_line = True
    assert run() == 0
    assert Path(files["out.mp4"]).read_bytes() == VIDEO


def test_a_result_of_another_kind_keeps_its_ending(
    run: Run, comfy: ComfyStandIn, tmp_path: Path, capsys: Capture
) -> None:
    comfy.outputs = {"4": {"images": [{**OUTPUT, "filename": "a.mkv"}, {**OUTPUT, "filename": "b.mp4"}]}}
    assert run() == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out.mkv"), str(tmp_path / "out_2.mp4")]
    assert not (tmp_path / "out.mp4").exists()


def test_a_workflow_that_saves_nothing_is_told(run: Run, comfy: ComfyStandIn, capsys: Capture) -> None:
    comfy.outputs = {}
    assert run() == 1
    assert "saved no video" in capsys.readouterr().err


def test_nodes_are_named_by_id_class_or_title(
    run: Run, comfy: ComfyStandIn, queue_dub: ModuleType, tmp_path: Path, capsys: Capture
) -> None:
    workflow = queue_dub.quick_dub()
    workflow["9"] = {"class_type": "LoadAudio", "inputs": {"audio": ""}, "_meta": {"title": "Music"}}
    (tmp_path / "flow.json").write_text(json.dumps(workflow))
    (tmp_path / "music.wav").touch()
    words = ["--workflow", str(tmp_path / "flow.json"), "--set", f"Music.audio=@{tmp_path / 'music.wav'}"]
    assert run(*words, "--voice-at", "2.audio", "--set", "SaveVideo.format.codec=h264") == 0
    prompt = comfy.prompts[0]
    assert prompt["9"]["inputs"]["audio"] == "music.wav" and prompt["2"]["inputs"]["audio"] == "voice.wav"
    assert prompt["4"]["inputs"]["format.codec"] == "h264"
    assert comfy.uploads == ["clip.mp4", "voice.wav", "music.wav"]

    assert run(*words) == 1
    said = capsys.readouterr().err
    assert "names 2 nodes" in said and "'Music'" in said and "--voice-at" in said
    assert len(comfy.uploads) == 3  # nothing more for a job that can't be


def test_the_guides_example_fits_its_workflow(queue_dub: ModuleType, root: Path) -> None:
    guide = (root / "docs" / "headless.md").read_text("utf-8")
    path, voice, other = re.findall(r'--workflow (\S+) \\\n *--voice-at "([^"]+)" --set "([^"=]+)=@', guide)[
        0
    ]
    workflow = queue_dub.read_workflow(root / path)
    for place in (voice, other):
        queue_dub.put(workflow, place, "new.wav")
    voices = [node for node in workflow.values() if node["class_type"] == "ReTalkDemoVoice"]
    assert [node["inputs"]["file"] for node in voices] == ["new.wav", "new.wav"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "7.start=1"), "names no node"),
        (("--workflow", "nothing.json"), "can't be read"),
        (("--workflow", __file__), "is no JSON"),
        (("--workflow", "DEEP"), "is nested too deep"),
        (("--copy-into", "/nowhere/at/all"), "is no folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    run: Run, tmp_path: Path, capsys: Capture, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    assert run(*(word.replace("DEEP", str(tmp_path / "deep.json")) for word in words)) == 1
    message = capsys.readouterr().err
    assert said in message and "Traceback" not in message


def test_missing_files_and_servers_are_told(
    run: Run, queue_dub: ModuleType, comfy: ComfyStandIn, files: dict[str, str], capsys: Capture
) -> None:
    assert run(clip="gone.mp4") == 1
    assert "no file gone.mp4" in capsys.readouterr().err
    words = [files["clip.mp4"], files["voice.wav"], "-o", files["out.mp4"], "--server", "127.0.0.1:9"]
    assert queue_dub.main(words) == 1
    assert "No ComfyUI answers" in capsys.readouterr().err


def test_words_that_do_not_fit_end_with_two(queue_dub: ModuleType, files: dict[str, str]) -> None:
    for words in ([files["clip.mp4"]], ["--jobs", "a.csv", "clip.mp4"], ["a", "b", "-o", "c", "--set", "x"]):
        with pytest.raises(SystemExit) as ended:
            queue_dub.main(words)
        assert ended.value.code == 2


# Many


def write_jobs(folder: Path, *lines: str) -> str:
    path = folder / "jobs.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_many_are_done_one_after_the_other_and_a_failed_one_keeps_no_other(
    queue_dub: ModuleType, comfy: ComfyStandIn, files: dict[str, str], tmp_path: Path, capsys: Capture
) -> None:
    jobs = write_jobs(
        tmp_path,
        "clip, voice, output, engine, 3.start, 2.audio",
        "clip.mp4, voice.wav, results/one.mp4, embedded, 2, @other.wav",
        "gone.mp4, voice.wav, results/two.mp4, , ,",
        "clip.mp4, voice.wav, results/three.mp4, , ,",
    )
    (tmp_path / "other.wav").touch()
    assert queue_dub.main(["--jobs", jobs, "--server", comfy.url, "--preset", "fast"]) == 1
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"one.mp4", "three.mp4"}
    first, second = (prompt["3"]["inputs"] for prompt in comfy.prompts)
    assert (first["engine"], first["start"], first["preset"]) == ("embedded preview", 2, "fast")
    assert (second["engine"], second["start"], second["preset"]) == ("auto", 0.0, "fast")
    assert [prompt["2"]["inputs"]["audio"] for prompt in comfy.prompts] == ["other.wav", "voice.wav"]
    assert "two.mp4: There is no file" in capsys.readouterr().err

    assert queue_dub.main(["--jobs", jobs, "--server", comfy.url]) == 1  # only what is missing
    assert len(comfy.prompts) == 2
    assert queue_dub.main(["--jobs", jobs, "--server", comfy.url, "--again"]) == 1
    assert len(comfy.prompts) == 4


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("clip,voice", "clip.mp4,voice.wav"), "names no column output"),
        (("clip,voice,output,colour", "clip.mp4,voice.wav,o.mp4,red"), "no column colour"),
        (("clip,voice,output", "clip.mp4,voice.wav,o.mp4,more"), "row 2 has 4 cells"),
        (("clip,voice,output", "clip.mp4,,o.mp4"), "row 2 names no voice"),
    ],
)
def test_a_list_that_does_not_fit_is_told_by_its_row(
    queue_dub: ModuleType,
    comfy: ComfyStandIn,
    tmp_path: Path,
    capsys: Capture,
    lines: tuple[str, ...],
    said: str,
) -> None:
    assert queue_dub.main(["--jobs", write_jobs(tmp_path, *lines), "--server", comfy.url]) == 1
    assert said in capsys.readouterr().err
    assert comfy.prompts == []


def test_a_table_is_read_as_retalk_batch_reads_it(
    queue_dub: ModuleType, comfy: ComfyStandIn, files: dict[str, str], tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "said.txt").write_text("Hello you", encoding="utf-8")
    named = {"clip": "clip.mp4", "voice": "voice.wav"}
    rows = [
        {**named, "output": "one.mp4", "engine": "embedded", "transcript": "said.txt", "start": 1.5},
        {**named, "colour": "red", "output": "two.mp4"},
        {**named, "output": "three.mp4"},
    ]
    path = tmp_path / "jobs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n[]\n", encoding="utf-8")
    assert queue_dub.main(["--jobs", str(path), "--server", comfy.url]) == 1
    first, third = (prompt["3"]["inputs"] for prompt in comfy.prompts)
    assert (first["engine"], first["start"], first["transcript"]) == ("embedded preview", 1.5, "Hello you")
    assert third["engine"] == "auto" and (tmp_path / "three.mp4").exists()
    said = capsys.readouterr().err
    assert "row 2: there is no column colour" in said and "row 4 is '[]'" in said


# Stopping


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process there")
def test_ctrl_c_stops_the_job_on_the_server_too(
    comfy: ComfyStandIn, files: dict[str, str], root: Path, tmp_path: Path
) -> None:
    comfy.finishes = False
    words = [files["clip.mp4"], files["voice.wav"], "-o", files["out.mp4"], "--server", comfy.url]
    process = subprocess.Popen(
        [sys.executable, str(root / "scripts" / "queue_dub.py"), *words], stderr=subprocess.PIPE, text=True
    )
    for _ in range(200):
        if comfy.prompts:
            break
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopped" in said and "Traceback" not in said
    assert comfy.interrupted == ["job-1"]
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
