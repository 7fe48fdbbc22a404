"""The `retalk` command: from words to an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ...models.errors import RetalkError
from .arguments import make_parser
from .terminal import complain, speaking, system_words, was_heard

if TYPE_CHECKING:
    import argparse
    from types import FrameType

FAILED, MISTAKE, INTERRUPTED = 1, 3, 130
STOPS = ("SIGTERM", "SIGHUP")  # beside Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    returns: 0; 1 for what the user can put right; 3 for a mistake of ours; 130 when stopped
    Words that can't be understood exit with 2.
    """
    with speaking() as out:
        try:
            status = _run(make_parser().parse_args(argv))
        except SystemExit as end:  # the parser's: of --help, or for words that can't be understood
            end.code = end.code or (0 if was_heard(out) else FAILED)
            raise
        return status or (0 if was_heard(out) else FAILED)


def _run(args: argparse.Namespace) -> int:
    """Do what was asked for; gives the exit code."""
    try:
        with _stopping_cleanly():
            _check_where()
            args.run(args)
    except RetalkError as error:
        complain(f"{error}")
        return FAILED
    except KeyboardInterrupt as stop:
        complain(f"stopped; {str(stop) or 'nothing was written'}.")
        return INTERRUPTED
    except OSError as error:  # the system's word: a name, a right, a disk
        complain(system_words(error))
        return FAILED
    except Exception as error:  # a mistake of ours: say so in a line, and where with -v
        if args.verbose:
            import traceback  # not before: --help doesn't wait for it

            complain(traceback.format_exc())
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        complain(f"this should not have happened ({what}). Please report it with what -v prints.")
        return MISTAKE
    return 0


def _check_where() -> None:
    """Raise RetalkError where the working directory was removed: no name means anything there."""
    try:
        os.getcwd()  # noqa: PTH109 - only asked whether it is there
    except OSError as error:
        raise RetalkError(
            f"The folder in which this was started can't be used ({error.strerror}). Change to another one."
        ) from error


@contextmanager
def _stopping_cleanly() -> Iterator[None]:
    """Being terminated, or losing the terminal, cleans up as Ctrl-C does.

    Only the main thread may ask for that. A signal that is ignored, as under nohup, stays so.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in STOPS if hasattr(signal, name)]
    previous = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number in numbers if previous[number] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, previous[number])


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    import signal

    signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the cleaning up
    raise KeyboardInterrupt
