"""Dub from a program: paths and plain values in, a report out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..compute.options import Computing
from ..compute.provider import LocalNetworks
from ..errors import OptionError
from ..fields import OptionKind, options_of
from ..media.reader import open_clip
from ..media.sound import SoundArray
from ..reports.report import Report
from ..stages.options import Stages
from ..times import parse_ranges, parse_rate, parse_time
from ..visemes.text.transcript import read_transcript
from .options import DubOptions
from .pipeline import dub
from .session import StageProgress, quiet

OPTION_KINDS = (DubOptions, Stages, Computing)


def dub_file(
    clip: str | Path,
    voice: str | Path | SoundArray,
    output: str | Path,
    *,
    progress: StageProgress = quiet,
    **options: Any,  # noqa: ANN401, as the fields of OPTION_KINDS have them
) -> Report:
    """Give a clip's speaker a new voice.

    clip:     a clip, or a still picture
    voice:    a sound file, a clip with sound, or samples
    output:   the file to write; its suffix names the container
    progress: called with a stage's name, gives what is told how far the stage is; may raise to stop the work
    options:  by the names of the fields of DubOptions, Stages and Computing. Seconds may be numbers or texts
              such as "1:02.5", ranges texts such as "0:01-0:03", paths texts;
              a transcript is a text, or the Path of a file that holds it
    raises:   InputError, OptionError, NoFaceError, CheckpointError; nothing is left at `output` then
    """
    chosen = _by_holder(options)
    computing = Computing(**chosen[Computing])
    wanted = DubOptions(**chosen[DubOptions])
    if chosen[Stages]:
        wanted = DubOptions(**chosen[DubOptions], stages=Stages.of(wanted.preset, **chosen[Stages]))
    networks = LocalNetworks.of(computing)
    source = voice if isinstance(voice, SoundArray) else Path(voice)
    return dub(open_clip(clip), source, Path(output), wanted, networks, progress).report


def _by_holder(given: Mapping[str, Any]) -> dict[type, dict[str, Any]]:
    """Options by the dataclass that they belong to, as it wants them. Raises OptionError."""
    kinds = {holder: {each.name: each.kind for each in options_of(holder)} for holder in OPTION_KINDS}
    kinds[DubOptions] |= {"track": "", "stages": ""}  # what only programs have
    chosen: dict[type, dict[str, Any]] = {holder: {} for holder in OPTION_KINDS}
    for name, value in given.items():
        holder = next((each for each in OPTION_KINDS if name in kinds[each]), None)
        if holder is None:
            raise OptionError(_unknown(name, [known for each in OPTION_KINDS for known in kinds[each]]))
        read = FROM_PLAIN.get(kinds[holder][name])
        chosen[holder][name] = value if read is None or value is None else read(value)
    if chosen[Stages] and "stages" in chosen[DubOptions]:
        raise OptionError(f"{next(iter(chosen[Stages]))} and stages were both given: say it in stages alone.")
    return chosen


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    meant = f": {near[0]} is meant, perhaps" if near else f". There are {', '.join(sorted(known))}"
    return f"There is no option {name}{meant}."


def _seconds(value: Any) -> Fraction:  # noqa: ANN401, a number or a text
    return Fraction(value) if isinstance(value, Fraction | int) else parse_time(str(value))


def _ranges(value: Any) -> tuple[tuple[Fraction, Fraction], ...]:  # noqa: ANN401, a text or pairs
    if isinstance(value, str):
        return parse_ranges(value)
    return tuple((_seconds(start), _seconds(end)) for start, end in value)


FROM_PLAIN: Mapping[OptionKind, Callable[[Any], Any]] = {
    "seconds": _seconds,
    "rate": lambda value: value if isinstance(value, Fraction) else parse_rate(value),
    "ranges": _ranges,
    "transcript": lambda value: read_transcript(value) if isinstance(value, Path) else value,
    "path": lambda value: Path(value) if isinstance(value, str) else value,
    "choice or picture": lambda value: value if value in ("neutral", "smile") else Path(value),
}
