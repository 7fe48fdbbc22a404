"""A mirror on this machine that holds files of weights, and breaks off or lies when it is told to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

BLOCK = 1 << 18


@dataclass
class Mirror:
    """What it holds and how it answers; and what it was asked."""

    files: dict[str, Path]
    spoilt: set[str] = field(default_factory=set)  # of these the last byte is another
    held: set[str] = field(default_factory=set)  # of these no more than the first megabyte comes
    asked: list[tuple[str, str]] = field(default_factory=list)  # name and range
    released: Event = field(default_factory=Event)
    url: str = ""


def _handler_of(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, wanted = self.path.rpartition("/")[2], self.headers.get("Range", "")
            mirror.asked.append((name, wanted))
            if name not in mirror.files:
                self.send_error(404)
                return
            size = mirror.files[name].stat().st_size
            start = int(wanted.removeprefix("bytes=").removesuffix("-") or 0)
            self.send_response(206 if start else 200)
            self.send_header("ETag", '"1"')
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            with mirror.files[name].open("rb") as file:
                file.seek(start)
                if name in mirror.held and not mirror.released.is_set():
                    self.wfile.write(file.read(4 * BLOCK))
                    self.wfile.flush()
                    mirror.released.wait(60)
                if name in mirror.spoilt:
                    rest = bytearray(file.read())
                    rest[-1] ^= 1
                    self.wfile.write(rest)
                else:
                    shutil.copyfileobj(file, self.wfile, BLOCK)

        def log_message(self, *_: object) -> None: ...

    return Handler


@contextmanager
def mirror_of(files: dict[str, Path]) -> Iterator[Mirror]:
    """Serve files under their names."""
    mirror = Mirror(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(mirror))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever hung up
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.released.set()
        server.shutdown()
        server.server_close()
