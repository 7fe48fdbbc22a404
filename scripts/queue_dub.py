#!/usr/bin/env python3
"""Queue dubs on a running ComfyUI that has ReTalk, and save what comes out.

    queue_dub.py CLIP VOICE -o OUT [options]      one dub
    queue_dub.py --jobs JOBS.csv [options]        many, one after the other

It needs Python 3.10 and aiohttp, which ComfyUI brings; ReTalk need not be installed where it runs, but tables
are read by the pack that the script is part of. Clip and
voice are uploaded, or copied where the server takes no file as large and runs on this machine. --help lists
the options, and docs/headless.md explains them.

Exit status: 0 done, 1 what you can put right, 2 words not understood, 3 a mistake of ours, 130 stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import runpy
import shutil
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

try:
    import aiohttp
except ImportError:
    sys.exit("queue_dub: this needs aiohttp. Run it with ComfyUI's own Python, or `pip install aiohttp`.")

PACK = Path(__file__).resolve().parents[1]
DONE, FAILED, MISTAKE, STOPPED = 0, 1, 3, 130
USUAL_LIMIT = 100 * 1024 * 1024  # bytes that a ComfyUI takes unless told otherwise
MARGIN = 65_536  # of an upload's size, for what surrounds the file
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}
SILENCE = 15.0  # seconds without news, after which the server is asked whether the job still exists
DUBS = ("ReTalkDubVideo", "ReTalkDubFrames")
DEMOS = {"LoadVideo.file": "ReTalkDemoClip.file", "LoadAudio.audio": "ReTalkDemoVoice.file"}
ENGINES = {"auto": "auto", "retalk": "retalk", "embedded": "embedded preview"}
ON_DUB = (
    *("engine", "preset", "face", "voice_longer", "voice_shorter", "pauses", "start", "duration"),
    *("transcript", "language"),
)
DEFAULTS: dict[str, Any] = {
    "engine": "auto",
    "preset": "paper",
    "face": "largest",
    "voice_longer": "bounce",
    "voice_shorter": "keep_clip",
    "pauses": "close",
    "start": 0.0,
    "duration": 0.0,
}
Workflow = dict[str, Any]  # in API form: nodes by their ids


class QueueError(Exception):
    """Something that the user can put right, in words."""


class ServerFaultError(Exception):
    """Something went wrong on the server that nobody foresaw."""


# What is to be done


@dataclass(frozen=True)
class Job:
    """One dub."""

    clip: Path
    voice: Path
    output: Path
    soundtrack: Path | None = None
    changes: tuple[tuple[str, Any], ...] = ()  # "NODE.input" and its value; a Path: a file to bring along

    @property
    def files(self) -> list[Path]:
        """What must be on the server."""
        given = [self.clip, self.voice, self.soundtrack, *(value for _, value in self.changes)]
        return [path for path in given if isinstance(path, Path)]


def quick_dub() -> Workflow:
    """Load, dub, save: what is queued where no workflow is given."""
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": ""}},
        "2": {"class_type": "LoadAudio", "inputs": {"audio": ""}},
        "3": {"class_type": DUBS[0], "inputs": {"video": ["1", 0], "voice": ["2", 0], **DEFAULTS}},
        "4": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["3", 0], "filename_prefix": "dub", "format": "auto", "codec": "auto"},
        },
    }


def read_workflow(path: Path | None) -> Workflow:
    """A workflow in API form. Raises QueueError."""
    if path is None:
        return quick_dub()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise QueueError(f"{path} can't be read ({error.strerror}).") from None
    except ValueError as error:
        raise QueueError(f"{path} is no JSON ({error}).") from None
    except RecursionError:
        raise QueueError(f"{path} is nested too deep to be a workflow.") from None
    if not isinstance(found, dict) or not all(
        isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)
        for node in found.values()
    ):
        raise QueueError(
            f"{path} is no workflow in API form. In ComfyUI's menu choose Export (API), or take one of "
            "workflows/api."
        )
    return found


def tables() -> ModuleType:
    """The reader of tables that `retalk batch` has, too, out of this script's pack. Raises QueueError."""
    try:
        if "retalk_nodes" not in sys.modules:
            runpy.run_path(str(PACK / "__main__.py"))["load_pack"]()
        return importlib.import_module("retalk_nodes.retalk_core.jobs.table")
    except (OSError, ImportError, KeyError) as error:
        raise QueueError(
            f"--jobs needs the pack that this script is part of, in {PACK} ({error}). Run it from there."
        ) from None


def read_jobs(path: Path, changes: Sequence[tuple[str, Any]]) -> Iterator[Job | QueueError]:
    """What the rows of a table ask for, or what is wrong with a row; see docs/headless.md.

    A column is clip, voice, output, soundtrack (a file), a widget of Dub Video such as engine, or NODE.input.
    Empty cells change nothing. Paths are relative to the table. Raises QueueError for the whole table.
    """
    table = tables()
    try:
        for row in table.read_rows(str(path)):
            try:
                yield _job_of(table, row, path.parent, changes)
            except QueueError as error:
                yield error
    except table.InputError as error:
        raise QueueError(str(error)) from None


def _job_of(table: ModuleType, row: Any, folder: Path, changes: Sequence[tuple[str, Any]]) -> Job:  # noqa: ANN401
    if wrong := table.what_is_wrong(row):
        raise QueueError(wrong)
    given = dict(row.cells)
    files = {name: given.pop(name, None) for name in (*table.NEEDED, "soundtrack")}
    own = []
    for name, value in given.items():
        if "." not in name and name not in ON_DUB:
            raise QueueError(
                f"{row.place}: there is no column {name}. Use {', '.join(ON_DUB)}, or NODE.input."
            )
        own.append((name, _cell_value(name, value, folder)))
    paths = {name: folder / str(value) for name, value in files.items() if value}
    return Job(**paths, changes=(*changes, *own))


def _cell_value(name: str, value: Any, folder: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What a cell gives to an input, which is named as `retalk batch` names its options."""
    if not isinstance(value, str):
        return value
    if name == "engine":
        return ENGINES.get(value, value)
    if name == "transcript" and (folder / value).is_file():
        try:
            return (folder / value).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise QueueError(f"{value} can't be read ({error}).") from None
    return value_of(value, folder)


def value_of(text: str, folder: Path | None = None) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value as JSON, or else the text itself; with a folder, "@FILE" is a file there."""
    if folder is not None and text.startswith("@"):
        return folder / text[1:]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def nodes_named(workflow: Workflow, name: str) -> list[str]:
    """Ids of the nodes with this id, or else this class or title."""
    if name in workflow:
        return [name]
    return [
        key
        for key, node in workflow.items()
        if name in (node["class_type"], node.get("_meta", {}).get("title"))
    ]


def put(workflow: Workflow, place: str, value: Any) -> None:  # noqa: ANN401
    """Give "NODE.input" a value; without "NODE." the input of every dub node. Raises QueueError."""
    name, dot, key = place.partition(
        "."
    )  # only the first dot: an input of a dynamic combo has dots of its own
    if not dot:
        found = [each for kind in DUBS for each in nodes_named(workflow, kind)]
        if not found:
            raise QueueError(
                f"The workflow has neither {' nor '.join(DUBS)}, so there is no place for {place}."
            )
        for each in found:
            workflow[each]["inputs"][place] = value
        return
    found = nodes_named(workflow, name)
    if len(found) != 1:
        titles = ", ".join(f"{each} {workflow[each].get('_meta', {}).get('title', '')!r}" for each in found)
        several = (
            f"names {len(found)} nodes of the workflow ({titles})"
            if found
            else "names no node of the workflow"
        )
        raise QueueError(f"{place}: {name!r} {several}. Use an id, a class or a title that only one has.")
    workflow[found[0]]["inputs"][key] = value


def _there(workflow: Workflow, place: str) -> str:
    """The place, or that of the demo's node which stands there in the workflows that ship."""
    name, demo = place.partition(".")[0], DEMOS.get(place, "")
    return (
        demo if not nodes_named(workflow, name) and nodes_named(workflow, demo.partition(".")[0]) else place
    )


def prompt_of(workflow: Workflow, job: Job, names: Mapping[Path, str], places: Mapping[str, str]) -> Workflow:
    """The workflow with a job's files, by their names on the server, and its changes. Raises QueueError."""
    prompt: Workflow = json.loads(json.dumps(workflow))
    for option, place, path in (
        ("--clip-at", places["clip"], job.clip),
        ("--voice-at", places["voice"], job.voice),
    ):
        try:
            put(prompt, _there(prompt, place), names.get(path, path.name))
        except QueueError as error:
            raise QueueError(f"{error} Then say which with {option} NODE.INPUT.") from None
    if job.soundtrack is not None:
        name = names.get(job.soundtrack, job.soundtrack.name)
        prompt["soundtrack"] = {"class_type": "LoadAudio", "inputs": {"audio": name}}
        put(prompt, "soundtrack", ["soundtrack", 0])
    for key in (*nodes_named(prompt, "SaveVideo"), *nodes_named(prompt, "ReTalkSaveDub")):
        prompt[key]["inputs"]["filename_prefix"] = job.output.stem
    for place, value in job.changes:
        put(prompt, place, names.get(value, value.name) if isinstance(value, Path) else value)
    return prompt


# The server


@dataclass
class Server:
    """A running ComfyUI."""

    url: str
    session: aiohttp.ClientSession
    copy_into: Path | None = None  # its input folder, where this machine reaches it and the user says so
    client: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        async with self.session.get(self.url + path) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def post(self, path: str, content: object) -> tuple[int, Any]:
        async with self.session.post(self.url + path, json=content) as answer:
            text = await answer.text()
        return answer.status, value_of(text) if text else None

    @property
    def is_local(self) -> bool:
        host = urlsplit(self.url).hostname or ""
        with suppress(ValueError):
            return ip_address(host).is_loopback
        return host == "localhost"

    async def upload_limit(self) -> int:
        """Bytes that it takes at a time; versions that don't tell take 100 MB unless told otherwise."""
        try:
            features = await self.get("/features")
            return int(features.get("max_upload_size", USUAL_LIMIT))
        except (aiohttp.ClientResponseError, ValueError, AttributeError):
            return USUAL_LIMIT

    async def input_folder(self) -> Path | None:
        """Where its input files lie, if it runs on this machine and that can be found out."""
        if self.copy_into is not None or not self.is_local:
            return self.copy_into
        with suppress(aiohttp.ClientError, KeyError, IndexError, TypeError):
            words = (await self.get("/system_stats"))["system"]["argv"]
            if "--input-directory" in words:
                return _existing(Path(words[words.index("--input-directory") + 1]))
            folders = await self.get("/internal/folder_paths")
            return _existing(Path(folders["custom_nodes"][0]).parent / "input")
        return None

    async def bring(self, path: Path) -> str:
        """Make a file known to the server; returns its name there. Raises QueueError."""
        if self.copy_into is not None:
            return await self._copy(path, self.copy_into)
        size, limit = path.stat().st_size, await self.upload_limit()
        if size + MARGIN <= limit:
            return await self._upload(path)
        folder = await self.input_folder()
        if folder is not None:
            return await self._copy(path, folder)
        raise QueueError(
            f"{path.name} has {_megabytes(size)}, but the server takes at most {_megabytes(limit)} at a "
            f"time. Start it with --max-upload-size {size // 2**20 + 2}, or, if this machine can reach its "
            "input folder, name that with --copy-into."
        )

    async def _upload(self, path: Path) -> str:
        say(f"uploading {path.name}, {_megabytes(path.stat().st_size)}")
        form = aiohttp.FormData()
        with path.open("rb") as file:
            form.add_field("image", file, filename=path.name)  # the route for media of all kinds
            async with self.session.post(self.url + "/upload/image", data=form) as answer:
                if answer.status == 413:
                    raise QueueError(f"The server refuses {path.name} as too large; see --copy-into.")
                if answer.status != 200:
                    raise QueueError(f"The server refuses {path.name} (status {answer.status}).")
                stored = await answer.json()
        return str(PurePosixPath(stored.get("subfolder") or "", stored["name"]))

    async def _copy(self, path: Path, folder: Path) -> str:
        if not folder.is_dir():
            raise QueueError(f"{folder} is no folder: --copy-into wants ComfyUI's input folder.")
        target = await asyncio.to_thread(copy_beside, path, folder)
        query = {"filename": target.name, "type": "input"}
        async with self.session.head(self.url + "/view", params=query) as answer:
            if answer.status != 200:
                target.unlink(missing_ok=True)
                raise QueueError(
                    f"The server doesn't see what is copied into {folder}: it has another input folder."
                )
        return target.name

    async def queue(self, prompt: Workflow) -> str:
        """Hand a prompt over; returns its id. Raises QueueError where the server refuses it."""
        status, answer = await self.post("/prompt", {"prompt": prompt, "client_id": self.client})
        if status == 200 and isinstance(answer, dict) and "prompt_id" in answer:
            return str(answer["prompt_id"])
        raise QueueError(refusal(answer, prompt) or f"The server refuses the workflow (status {status}).")

    async def stop(self, job: str) -> None:
        """Take a job back, whether it runs or waits."""
        lists = await self.get("/queue")
        if any(each[1] == job for each in lists["queue_running"]):
            await self.post("/interrupt", {"prompt_id": job})
        else:
            await self.post("/queue", {"delete": [job]})

    async def state(self, job: str) -> Mapping[str, Any] | str:
        """What became of a job, or where it is: "running", "waiting" or "gone"."""
        entry = (await self.get(f"/history/{job}")).get(job)
        if entry is not None:
            return dict(entry)
        lists = await self.get("/queue")
        for word, key in (("running", "queue_running"), ("waiting", "queue_pending")):
            if any(each[1] == job for each in lists[key]):
                return word
        return "gone"

    async def save(self, file: Mapping[str, str], target: Path) -> None:
        """Fetch one of its files, under the final name only when it is whole."""
        query = {key: file.get(key, "") for key in ("filename", "subfolder", "type")}
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            async with self.session.get(self.url + "/view", params=query) as answer:
                answer.raise_for_status()
                with part.open("wb") as written:
                    async for block in answer.content.iter_chunked(1 << 20):
                        written.write(block)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _existing(folder: Path) -> Path | None:
    return folder if folder.is_absolute() and folder.is_dir() else None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"


def copy_beside(path: Path, folder: Path) -> Path:
    """Copy a file into a folder, under its own name, or with a number where another file has that."""
    path, number, target = path.resolve(), 0, folder / path.name
    given = path.stat()
    while target.exists():
        there = target.stat()
        if (there.st_size, int(there.st_mtime)) == (given.st_size, int(given.st_mtime)):
            return target
        number += 1
        target = folder / f"{path.stem} ({number}){path.suffix}"
    say(f"copying {path.name}, {_megabytes(given.st_size)}, into {folder}")
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copy2(path, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def refusal(answer: Any, prompt: Workflow) -> str:  # noqa: ANN401 - JSON
    """Why a prompt was refused, in words."""
    if not isinstance(answer, dict):
        return ""
    lines = []
    for key, found in (answer.get("node_errors") or {}).items():
        name = found.get("class_type") or prompt.get(key, {}).get("class_type", key)
        for error in found.get("errors", ()):
            lines.append(f"{name}: {error.get('message', '')}: {error.get('details', '')}")
    if not lines and isinstance(answer.get("error"), dict):
        lines = [f"{answer['error'].get('message', '')} {answer['error'].get('details', '')}".strip()]
    if any("not found" in line or "does not exist" in line for line in lines):
        lines.append("Is ReTalk installed on that server?")
    return "\n".join(lines)


# Following a job


async def follow(
    server: Server, socket: aiohttp.ClientWebSocketResponse, job: str, prompt: Workflow
) -> Mapping[str, Any]:
    """Show a job's progress until it has ended; returns its entry in the history. Raises QueueError."""
    shown = Progress(prompt)
    while True:
        try:
            message = await socket.receive(SILENCE)
        except asyncio.TimeoutError:
            message = None
        if message is not None and message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            told = json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else {}
            if not shown.take(told, job):
                continue
        elif message is not None:  # the line is cut: ask from time to time instead
            await asyncio.sleep(2.0)
        state = await ended(server, job, patient=message is not None)
        if isinstance(state, Mapping):
            shown.close()
            return state
        if state == "gone":
            raise QueueError(
                "The server no longer knows this job: it was taken from its queue, or it was restarted."
            )


async def ended(server: Server, job: str, patient: bool) -> Mapping[str, Any] | str:
    """A job's entry in the history, which comes a moment after its end, or where the job is."""
    for pause in (0.0, 0.2, 0.5, 1.0, 2.0) if patient else (0.0,):
        await asyncio.sleep(pause)
        state = await server.state(job)
        if isinstance(state, Mapping) or state == "waiting":
            return state
    return state


class Progress:
    """One line that is written over, or on no terminal a line at every tenth."""

    def __init__(self, prompt: Workflow) -> None:
        self._names = {key: node["class_type"] for key, node in prompt.items()}
        self._last = ""
        self._live = sys.stderr.isatty()

    def take(self, told: Mapping[str, Any], job: str) -> bool:
        """Show what the server tells; returns whether that may be the job's end."""
        kind, data = told.get("type"), told.get("data", {})
        if kind == "status" and not self._last:
            left = data.get("status", {}).get("exec_info", {}).get("queue_remaining", 0)
            if left > 1:
                self._show(f"waiting: {left} jobs in the queue")
        if data.get("prompt_id") != job:
            return False
        if kind == "progress" and data.get("max"):
            step = 1 if self._live else 10
            percent = int(100 * data["value"] / data["max"]) // step * step
            self._show(f"{self._name(data.get('node'))} {percent} %")
        elif kind == "executing" and data.get("node") is not None:
            self._show(self._name(data["node"]))
        return kind in ("execution_success", "execution_error", "execution_interrupted") or (
            kind == "executing" and data.get("node") is None
        )

    def _name(self, node: Any) -> str:  # noqa: ANN401
        return self._names.get(str(node), str(node))

    def _show(self, line: str) -> None:
        if line == self._last or Quiet.on:
            return
        width = len(self._last)
        self._last = line
        if self._live:
            print(f"\r{line:<{width}}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._live and self._last and not Quiet.on:
            print(file=sys.stderr)


class Quiet:
    """Whether only mistakes are told."""

    on = False


def say(line: str) -> None:
    if not Quiet.on:
        print(line, file=sys.stderr, flush=True)


def check_success(entry: Mapping[str, Any]) -> None:
    """Raise QueueError or ServerFaultError in words where a job has failed."""
    status = entry.get("status") or {}
    if status.get("status_str") == "success":
        return
    for kind, data in status.get("messages", ()):
        if kind == "execution_interrupted":
            raise QueueError("The job was stopped on the server.")
        if kind == "execution_error":
            words = f"{data.get('node_type')}: {str(data.get('exception_message', '')).strip()}"
            if str(data.get("exception_type", "")).endswith("Error") and ".errors." in str(
                data["exception_type"]
            ):
                raise QueueError(words)
            raise ServerFaultError(f"{words} ({data.get('exception_type')}). The server's log says more.")
    raise ServerFaultError("The job failed, and the server doesn't say why. Its log may.")


def files_of(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """The videos that a job put out: saved ones, or where nothing was saved, temporary ones."""
    found = [
        file
        for shown in entry.get("outputs", {}).values()
        for files in shown.values()
        if isinstance(files, list)
        for file in files
        if isinstance(file, dict) and Path(str(file.get("filename", ""))).suffix.lower() in VIDEOS
    ]
    return [file for file in found if file.get("type") == "output"] or found


def reports_of(entry: Mapping[str, Any]) -> list[str]:
    """The texts that a job's nodes showed."""
    shown = (each.get("text", ()) for each in entry.get("outputs", {}).values())
    told = [str(text) for texts in shown for text in ([texts] if isinstance(texts, str) else texts)]
    return list(dict.fromkeys(told))  # a node behind may show the same


# Doing it


async def run_job(server: Server, workflow: Workflow, job: Job, places: Mapping[str, str]) -> None:
    """Bring the files, queue the prompt, follow it, save the result, print the report."""
    for path in job.files:
        if not path.is_file():
            raise QueueError(f"There is no file {path}.")
    _ready(job.output)
    prompt_of(workflow, job, {}, places)  # refuses what doesn't fit before anything is uploaded
    names = {path: await server.bring(path) for path in dict.fromkeys(job.files)}
    prompt = prompt_of(workflow, job, names, places)
    address = f"{server.url.replace('http', 'ws', 1)}/ws?clientId={server.client}"
    async with server.session.ws_connect(
        address, max_msg_size=0
    ) as socket:  # before queueing: nothing is missed
        number = await server.queue(prompt)
        try:
            entry = await follow(server, socket, number, prompt)
        except asyncio.CancelledError:
            with suppress(aiohttp.ClientError, KeyError, asyncio.TimeoutError):
                await server.stop(number)
            raise
    check_success(entry)
    files = files_of(entry)
    if not files:
        raise QueueError("The workflow saved no video: it needs a node such as SaveVideo at its end.")
    for i, file in enumerate(files):
        suffix = Path(file["filename"]).suffix
        target = job.output if i == 0 else job.output.with_stem(f"{job.output.stem}_{i + 1}")
        if suffix.lower() != target.suffix.lower():
            target = target.with_suffix(suffix)
        await server.save(file, target)
        print(target)
    print("\n".join(reports_of(entry)), flush=True)


def _ready(output: Path) -> None:
    """Make sure that a result can be written, before hours are spent on it."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        probe = output.with_name(f".{output.name}.{os.getpid()}.part")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise QueueError(f"{output} can't be written ({error.strerror}).") from None


async def run_all(args: argparse.Namespace) -> int:
    """Do all jobs, one after the other; a failed one doesn't keep the others. Returns the exit status."""
    workflow = read_workflow(args.workflow)
    jobs: Iterable[Job | QueueError]
    if args.jobs:
        jobs = read_jobs(args.jobs, args.changes)
    else:
        jobs = [Job(args.clip, args.voice, args.output, args.soundtrack, tuple(args.changes))]
    worst = DONE
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        server = Server(args.server, session, args.copy_into)
        await _answering(server)
        for number, job in enumerate(jobs, 1):
            if isinstance(job, QueueError):
                worst = max(worst, FAILED)
                print(f"queue_dub: {job}", file=sys.stderr)
                continue
            if args.jobs:
                say(f"{number}: {job.output.name}")
                if job.output.exists() and not args.again:
                    say("is there already, and left as it is; --again makes it anew")
                    continue
            with _told(job if args.jobs else None) as outcome:
                await run_job(server, workflow, job, {"clip": args.clip_at, "voice": args.voice_at})
            worst = max(worst, outcome.status)
    return worst


@dataclass
class Outcome:
    """How a job ended."""

    status: int = DONE


@contextmanager
def _told(job: Job | None) -> Iterator[Outcome]:
    """Say in words what went wrong."""
    outcome, name = Outcome(), "" if job is None else f"{job.output.name}: "
    try:
        yield outcome
    except QueueError as error:
        outcome.status = FAILED
        print(f"queue_dub: {name}{error}", file=sys.stderr)
    except ServerFaultError as error:
        outcome.status = MISTAKE
        print(f"queue_dub: {name}{error}", file=sys.stderr)
    except (aiohttp.ClientError, OSError) as error:
        outcome.status = FAILED
        print(f"queue_dub: {name}the connection to the server broke ({error}).", file=sys.stderr)


async def _answering(server: Server) -> None:
    try:
        await server.get("/system_stats")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise QueueError(
            f"No ComfyUI answers at {server.url} ({error}). Start it, or name another with --server."
        ) from None


# Words of the command line


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(
        prog="queue_dub.py",
        description="Queue dubs on a running ComfyUI that has ReTalk, and save what comes out.",
        epilog="Exit status: 0 done, 1 what you can put right, 2 words not understood, 3 a mistake of ours, "
        "130 stopped.",
    )
    add = words.add_argument
    add("clip", nargs="?", type=Path, metavar="CLIP", help="the video")
    add("voice", nargs="?", type=Path, metavar="VOICE", help="what shall be said: a sound file or a video")
    add("-o", "--output", type=Path, metavar="OUT", help="the result, such as out.mp4")
    add(
        "--jobs",
        type=Path,
        metavar="TABLE",
        help="many dubs, as `retalk batch` has them: CSV with the columns clip, voice, "
        "output, and more if wanted; or .jsonl",
    )
    add("--again", action="store_true", help="with --jobs: make results anew that are there already")
    add("--server", default="http://127.0.0.1:8188", metavar="URL", help="where ComfyUI is (%(default)s)")
    add("--workflow", type=Path, metavar="JSON", help="in API form; without it: load, dub, save")
    add("--engine", choices=list(ENGINES), help="of Dub Video; retalk makes a missing file an error")
    add("--preset", choices=["paper", "fast", "original"], help="of Dub Video, for the engine retalk")
    add("--soundtrack", type=Path, metavar="FILE", help="what the result shall sound like, if not the voice")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="change the workflow; NODE is an id, a class or a title, VALUE JSON, text, or @FILE, which is "
        "brought to the server; may be repeated",
    )
    add("--clip-at", default="LoadVideo.file", metavar="NODE.INPUT", help="where the clip goes (%(default)s)")
    add(
        "--voice-at",
        default="LoadAudio.audio",
        metavar="NODE.INPUT",
        help="where the voice goes (%(default)s)",
    )
    add(
        "--copy-into",
        type=Path,
        metavar="DIR",
        help="the server's input folder, as this machine sees it: files are copied there, not uploaded",
    )
    add("-q", "--quiet", action="store_true", help="tell no progress")
    return words


def understood(argv: Sequence[str] | None) -> argparse.Namespace:
    words = parser()
    args = words.parse_args(argv)
    single = (args.clip, args.voice, args.output)
    if args.jobs and any((*single, args.soundtrack)):
        words.error("--jobs names clips, voices and outputs itself")
    if not args.jobs and not all(single):
        words.error("a clip, a voice and -o OUT are needed, or --jobs CSV")
    args.server = args.server.rstrip("/") if "://" in args.server else f"http://{args.server}".rstrip("/")
    args.changes = [("engine", ENGINES[args.engine])] if args.engine else []
    args.changes += [("preset", args.preset)] if args.preset else []
    for text in args.set:
        place, equals, value = text.partition("=")
        if not equals or not place:
            words.error(f"--set wants NODE.INPUT=VALUE, not {text!r}")
        args.changes.append((place, value_of(value, Path())))
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = understood(argv)
    Quiet.on = args.quiet
    try:
        return asyncio.run(run_all(args))
    except QueueError as error:
        print(f"queue_dub: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("queue_dub: stopped, on the server too.", file=sys.stderr)
        return STOPPED
    except Exception as error:  # a mistake of ours, in a line
        print(f"queue_dub: this should not have happened ({type(error).__name__}: {error}).", file=sys.stderr)
        return MISTAKE


if __name__ == "__main__":
    sys.exit(main())
