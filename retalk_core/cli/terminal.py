"""Where the command's words go: a terminal of few letters, a full disk, a pipe that nobody reads any more."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

ESCAPED = "retalk-escaped"  # how letters are written that an encoding lacks; a name that Python knows then


class Overheard:
    """A stream whose failures are kept instead of raised: words that don't arrive must not end the work."""

    failure: OSError | None = None  # the first

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - whatever can be printed to
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)

    def write(self, words: str) -> int:
        with self._kept():
            return self._stream.write(words)
        return len(words)

    def flush(self) -> None:
        with self._kept():
            self._stream.flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = self.failure or error

    def drop(self) -> None:
        """Send what is left to nowhere, else Python tries once more when it ends, and complains by itself."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def speaking() -> Iterator[Overheard]:
    """Let every word be printed to stdout and stderr, whatever they are; gives stdout's voice.

    Letters that an encoding lacks are written as JSON escapes them, so that what --json prints stays JSON.
    """
    codecs.register_error(ESCAPED, _escaped)
    before = sys.stdout, sys.stderr
    for stream in filter(None, before):
        if getattr(stream, "errors", "") == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ESCAPED)
    out, complaints = map(Overheard, before)
    if sys.stdout is not None:
        sys.stdout = out
    if sys.stderr is not None:
        sys.stderr = complaints
    try:
        yield out
    finally:
        for voice, stream in zip((out, complaints), before, strict=True):
            if stream is not None:
                voice.flush()
            if voice.failure is not None:
                voice.drop()
        sys.stdout, sys.stderr = before


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end


def was_heard(out: Overheard) -> bool:
    """Whether what the work printed has arrived, or its reader had seen enough and left; else complain."""
    if sys.stdout is None:
        return True
    out.flush()
    if out.failure is None or isinstance(out.failure, BrokenPipeError):
        return True
    why = out.failure.strerror
    complain(f"What is printed can't be written ({why}); all else is finished. Choose another place for it.")
    return False


def complain(words: str) -> None:
    """Say on stderr what went wrong."""
    print(f"retalk: {words}", file=sys.stderr, flush=True)


def system_words(error: OSError) -> str:
    """What the system refused, for a person."""
    why = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"The system refused something ({why}). Check names, rights and the room on the disk."
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else error.filename
    return f"{name} can't be used ({why}). Check the name, the rights and the room on the disk."
