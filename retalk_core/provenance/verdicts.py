"""Graded words for what was found in a file: never a bare yes or no."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from ..marks.found import MarkFound
from ..marks.perth import PERTH_PRESENT
from .credentials import Credentials
from .heat import unmarked_region
from .ledger import Entry
from .origin import Evidence, FaceShare, carried_word

VerdictKind = Literal[
    "signed and trusted",
    "signed, unknown signer",
    "signed, expired",
    "signature broken",
    "mark found",
    "sound only",
    "picture only",
    "face region unmarked",
    "region unmarked",
    "marks disagree",
    "synthetic sound",
    "known file",
    "unsigned words",
    "nothing found",
]
NOT_REAL = "nothing was found, which does not mean that it is real"


@dataclass(frozen=True)
class Verdict:
    """One finding."""

    kind: VerdictKind
    words: str  # a sentence's worth, without a full stop


def verdicts(found: Evidence) -> list[Verdict]:
    """What is to be said, the surest first; never empty."""
    told = [
        *_signature(found.credentials),
        *_marks(found),
        *_agreement(found),
        *_perth(found.perth),
        *_words(found),
    ]
    return told or [Verdict("nothing found", NOT_REAL)]


def _signature(signed: Credentials | None) -> Iterator[Verdict]:
    if signed is None or signed.state in ("none", "unread"):
        return
    if signed.state == "broken":
        yield Verdict(
            "signature broken",
            f"the signature is broken: the file or what is signed was changed since ({signed.problem})",
        )
        return
    said = _said(signed)
    if signed.state == "trusted":
        yield Verdict("signed and trusted", f"signed by {signed.signer}, who is trusted{said}")
    elif signed.state == "expired":
        words = f"signed by {signed.signer}, and unchanged since, but {signed.problem}{said}"
        yield Verdict("signed, expired", words)
    else:
        whose = "this machine's own certificate" if signed.state == "local" else "nobody who is trusted here"
        words = f"signed by {signed.signer}, and unchanged since; that is {whose}{said}"
        yield Verdict("signed, unknown signer", words)


def _said(signed: Credentials) -> str:
    """What is signed, in words."""
    parts = [f"stamped {signed.signed}"] if signed.signed else []
    if signed.generator:
        parts.append(f"made with {signed.generator}")
    if signed.says_generated:
        parts.append("says that a trained network drew a part of it")
    elif signed.statement is not None:
        parts.append("says that voice and lips were changed")
    if signed.earlier:
        parts.append(f"{signed.earlier} of {signed.ingredients} sources had a signed history")
    return "".join(f"; {part}" for part in parts)


def _marks(found: Evidence) -> Iterator[Verdict]:
    picture, sound = _present(found.picture), _present(found.sound)
    if picture is None and sound is None:
        return
    known = _known(found.entries)
    word = carried_word(picture) or carried_word(sound)
    read = f"id {word}…, {known}" if word else "its id can't be read any more"
    whole = found.exact is not None  # nothing can have been replaced
    if picture is not None and (sound is not None or found.sound is None or whole):
        where = "in picture and sound" if sound is not None else "in the pictures"
        yield Verdict("mark found", f"ReTalk's mark is {where}: {read}")
    elif picture is not None:
        words = (
            "ReTalk's mark is in the pictures and isn't found in the sound, which was replaced, lost it, or "
            f"is too short to tell: {read}"
        )
        yield Verdict("picture only", words)
    elif found.picture is None or whole:
        yield Verdict("mark found", f"ReTalk's mark is in the sound: {read}")
    else:
        words = (
            "ReTalk's mark is in the sound and isn't found in the pictures: the sound was taken from a dub, "
            f"or the pictures were replaced, lost it, or are too few to tell: {read}"
        )
        yield Verdict("sound only", words)
    yield from _regions(picture, found.face)


def _present(mark: MarkFound | None) -> MarkFound | None:
    return mark if mark is not None and mark.present else None


def _regions(mark: MarkFound | None, face: FaceShare | None) -> Iterator[Verdict]:
    """Whether a part lacks the mark where the rest has it."""
    region = unmarked_region(mark.heat) if mark is not None else None
    if region is None:
        return
    told = f"{region.share:.0%} of the marked area"
    if face is not None and region.covers(face):
        words = (
            f"the face lacks the mark that is around it ({told}): it was changed after it was marked, or is "
            "so smooth that it lost it"
        )
        yield Verdict("face region unmarked", words)
    else:
        words = f"a region lacks the mark that is around it ({told}): it was changed later, or covered"
        yield Verdict("region unmarked", f"{words}; see the heat map")


def _agreement(found: Evidence) -> Iterator[Verdict]:
    words = [carried_word(found.picture), carried_word(found.sound)]
    if found.statement is not None:
        words.append(found.statement.id)
    known = [word for word in words if word]
    if any(not _agree(one, other) for one in known for other in known):
        told = "; ".join(
            f"{what} {word}"
            for what, word in zip(("pictures", "sound", "statement"), [*words, ""], strict=False)
            if word
        )
        yield Verdict("marks disagree", f"the ids are of different dubs ({told}): parts were put together")


def _perth(presence: float | None) -> Iterator[Verdict]:
    """Whether another program says that the sound is made."""
    if presence is not None and presence >= PERTH_PRESENT:
        words = "Perth's mark is in the sound: a program that lays it made or changed the voice"
        yield Verdict("synthetic sound", f"{words} (presence {presence:.2f} of 1)")


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _words(found: Evidence) -> Iterator[Verdict]:
    """What was remembered, and what the file says unsigned."""
    if found.exact is not None:
        words = f"this very file was made here, {_moment(found.exact.last)}: dub {found.exact.id}"
        yield Verdict("known file", words)
    signed = found.credentials is not None and found.credentials.state not in ("none", "unread", "broken")
    if found.said is not None and not signed:
        words = f"its metadata say, unsigned, that it is dub {found.said.id} by ReTalk {found.said.version}"
        yield Verdict("unsigned words", words)


def _known(entries: Sequence[Entry]) -> str:
    if not entries:
        return "which this machine's ledger doesn't know"
    latest = entries[0]
    several = f", and {len(entries) - 1} more" if len(entries) > 1 else ""
    return f"dub {latest.id} of {_moment(latest.last)} in this machine's ledger{several}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def origin_lines(found: Evidence) -> list[str]:
    """All of it for people: the verdicts, then what could not be looked for, then what it is worth."""
    lines = [f"{verdict.kind}: {verdict.words}" for verdict in verdicts(found)]
    lines += [f"  {what}: {_score(mark)}" for what, mark in _scored(found)]
    lines += [f"not looked for, or in vain: {note}" for note in found.notes]
    return [*lines, _worth(found)]


def _scored(found: Evidence) -> Iterator[tuple[str, MarkFound]]:
    for what, mark in (("mark in the pictures", found.picture), ("mark in the sound", found.sound)):
        if mark is not None:
            yield what, mark


def _score(mark: MarkFound) -> str:
    said = "found" if mark.present else "not found"
    return (
        f"{said} ({mark.score:.1f} standard deviations; from {mark.threshold:.1f} on it counts as found, "
        "which fewer than one unmarked clip in a million reaches)"
    )


def _worth(found: Evidence) -> str:
    if not found.is_dub:
        return "This finds what ReTalk made and what is signed. It is no detector of fakes."
    return "Anybody can lay such a mark with the public key, or take it off: a hint, a signature is more."


def origin_facts(found: Evidence) -> dict[str, Any]:
    """The same for programs."""
    signed, statement = found.credentials, found.statement
    return {
        "verdicts": [asdict(verdict) for verdict in verdicts(found)],
        "retalk": found.is_dub,
        "ids": list(found.ids),
        "picture": _mark_facts(found.picture),
        "sound": _mark_facts(found.sound),
        "perth": None if found.perth is None else round(found.perth, 3),
        "signature": None if signed is None else _signature_facts(signed),
        "statement": None if statement is None else statement.to_dict(),
        "ledger": [{"id": entry.id, "first": entry.first, "last": entry.last} for entry in found.entries],
        "notes": list(found.notes),
    }


def _signature_facts(signed: Credentials) -> dict[str, Any]:
    return {**asdict(signed), "says_generated": signed.says_generated}


def _mark_facts(mark: MarkFound | None) -> dict[str, Any] | None:
    if mark is None:
        return None
    return {
        "present": mark.present,
        "id": carried_word(mark) or None,
        "bits": mark.bits,
        "score": round(mark.score, 3),
        "threshold": mark.threshold,
        "where": mark.where,
        "words": mark.words,
    }
