"""What becomes of a finished dub: it is signed where a certificate is configured, and remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, RetalkError
from ..files import sha256_of
from .certificate import Certificate, find_certificate
from .folder import records_folder
from .ledger import Ledger
from .manifest import sidecar_of
from .signing import sign
from .sources import Role, archive_of
from .statement import Statement


class Files(NamedTuple):
    """What a dub was made of, where that lies in files."""

    clip: Path | None
    voice: Path | None


@dataclass(frozen=True)
class Records:
    """Where dubs are remembered and how they are signed."""

    folder: Path | None = None  # None: nowhere, since no folder is known
    certificate: Certificate | None = None
    # False: a later program writes the file once more, and signs it then
    at_once: bool = True


class Signature(NamedTuple):
    """Who signed a finished dub, and what else there is to say."""

    signed: str  # by whom; "": it isn't signed
    notes: tuple[str, ...]


def open_records(folder: Path | None = None, given: Path | None = None, *, at_once: bool = True) -> Records:
    """Find the folder of the records and the certificate; to be asked before the work.

    folder: None: as `records_folder` has it
    given:  the certificate's file; None: as `find_certificate` has it
    raises: RetalkError where a certificate is configured that can't be used
    """
    if folder is None:
        try:
            folder = records_folder()
        except InputError:
            folder = None
    return Records(folder, find_certificate(folder, given), at_once)


def finish(path: Path, statement: Statement, records: Records, made_of: Files) -> Signature:
    """Sign a finished file and remember it. What fails is told in notes, since the file is there by now."""
    notes: list[str] = []
    sources = _archives(made_of, notes) if records.certificate else []
    signed = ""
    if records.certificate and records.at_once:
        signed = _sign(path, statement, records.certificate, [archive for _, archive in sources], notes)
    if not signed and sidecar_of(path).is_file():
        notes.append(f"{sidecar_of(path).name} beside it signs an earlier file of this name: remove it")
    if records.folder and (statement.marked or records.certificate):
        kept = () if records.at_once else sources
        try:
            Ledger(records.folder).record(statement, [sha256_of(path)], kept)
        except InputError as error:
            notes.append(f"this dub is not remembered: {error}")
    return Signature(signed, tuple(notes))


def finish_copy(path: Path, original: str, records: Records) -> Signature:
    """Sign a file that holds a remembered dub and more words beside it, and remember it too.

    original: SHA-256 of the file that was remembered
    """
    if records.folder is None:
        return Signature("", ())
    ledger, notes = Ledger(records.folder), list[str]()
    try:
        entry = ledger.of_file(original)
        if entry is None:
            unknown = "not signed: it isn't as Dub Video wrote it" if records.certificate else ""
            return Signature("", tuple(filter(None, [unknown])))
        signed = ""
        if records.certificate:
            signed = _sign(path, entry.statement, records.certificate, ledger.sources_of(entry), notes)
        ledger.add_file(entry, sha256_of(path))
    except InputError as error:
        return Signature("", (*notes, f"not signed: {error}"))
    return Signature(signed, tuple(notes))


def _sign(
    path: Path, statement: Statement, certificate: Certificate, sources: Sequence[bytes], notes: list[str]
) -> str:
    """Sign, and say by whom; "" and a note where that fails."""
    try:
        done = sign(path, statement, certificate, sources)
    except RetalkError as error:
        notes.append(f"not signed: {error}")
        return ""
    notes += filter(None, [done.note])
    beside = f", in {done.manifest.name} beside it" if done.manifest != path else ""
    unknown = ", a certificate of this machine, which viewers show as unknown" if certificate.local else ""
    return f"{certificate.holder}{unknown}{beside}"


def _archives(made_of: Files, notes: list[str]) -> list[tuple[Role, bytes]]:
    return list(_each_archive(made_of, notes))


def _each_archive(made_of: Files, notes: list[str]) -> Iterator[tuple[Role, bytes]]:
    roles: tuple[tuple[Role, Path | None], ...] = (
        ("parentOf", made_of.clip),
        ("componentOf", made_of.voice),
    )
    for role, path in roles:
        if path is not None and path.is_file():
            try:
                yield role, archive_of(path, role)
            except OSError as error:
                notes.append(f"{path.name} is not named in what is signed: {error.strerror or error}")
