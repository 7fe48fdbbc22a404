"""Dub job after job: networks stay loaded, files from elsewhere are fetched, results are stored whole."""

from __future__ import annotations

import base64
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..compute.options import Computing
from ..compute.provider import LocalNetworks
from ..dub.options import DubOptions
from ..dub.pipeline import Showing, dub
from ..dub.stream import Finished
from ..errors import RetalkError, in_a_line
from ..images import eight_bit
from ..media.reader import open_clip
from .addresses import fetch_file, is_address, is_stored, store_at
from .executors import Tell
from .job import Job, is_taken, ready_folder
from .reading import computing_of, dub_options_of, restored
from .results.outcome import JobOutcome, Status

if TYPE_CHECKING:
    from ..reports.report import Report

THUMB_SIDE = 112  # pixels of each picture in a thumbnail
THUMB_QUALITY = 70  # of JPEG: a few kB


class Dubber:
    """Does the jobs of a table, one after the other, with the networks that the last one used."""

    def __init__(self) -> None:
        self._networks: tuple[Computing, LocalNetworks] | None = None

    def __call__(self, given: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """Do one job; its outcome in plain values. Raises nothing that isn't a stop."""
        job, begun, computed = Job(**given), time.monotonic(), time.process_time()
        status: Status = "done"
        words, told = "", {}
        try:
            told = self._dubbed(job, tell)
            status = "done" if told else "there"
        except RetalkError as error:
            status, words = "failed", f"row {job.row}: {error}"
        except OSError as error:  # the system's word: a name, a right, a disk
            status = "failed"
            words = f"row {job.row}: {error.filename or job.output} can't be used ({error})."
        except Exception as error:  # a mistake of ours keeps no other job
            status, words = "fault", f"row {job.row}: this should not have happened ({in_a_line(error)})."
        told |= {
            "spent": round(time.monotonic() - begun, 2),
            "cpu": round(time.process_time() - computed, 2),
            "host": f"{platform.node()}:{os.getpid()}",
        }
        return JobOutcome(job.row, job.output, status, words, job.clip, job.voice, told).to_plain()

    def _dubbed(self, job: Job, tell: Tell) -> dict[str, Any]:
        """What the dub has to tell; nothing where the result is there already."""
        if not job.again and _is_there(job.output):
            return {}
        with _local_files(job) as (here, output):
            words = restored(here.options)
            ready_folder(output)
            options, networks = dub_options_of(words), self._networks_for(computing_of(words))
            look = _Look()
            dubbed = dub(
                open_clip(Path(here.clip)), Path(here.voice), output, options, networks, tell, look.at
            )
            if is_address(job.output):
                store_at(output, job.output)
        return {**told_of(dubbed.report, options), "thumbnail": _encoded(look.picture())}

    def _networks_for(self, computing: Computing) -> LocalNetworks:
        """Networks that compute as is wished; others are let go, since memory may not hold both."""
        if self._networks is None or self._networks[0] != computing:
            self._networks = None
            self._networks = computing, LocalNetworks.of(computing)
        return self._networks[1]


def told_of(report: Report, options: DubOptions) -> dict[str, Any]:
    """What a table of results has of a dub's report: figures, doubts, notes."""
    doubts = report.doubts or []
    return {
        "engine": report.engine,
        "preset": report.preset,
        "seconds_out": round(report.seconds_out, 3),
        "frames": report.frames_out,
        "edited": report.frames_edited,
        "doubtful": report.frames_doubtful,
        "doubts": [str(doubt) for doubt in doubts],
        "serious": any(doubt.severity == "serious" for doubt in doubts),
        "notes": [*report.warnings, *(f"left as it was: {stretch}" for stretch in report.untouched)],
        "measured": report.measured.to_dict() if report.measured else {},
        "mark_id": report.mark_id,
        "signed": report.signed,
        "resumed": report.frames_resumed,
    }


def _is_there(output: str) -> bool:
    return is_stored(output) if is_address(output) else is_taken(output)


@contextmanager
def _local_files(job: Job) -> Iterator[tuple[Job, Path]]:
    """The job with files that can be opened here, and where its result is to be written."""
    elsewhere = {what: name for what, name in job.inputs.items() if is_address(name)}
    if not elsewhere and not is_address(job.output):
        yield job, Path(job.output)
        return
    with tempfile.TemporaryDirectory(prefix="retalk-") as name:
        folder = Path(name)
        here = {what: str(fetch_file(address, folder)) for what, address in elsewhere.items()}
        clip, voice = here.pop("clip", job.clip), here.pop("voice", job.voice)
        output = Path(job.output)
        local = folder / f"result{output.suffix}" if is_address(job.output) else output
        yield replace(job, clip=clip, voice=voice, options={**job.options, **here}), local


class _Look:
    """Keeps one frame of a dub, before and after, from the middle of what is edited."""

    def __init__(self) -> None:
        self._kept: Finished | None = None
        self._middle = 0

    @contextmanager
    def at(self, showing: Showing) -> Iterator[Callable[[Finished], None]]:
        self._middle = len(showing.timeline) // 2
        yield self._see

    def _see(self, shown: Finished) -> None:
        early = self._kept is None or self._kept.index < self._middle or self._kept.patch is None
        if early and (shown.patch is not None or self._kept is None):
            self._kept = shown

    def picture(self) -> np.ndarray:
        """The face before and after, (h, 2 * h, 3) uint8 RGB; without an edit the frame, twice."""
        if self._kept is None:
            return np.zeros((THUMB_SIDE, 2 * THUMB_SIDE, 3), np.uint8)
        rows, columns = _around(self._kept)
        both = (self._kept.before, self._kept.after)
        return np.hstack([_small(eight_bit(pixels[rows, columns])) for pixels in both])


def _around(shown: Finished) -> tuple[slice, slice]:
    """A square around a frame's edit, or the whole frame."""
    height, width = shown.after.shape[:2]
    if shown.patch is None:
        return slice(0, height), slice(0, width)
    box, (tall, wide) = shown.patch.box, shown.patch.box.size
    side = min(int(1.1 * max(tall, wide)), height, width)
    # More of the face is above the mouth than below.
    first = min(max(box.top + tall // 2 - side * 5 // 8, 0), height - side)
    start = min(max(box.left + wide // 2 - side // 2, 0), width - side)
    return slice(first, first + side), slice(start, start + side)


def _small(pixels: np.ndarray) -> np.ndarray:
    """A picture inside a black square."""
    height, width = pixels.shape[:2]
    scale = THUMB_SIDE / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    shrunk = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    square = np.zeros((THUMB_SIDE, THUMB_SIDE, 3), np.uint8)
    top, left = (THUMB_SIDE - size[1]) // 2, (THUMB_SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = shrunk
    return square


def _encoded(picture: np.ndarray) -> str:
    """JPEG in base64."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, THUMB_QUALITY]
    done, encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), quality)
    return base64.b64encode(encoded.tobytes()).decode() if done else ""
