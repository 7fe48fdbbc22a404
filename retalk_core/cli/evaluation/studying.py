"""What `retalk eval study make` and `retalk eval study read` do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..bars import Bars

if TYPE_CHECKING:
    import argparse


def run_make(args: argparse.Namespace) -> None:
    from ...study.make import make_study
    from ...study.page import PAGE_NAME
    from ...study.results import read_results

    results = read_results(args.results, args.systems, args.clips)
    key = args.key or args.output.with_name(f"{args.output.name}.key.json")
    with Bars(args.quiet) as bars:
        made = make_study(results, args.output, key, checks=args.checks, seed=args.seed, progress=bars)
    if args.json:
        told = {"page": str(made.folder / PAGE_NAME), "key": str(made.key), "videos": len(made.stimuli)}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    print(f"{made.folder / PAGE_NAME}: {len(made.stimuli)} videos, {made.seconds / 60:.1f} min to watch")
    print(f"systems: {', '.join(results.titles.values())}")
    print(f"{made.key}: which video is whose; don't hand it out")


def run_read(args: argparse.Namespace) -> None:
    from ...files import write_file
    from ...places import check_place
    from ...study.answers import read_answers, read_study_key
    from ...study.opinions import find_all
    from ...study.told import study_lines, study_to_dict

    if args.report:
        check_place(args.report, "the report", may_stream=True)
    key = read_study_key(args.key)
    answers = read_answers(args.answers, key)
    findings = find_all(answers.counted, list(key.titles))
    told = json.dumps(study_to_dict(key, answers, findings), indent=2, ensure_ascii=False)
    if args.report:
        write_file(args.report, f"{told}\n".encode())
    print(told if args.json else "\n".join(study_lines(key, answers, findings)))
