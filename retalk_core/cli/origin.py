"""What `retalk origin` and `retalk marks` do: what a file is, and what this machine remembers of its dubs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, OptionError
from .bars import Bars

if TYPE_CHECKING:
    import argparse

    from ..provenance.ledger import Entry, Ledger

FEWEST_DIGITS = 4  # of an id that is named


def run_origin(args: argparse.Namespace) -> None:
    from ..files import PICTURE_SUFFIXES, write_picture
    from ..marks.plan import read_key
    from ..places import check_place
    from ..provenance.credentials import trusted_anchors
    from ..provenance.heat import draw_heat
    from ..provenance.origin import examine_file
    from ..provenance.verdicts import origin_facts, origin_lines

    if args.heat:
        check_place(args.heat, "a picture", PICTURE_SUFFIXES)
    anchors, key = trusted_anchors(args.trust), read_key(args.mark_key)
    with Bars(args.quiet) as bars:
        found = examine_file(args.file, _folder(args), anchors, key=key, progress=bars("looking"))
    if args.heat:
        write_picture(args.heat, draw_heat(found.picture.heat if found.picture else None))
    if args.json:
        told = {"file": str(args.file), **origin_facts(found)}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    print(*origin_lines(found), sep="\n")


def run_marks_list(args: argparse.Namespace) -> None:
    ledger = _ledger(args)
    entries = ledger.entries()
    if args.json:
        print(json.dumps([_entry_facts(each) for each in entries], indent=2, ensure_ascii=False))
        return
    for each in entries:
        print(_entry_line(each))
    if not entries:
        print(f"{ledger.path} remembers no dub: one is remembered when it is marked or signed.")


def run_marks_show(args: argparse.Namespace) -> None:
    ledger = _ledger(args)
    entries = _named(ledger, args.id)
    if args.json:
        facts = [{**_entry_facts(each), "files": ledger.files_of(each)} for each in entries]
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for each in entries:
        print(_entry_line(each))
        for name, value in each.statement.to_dict().items():
            if value not in ("", 0, {}, None):
                print(f"  {name.replace('_', ' ')}: {_plainly(value)}")
        for file in ledger.files_of(each):
            print(f"  file with SHA-256 {file}")


def run_marks_forget(args: argparse.Namespace) -> None:
    ledger = _ledger(args)
    if args.all == (args.id is not None):
        raise OptionError("Say what to forget: the id of a dub, or --all.")
    entries = ledger.entries() if args.all else _named(ledger, args.id)
    ids = dict.fromkeys(each.id for each in entries)
    if len(ids) > 1 and not args.all:
        raise OptionError(f"{args.id} means several dubs ({', '.join(ids)}): name one of them.")
    for id in ids:
        print(f"forgotten: {id}, {ledger.forget(id)} dubs")


def run_marks_certificate(args: argparse.Namespace) -> None:
    from ..provenance.certificate import LOCAL_ROOT, find_certificate, make_certificate

    folder = _folder(args)
    found = find_certificate(folder)
    if found is None:
        found = make_certificate(folder, args.holder or "")
        print("made:")
    print(f"certificate: {found.path}\nholder: {found.holder}\nvalid until: {found.until:%Y-%m-%d}")
    if found.local:
        print(
            f"Finished dubs are signed with it from now on. Others see an unknown signer unless they trust\n"
            f"{folder / LOCAL_ROOT}, which is no secret. Never hand on {found.path.name}: it holds the key.\n"
            "Remove it to sign no more."
        )


def _folder(args: argparse.Namespace) -> Path:
    from ..provenance.folder import records_folder

    folder: Path | None = args.records
    return folder or records_folder()


def _ledger(args: argparse.Namespace) -> Ledger:
    from ..provenance.ledger import Ledger

    return Ledger(_folder(args))


def _named(ledger: Ledger, word: str) -> list[Entry]:
    """The dubs that an id means, or the beginning of one. Raises InputError where there are none."""
    digits = word.lower().rstrip("…").rstrip(".")
    if not re.fullmatch(f"[0-9a-f]{{{FEWEST_DIGITS},16}}", digits):
        raise InputError(f"{word} is no id: give its {FEWEST_DIGITS} to 16 digits, 0 to 9 and a to f.")
    entries = ledger.entries(digits)
    if not entries:
        raise InputError(f"{ledger.path} knows no dub {word}: `retalk marks list` shows those that it knows.")
    return entries


def _entry_line(entry: Entry) -> str:
    from datetime import datetime

    made, statement = datetime.fromtimestamp(entry.last).isoformat(" ", "minutes"), entry.statement
    engine = " ".join(filter(None, (statement.engine, statement.preset)))
    times = f", {entry.runs} times" if entry.runs > 1 else ""
    return f"{entry.id}  {made}{times}  {engine}, {statement.edited} of {statement.frames} frames"


def _entry_facts(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "first": entry.first,
        "last": entry.last,
        "runs": entry.runs,
        "statement": entry.statement.to_dict(),
    }


def _plainly(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)
