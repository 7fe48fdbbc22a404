"""What `retalk eval pairs` and `retalk eval compare` do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ...errors import OptionError
from ..bars import Bars

if TYPE_CHECKING:
    import argparse

MOST_SHOWN = 5  # of what is left out


def run_pairs(args: argparse.Namespace) -> None:
    from ...comparing.pairs import draw_pairs, find_talking, write_pairs
    from ...comparing.paper import PROTOCOLS
    from ...places import check_place
    from ...times import parse_time

    check_place(args.output, "a table", (".csv",))
    protocol = PROTOCOLS[args.protocol]
    count = protocol.pairs if args.count is None else args.count
    seconds = protocol.seconds if args.seconds is None else parse_time(args.seconds)
    with Bars(args.quiet) as bars:
        found = find_talking(args.folder, bars("look"))
    pairs = draw_pairs(found.talking, count, seconds, args.seed)
    write_pairs(args.output, pairs)
    if args.json:
        told = {"pairs": len(pairs), "videos": len(found.talking), "left_out": list(found.left_out)}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    fewer = f", all that they make; the protocol has {count:,}" if len(pairs) < count else ""
    print(f"{args.output}: {len(pairs):,} pairs of {len(found.talking):,} videos{fewer}")
    for words in found.left_out[:MOST_SHOWN]:
        print(f"left out: {words}")
    if len(found.left_out) > MOST_SHOWN:
        print(f"left out: {len(found.left_out) - MOST_SHOWN:,} more")


def run_compare(args: argparse.Namespace) -> None:
    from ...comparing.compare import PAGE_FILE, alone_in, compare
    from ...comparing.exhibits.pages import comparison_lines
    from ...comparing.inputs import prepare_cases
    from ...comparing.pairs import read_pairs
    from ...comparing.work import CompareQuestion
    from ...compute.provider import LocalNetworks
    from ..options import read_computing

    for name, value, least in (("--shown", args.shown, 0), ("--frames", args.frames, 1)):
        if value < least:
            raise OptionError(f"{name} is {value}, but must be at least {least}.")
    pairs = read_pairs(args.pairs)
    if args.inputs_only:
        with alone_in(args.output), Bars(args.quiet) as bars:
            cases = prepare_cases(pairs, args.output, own_voice=False, progress=bars("prepare"))
        for case in cases:
            print(f"{case.name}: {case.source} with {case.voice}")
        return
    question = CompareQuestion(
        pairs=pairs,
        folder=args.output,
        systems=args.systems,
        parts=not args.no_parts,
        own_voice=not args.no_own_voice,
        shown=args.shown,
        names=args.metrics,
        faces_only=args.faces_only,
        real=args.real,
        frames=args.frames,
    )
    with Bars(args.quiet) as bars:
        found = compare(question, LocalNetworks.of(read_computing(args)), bars)
    if args.json:
        print(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    for line in comparison_lines(found.page):
        print(line)
    print(f"written: {args.output / PAGE_FILE}")
