"""Fetches official files of weights when it is told to, and keeps only what was checked."""

from __future__ import annotations

import errno
import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from ...models.errors import CheckpointError
from ...models.network import File
from ..errors import InputError, OptionError
from ..files import sha256_of
from ..types import Progress, silent
from ..version import __version__

TIMEOUT = 30  # seconds without a byte
ATTEMPTS = 4  # at one source, each going on where the last was cut off
_BLOCK = 1 << 18
MOST_WORDS = 160  # letters that a source may say
SPARE = 32 << 20  # bytes to leave free on the disk


@dataclass(frozen=True)
class Route:
    """How to reach the sources."""

    mirrors: tuple[str, ...] = ()  # folders on the web that hold the same files, tried first
    proxy: str = ""
    hugging_face: str = ""  # stands in for https://huggingface.co

    @classmethod
    def of(
        cls, mirrors: Sequence[str] = (), proxy: str | None = None, env: Mapping[str, str] = os.environ
    ) -> Route:
        """From options, and from the environment where they say nothing. Raises OptionError."""
        given = tuple(mirrors) or tuple(env.get("RETALK_MIRROR", "").split())
        instead = env.get("HF_ENDPOINT", "").strip()
        for name, url in (
            *(("--mirror" if mirrors else "RETALK_MIRROR", url) for url in given),
            *((("--proxy", proxy),) if proxy else ()),
            *((("HF_ENDPOINT", instead),) if instead else ()),
        ):
            if not _is_address(url):
                raise OptionError(
                    f"{name} is {url}, which is no address. Give one that starts with http:// or https://."
                )
        return cls(given, proxy or "", instead.rstrip("/"))

    def sources(self, file: File) -> list[str]:
        """Every address of a file, in the order in which they are tried."""
        mirrored = [f"{mirror.rstrip('/')}/{quote(file.name)}" for mirror in self.mirrors]
        official = list(file.sources)
        if self.hugging_face:
            official = [url.replace("https://huggingface.co", self.hugging_face, 1) for url in official]
        return mirrored + official

    def opener(self) -> urllib.request.OpenerDirector:
        """What opens addresses; without a proxy given, the environment's is used."""
        if not self.proxy:
            return urllib.request.build_opener()
        proxy = urllib.request.ProxyHandler({"http": self.proxy, "https": self.proxy})
        return urllib.request.build_opener(proxy)


def _is_address(url: str) -> bool:
    """Whether this is an address of the web, with a host whose name can be asked for."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises ValueError unless it is a number that a port can have
        host.encode("idna")
        url.encode()
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and not re.search(r"[\s\x00-\x1f\x7f]", url)


class _SourceError(Exception):
    """Why one source gave nothing; the next one may."""


def download(
    file: File,
    folder: Path,
    check: Callable[[Path], None],
    route: Route | None = None,
    progress: Progress = silent,
) -> Path:
    """Fetch one file; it gets its name only when its size, its hash and its content are right.

    check:   raises CheckpointError where the content is wrong; asked where no hash is published
    returns: the file; raises InputError, in words that say how to fetch it by hand
    """
    path = folder / file.name
    route = route or Route()
    if path.exists():
        return _keep(path, file, check)
    try:
        with _made(folder):
            failures = _try_sources(file, path, check, route, progress)
    except OSError as error:
        raise InputError(_disk_words(path, error)) from error
    if failures is None:
        return path
    raise InputError(by_hand(file, folder, failures))


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder that is there, and that goes again if nothing came into it. Raises OSError."""
    new = list(takewhile(lambda each: not each.exists(), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with suppress(OSError):  # something is in it
            for each in new:
                each.rmdir()


def _try_sources(
    file: File, path: Path, check: Callable[[Path], None], route: Route, progress: Progress
) -> list[str] | None:
    """None as soon as one source gave the file, else what each said."""
    part = path.with_name(f"{path.name}.part")
    failures = []
    for url in route.sources(file):
        try:
            _Fetch(url, part, file, route.opener(), progress).run()
            _verify(part, file, check)
        except _SourceError as error:
            failures.append(f"{_host(url)}: {_in_a_line(error)}")
        else:
            part.replace(path)
            _note(part).unlink(missing_ok=True)
            return None
    return failures


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def by_hand(file: File, folder: Path, failures: Sequence[str] = ()) -> str:
    """What to fetch with a browser, and where to put it."""
    tried = f"{file.name} can't be downloaded, no public source is known."
    if failures:
        tried = f"{file.name} could not be downloaded ({'; '.join(failures)})."
    facts = [
        f"{file.size} bytes" if file.size else "",
        f"sha256 {file.sha256}" if file.sha256 else "",
    ]
    fits = f" ({', '.join(filter(None, facts))})" if any(facts) else ""
    if not file.sources:
        known = f": it is {file.known}" if file.known else ""
        return f"{tried} Put it{fits} into {folder} by hand{known}."
    addresses = " or ".join(file.sources)
    return f"{tried} Fetch it{fits} by hand from {addresses} and put it into {folder}."


def _keep(path: Path, file: File, check: Callable[[Path], None]) -> Path:
    """Accept a file that is there already, or say what is wrong with it."""
    if not path.is_file():
        raise InputError(f"{path} is there already and is no file. Move it away and run this again.")
    try:
        _verify(path, file, check, remove=False)
    except _SourceError as error:
        raise InputError(
            f"{path} is there already and is not the official file: {error}. Move it away and run this again."
        ) from None
    return path


def _verify(path: Path, file: File, check: Callable[[Path], None], remove: bool = True) -> None:
    """Raise _SourceError unless size, hash or content are right; remove the file then, or don't."""
    problem = _problem(path, file, check)
    if problem and remove:
        path.unlink()
        _note(path).unlink(missing_ok=True)
    if problem:
        raise _SourceError(problem)


def _problem(path: Path, file: File, check: Callable[[Path], None]) -> str:
    """What is wrong with a file; "" if nothing is."""
    if not path.is_file():
        return "it is no file"
    size = path.stat().st_size
    if file.size and size != file.size:
        return f"it has {size} bytes instead of {file.size}"
    if file.sha256:
        found = sha256_of(path)
        return "" if found == file.sha256 else f"its sha256 is {found} instead of {file.sha256}"
    try:
        check(path)
    except CheckpointError as error:
        return str(error).replace(str(path), "it").rstrip(".")
    return ""


def _disk_words(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is too full for {path}. Make room and run this again: it goes on where it stopped."
    return f"{path} can't be written ({error.strerror or error}). Choose another folder with --folder."


def _note(part: Path) -> Path:
    """Where it is noted which answer a part belongs to, for files whose hash nobody has published."""
    return part.with_name(f"{part.name}.from")


class _Fetch:
    """One file from one source, in as many pieces as the connection needs."""

    def __init__(
        self,
        url: str,
        part: Path,
        file: File,
        opener: urllib.request.OpenerDirector,
        progress: Progress,
    ) -> None:
        self._url = url
        self._part = part
        self._wanted = file
        self._opener = opener
        self._progress = progress

    def run(self) -> None:
        """Bring the part to its full length. Raises _SourceError, or OSError for the disk's."""
        failure, longest, idle = "", 0, 0
        while idle < ATTEMPTS:
            try:
                if self._go_on():
                    return
                failure = "the connection was cut"
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 416:
                    raise _SourceError(f"{error.code} {error.reason}") from None
                if error.headers.get("Content-Range") == f"bytes */{self._have()}":
                    return  # nothing was missing
                self._part.unlink(missing_ok=True)
                failure = "the file there is shorter than what was fetched before"
            except urllib.error.URLError as error:  # not even a connection
                raise _SourceError(_reason(error.reason)) from None
            except http.client.InvalidURL as error:
                raise _SourceError(_reason(error)) from None
            except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
                failure = _reason(error)
            except ValueError as error:  # a redirect's address, or the environment's proxy
                raise _SourceError(f"it leads to an address that is none ({error})") from None
            idle = 0 if self._have() > longest else idle + 1
            longest = max(longest, self._have())
        raise _SourceError(failure)

    def _have(self) -> int:
        """Bytes fetched so far."""
        return self._part.stat().st_size if self._part.exists() else 0

    def _go_on(self) -> bool:
        """Fetch what is missing; False if the connection ended early."""
        have = self._have()
        if self._wanted.size and have == self._wanted.size:
            return True
        note = self._read_note() if have and not self._wanted.sha256 else ""
        if have and not self._wanted.sha256 and not note:
            have = 0  # without a hash, pieces of two files could not be told from one
        headers = {"User-Agent": f"retalk/{__version__}", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if note:
                headers["If-Range"] = note
        with self._opener.open(urllib.request.Request(self._url, headers=headers), timeout=TIMEOUT) as answer:
            start, total = _extent(answer, have)
            self._expect(total, start)
            self._write_note(answer.headers.get("ETag") or "")
            with self._part.open("r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                return self._copy(answer, file, start, total)

    def _copy(self, answer: IO[bytes], file: IO[bytes], done: int, total: int | None) -> bool:
        self._progress(done, total)
        while block := self._read(answer):
            file.write(block)
            done += len(block)
            self._progress(done, total)
        return total is None or done == total

    @staticmethod
    def _read(answer: IO[bytes]) -> bytes:
        try:
            return answer.read(_BLOCK)
        except http.client.IncompleteRead as error:
            return error.partial
        except OSError as error:  # the net's, not the disk's
            raise ConnectionError(_reason(error)) from None

    def _expect(self, total: int | None, start: int) -> None:
        """Refuse what can't be right, or can't be stored, before fetching it."""
        wanted = self._wanted.size
        if wanted and total is not None and total != wanted:
            raise _SourceError(f"it has {total} bytes there instead of {wanted}")
        free = shutil.disk_usage(self._part.parent).free
        needed = (total or wanted) - start + SPARE
        if (total or wanted) and free < needed:
            raise OSError(errno.ENOSPC, "No space left on device")

    def _read_note(self) -> str:
        with suppress(OSError):
            url, _, tag = _note(self._part).read_text(encoding="utf-8").partition("\n")
            return tag if url == self._url else ""
        return ""

    def _write_note(self, tag: str) -> None:
        strong = tag if tag.startswith('"') else ""
        _note(self._part).write_text(f"{self._url}\n{strong}", encoding="utf-8")


def _in_a_line(error: _SourceError) -> str:
    """Its words, which may be a server's own: as many as it pleases, and of any kind."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in str(error)).split())
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…"


def _reason(error: object) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT} seconds"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _extent(answer: Any, have: int) -> tuple[int, int | None]:  # noqa: ANN401
    """Where an answer's bytes begin, and the whole file's length where it is stated."""
    if answer.status != 206:
        return 0, _length(answer.headers.get("Content-Length"))
    said = answer.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", said, re.ASCII)
    if not found or int(found[1]) != have:
        raise _SourceError("it answered with another piece of the file")
    return have, None if found[2] == "*" else int(found[2])


def _length(said: str | None) -> int | None:
    """The length that an answer states, None where it states none. Raises _SourceError."""
    if said is None:
        return None
    if not re.fullmatch(r"\d{1,18}", said.strip(), re.ASCII):
        raise _SourceError(f"it states a length that is none ({said[:40]!r})")
    return int(said)
