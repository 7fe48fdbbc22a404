"""Turn a talking video into a clip to learn from, with the tracking, crops and sound of a dub."""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...crops.cut import cut_crop
from ...crops.framing import SIDES, frame_faces
from ...engines.likeness import CROPS_AT_ONCE, fit_track
from ...errors import RetalkError
from ...faces.detect import FaceNetworks
from ...faces.follow import track_faces
from ...faces.mesh import five_points, head_pose
from ...faces.track import TrackedFace
from ...files import sha256_of, write_file
from ...images import eight_bit
from ...media.clip import Clip
from ...media.reader import open_clip, prefetch
from ...media.sound import read_mono
from ...stages.coefficients import pack
from ...stages.expression import neutralise_expression, resolve_expression
from ...stages.speech import SAMPLE_RATE
from ...types import Coefficients, Expression, FaceTrack
from ..settings import knob
from .kept import FRAMINGS, FacePart, face_part, write_talk
from .layouts import Video
from .talks import LEARNT_RATE

VERSION = 2  # of prepared clips; other ones are made anew
QUIET = 0.003  # loudness of a second, below which nobody speaks


@dataclass(frozen=True)
class Filters:
    """Which clips, and which of their frames, are learnt from."""

    least_face: int = knob(64, "pixels of a face's height; smaller ones are blurred")
    most_yaw: float = knob(45.0, "degrees to the side; of a profile half the mouth is hidden")
    least_frames: int = knob(15, "usable frames of a clip", "ancestor")
    most_others: float = knob(0.5, "share of frames that may show other faces; the voice may be theirs")
    least_speech: float = knob(0.3, "share of seconds in which something is heard")
    most_offset: int = knob(1, "frames by which lips and sound may be apart, where an expert tells")


@dataclass(frozen=True)
class Prepared:
    """What became of a video: a line of the set's list."""

    id: str
    name: str
    speaker: str
    voice: str
    split: str
    rights: str  # the licence or consent that was stated for it
    dropped: str  # why it isn't learnt from; "" where it is
    frames: int = 0
    usable: int = 0
    file: str = ""  # in the set's folder
    sha256: str = ""
    stamp: str = ""  # of the video and of how it was prepared
    made_with: str = ""  # the weights that changed its pictures, where some did

    def line(self) -> str:
        """As a line of JSON."""
        return json.dumps(asdict(self))


def clip_id(video: Video) -> str:
    """A name for a clip's file that no other has."""
    stem = "".join(letter if letter.isalnum() else "_" for letter in Path(video.name).stem)[:40]
    return f"{stem}_{hashlib.sha256(video.name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, eq=False)
class Readers:
    """Networks that read more of a clip than its face's place."""

    regressor: nn.Module  # Face3D, which reads coefficients
    dnet: nn.Module | None = None  # makes references; None: none are made
    neutral: Tensor | None = None  # the expression (64,) of references; None: the clip's own calm one

    @property
    def words(self) -> str:
        """What they add to a clip."""
        calm = "" if self.dnet is None else ", references" + ("" if self.neutral is None else " by template")
        return f"coefficients{calm}"


def stamp_of(video: Video, filters: Filters, rights: str, more: str) -> str:
    """What says that a clip needn't be prepared again."""
    state = video.path.stat()
    facts = (VERSION, state.st_size, state.st_mtime_ns, asdict(filters), rights, more, asdict(video))
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


def prepare_video(
    video: Video,
    folder: Path,
    networks: FaceNetworks,
    filters: Filters,
    rights: str,
    readers: Readers | None = None,
) -> Prepared:
    """Prepare one video, unless that was done.

    folder:  of the set's clips
    readers: what reads more of it; None: face and voice are all
    returns: what became of it; a video that can't be used is told, not raised
    raises:  InputError where the set can't be written
    """
    name = clip_id(video)
    beside = folder / f"{name}.json"
    stamp = stamp_of(video, filters, rights, "" if readers is None else readers.words)
    known = read_line(beside)
    if known is not None and known.stamp == stamp and (known.dropped or (folder / known.file).is_file()):
        return known
    facts = {"id": name, "name": video.name, "speaker": video.speaker, "voice": video.voice}
    facts |= {"split": video.split, "rights": rights, "stamp": stamp}
    try:
        source = _Source(video.path, networks, filters)
    except RetalkError as error:
        prepared = Prepared(**facts, dropped=str(error))  # type: ignore[arg-type]
    else:
        reason = source.why_not()
        counts = {"frames": len(source.rows), "usable": int(source.usable.sum())}
        if not reason:
            path = folder / f"{name}.zip"
            _write(path, source, readers, {**facts, **counts})
            counts |= {"file": path.name, "sha256": sha256_of(path)}  # type: ignore[dict-item]
        prepared = Prepared(**facts, dropped=reason, **counts)  # type: ignore[arg-type]
    write_file(beside, prepared.line().encode())
    return prepared


def read_line(path: Path) -> Prepared | None:
    """What was written beside a clip; None for nothing, and for what isn't that."""
    try:
        return Prepared(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class _Source:
    """A video as it is followed and heard. Raises RetalkError where it can't be."""

    def __init__(self, path: Path, networks: FaceNetworks, filters: Filters) -> None:
        self.clip: Clip = open_clip(path)
        self.filters = filters
        self.voice: np.ndarray = read_mono(path, SAMPLE_RATE)
        self.tracked: TrackedFace = track_faces(
            prefetch(self.clip.frames()), networks, frame_count=len(self.clip)
        )
        self.rows = frames_at_rate(self.clip)
        self.crops = {framing: frame_faces(self.track, framing) for framing in FRAMINGS}
        self.usable = self._usable()[self.rows]

    @property
    def track(self) -> FaceTrack:
        return self.tracked.track

    def _usable(self) -> np.ndarray:
        """Which frames (T,) show the face large, towards the camera and uncovered."""
        yaw = np.abs(head_pose(self.track.mesh.numpy())[0])
        boxes = self.track.boxes.numpy()
        tall = boxes[:, 3] - boxes[:, 1] >= self.filters.least_face
        open_to_view = np.array([reason == "" for reason in self.tracked.reasons])
        usable: np.ndarray = self.track.present.numpy() & open_to_view & tall & (yaw <= self.filters.most_yaw)
        return usable

    def why_not(self) -> str:
        """Why the clip isn't learnt from, in a sentence; "" where it is."""
        if self.usable.sum() < self.filters.least_frames:
            return (
                f"only {self.usable.sum()} frames show a face of {self.filters.least_face} pixels that looks "
                f"to the camera; {self.filters.least_frames} are needed"
            )
        others = float((self.tracked.faces_seen[self.rows] > 1).mean())
        if others > self.filters.most_others:
            return f"{others:.0%} of the frames show several faces"
        speech = heard_share(self.voice)
        if speech < self.filters.least_speech:
            return f"something is heard in {speech:.0%} of its seconds only"
        return ""

    def regions(self) -> Iterator[FacePart]:
        """What is needed of each frame."""
        affines = {framing: crops.frame_to_crop.numpy() for framing, crops in self.crops.items()}
        for frame, row in zip(self.clip.frames(self.rows.tolist()), self.rows, strict=True):
            yield face_part(
                eight_bit(frame.pixels), {framing: affine[row] for framing, affine in affines.items()}
            )


def frames_at_rate(clip: Clip, rate: int = LEARNT_RATE) -> np.ndarray:
    """Which frames are shown at the times 0, 1 / 25, 2 / 25 … s."""
    count = max(1, math.floor(clip.end * rate))
    return np.array([bisect_right(clip.times, Fraction(i, rate)) - 1 for i in range(count)])


def heard_share(voice: np.ndarray) -> float:
    """In what share of its seconds something is heard, of samples (n,) at 16 kHz."""
    seconds = np.array_split(voice, max(1, len(voice) // SAMPLE_RATE))
    return float(np.mean([np.sqrt(np.mean(np.square(each))) > QUIET for each in seconds]))


def _write(path: Path, source: _Source, readers: Readers | None, about: dict[str, Any]) -> None:
    rows, track = torch.from_numpy(source.rows), source.track
    arrays = {
        "frame_size": np.array(track.frame_size),
        "usable": source.usable,
        "shot": track.shot[rows].numpy(),
        "voice": source.voice,
        "five": five_points(track.landmarks[rows].double().numpy()),
        **{framing: crops.frame_to_crop[rows].numpy() for framing, crops in source.crops.items()},
    }
    calm: Iterator[tuple[int, np.ndarray]] = iter(())
    if readers is not None:
        read = fit_track(source.clip.frames(), track, readers.regressor)
        arrays["coefficients"] = pack(read)[rows].numpy()
        if readers.dnet is not None:
            calm = calm_portraits(source, read, readers.dnet, readers.neutral)
    makes = readers is not None and readers.dnet is not None
    write_talk(path, source.regions(), arrays, {**about, "arrays": sorted(arrays), "calm": makes}, calm)


def calm_portraits(
    source: _Source, read: Coefficients, dnet: nn.Module, neutral: Tensor | None
) -> Iterator[tuple[int, np.ndarray]]:
    """The portraits (256, 256, 3) uint8 of usable rows as D-Net calms them: a dub's references, rounded."""
    track, side = source.track, SIDES["portrait"]
    wanted = resolve_expression(Expression(neutral), read, track.present)
    affines = source.crops["portrait"].frame_to_crop.numpy()
    usable = np.flatnonzero(source.usable)
    for first in range(0, len(usable), CROPS_AT_ONCE):
        places = usable[first : first + CROPS_AT_ONCE]
        rows = source.rows[places].tolist()
        frames = zip(source.clip.frames(rows), rows, strict=True)
        cut = np.stack([cut_crop(frame.pixels, affines[row], side) for frame, row in frames])
        drawn = neutralise_expression(dnet, torch.from_numpy(cut), read, wanted, shot=track.shot, rows=rows)
        pixels = (drawn * 255).round().byte().numpy()
        yield from zip(places.tolist(), pixels, strict=True)
