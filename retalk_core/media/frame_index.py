"""Where a video file keeps its frames, and when each of them is shown; read from its packets alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain, pairwise
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError
from .container import packets

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

USUAL_RATE = Fraction(25)  # frames per second of a clip that doesn't say
# A gap between two frames that is longer than both is a broken time stamp.
BROKEN_SECONDS, BROKEN_TIMES = 60, 100
LEAST_RATE, MOST_RATE = Fraction(1, 3600), 1000  # frames per second; a file doesn't mean others


@dataclass(frozen=True)
class FrameIndex:
    """Where a file keeps its frames."""

    stream: int
    stamps: tuple[int, ...] | None  # presentation time of each frame in ticks; None: frames are only counted
    numbers: dict[int, int]  # of counted frames that decoding can start from, by decoding time
    keys: tuple[int, ...]  # frames that decoding can start from
    broken: frozenset[int]  # frames whose data is known to be incomplete


@dataclass(frozen=True)
class FrameTable:
    """What the packets of a stream say about its frames, in the order of showing."""

    index: FrameIndex
    durations: tuple[int, ...]  # ticks; 0 where the file doesn't say


def read_table(container: InputContainer, stream: VideoStream, path: Path) -> FrameTable:
    """List the frames without decoding them."""
    entries: list[_Entry] = []
    numbers: dict[int, int] = {}
    for packet in packets(container, stream):
        if packet is not None and packet.size and not packet.is_discard:
            if packet.is_keyframe and packet.dts is not None:
                numbers[packet.dts] = len(entries)
            entries.append(_Entry(packet.pts, packet.duration or 0, packet.is_keyframe, packet.is_corrupt))
    if not entries:
        raise InputError(f"{path} holds no frames: it may be incomplete, so copy or export it again.")
    # What ffmpeg reports as an AVI's presentation times are its decoding times.
    stamped = container.format.name != "avi" and all(entry.stamp is not None for entry in entries)
    if stamped:
        entries.sort(key=lambda entry: entry.stamp or 0)
        # Of packets that claim the same moment only one can be shown: the last.
        entries = list({entry.stamp: entry for entry in entries}.values())
    return FrameTable(
        FrameIndex(
            stream=stream.index,
            stamps=tuple(entry.stamp or 0 for entry in entries) if stamped else None,
            numbers={} if stamped else numbers,
            keys=tuple(i for i, entry in enumerate(entries) if entry.is_key),
            broken=frozenset(i for i, entry in enumerate(entries) if stamped and entry.is_corrupt),
        ),
        durations=tuple(entry.duration for entry in entries),
    )


@dataclass(frozen=True)
class Clock:
    """When frames are shown, in seconds since the first."""

    times: tuple[Fraction, ...]
    end: Fraction  # when the last one stops showing
    rate: Fraction | None  # frames per second; None: they are not shown equally long
    closed: Fraction = Fraction(0)  # seconds that broken time stamps would have added


def clock(table: FrameTable, tick: Fraction, declared: list[Fraction]) -> Clock:
    """Work out when each frame is shown.

    A frame that would be shown for more than a minute and a hundred times the usual gap has a broken time
    stamp behind it: it is shown for the usual gap, and all that follow come so much earlier.
    """
    count = len(table.durations)
    usual = next((rate for rate in declared if LEAST_RATE <= rate <= MOST_RATE), USUAL_RATE)
    if count == 1:
        return _clock_of_one(table.durations[0] * tick, tick, usual if declared else None)
    if table.index.stamps is None:
        return Clock(tuple(i / usual for i in range(count)), count / usual, usual)
    gaps = [after - before for before, after in pairwise(table.index.stamps)]
    gap = median_low(gaps)
    if gap * tick * LEAST_RATE > 1:  # no clip is shown like that: all time stamps are broken
        closed = max(sum(gaps) * tick - (count - 1) / usual, Fraction(0))
        return Clock(tuple(i / usual for i in range(count)), count / usual, usual, closed)
    # Less than half a gap is what is left of a frame when a container cuts it to the length of the sound.
    last = table.durations[-1] if table.durations[-1] * 2 >= gap else gap
    whole = [gap if _is_broken(each, gap, tick) else each for each in (*gaps, last)]
    closed, last = (sum(gaps) + last - sum(whole)) * tick, whole[-1]
    ticks = [0, *accumulate(whole[:-1])]
    found = _constant_rate(ticks, tick, declared)
    if found is not None and last * tick * found < Fraction(3, 2):
        return Clock(tuple(i / found for i in range(count)), count / found, found, closed)
    return Clock(tuple(t * tick for t in ticks), (ticks[-1] + last) * tick, None, closed)


def _clock_of_one(seconds: Fraction, tick: Fraction, usual: Fraction | None) -> Clock:
    """The only frame lasts as long as the file says; usual: the declared rate, None for a still picture."""
    rate, closed = usual or USUAL_RATE, Fraction(0)
    if usual is not None and seconds * LEAST_RATE > 1:
        closed = seconds - 1 / rate
    elif usual is not None and seconds > 0 and abs(seconds - 1 / rate) > tick:
        rate = 1 / seconds
    return Clock((Fraction(0),), 1 / rate, rate, closed)


def _is_broken(gap: int, usual: int, tick: Fraction) -> bool:
    return gap * tick > BROKEN_SECONDS and gap > BROKEN_TIMES * usual


class _Entry(NamedTuple):
    """What one packet says."""

    stamp: int | None  # ticks; when its frame is shown
    duration: int  # ticks; 0 where the file doesn't say
    is_key: bool
    is_corrupt: bool


def _constant_rate(ticks: list[int], tick: Fraction, declared: list[Fraction]) -> Fraction | None:
    """Find the rate that explains all times, if there is one.

    Milliseconds hide whether a short clip has 30 or 30000/1001 frames per second; then what the container
    declares decides.
    """
    measured = (len(ticks) - 1) / (ticks[-1] * tick)
    usual = [rate for guess in (*declared, measured) for rate in _usual_rates(guess)]
    for rate in chain(usual, declared, [measured]):
        # A container can round each time by a tick, unless its ticks are frames.
        allowed = tick if 3 * tick * rate <= 1 else 0
        if rate > 0 and all(abs(t * tick - i / rate) <= allowed for i, t in enumerate(ticks)):
            return rate
    return None


def _usual_rates(guess: Fraction) -> list[Fraction]:
    """The whole rate and the NTSC rate that are nearest, the nearer one first, if they are near at all."""
    whole = Fraction(round(guess))
    ntsc = Fraction(round(guess * 1001 / 1000) * 1000, 1001)
    near = [rate for rate in (whole, ntsc) if rate > 0 and abs(rate - guess) < guess / 100]
    return sorted(near, key=lambda rate: abs(rate - guess))
