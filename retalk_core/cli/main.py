"""The `retalk` command: dub a clip, inspect one, make the demo, look after the weights."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from ...models.errors import RetalkError
from .arguments import make_parser

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


FAILED, MISTAKE, INTERRUPTED = 1, 3, 130
STOPS = ("SIGTERM", "SIGHUP")  # beside Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    returns: 0; 1 for what the user can put right; 3 for a mistake of ours; 130 when stopped
    Words that can't be understood exit with 2.
    """
    args = make_parser().parse_args(argv)
    try:
        with _stopping_cleanly():
            args.run(args)
    except RetalkError as error:
        print(f"retalk: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as stop:
        with suppress(OSError):  # the terminal may be the one that was closed
            print(f"retalk: stopped; {str(stop) or 'nothing was written'}.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # a mistake of ours: say so in a line, and where with -v
        if args.verbose:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        print(
            f"retalk: this should not have happened ({what}). Please report it with what -v prints.",
            file=sys.stderr,
        )
        return MISTAKE
    return 0


@contextmanager
def _stopping_cleanly() -> Iterator[None]:
    """Being terminated, or losing the terminal, cleans up as Ctrl-C does.

    Only the main thread may ask for that. A signal that is ignored, as under nohup, stays so.
    """
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
    signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the cleaning up
    raise KeyboardInterrupt
