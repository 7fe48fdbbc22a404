"""What Inception sees in a video's pictures and mouths, for distances between sets of them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...compute.provider import FACE_NETWORKS, NetworkProvider
from ...errors import InputError
from ...faces.detect import FaceNetworks
from ...faces.follow import faces_in_view
from ...faces.mesh import box_area, face_box
from ...files import write_file
from ...images import eight_bit
from ...media.reader import open_clip
from ...metrics.pictures.frechet import FEWEST_PICTURES, UNBIASED, kernel_distance
from ...metrics.registry import measure
from ...reports.check import mouth_crop, spread
from ...types import Progress, silent
from ..differences import as_input

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg")


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """Of some pictures, and of the largest mouth in each that shows one."""

    pictures: np.ndarray  # (n, 2048) float32
    mouths: np.ndarray  # (m, 2048), m <= n

    @classmethod
    def together(cls, parts: Sequence[PictureFeatures]) -> PictureFeatures:
        """Those of several videos as one set."""
        return cls(
            np.concatenate([part.pictures for part in parts]), np.concatenate([part.mouths for part in parts])
        )


class FeatureShelf:
    """Keeps features in a folder, as long as the videos are the same; without a folder they are forgotten."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def of(
        self, video: Path, frames: int, networks: NetworkProvider, progress: Progress = silent
    ) -> PictureFeatures:
        """What Inception sees in a video; it is looked at where that isn't known yet. Raises InputError."""
        state = video.stat()
        stamp = np.array([state.st_size, state.st_mtime_ns, frames])
        kept = None if self._folder is None else self._folder / f"{video.name}.npz"
        if kept is not None and (known := _read(kept, stamp)) is not None:
            return known
        found = look_at_pictures(video, frames, networks, progress)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_file(kept, _packed(found, stamp))
        return found


def _read(path: Path, stamp: np.ndarray) -> PictureFeatures | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            same = np.array_equal(stored["stamp"], stamp)
            return PictureFeatures(stored["pictures"], stored["mouths"]) if same else None
    except (OSError, ValueError, KeyError):  # not there, or of something else
        return None


def _packed(found: PictureFeatures, stamp: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, stamp=stamp, pictures=found.pictures, mouths=found.mouths)
    return file.getvalue()


def look_at_pictures(
    video: Path, frames: int, networks: NetworkProvider, progress: Progress = silent
) -> PictureFeatures:
    """Show Inception some frames of a video, evenly spread, and the largest face's mouth in each."""
    clip = open_clip(video)
    chosen = sorted(spread(len(clip), min(frames, len(clip))))
    pictures, mouths = [], []
    with ExitStack() as stack, torch.inference_mode():
        borrowed: list[Any] = [stack.enter_context(networks.borrow(key)) for key in FACE_NETWORKS]
        faces, inception = FaceNetworks(*borrowed), stack.enter_context(networks.borrow("inception"))
        for number, frame in enumerate(clip.frames(chosen)):
            pictures.append(_ask(inception, eight_bit(frame.pixels)))
            meshes = [found.points for found in faces_in_view(faces, frame)]
            if meshes:
                largest = max(meshes, key=lambda mesh: box_area(face_box(mesh)))
                mouths.append(_ask(inception, mouth_crop(frame.pixels, largest)))
            progress(number + 1, len(chosen))
    return PictureFeatures(np.stack(pictures), np.array(mouths, np.float32).reshape(-1, pictures[0].shape[0]))


def _ask(inception: nn.Module, picture: np.ndarray) -> np.ndarray:
    answer: np.ndarray = inception(as_input(inception, picture))[0].float().cpu().numpy()
    return answer


def distances(made: PictureFeatures, real: PictureFeatures) -> dict[str, float]:
    """FID of pictures and KID of mouths, by their names, as far as there are enough of both."""
    found = measure(
        {
            "features": made.pictures,
            "real_features": real.pictures,
            "mouth_features": made.mouths,
            "real_mouth_features": real.mouths,
        }
    )
    return {name: float(value) for name, value in found.items() if value is not None}


def distance_lines(made: PictureFeatures, real: PictureFeatures) -> Iterator[str]:
    """Both distances for people, with what they were taken over and what is wrong with that."""
    found = distances(made, real)
    counts = len(made.pictures), len(real.pictures)
    against = f"{counts[0]:,} pictures against {counts[1]:,} real ones"
    if "fid" not in found:
        yield f"{'fid':<18}– unavailable ({against}: below {FEWEST_PICTURES:,} it says nothing)"
    else:
        few = min(counts) < UNBIASED
        biased = f"; biased: below {UNBIASED:,} pictures it comes out too large" if few else ""
        yield f"{'fid':<18}{found['fid']:.4f} ({against}, whole frames{biased})"
    mouths = f"{len(made.mouths):,} mouths against {len(real.mouths):,} real ones"
    if "mouth_kid" not in found:
        yield f"{'mouth_kid':<18}– unavailable ({mouths})"
    else:
        spread_of = kernel_distance(made.mouths, real.mouths)[1]
        yield f"{'mouth_kid':<18}{found['mouth_kid']:.6f} ± {spread_of:.6f} over subsets ({mouths})"


def videos_in(folder: Path) -> list[Path]:
    """The videos in a folder, by their names. Raises InputError where there are none."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEOS)
    except OSError as error:
        raise InputError(f"{folder} can't be read ({error.strerror}): name a folder of videos.") from error
    if not found:
        raise InputError(f"{folder} holds no video ({', '.join(VIDEOS)}): name a folder of videos.")
    return found
