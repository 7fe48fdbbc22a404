"""What a file's C2PA manifest says, and whether that can be believed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InputError, RetalkError
from .certificate import LOCAL_ROOT, need_libraries
from .manifest import CONTEXT, HOLDS_MANIFEST, STATEMENT_LABEL, media_type, shared_sidecar_of, sidecar_of
from .statement import Statement, statement_of

if TYPE_CHECKING:
    from c2pa import Reader

# trusted: by anchors that were named · local: signed on this machine · unknown: whole, by a signer who isn't
# among the anchors · expired: whole, but the certificate's time is over and nothing says when it signed ·
# broken: the file or the manifest was changed · none · unread: why is in `problem`
State = Literal["trusted", "local", "unknown", "expired", "broken", "none", "unread"]
ANCHORS = "RETALK_TRUST"  # names a PEM file of authorities that are trusted
LARGEST_MANIFEST = 100_000_000  # of a manifest beside a file
NO_FAULTS = {"signingCredential.untrusted", "signingCredential.expired"}  # of the signed content
GENERATED = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")


@dataclass(frozen=True)
class Credentials:
    """A file's manifest, as far as it can be believed."""

    state: State
    signer: str = ""  # whom the certificate names
    signed: str = ""  # when, by a time stamp's authority, in ISO form; "": nothing says so
    generator: str = ""  # the program that made the claim
    sources: tuple[str, ...] = ()  # IPTC's words for where the pictures come from
    ingredients: int = 0  # files that it was made of
    earlier: int = 0  # of these, such with a manifest of their own
    statement: Statement | None = None  # ReTalk's, where it made the file
    beside: bool = False  # the manifest lies in a file beside it
    problem: str = ""  # why it is broken, expired or unread

    @property
    def says_generated(self) -> bool:
        """Whether it says that a trained network drew at least a part."""
        return any(source in GENERATED for source in self.sources)


def trusted_anchors(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> bytes:
    """The authorities that are trusted, in PEM form; b"" where none are named. Raises InputError.

    given: a file of them; None: the one that RETALK_TRUST names
    """
    named = given or (Path(environment[ANCHORS]) if environment.get(ANCHORS) else None)
    if named is None:
        return b""
    try:
        found = named.read_bytes()
    except OSError as error:
        raise InputError(f"The trusted authorities {named} can't be read ({error.strerror}).") from error
    if b"BEGIN CERTIFICATE" not in found:
        raise InputError(f"{named} holds no certificate in PEM form: give one file with all of them.")
    return found


def read_credentials(path: Path, anchors: bytes = b"", folder: Path | None = None) -> Credentials:
    """Read and check a file's manifest; nothing is fetched.

    anchors: authorities that are trusted, PEM
    folder:  of the records, to know a certificate that was made on this machine
    Where the library isn't installed the answer says so; nothing is raised for what is in the file.
    """
    try:
        need_libraries()
    except RetalkError as error:
        return Credentials("unread", problem=f"signatures could not be looked for. {error}")
    own = _own_root(folder)
    found = _read(path, anchors + own)
    if found.state != "trusted" or not own:
        return found
    known = anchors and _read(path, anchors).state == "trusted"
    return found if known else replace(found, state="local")


def _own_root(folder: Path | None) -> bytes:
    try:
        return (folder / LOCAL_ROOT).read_bytes() if folder else b""
    except OSError:
        return b""


def _read(path: Path, anchors: bytes) -> Credentials:
    """Read a manifest in a file, or else beside it."""
    if path.suffix.lower() in HOLDS_MANIFEST:
        found = _attempt(path, anchors)
        if found.state != "none":
            return found
    for sidecar in (sidecar_of(path), shared_sidecar_of(path)):
        if sidecar != path and sidecar.is_file():
            found = _attempt(path, anchors, sidecar)
            if found.state != "broken" or sidecar == sidecar_of(path):
                return found  # else it is that of another file of this name
    return Credentials("none")


def _attempt(path: Path, anchors: bytes, sidecar: Path | None = None) -> Credentials:
    from c2pa import C2paError

    try:
        manifest = None if sidecar is None else _manifest_in(sidecar)
        return _judged(_reader(path, anchors, manifest), beside=sidecar is not None)
    except C2paError.ManifestNotFound:
        return Credentials("none")
    except C2paError as error:
        return _unreadable(str(error))
    except (
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
    ) as error:  # a part is missing, or of another kind
        return _unreadable(f"{type(error).__name__}: {error}")
    except OSError as error:
        return Credentials("unread", problem=f"its manifest can't be read ({error.strerror or error})")


def _unreadable(words: str) -> Credentials:
    """A manifest that is there but can't be read to its end, or that can't be looked for."""
    if "RemoteManifest" in words:
        problem = "its manifest lies at an address, and nothing is fetched"
        return Credentials("unread", problem=problem)
    if "could not be parsed" in words:
        return Credentials("unread", problem=f"signatures could not be looked for ({words})")
    return Credentials("broken", problem=f"the manifest can't be read to its end ({words})")


def _reader(path: Path, anchors: bytes, manifest: bytes | None = None) -> Reader:
    from c2pa import Context, Reader

    trust = {"trust": {"user_anchors": anchors.decode("ascii", "replace")}} if anchors else {}
    with path.open("rb") as file:
        return Reader(media_type(path), file, manifest, context=Context.from_dict({**CONTEXT, **trust}))


def _manifest_in(sidecar: Path) -> bytes:
    with sidecar.open("rb") as file:
        return file.read(LARGEST_MANIFEST)


def _judged(reader: Reader, *, beside: bool) -> Credentials:
    told = json.loads(reader.json())
    active = told["manifests"][told["active_manifest"]]
    state, problem = _state(reader)
    signature, ingredients = active.get("signature_info") or {}, active.get("ingredients") or []
    generators = active.get("claim_generator_info") or [{}]
    return Credentials(
        state=state,
        signer=signature.get("issuer") or signature.get("common_name") or "",
        signed=signature.get("time") or "",
        generator=" ".join(filter(None, (generators[0].get("name"), generators[0].get("version")))),
        sources=tuple(dict.fromkeys(_sources(active))),
        ingredients=len(ingredients),
        earlier=sum(1 for each in ingredients if each.get("active_manifest")),
        statement=next(_statements(active), None),
        beside=beside,
        problem=problem,
    )


def _state(reader: Reader) -> tuple[State, str]:
    """What holds of a manifest, and why it isn't better."""
    results = (reader.get_validation_results() or {}).get("activeManifest", {})
    failures = {each["code"]: each.get("explanation") or each["code"] for each in results.get("failure", [])}
    faults = [words for code, words in failures.items() if code not in NO_FAULTS]
    state = reader.get_validation_state()
    if faults:
        return "broken", "; ".join(faults)
    if "signingCredential.expired" in failures:
        return "expired", "the certificate's time is over, and no time stamp says that it signed before"
    if state == "Trusted":
        return "trusted", ""
    if state == "Valid":
        return "unknown", ""
    return "broken", "what it was made of doesn't hold"  # a fault of an ingredient's alone


def _sources(manifest: dict[str, Any]) -> Iterator[str]:
    """IPTC's words in the actions of a manifest, without the address that they begin with."""
    for assertion in manifest.get("assertions") or []:
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", []):
                if source := action.get("digitalSourceType"):
                    yield str(source).rpartition("/")[2]


def _statements(manifest: dict[str, Any]) -> Iterator[Statement]:
    for assertion in manifest.get("assertions") or []:
        statement = statement_of(assertion.get("data")) if assertion.get("label") == STATEMENT_LABEL else None
        if statement is not None:
            yield statement
