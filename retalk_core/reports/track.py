"""Show a face track: drawn over the clip, on a sheet, or in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from ..faces.mesh import FACE_OVAL, head_pose
from ..faces.track import TrackedFace
from ..images import eight_bit
from ..media.clip import Clip, written_as
from ..media.reader import prefetch
from ..media.writer import VideoWriter
from ..times import exact_tick, timecode
from ..types import FaceTrack, Frame, Progress, silent
from .lettering import write_words
from .report import stretches

FOUND, DOUBTFUL = (60, 220, 90), (250, 150, 40)
LABEL, LABEL_RIM = (255, 255, 255), (0, 0, 0)
SHEET_FRAMES = 32
SHEET_COLUMNS = 8
TILE = 200  # pixels


def draw_track(frame: Frame, tracked: TrackedFace, row: int) -> np.ndarray:
    """The frame (H, W, 3) as uint8 with the face's box, landmarks and state at a row of the track."""
    picture = draw_face(frame, tracked, row)
    letters = max(14, round(max(picture.shape[:2]) / 50))
    caption = f"shot {int(tracked.track.shot[row])}  {tracked.reasons[row] or 'face'}"
    words = f"{timecode(frame.time)}  {caption}"
    write_words(picture, words, (letters // 2, letters // 2), letters, LABEL, LABEL_RIM)
    return picture


def draw_face(frame: Frame, tracked: TrackedFace, row: int) -> np.ndarray:
    """The frame (H, W, 3) as uint8 with the face's box and landmarks at a row of the track."""
    picture = eight_bit(frame.pixels).copy()
    track, reason = tracked.track, tracked.reasons[row]
    size = max(1, round(max(picture.shape[:2]) / 700))
    if bool(track.present[row]):
        colour = DOUBTFUL if tracked.filled[row] or reason else FOUND
        left, top, right, bottom = (round(float(edge)) for edge in track.boxes[row])
        cv2.rectangle(picture, (left, top), (right, bottom), colour, size)
        for x, y in track.landmarks[row].tolist():
            cv2.circle(picture, (round(x * 8), round(y * 8)), 8 * size, colour, -1, cv2.LINE_AA, shift=3)
    return picture


def write_overlay(
    clip: Clip, tracked: TrackedFace, output: Path, frames: range, progress: Progress = silent
) -> None:
    """Write the clip's frames with the track drawn over them."""
    times = [clip.times[i] - clip.times[frames[0]] for i in frames]
    end = _end_of(clip, frames) - clip.times[frames[0]]
    tick = exact_tick(times, end)
    with VideoWriter(
        output,
        clip.size,
        tick=tick,
        color=clip.color,
        pixel_aspect=clip.pixel_aspect,
        interlacing=written_as(clip),
    ) as writer:
        for row, frame in enumerate(prefetch(clip.frames(frames))):
            stop = times[row + 1] if row + 1 < len(times) else end
            writer.write(draw_track(frame, tracked, row), times[row], stop - times[row])
            progress(row + 1, len(times))


def overlay_sheet(clip: Clip, tracked: TrackedFace, frames: range) -> np.ndarray:
    """At most 32 frames of the track, evenly spread, as one RGB picture."""
    count = min(SHEET_FRAMES, len(frames))
    rows = [int((i + 0.5) * len(frames) / count) for i in range(count)]
    shown: Iterable[Frame] = clip.frames([frames[row] for row in rows])
    tiles = [_captioned(frame, tracked, row) for row, frame in zip(rows, shown, strict=True)]
    columns = min(SHEET_COLUMNS, count)
    tiles += [np.full((TILE, TILE, 3), 255, np.uint8)] * (-count % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def describe_track(clip: Clip, tracked: TrackedFace, frames: range) -> dict[str, Any]:
    """What was found, as plain numbers and words for JSON."""
    track = tracked.track
    yaw, pitch, roll = head_pose(track.mesh[track.present].numpy())
    times = [clip.times[i] for i in frames]
    end = _end_of(clip, frames)
    heights = (track.boxes[:, 3] - track.boxes[:, 1])[track.present]
    return {
        "clip": str(clip.path),
        "width": clip.size[1],
        "height": clip.size[0],
        "frames": len(clip.times),
        "seconds": float(clip.end),
        "frame_rate": str(clip.rate) if clip.rate else "variable",
        "bit_depth": clip.bit_depth,
        "has_sound": clip.has_sound,
        "frames_with_face": int(track.present.sum()),
        "frames_filled_in": int(tracked.filled.sum()),
        "faces_seen": int(tracked.faces_seen.max()),
        "people_seen": tracked.people,
        "face_height": {"least": float(heights.min()), "median": float(heights.median())},
        "head_degrees": {
            name: {"least": float(np.min(angle)), "most": float(np.max(angle))}
            for name, angle in (("yaw", yaw), ("pitch", pitch), ("roll", roll))
        },
        "cuts": [float(times[cut]) for cut in tracked.cuts],
        "notes": list(clip.notes),
        "untouched": [
            vars(stretch) for stretch in stretches(times, end, tracked.reasons, track.shot.numpy())
        ],
    }


def track_lines(found: dict[str, Any]) -> list[str]:
    """What `describe_track` found, in lines for people."""
    lines = [
        f"{found['width']}x{found['height']}, {found['frames']} frames, {found['seconds']:.2f} s, "
        f"frame rate {found['frame_rate']}",
        f"face in {found['frames_with_face']} frames, faces seen: {found['faces_seen']}, "
        f"{found['face_height']['median']:.0f} pixels high, {len(found['cuts'])} cuts",
    ]
    for stretch in found["untouched"]:
        lines.append(f"no edit from {stretch['start']:.2f} to {stretch['end']:.2f} s: {stretch['reason']}")
    return [*lines, *(f"note: {note}" for note in found["notes"])]


def oval_masks(track: FaceTrack, *, together: bool = False) -> Tensor:
    """Masks of the face's oval, (T, H, W) float32, 0 in frames without a face.

    together: one mask (1, H, W) of all places where the face is, which takes no more memory for a long clip
    """
    oval = track.mesh[:, list(FACE_OVAL), :2].numpy()
    masks = np.zeros((1 if together else len(track), *track.frame_size), np.float32)
    for row in np.flatnonzero(track.present.numpy()).tolist():
        outline = np.round((oval[row] - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(masks[0 if together else row], [outline], 1.0, lineType=cv2.LINE_8, shift=4)
    return torch.from_numpy(masks)


def _end_of(clip: Clip, frames: range) -> Fraction:
    """When the last of some frames stops showing, in seconds of the clip."""
    after = frames[-1] + 1
    return clip.times[after] if after < len(clip.times) else clip.end


def _captioned(frame: Frame, tracked: TrackedFace, row: int) -> np.ndarray:
    """A frame in a tile, under its time and what is wrong with the face."""
    tile = _fit(draw_face(frame, tracked, row))
    words = "  ".join(filter(None, [timecode(frame.time), tracked.reasons[row]]))
    write_words(tile, words, (5, 4), 13, LABEL, LABEL_RIM)
    return tile


def _fit(picture: np.ndarray) -> np.ndarray:
    """A picture shrunk into a white tile."""
    scale = TILE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((TILE, TILE, 3), 255, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small[:TILE, :TILE]
    return tile
