"""A real ComfyUI around the pack, without a window: started, given work, stopped. Standard library only."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class ComfyServer:
    """One server on a base folder of its own."""

    def __init__(
        self,
        comfyui: Path,
        python: str,
        base: Path,
        pack: Path,
        *more: str,
        beside: str = "",
        called: str = "any name",
    ) -> None:
        """Start it.

        more:   arguments of ComfyUI's own
        beside: source of another pack, which is loaded after this one
        called: the folder's name; newer versions serve no scripts and pages from one with a space in it
        """
        # Any name will do, but for spaces: ComfyUI serves no help page and no script from such a folder.
        self.comfyui, self.base = comfyui, base
        for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
            (base / name).mkdir(parents=True)
        (base / "custom_nodes" / called).symlink_to(pack, target_is_directory=True)
        if beside:
            (base / "custom_nodes" / "beside.py").write_text(beside)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._log = base / "server.log"
        command = [python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--base-directory", str(base), "--disable-auto-launch", "--disable-api-nodes"]
        command += ["--database-url", f"sqlite:///{base / 'user' / 'comfyui.db'}"]
        command += more
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
        environment.pop("PYTHONPATH", None)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=comfyui, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.nodes = self._wait()

    def _wait(self) -> dict[str, Any]:
        """Every node that the server offers, once it answers."""
        for _ in range(600):
            if self._process.poll() is not None:
                raise RuntimeError(f"ComfyUI ended while it started:\n{self.log()[-3000:]}")
            try:
                return dict(self.get("/object_info"))
            except (OSError, urllib.error.URLError):
                time.sleep(0.5)
        raise RuntimeError(f"ComfyUI doesn't answer:\n{self.log()[-3000:]}")

    def log(self) -> str:
        return ANSI.sub("", self._log.read_text(errors="replace"))

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        with _OPENER.open(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, content: object) -> Any:  # noqa: ANN401 - JSON
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=60) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        return json.loads(body) if body else None

    def queue(self, prompt: dict[str, Any]) -> str:
        """Hand over a workflow in API form; returns its id."""
        answer = self.post("/prompt", {"prompt": prompt})
        assert "prompt_id" in answer, answer
        return str(answer["prompt_id"])

    def wait(self, prompt_id: str, seconds: float = 300) -> dict[str, Any]:
        """What became of a workflow."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            history = self.get(f"/history/{prompt_id}")
            if prompt_id in history:
                return dict(history[prompt_id])
            time.sleep(0.05)
        raise TimeoutError(f"Not done after {seconds} s:\n{self.log()[-3000:]}")

    def run(self, prompt: dict[str, Any]) -> dict[str, Any]:
        return self.wait(self.queue(prompt))

    def running(self) -> bool:
        """Whether a job runs or is about to: between two jobs the server tidies up first."""
        queue = self.get("/queue")
        return bool(queue["queue_running"] or queue["queue_pending"])

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def messages(history: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """What a workflow's history says of one kind, such as execution_error."""
    return [content for name, content in history["status"]["messages"] if name == kind]


def checkouts() -> list[tuple[Path, str]]:
    """ComfyUI's checkouts and an interpreter for each, from COMFYUI_PATH and COMFYUI_PYTHON."""
    paths = [Path(part) for part in os.environ.get("COMFYUI_PATH", "").split(os.pathsep) if part]
    pythons = [part for part in os.environ.get("COMFYUI_PYTHON", "").split(os.pathsep) if part]
    pythons += [pythons[-1] if pythons else sys.executable] * (len(paths) - len(pythons))
    return list(zip(paths, pythons, strict=False))
