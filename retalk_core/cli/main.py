"""The `retalk` command: from words to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ...models.errors import RetalkError
from .arguments import make_parser

if TYPE_CHECKING:
    from types import FrameType

FAILED, MISTAKE, INTERRUPTED = 1, 3, 130


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
    except KeyboardInterrupt:
        print("retalk: stopped; nothing was written.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # a mistake of ours: say so in a line, and where with -v
        if args.verbose:
            import traceback  # not before: --help doesn't wait for it

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
    """Being terminated cleans up as Ctrl-C does. Only the main thread may ask for that."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
