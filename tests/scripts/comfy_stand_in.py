"""A server that answers as ComfyUI does, as far as scripts/queue_dub.py asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

VIDEO = b"a dubbed clip"
REPORT = "out.mp4: 3 frames"
OUTPUT = {"filename": "dub_1_.mp4", "subfolder": "", "type": "output"}


@dataclass
class ComfyStandIn:
    """A ComfyUI of a few routes, and what it was asked."""

    input: Path
    features: dict[str, Any] | None = field(default_factory=lambda: {"max_upload_size": 1_000_000})
    ends_with: str = "execution_success"
    error: dict[str, Any] = field(default_factory=dict)
    refuses: dict[str, Any] | None = None
    outputs: dict[str, Any] = field(
        default_factory=lambda: {
            "3": {"images": [{**OUTPUT, "type": "temp"}], "text": (REPORT,)},
            "4": {"images": [OUTPUT]},
            "5": {"text": REPORT},
        }
    )
    finishes: bool = True  # whether a job ends by itself
    drops_line: bool = False  # whether the websocket is cut when a job begins
    uploads: list[str] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    url: str = ""
    _history: dict[str, Any] = field(default_factory=dict)
    _running: list[str] = field(default_factory=list)
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1_000_000)
        app.add_routes(
            [
                web.get("/features", self._features),
                web.get("/system_stats", self._stats),
                web.get("/internal/folder_paths", self._folders),
                web.get("/ws", self._socket),
                web.get("/queue", self._queue),
                web.get("/view", self._view),
                web.get("/history/{id}", self._past),
                web.post("/upload/image", self._upload),
                web.post("/prompt", self._prompt),
                web.post("/interrupt", self._interrupt),
            ]
        )
        return app

    async def _features(self, request: web.Request) -> web.Response:
        if self.features is None:
            raise web.HTTPNotFound
        return web.json_response(self.features)

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response({"system": {"argv": ["main.py", "--cpu"]}})

    async def _folders(self, request: web.Request) -> web.Response:
        return web.json_response({"custom_nodes": [str(self.input.parent / "custom_nodes")]})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["clientId"]] = socket
        await socket.send_json({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}})
        async for message in socket:
            assert message.type is WSMsgType.TEXT
        return socket

    async def _queue(self, request: web.Request) -> web.Response:
        return web.json_response({"queue_running": [[0, job] for job in self._running], "queue_pending": []})

    async def _view(self, request: web.Request) -> web.Response:
        if request.query["type"] == "input":
            return web.Response(status=200 if (self.input / request.query["filename"]).exists() else 404)
        return web.Response(body=VIDEO)

    async def _past(self, request: web.Request) -> web.Response:
        job = request.match_info["id"]
        return web.json_response({job: self._history[job]} if job in self._history else {})

    async def _upload(self, request: web.Request) -> web.Response:
        file = (await request.post())["image"]
        assert isinstance(file, web.FileField)
        self.uploads.append(file.filename)
        return web.json_response({"name": file.filename, "subfolder": "", "type": "input"})

    async def _prompt(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if self.refuses is not None:
            return web.json_response(self.refuses, status=400)
        self.prompts.append(asked["prompt"])
        job = f"job-{len(self.prompts)}"
        self._running.append(job)
        asyncio.get_running_loop().create_task(self._run(job, self._sockets[asked["client_id"]]))
        return web.json_response({"prompt_id": job, "number": 1, "node_errors": {}})

    async def _run(self, job: str, socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(0.05)
        if self.drops_line:
            await socket.close()
        else:
            await socket.send_json({"type": "executing", "data": {"node": "3", "prompt_id": job}})
            await socket.send_bytes(b"a preview")
            told = {"node": "3", "value": 5, "max": 10, "prompt_id": job}
            await socket.send_json({"type": "progress", "data": told})
        if self.finishes:
            await self._end(job, socket, self.ends_with)

    async def _end(self, job: str, socket: web.WebSocketResponse, how: str) -> None:
        told = {"prompt_id": job, **self.error}
        if not socket.closed:
            await socket.send_json({"type": how, "data": told})
        await asyncio.sleep(0.05)
        success = how == "execution_success"
        status = {"status_str": "success" if success else "error", "messages": [[how, told]]}
        self._history[job] = {"status": status, "outputs": self.outputs if success else {}}
        self._running.remove(job)

    async def _interrupt(self, request: web.Request) -> web.Response:
        job = (await request.json())["prompt_id"]
        self.interrupted.append(job)
        return web.Response()


@contextmanager
def answering(base: Path) -> Iterator[ComfyStandIn]:
    """The stand-in, on a port of this machine."""
    (base / "input").mkdir(parents=True)
    stand_in = ComfyStandIn(base / "input")
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> web.AppRunner:
        runner = web.AppRunner(stand_in.app(), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        stand_in.url = f"http://{host}:{port}"
        return runner

    def work() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(serve())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        yield stand_in
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
