"""Dubs to be marked, marking them, and what may happen to a file afterwards; for benchmarks/marks.py."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import this_pack  # noqa: F401
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.patch import Patch, paste_patch
from retalk_nodes.retalk_core.dub.analysis import analyse
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.session import begin_session
from retalk_nodes.retalk_core.dub.stream import finished_frames, make_engine
from retalk_nodes.retalk_core.faces.mesh import face_height
from retalk_nodes.retalk_core.marks.lay import FaceMarker, FrameMarker
from retalk_nodes.retalk_core.media.reader import open_clip

TICKS = 12800  # a second, in which files count their frames' times


@dataclass(frozen=True, eq=False)
class Shown:
    """One dubbed frame, not marked."""

    pixels: np.ndarray
    patch: Patch | None
    mesh: np.ndarray
    seconds: float


@dataclass(frozen=True, eq=False)
class Film:
    """Frames, and when each is shown."""

    frames: list[np.ndarray]
    times: list[float]

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Film:
        """The same with each frame changed."""
        return Film([change(frame) for frame in self.frames], self.times)

    def of(self, indices: Sequence[int]) -> Film:
        """Some of its frames, each at its own time, beginning at 0."""
        begin = self.times[indices[0]]
        return Film([self.frames[i] for i in indices], [self.times[i] - begin for i in indices])


def dubbed(clip: Path, voice: Path, seconds: float) -> list[Shown]:
    """A clip's first seconds, dubbed by the embedded engine."""
    options, shown = DubOptions(engine="embedded"), []
    with begin_session(open_clip(clip), voice, options, LocalNetworks()) as session:
        analysis = analyse(session)
        mesh, rows, times = analysis.tracked.track.mesh, analysis.plan.rows, analysis.timeline.times
        for each in finished_frames(session, analysis, make_engine(session, analysis)):
            if times[each.index] >= seconds:
                break
            here = mesh[int(rows[each.index])].numpy().copy()
            shown.append(Shown(each.after.copy(), each.patch, here, float(times[each.index])))
    return shown


ROOM = 1.6  # face heights along each side of what is kept around a face


def around_face(shown: Sequence[Shown]) -> list[Shown]:
    """The same frames, cut to a square around the face's places, so that those of large faces stay small."""
    points = np.concatenate([each.mesh[:, :2] for each in shown])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    height = float(np.median([face_height(each.mesh) for each in shown]))
    reach = max(ROOM * height, float(np.ptp(points, axis=0).max()) + 0.3 * height) / 2
    high, wide = shown[0].pixels.shape[:2]
    left, top = np.clip(np.floor(middle - reach), 0, (wide, high)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(middle + reach), 0, (wide, high)).astype(int).tolist()
    return [_cut(each, Box(left, top, right, bottom)) for each in shown]


def _cut(shown: Shown, kept: Box) -> Shown:
    pixels, moved = shown.pixels[kept.slices].copy(), shown.mesh.copy()
    moved[:, :2] -= kept.corner
    if shown.patch is None:
        return Shown(pixels, None, moved, shown.seconds)
    part = shown.patch.box.shared(kept)
    box = Box(part.left - kept.left, part.top - kept.top, part.right - kept.left, part.bottom - kept.top)
    there = part.slices_in(shown.patch.box)
    patch = Patch(box, pixels[box.slices].copy(), shown.patch.support[there].copy())
    return Shown(pixels, patch, moved, shown.seconds)


def at_height(shown: Sequence[Shown], wanted: float) -> list[Shown]:
    """The same with faces of another height in pixels, from forehead to chin."""
    scale = wanted / float(np.median([face_height(each.mesh) for each in shown]))
    return [_resized(each, scale) for each in shown]


def _resized(shown: Shown, scale: float) -> Shown:
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(shown.pixels, None, None, scale, scale, way)
    if shown.patch is None:
        return Shown(pixels, None, shown.mesh * scale, shown.seconds)
    support = np.zeros(shown.pixels.shape[:2], np.uint8)
    support[shown.patch.box.slices] = shown.patch.support
    support = cv2.resize(support, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    rows, columns = np.flatnonzero(support.any(axis=1)), np.flatnonzero(support.any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    patch = Patch(box, pixels[box.slices].copy(), support[box.slices])
    return Shown(pixels, patch, shown.mesh * scale, shown.seconds)


@dataclass(frozen=True)
class Laid:
    """Marked frames, and what it took."""

    film: Film
    psnr: float  # dB inside the support, or over whole frames
    outside: int  # pixels that changed outside of it
    seconds: float  # of one core, for each frame


def marked(shown: Sequence[Shown], key: bytes, number: int, where: str) -> Laid:
    """Lay a mark on the face inside the edit, or over whole frames."""
    face, whole = FaceMarker(key, number), FrameMarker(key, number)
    frames, errors, outside, spent = [], [], 0, 0.0
    for each in shown:
        after, inside, patch = each.pixels, np.ones(each.pixels.shape[:2], bool), each.patch
        begun = time.process_time()
        if where == "frame":
            after = whole.mark(each.pixels, each.seconds)
        elif patch is not None:
            patch = face.mark(patch, each.mesh, each.seconds)
        spent += time.process_time() - begun
        if where == "face" and patch is not None:
            after, inside = each.pixels.copy(), np.zeros_like(inside)
            paste_patch(after, patch)
            inside[patch.box.slices] = patch.support
        error = (after.astype(float) - each.pixels) ** 2
        outside += int((error.max(axis=2) > 0)[~inside].sum())
        errors.append(error[inside].mean())
        frames.append(after)
    psnr = float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))
    return Laid(Film(frames, [each.seconds for each in shown]), psnr, outside, spent / len(shown))


# What happens to a file


def coded(film: Film, quality: int, encoder: str = "libx264") -> Film:
    """Encode a film, with its times, and decode it again."""
    height, width = (side - side % 2 for side in film.frames[0].shape[:2])
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream: Any = container.add_stream(encoder, rate=25, options={"crf": str(quality)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        for pixels, seconds in zip(film.frames, film.times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), "rgb24")
            frame.pts, frame.time_base = round(seconds * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    held.seek(0)
    with av.open(held) as container:
        read = [(frame.to_ndarray(format="rgb24"), float(frame.time)) for frame in container.decode(video=0)]
    return Film([pixels for pixels, _ in read], [seconds for _, seconds in read])


def at_size(film: Film, share: float) -> Film:
    """At a share of its width and height."""
    return film.changed(lambda frame: cv2.resize(frame, None, None, share, share, cv2.INTER_AREA))


def cropped(film: Film, share: float) -> Film:
    """Without so much of each side."""
    top, left = (round(side * share) for side in film.frames[0].shape[:2])
    return film.changed(lambda frame: frame[top : len(frame) - top, left : frame.shape[1] - left])


def reframed(film: Film) -> Film:
    """Upright 9:16 around the middle, on black."""
    height, width = film.frames[0].shape[:2]
    left, border = (width - round(height * 0.75)) // 2, round(height * 0.15)

    def change(frame: np.ndarray) -> np.ndarray:
        part = np.ascontiguousarray(frame[:, left : width - left])
        return cv2.copyMakeBorder(part, border, border, 0, 0, cv2.BORDER_CONSTANT)

    return film.changed(change)


def at_30(film: Film) -> Film:
    """30 frames a second: at each time the frame that is shown then."""
    times = np.arange(0, film.times[-1], 1 / 30)
    shown = np.searchsorted(film.times, times + 1e-6, side="right") - 1
    return Film([film.frames[index] for index in shown], times.tolist())


def irregular(film: Film) -> Film:
    """A quarter of the frames left out by chance, the others at their own times."""
    left = np.random.default_rng(0).random(len(film.frames)) > 0.25
    left[0] = True
    return film.of(np.flatnonzero(left).tolist())


ATTACKS: dict[str, Callable[[Film], Film]] = {
    "crf18": lambda film: film,
    "crf23": lambda film: coded(film, 23),
    "crf28": lambda film: coded(film, 28),
    "crf33": lambda film: coded(film, 33),
    "half": lambda film: coded(at_size(film, 0.5), 23),
    "crop5": lambda film: coded(cropped(film, 0.05), 23),
    "crop10": lambda film: coded(cropped(film, 0.1), 23),
    "reframed": lambda film: coded(reframed(film), 23),
    "fps30": lambda film: coded(at_30(film), 23),
    "irregular": lambda film: coded(irregular(film), 23),
    "twice": lambda film: coded(coded(film, 26), 26),
    "hevc28": lambda film: coded(film, 28, "libx265"),
    "cut": lambda film: coded(film.of(range(20, len(film.frames))), 23),
}
