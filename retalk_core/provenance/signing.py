"""Sign a finished file with C2PA: in the file where its kind holds a manifest, else in one beside it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import write_file, written_whole
from .certificate import Certificate, need_libraries
from .manifest import CONTEXT, HOLDS_MANIFEST, created, manifest_of, media_type, sidecar_of

if TYPE_CHECKING:
    from c2pa import Builder

    from .statement import Statement

TIME_STAMPS = "RETALK_TIMESTAMP"  # the address of an authority that stamps the time; "": none is asked


@dataclass(frozen=True)
class Signed:
    """What was signed."""

    manifest: Path  # the file that holds the manifest: the signed one, or the one beside it
    note: str = ""  # what to tell


def sign(
    path: Path,
    statement: Statement,
    certificate: Certificate,
    sources: Sequence[bytes] = (),
    environment: Mapping[str, str] = os.environ,
) -> Signed:
    """Sign a finished file; where that fails it stays as it was.

    sources: the clip, then the voice, from `archive_of`; without them the manifest says that the file was
             created, and not of what
    raises:  InputError where it can't be signed or written, RetalkError where the libraries are missing

    A time stamp is asked for only where RETALK_TIMESTAMP names who gives one; without an answer the file is
    signed without, and the note says so.
    """
    need_libraries()
    stamps = environment.get(TIME_STAMPS, "")
    try:
        return Signed(_signed(path, statement, certificate, sources, stamps))
    except _failures() as error:
        if not stamps:
            raise _refusal(path, error) from error
    try:
        manifest = _signed(path, statement, certificate, sources, "")
    except _failures() as error:
        raise _refusal(path, error) from error
    return Signed(manifest, f"signed without a time stamp: {stamps} gave none")


def _failures() -> tuple[type[Exception], ...]:
    from c2pa import C2paError

    return (C2paError,)


def _refusal(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} could not be signed ({error}). It is finished, without a signature.")


def _signed(
    path: Path, statement: Statement, certificate: Certificate, sources: Sequence[bytes], stamps: str
) -> Path:
    """Sign in the file or beside it, and give the file that holds the manifest."""
    builder, kind = _builder(statement, media_type(path), sources), media_type(path)
    signer = _signer(certificate, stamps)
    if path.suffix.lower() in HOLDS_MANIFEST:
        with written_whole(path) as temporary, path.open("rb") as given, temporary.open("w+b") as target:
            builder.sign(signer, kind, given, target)
        return path
    builder.set_no_embed()
    with path.open("rb") as given:
        manifest = builder.sign(signer, kind, given, io.BytesIO())
    write_file(sidecar_of(path), manifest)
    return sidecar_of(path)


def _signer(certificate: Certificate, stamps: str) -> Any:  # noqa: ANN401 - c2pa's Signer
    from c2pa import C2paSignerInfo, Signer

    return Signer.from_info(
        C2paSignerInfo(
            certificate.algorithm.encode(), certificate.chain, certificate.key, stamps.encode() or None
        )
    )


def _builder(statement: Statement, kind: str, sources: Sequence[bytes]) -> Builder:
    from c2pa import Builder, C2paBuilderIntent, Context

    builder = Builder(manifest_of(statement, kind), context=Context.from_dict(CONTEXT))
    if sources:
        builder.set_intent(C2paBuilderIntent.EDIT)  # adds the action that opens the clip
    else:
        builder.add_action(created(statement))
    for archive in sources:
        builder.add_ingredient_from_archive(io.BytesIO(archive))
    return builder
