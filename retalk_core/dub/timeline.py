"""Which frame of the clip is shown when: one plan for picture and voice, in exact fractions of a second."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain, cycle, pairwise, repeat
from typing import get_args

from ..errors import OptionError
from ..times import Seconds, timecode
from .options import LongerVoice, ShorterVoice

MOST_STRETCH = Fraction(115, 100)  # slower than this looks slow
STILL_RATE = Fraction(25)  # frames per second that a still picture is shown at


@dataclass(frozen=True)
class Timeline:
    """What the output shows: frame i is the clip's frame `source[i]`, from `times[i]` on."""

    source: tuple[int, ...]  # index among the clip's frames
    times: tuple[Fraction, ...]  # seconds since the output's first frame
    end: Fraction  # seconds; when the last frame stops showing
    voice_end: Fraction  # seconds of voice that are spoken, from `start` on

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def durations(self) -> tuple[Fraction, ...]:
        """Seconds that each frame is shown for."""
        return _gaps(self.times, self.end)

    @cached_property
    def rate(self) -> Fraction | None:
        """Frames per second where every frame is shown equally long, else None."""
        gap = self.end / len(self)
        return 1 / gap if all(time == i * gap for i, time in enumerate(self.times)) else None


@dataclass(frozen=True)
class _Picture:
    """The frames that are left after cutting, and how long each is shown."""

    source: range
    gaps: tuple[Fraction, ...]  # seconds

    @property
    def seconds(self) -> Fraction:
        return sum(self.gaps, Fraction(0))

    def slowed(self, factor: Fraction) -> _Picture:
        return _Picture(self.source, tuple(gap * factor for gap in self.gaps))


def plan_timeline(
    times: Sequence[Fraction],
    end: Fraction,
    rate: Fraction | None,
    voice_seconds: Seconds,
    *,
    longer: LongerVoice = "bounce",
    shorter: ShorterVoice = "keep_clip",
    start: Seconds = 0,
    duration: Seconds | None = None,
    constant_rate: Seconds | None = None,
    still: bool = False,
) -> Timeline:
    """Fit a clip's frames to a voice.

    times, end:     when the clip's frames begin and when its last one ends, in seconds since the first
    rate:           frames per second, or None for a clip whose frames are not shown equally long
    voice_seconds:  length of the whole voice
    longer:         what the picture does when the voice is longer than it
    shorter:        whether the clip goes on when the voice has ended
    start:          seconds left out at the beginning of picture and voice
    duration:       seconds that picture and voice last at most
    constant_rate:  frames per second of the output; None keeps the clip's own timing
    still:          the clip is one picture, which can be shown for any time

    The picture is never shorter than the voice and less than one frame longer, unless the clip goes on after
    the voice. At a constant rate frames are not divided: the first is the one that shows at `start`, and
    `duration` is rounded up to whole frames. Raises OptionError for a time that doesn't fit the clip.
    """
    _check_choice("when the voice is longer", longer, get_args(LongerVoice))
    _check_choice("when the voice is shorter", shorter, get_args(ShorterVoice))
    begin = _seconds("The start", start, least=0)
    most = None if duration is None else _seconds("The duration", duration, above=0)
    out_rate = None if constant_rate is None else _seconds("The frame rate", constant_rate, above=0)
    voice = _voice_left(_seconds("The voice's length", voice_seconds, above=0), begin, most)
    if still:
        return _show_still(voice, out_rate or STILL_RATE)

    picture = _cut(times, end, rate, begin, most)
    if longer == "cut_voice":
        voice = min(voice, picture.seconds)
    ends_with_voice = voice > picture.seconds or shorter == "end_with_voice"
    shown = _shown(picture, voice, longer)
    source, moments, until = _collect(shown, voice if ends_with_voice else picture.seconds)
    timeline = Timeline(source, moments, until, voice)
    if out_rate is None or out_rate == timeline.rate:
        return timeline
    return _resample(timeline, out_rate, until=voice if ends_with_voice else until)


def _cut(
    times: Sequence[Fraction], end: Fraction, rate: Fraction | None, start: Fraction, most: Fraction | None
) -> _Picture:
    """Keep the frames that show from `start` on, for at most `most` seconds."""
    if start >= end:
        raise OptionError(
            f"The start is at {timecode(start)}, but the clip ends at {timecode(end)}. "
            "Choose an earlier start."
        )
    first = bisect_right(times, start) - 1
    if rate is not None:
        left = len(times) - first
        kept = left if most is None else min(left, math.ceil(most * rate))
        return _Picture(range(first, first + kept), (1 / rate,) * kept)
    stop = end if most is None else min(end, start + most)
    last = bisect_left(times, stop)
    return _Picture(range(first, last), _gaps((start, *times[first + 1 : last]), stop))


def _shown(picture: _Picture, voice: Fraction, longer: LongerVoice) -> Iterator[tuple[int, Fraction]]:
    """Each (frame, seconds) in the order of showing, without an end where the picture can go on."""
    if longer == "stretch" and voice > picture.seconds:
        picture = picture.slowed(min(voice / picture.seconds, MOST_STRETCH))
    forward = list(zip(picture.source, picture.gaps, strict=True))
    if longer == "loop":
        return cycle(forward)
    if longer == "hold":
        return chain(forward, repeat((picture.source[-1], statistics.median_low(picture.gaps))))
    return cycle(forward + forward[-2:0:-1])  # neither end is shown twice


def _collect(
    shown: Iterator[tuple[int, Fraction]], until: Fraction
) -> tuple[tuple[int, ...], tuple[Fraction, ...], Fraction]:
    """Take the fewest frames that last until a time."""
    source: list[int] = []
    times: list[Fraction] = []
    now = Fraction(0)
    for index, seconds in shown:
        source.append(index)
        times.append(now)
        now += seconds
        if now >= until:
            break
    return tuple(source), tuple(times), now


def _resample(timeline: Timeline, rate: Fraction, until: Fraction) -> Timeline:
    """Show the same at a constant rate: whatever the timeline shows when a frame begins."""
    count = max(1, math.ceil(until * rate))
    times = tuple(i / rate for i in range(count))
    source = tuple(timeline.source[bisect_right(timeline.times, time) - 1] for time in times)
    return Timeline(source, times, count / rate, timeline.voice_end)


def _show_still(voice: Fraction, rate: Fraction) -> Timeline:
    count = math.ceil(voice * rate)
    return Timeline((0,) * count, tuple(i / rate for i in range(count)), count / rate, voice)


def _voice_left(voice: Fraction, start: Fraction, most: Fraction | None) -> Fraction:
    if voice <= start:
        raise OptionError(
            f"The start is at {timecode(start)}, but the voice ends at {timecode(voice)}. "
            "Choose an earlier start."
        )
    return voice - start if most is None else min(voice - start, most)


def _gaps(times: Sequence[Fraction], end: Fraction) -> tuple[Fraction, ...]:
    return tuple(after - before for before, after in pairwise((*times, end)))


def _seconds(
    name: str, value: Seconds, *, least: Fraction | int | None = None, above: Fraction | int | None = None
) -> Fraction:
    """Make a number exact, or say which numbers would do."""
    wanted = f"{least} or more" if least is not None else f"more than {above}"
    try:
        shown, finite = f"{float(value):g}", math.isfinite(value)
    except OverflowError:  # a fraction beyond all floats
        shown, finite = "huge", False
    if not finite or (least is not None and value < least) or (above is not None and value <= above):
        raise OptionError(f"{name} is {shown}, but must be a number that is {wanted}. Please change it.")
    return Fraction(value)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"{value!r} is no choice for {name!r}. Choose one of: {', '.join(choices)}.")
