"""The `retalk` command: from words to an exit code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from ..errors import RetalkError, in_a_line
from .arguments import make_parser
from .stops import Stops
from .terminal import complain, speaking, system_words, was_heard

FAILED, MISTAKE, INTERRUPTED = 1, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    argv:    its words; None: the process's own. Then the process ends with it, and from its end on nothing
             stops that: neither Ctrl-C nor being terminated
    returns: 0; 1 for what the user can put right; 3 for a mistake of ours; 130 when stopped
    Words that can't be understood exit with 2.
    """
    stops = Stops()
    stops.listen()
    try:
        with speaking() as out:
            try:
                status = _run(argv, stops)
            except SystemExit as end:  # the parser's: of --help, or for words that can't be understood
                end.code = end.code or (0 if was_heard(out) else FAILED)
                raise
            return status or (0 if was_heard(out) else FAILED)
    finally:
        (stops.ignore if argv is None else stops.give_back)()


def _run(argv: Sequence[str] | None, stops: Stops) -> int:
    """Do what was asked for; gives the exit code."""
    args = argparse.Namespace(verbose=False)
    try:
        with stops.heeded():
            make_parser().parse_args(argv, args)
            _check_where()
            status = args.run(args)
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
        complain(f"this should not have happened ({in_a_line(error)}). Please report it with what -v prints.")
        return MISTAKE
    return status or 0


def _check_where() -> None:
    """Raise RetalkError where the working directory was removed: no name means anything there."""
    try:
        os.getcwd()  # noqa: PTH109 - only asked whether it is there
    except OSError as error:
        raise RetalkError(
            f"The folder in which this was started can't be used ({error.strerror}). Change to another one."
        ) from error
