"""A Chromium without a window, driven through a pipe; and a server of files for it. Standard library only."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    *("--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"),
)
# A browser that is driven through a pipe reads from 3 and writes to 4.
LAUNCH = """import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 20) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
    os.close(end)
os.execv(sys.argv[3], sys.argv[3:])"""
NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS = {
    **{" ": "Space", "Enter": "Enter", "Backspace": "Backspace"},
    **{"ArrowLeft": "ArrowLeft", "ArrowRight": "ArrowRight", "Home": "Home"},
}
NUMBERS = {" ": 32, "Enter": 13, "Backspace": 8, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36}


def browser_path() -> str | None:
    """A Chromium on this machine."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page of a browser of its own."""

    def __init__(self, path: str, profile: Path) -> None:
        command = [path, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._count, self._rest, self._session = 0, b"", ""
        self.said: list[str] = []  # errors on the console, and those that nobody caught
        (page,) = [each for each in self._send("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        attached = self._send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        self._send("Runtime.enable")
        self._send("Page.enable")

    def _send(self, method: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        self._count += 1
        order: dict[str, Any] = {"id": self._count, "method": method, "params": given}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found
            self._hear(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._in, 1 << 16)
            if not more:
                raise RuntimeError("the browser ended")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _hear(self, event: dict[str, Any]) -> None:
        given = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.said.append(json.dumps(given["exceptionDetails"])[:600])
        elif event.get("method") == "Runtime.consoleAPICalled" and given["type"] == "error":
            self.said.append(json.dumps(given["args"])[:600])

    def open(self, url: str, width: int = 700, height: int = 900) -> None:
        """Go to a page, and wait until it is there."""
        self.size(width, height)
        self._send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")
        self.said.clear()

    def size(self, width: int, height: int) -> None:
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def run(self, script: str) -> Any:  # noqa: ANN401 - JSON
        """What an expression is, awaited."""
        answer = self._send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 20) -> None:
        """Until an expression is true, on this page or on the one that is being loaded."""
        end = time.monotonic() + seconds
        while not self._runs(script):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)

    def _runs(self, script: str) -> bool:
        try:
            return bool(self.run(script))
        except AssertionError as error:
            if "navigated" in str(error):  # the page that was asked is gone
                return False
            raise

    def reload(self) -> None:
        """Load the page anew."""
        self._send("Page.reload")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        code = KEYS.get(key, f"Key{key.upper()}")
        number = NUMBERS.get(key, ord(key[0].upper()))
        more = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self._send("Input.dispatchKeyEvent", type="keyDown", **more, **text)
        self._send("Input.dispatchKeyEvent", type="keyUp", **more)

    def place(self, selector: str, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        """A point in an element, in pixels of the page."""
        box = self.run(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height] })()"
        )
        return box[0] + across * box[2], box[1] + down * box[3]

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        self.drag(self.place(selector, across, down))

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first point, release it at the last."""
        for index, (x, y) in enumerate((*points, points[-1])):
            kind = "mousePressed" if index == 0 else "mouseMoved" if index < len(points) else "mouseReleased"
            held = {"button": "left", "buttons": 1, "clickCount": 1}
            self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def touch(self, *points: tuple[float, float]) -> None:
        """Put a finger down at the first point, lift it at the last."""
        for index, (x, y) in enumerate(points):
            kind = "touchStart" if index == 0 else "touchMove"
            self._send("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self._send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def tap(self, selector: str) -> None:
        """Put a finger on an element."""
        self.touch(self.place(selector))

    def downloads(self, folder: Path) -> None:
        """Save what a page offers in a folder, without asking."""
        self._send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def theme(self, scheme: str) -> None:
        """Take the page's colours: light or dark."""
        self._send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._send("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)


class _Files(SimpleHTTPRequestHandler):
    """Files of one folder, in parts where a player asks for them."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path, asked = Path(self.translate_path(self.path)), self.headers.get("Range")
        if asked is None or not path.is_file():
            return super().do_GET()
        content = path.read_bytes()
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1 if last else len(content), len(content))
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        try:
            self.wfile.write(content[start:stop])
        except (BrokenPipeError, ConnectionResetError):
            return None
        return None


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A folder's files under an address of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
