"""What a dub did, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...models.catalog import title
from ..metrics.registry import metrics
from ..times import timecode
from ..weights.files import command
from .doubts import Doubt, Judged

PREVIEW_WORDS = "PREVIEW, not the paper's method: the embedded engine moved the clip's own mouth pictures"


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames that were left as they were."""

    start: float  # seconds of the output
    end: float
    frames: int
    reason: str

    def __str__(self) -> str:
        return f"{timecode(self.start)} to {timecode(self.end)} ({self.frames} frames): {self.reason}"


@dataclass(frozen=True)
class Measured:
    """What the finished file shows, looked at again."""

    frames: int  # that were looked at, from the beginning
    values: Mapping[str, float | int | None]  # by the metrics' names; None: can't be told, or exact

    def __getitem__(self, name: str) -> float | int | None:
        return self.values.get(name)

    def to_dict(self) -> dict[str, float | int | None]:
        """One level of names, for JSON."""
        return {"frames": self.frames, **self.values}


@dataclass
class Report:
    """Everything a dub has to say about itself."""

    output: str
    engine: str
    engine_note: str
    frame_size: tuple[int, int]  # height, width
    frames_in: int
    frames_out: int
    frames_edited: int
    seconds_out: float
    faces_seen: int
    untouched: list[Stretch]
    warnings: list[str]
    seconds: dict[str, float] = field(default_factory=dict)  # of work, for each stage
    measured: Measured | None = None
    mouth_source: str = ""  # what the mouth's movement was made from
    preset: str = ""  # of the engine retalk
    networks: dict[str, Any] = field(default_factory=dict)  # device, precision, files and their hashes
    lacking: list[str] = field(default_factory=list)  # files without which a better engine wasn't possible
    # By what is lacking: what is wrong with the files that are there for it
    refused: dict[str, str] = field(default_factory=dict)
    frames_resumed: int = 0  # taken over from an earlier run
    doubts: list[Doubt] | None = None  # what looks wrong, the most serious first; None: not judged yet
    frames_doubtful: int = 0  # that any doubt is about
    preview: bool = False  # made by the engine that is there for a first look
    people_seen: int = 1  # different ones, as far as looks tell
    mark: str = ""  # what says in the result that it is a dub, in words; "" where nothing does
    mark_id: str = ""  # the number that marks carry the first bits of, 16 hexadecimal digits
    marks_before: Sequence[str] = ()  # of earlier dubs, found in clip and voice
    signed: str = ""  # by whom, and where the signature lies; "": it isn't signed

    def tell_doubts(self, judged: Judged) -> None:
        """Take up what was judged while the frames were made."""
        self.doubts, self.frames_doubtful = list(judged.doubts), judged.frames

    @property
    def last_word(self) -> str:
        """That the dub is done, with doubts; "" without any."""
        if not self.doubts:
            return ""
        edited = f"{self.frames_doubtful} of {self.frames_edited} edited frames"
        return f"done, with doubts: {edited} should be looked at before the result is used"

    def _mostly_doubtful_lines(self) -> list[str]:
        """What comes first where most of the result is doubtful."""
        if not self.doubts or self.frames_doubtful <= self.frames_edited / 2:
            return []
        edited = f"{self.frames_doubtful} of {self.frames_edited} edited frames"
        return [f"DOUBTFUL: most of this dub looks wrong ({edited}), above all: {self.doubts[0].words}"]

    def _computing_lines(self) -> list[str]:
        """Which files computed where, and what was missing."""
        lines = []
        absent = [title for title in self.lacking if title not in self.refused]
        if absent:
            where = command("models", "list")
            lines.append(f"not found: {', '.join(absent)}; `{where}` says where they belong")
        lines += [f"can't be used: {title}: {problem}" for title, problem in self.refused.items()]
        if self.networks:
            by_key = self.networks.get("networks", {})
            files = by_key.values()
            named = ", ".join(_file_words(key, each) for key, each in by_key.items())
            lines.append(f"computed in {self.networks['precision']} on {self.networks['device']}; {named}")
            if batches := self.networks.get("batches"):
                sizes = ", ".join(f"{key} {size}" for key, size in batches.items())
                lines.append(f"pictures at a time: {sizes}")
            lines += [f"note: {each['warning']}" for each in files if each.get("warning")]
        if self.frames_resumed:
            lines.append(f"resumed: {self.frames_resumed} frames were there from an earlier run")
        return lines

    def to_json(self) -> str:
        """Every field, by its name."""
        told = asdict(self)
        if self.measured is not None:
            told["measured"] = self.measured.to_dict()
        words = json.dumps(told, indent=2, ensure_ascii=False)
        # Names may hold bytes that are no letters; as JSON escapes them they can be written anywhere.
        return words.encode("utf-8", "backslashreplace").decode()

    def to_text(self, engine: str = "") -> str:
        """A few lines for a person: what was done, what is doubtful, what was measured, then the rest.

        engine: what the host calls it; "" as it is called here
        """
        name = Path(self.output).name
        people = f", people: {self.people_seen}" if self.people_seen > 1 else ""
        lines = [
            *([PREVIEW_WORDS] if self.preview else []),
            *self._mostly_doubtful_lines(),
            f"{name}: {self.frames_out} frames, {timecode(self.seconds_out)}; "
            f"{self.frames_edited} edited, {self.frames_out - self.frames_edited} left as they were",
            f"engine: {engine or self.engine} ({self.engine_note}); mouth from {self.mouth_source}",
        ]
        lines += [f"doubt, {doubt}" for doubt in self.doubts or ()]
        if self.measured:
            lines.append(f"measured: {_measured_text(self.measured)}")
        lines += [*self._computing_lines(), f"faces seen: {self.faces_seen}{people}"]
        lines += [f"left as it was: {stretch}" for stretch in self.untouched[:12]]
        if len(self.untouched) > 12:
            lines.append(f"left as it was: {len(self.untouched) - 12} more stretches")
        lines += [f"marked: {self.mark}"] if self.mark else []
        lines += [f"marked before: {words}" for words in self.marks_before]
        lines += [f"signed: by {self.signed}"] if self.signed else []
        lines += [f"note: {warning}" for warning in self.warnings]
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.seconds.items())
        lines.append(f"time: {spent}")
        lines += filter(None, [self.last_word])
        return "\n".join(lines)


TOLD_BY = {
    "hash": "by its hash",
    "header": "by what it says of itself",
    "name": "by its name",
    "choice": "because it was chosen as that",
}


def _file_words(key: str, file: Mapping[str, str]) -> str:
    """A file that computed: of a network that was trained in several ways also which one it is."""
    words = f"{file['file']} (sha256 {file['sha256'][:12]})"
    return f"{words}, {title(key)} {TOLD_BY[file['told_by']]}" if "told_by" in file else words


def _measured_text(measured: Measured) -> str:
    return ", ".join(filter(None, _measured_words(measured)))


def _measured_words(measured: Measured) -> Iterator[str]:
    """A few words for each figure; the agreement of mouth and voice comes first, in one phrase."""
    lag, r = measured["lag_frames"], measured["opening_loudness"]
    if lag is not None and r is not None:
        yield f"mouth follows loudness with r = {r:.2f} at {lag:+d} frames"
    for name, each in metrics().items():
        if name in measured.values and name not in ("lag_frames", "opening_loudness"):
            value = measured[name]
            yield each.unknown if value is None else each.words.format(value)


def stretches(
    times: Sequence[Fraction], end: Fraction, reasons: Iterable[str], shot: np.ndarray
) -> list[Stretch]:
    """Group frames by why they were left alone; '' means edited."""
    found: list[Stretch] = []
    begun: tuple[int, str] | None = None
    reasons = [*reasons, ""]
    for i, reason in enumerate(reasons):
        if begun and (reason != begun[1] or shot[min(i, len(shot) - 1)] != shot[begun[0]]):
            stop = times[i] if i < len(times) else end
            found.append(Stretch(float(times[begun[0]]), float(stop), i - begun[0], begun[1]))
            begun = None
        if reason and not begun:
            begun = (i, reason)
    return found
