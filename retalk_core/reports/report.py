"""What a dub did, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..times import timecode
from ..weights.files import command


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
    lag_frames: (
        int | None
    )  # where opening and loudness agree best; below 0 the mouth leads; None: can't be told
    opening_loudness: float | None  # their correlation there
    lip_sharpness: float | None  # of the output's lips against the source's
    lip_flicker: float | None  # the same for change from frame to frame
    loss_outside: (
        float | None
    )  # peak signal-to-noise ratio in dB against the source, outside the edit; None: exact


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
    frames_resumed: int = 0  # taken over from an earlier run

    def _computing_lines(self) -> list[str]:
        """Which files computed where, and what was missing."""
        lines = []
        if self.lacking:
            where = command("models", "list")
            lines.append(f"not found: {', '.join(self.lacking)}; `{where}` says where they belong")
        if self.networks:
            files = self.networks.get("networks", {}).values()
            named = ", ".join(f"{each['file']} (sha256 {each['sha256'][:12]})" for each in files)
            lines.append(f"computed in {self.networks['precision']} on {self.networks['device']}; {named}")
        if self.frames_resumed:
            lines.append(f"resumed: {self.frames_resumed} frames were there from an earlier run")
        return lines

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    def to_text(self) -> str:
        """A few lines for a person."""
        name = Path(self.output).name
        lines = [
            f"{name}: {self.frames_out} frames, {timecode(self.seconds_out)}; "
            f"{self.frames_edited} edited, {self.frames_out - self.frames_edited} left as they were",
            f"engine: {self.engine} ({self.engine_note}); mouth from {self.mouth_source}",
            *self._computing_lines(),
            f"faces seen: {self.faces_seen}",
        ]
        lines += [f"left as it was: {stretch}" for stretch in self.untouched[:12]]
        if len(self.untouched) > 12:
            lines.append(f"left as it was: {len(self.untouched) - 12} more stretches")
        if self.measured:
            lines.append(f"measured: {_measured_text(self.measured)}")
        lines += [f"note: {warning}" for warning in self.warnings]
        lines.append("time: " + ", ".join(f"{stage} {spent:.1f} s" for stage, spent in self.seconds.items()))
        return "\n".join(lines)


def _measured_text(measured: Measured) -> str:
    parts = []
    if measured.lag_frames is not None and measured.opening_loudness is not None:
        parts.append(
            f"mouth follows loudness with r = {measured.opening_loudness:.2f} "
            f"at {measured.lag_frames:+d} frames"
        )
    if measured.lip_sharpness is not None:
        parts.append(f"lip sharpness {measured.lip_sharpness:.2f} of the source's")
    if measured.lip_flicker is not None:
        parts.append(f"flicker {measured.lip_flicker:.2f} of the source's")
    loss = "exact" if measured.loss_outside is None else f"{measured.loss_outside:.1f} dB"
    return ", ".join([*parts, f"outside the edit {loss}"])


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
