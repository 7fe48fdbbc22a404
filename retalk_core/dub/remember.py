"""What a stopped dub goes on from: a job's key is the content of everything that its pixels depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from ..compute.provider import NetworkProvider
from ..engines.likeness import Likeness
from ..faces.people.overlaps import Neighbour
from ..faces.s3fd import FaceBoxes
from ..faces.track import TrackedFace
from ..fields import key_of
from ..media.clip import Clip
from ..media.sound import SoundArray, SoundSource
from ..resume.key import store_key
from ..resume.store import Store
from ..stages.coefficients import pack, unpack
from ..types import FaceTrack
from .choose import EngineChoice
from .options import DubOptions


@contextmanager
def open_store(
    clip: Clip, voice: SoundSource, options: DubOptions, choice: EngineChoice, networks: NetworkProvider
) -> Iterator[Store | None]:
    """The job folder of a dub, locked for this process; None where nothing is to be kept.

    The embedded engine takes less time than reading its work back would. Pictures in memory are not kept.
    """
    if options.work_dir is None or choice.engine == "embedded" or not clip.path.is_file():
        yield None
        return
    parts = job_parts(clip, voice, options, choice, networks)
    with Store(options.work_dir, store_key(parts), options.work_limit).open() as store:
        yield store


def job_parts(
    clip: Clip, voice: SoundSource, options: DubOptions, choice: EngineChoice, networks: NetworkProvider
) -> dict[str, object]:
    """All that a dub's pixels depend on, by name; as `store_key` takes it.

    The pictures of a clip in memory are looked at once more for that.
    """
    on_disk = clip.path.is_file()
    return {
        "clip": (
            clip.path if on_disk else _hash_of_frames(clip),
            *(clip.first, clip.size, clip.times, clip.end),
        ),
        "voice": voice if isinstance(voice, SoundArray) else Path(voice),
        "options": key_of(options),
        "stages": key_of(choice.stages),
        "networks": {key: networks.identity(key) for key in choice.borrowed},
        "templates": networks.file("expression"),
    }


def _hash_of_frames(clip: Clip) -> bytes:
    digest = hashlib.sha256()
    for frame in clip.frames():
        digest.update(np.ascontiguousarray(frame.pixels).data)
    return digest.digest()


def remembered_track(store: Store | None, track: Callable[[], TrackedFace]) -> TrackedFace:
    """The face's track from an earlier run, or the one that is made now."""
    stored = store.read_state("track") if store is not None else None
    if stored is not None and "people" in stored:  # it is lacking in what older versions kept
        return _restored_track(stored)
    made = track()
    if store is not None:
        store.write_state("track", _track_arrays(made))
    return made


_TENSORS = ("boxes", "mesh", "scores", "present", "shot", "weight")  # of a FaceTrack
_PERHAPS = ("cover", "light")  # those that it can do without


def _track_arrays(tracked: TrackedFace) -> dict[str, np.ndarray]:
    track = tracked.track
    return {
        **{name: getattr(track, name).numpy() for name in _TENSORS},
        **{name: tensor.numpy() for name in _PERHAPS if (tensor := getattr(track, name)) is not None},
        "times": np.array([str(time) for time in track.times]),
        "frame_size": np.array(track.frame_size),
        "faces_seen": tracked.faces_seen,
        "filled": tracked.filled,
        "reasons": np.array(tracked.reasons),
        "cuts": np.array(tracked.cuts, int),
        "people": np.array(tracked.people),
        **_neighbour_arrays(tracked.neighbours),
    }


def _neighbour_arrays(neighbours: Sequence[Sequence[Neighbour]]) -> dict[str, np.ndarray]:
    """Other people's faces, in one row each."""
    listed = [(row, each) for row, beside in enumerate(neighbours) for each in beside]
    return {
        "neighbour_rows": np.array([row for row, _ in listed], int),
        "neighbour_outlines": np.array([each.outline for _, each in listed], np.float32).reshape(-1, 36, 2),
        "neighbour_before": np.array([each.before for _, each in listed], bool),
    }


def _restored_neighbours(stored: Mapping[str, np.ndarray], count: int) -> tuple[tuple[Neighbour, ...], ...]:
    beside: list[list[Neighbour]] = [[] for _ in range(count)]
    names = ("neighbour_rows", "neighbour_outlines", "neighbour_before")
    for row, outline, before in zip(*(stored[name] for name in names), strict=True):
        beside[int(row)].append(Neighbour(outline, bool(before)))
    return tuple(tuple(each) for each in beside)


def _restored_track(stored: Mapping[str, np.ndarray]) -> TrackedFace:
    height, width = stored["frame_size"].tolist()
    track = FaceTrack(
        times=tuple(Fraction(time) for time in stored["times"].tolist()),
        frame_size=(height, width),
        **{name: torch.from_numpy(stored[name]) for name in _TENSORS},
        **{name: torch.from_numpy(stored[name]) for name in _PERHAPS if name in stored},
    )
    return TrackedFace(
        track,
        stored["faces_seen"],
        stored["filled"],
        tuple(stored["reasons"].tolist()),
        tuple(stored["cuts"].tolist()),
        int(stored["people"]),
        _restored_neighbours(stored, len(track)),
    )


def remembered_likeness(store: Store | None, learn: Callable[[], Likeness]) -> Likeness:
    """What an earlier run learnt of the face, or what is learnt now."""
    stored = store.read_state("likeness") if store is not None else None
    if stored is not None:
        coefficients = unpack(torch.from_numpy(stored["coefficients"]))
        return Likeness(coefficients, torch.from_numpy(stored["expression"]))
    made = learn()
    if store is not None:
        arrays = {"coefficients": pack(made.coefficients).numpy(), "expression": made.expression.numpy()}
        store.write_state("likeness", arrays)
    return made


def remembered_boxes(store: Store | None, find: Callable[[], FaceBoxes]) -> FaceBoxes:
    """The boxes that an earlier run found, or those that are found now."""
    stored = store.read_state("face_boxes") if store is not None else None
    if stored is not None:
        return FaceBoxes(stored["boxes"], stored["inferred"])
    made = find()
    if store is not None:
        store.write_state("face_boxes", {"boxes": made.boxes, "inferred": made.inferred})
    return made
