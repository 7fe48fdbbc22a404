"""Rows to compare with: the source itself, with its own voice, with another, and out of step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import cast

import numpy as np
import torch

from ...models.judges.syncnet import SyncNet
from ..compute.provider import NetworkProvider
from ..faces.canonical import head_poses, measure_mouth
from ..media.clip import Clip
from ..media.reader import prefetch
from ..media.voice import Voice
from ..metrics.lse import FRAME_RATE, SAMPLES_PER_FRAME
from ..metrics.registry import measure
from ..stages.speech import SAMPLE_RATE
from ..types import FaceTrack, Progress, Samples, silent
from ..visemes.drive import mouth_drive, sample_drive
from .look import Subject
from .sync import FaceShow, Shifted, SyncWatch

OWN_VOICE, OTHERS_VOICE, LATE_VOICE = "own voice", "another's voice", "own voice, 5 frames late"
SHIFT = 5  # frames at 25 a second
_AT_ONCE = 4096  # rows of a track, so that a long one doesn't fill the memory

References = Mapping[str, Mapping[str, float | int]]  # by the row's name: values of metrics


def reference_rows(
    source: Subject,
    other: Samples | None,
    networks: NetworkProvider,
    *,
    with_syncnet: bool,
    faces_only: bool = False,
    progress: Progress = silent,
) -> References:
    """What mouth and voice of the source agree in: the best that can be hoped for, and what chance gives.

    other: the voice that the result speaks with; None: it is the source's own
    """
    clip = source.clip
    if not clip.has_sound:
        return {}
    with Voice(clip.path, SAMPLE_RATE) as own, ExitStack() as stack:
        shifted = Shifted(own, SHIFT * SAMPLES_PER_FRAME)
        voices: dict[str, Samples] = {OWN_VOICE: own, LATE_VOICE: shifted}
        if other is not None:
            voices |= {OTHERS_VOICE: other}
        opening = opening_of(source.track)
        seen = [{"opening": opening, "loudness": loudness_at(voice, clip)} for voice in voices.values()]
        if with_syncnet:
            network = cast(SyncNet, stack.enter_context(networks.borrow("syncnet")))
            watch = SyncWatch(network, int(clip.end * FRAME_RATE), *voices.values())
            for row, distances in zip(seen, _distances(source, watch, faces_only, progress), strict=True):
                row |= {} if distances is None else {"sync_distances": distances}
    return dict(zip(voices, map(_values, seen), strict=True))


def _values(seen: Mapping[str, np.ndarray]) -> dict[str, float | int]:
    return {name: value for name, value in measure(seen).items() if value is not None}


def _distances(
    source: Subject, watch: SyncWatch, faces_only: bool, progress: Progress
) -> list[np.ndarray | None]:
    show = FaceShow(watch, source.clip, source.track, faces_only=faces_only)
    with torch.inference_mode():
        for index, frame in enumerate(prefetch(source.clip.frames())):
            show.see(index, frame.pixels)
            progress(index + 1, len(source.clip))
        return watch.mean_distances()


def opening_of(track: FaceTrack) -> np.ndarray:
    """How far a mouth is open in each frame (T,), in eye distances; NaN without a face."""
    parts = (track.mesh[first : first + _AT_ONCE].numpy() for first in range(0, len(track), _AT_ONCE))
    opening = np.concatenate(list(_openings(parts))) if len(track) else np.zeros(0)
    return np.where(track.present.numpy(), opening, np.nan)


def _openings(meshes: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for part in meshes:
        yield measure_mouth(head_poses(part).to_canonical(part))[0]


def loudness_at(voice: Samples, clip: Clip) -> np.ndarray:
    """How loud a voice is in each of a clip's frames, (T,) 0..1."""
    return sample_drive(mouth_drive(voice, phones=False), clip.times)[2]
