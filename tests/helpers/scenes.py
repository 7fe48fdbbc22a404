"""Drawn material that tests share: a portrait that moves its head and jaw, babble, files to hold them."""

from __future__ import annotations

import os
import stat
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.faces.canonical import load_mouth_model
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL
from retalk_nodes.retalk_core.types import FaceTrack

RATE = 16_000  # Hz, of voices
FPS = 25


# Pictures


def portrait(side: int = 160, left: int = 102, top: int = 0, span: int = 240) -> np.ndarray:
    """A woman's head and shoulders, (side, side, 3) uint8; her face is 0.44 of the side high."""
    data = pytest.importorskip("skimage.data", reason="scikit-image lends the portrait")
    part = data.astronaut()[top : top + span, left : left + span]
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)


def talking(count: int, side: int = 160, picture: np.ndarray | None = None) -> list[np.ndarray]:
    """Frames of a portrait whose head sways a little and whose jaw goes down and up."""
    picture = portrait(side) if picture is None else picture
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    lip, middle = 0.645 * side, 0.5 * side  # between the lips
    frames = []
    for i in range(count):
        drop = 0.035 * side * (0.5 - 0.5 * np.cos(i * 2 * np.pi / 9))
        below = np.clip((y - lip) / (0.02 * side), 0, 1) * np.clip((0.95 * side - y) / (0.15 * side), 0, 1)
        across = np.clip(1.6 - np.abs(x - middle) / (0.12 * side), 0, 1)
        sway = 0.01 * side * np.sin(i / 4), 0.008 * side * np.cos(i / 5)
        lower = (y - drop * below * across - sway[1]).astype(np.float32)
        sideways = (x - sway[0]).astype(np.float32)
        frames.append(cv2.remap(picture, sideways, lower, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return frames


def scenery(count: int, side: int = 160, seed: int = 3) -> list[np.ndarray]:
    """Frames without a face: coarse patches."""
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return [cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)] * count


def deepened(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The same pictures in 16 bit, with values that 8 bit doesn't have."""
    noise = np.random.default_rng(0)
    return [
        (picture.astype(np.uint16) * 256 + noise.integers(0, 256, picture.shape).astype(np.uint16))
        for picture in pictures
    ]


# Meshes


def drawn_mesh(
    size: float = 60.0,
    centre: tuple[float, float] = (80.0, 70.0),
    degrees: tuple[float, float, float] = (0, 0, 0),
    drivers: tuple[float, float, float] = (0, 0, 0),
) -> np.ndarray:
    """The model's own face (468, 3) in frame pixels.

    size: pixels between the eyes; degrees: turned about x, y and z; drivers: of the mouth model
    """
    model = load_mouth_model()
    shape = model.reference + np.einsum("k,kpc->pc", np.array(drivers, np.float32), model.basis)
    placed = size * shape @ rotation(*degrees).T
    return (placed + np.array([*centre, 0.0])).astype(np.float32)


def rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """A rotation matrix (3, 3) from degrees about x, y and z."""
    matrix = np.eye(3)
    for axis, angle in zip(np.eye(3), (pitch, yaw, roll), strict=True):
        matrix = cv2.Rodrigues(np.radians(angle) * axis)[0] @ matrix
    return matrix


def drawn_track(meshes: Sequence[np.ndarray], size: tuple[int, int] = (160, 160)) -> FaceTrack:
    """A track of one shot whose face is seen in every frame."""
    mesh = np.stack(meshes)
    oval = mesh[:, list(FACE_OVAL), :2]
    count = len(mesh)
    return FaceTrack(
        times=tuple(Fraction(i, FPS) for i in range(count)),
        boxes=torch.from_numpy(np.concatenate([oval.min(axis=1), oval.max(axis=1)], axis=1)),
        mesh=torch.from_numpy(mesh),
        scores=torch.ones(count),
        present=torch.ones(count, dtype=torch.bool),
        shot=torch.zeros(count, dtype=torch.int64),
        weight=torch.ones(count),
        frame_size=size,
    )


# Sound


def babble(seconds: float, rate: int = RATE) -> np.ndarray:
    """A voice of vowels and short stops, (n,) float32; loud from the first tenth of a second."""
    time = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 130 * k * time + k * k) / k for k in range(1, 25))
    syllables = np.clip(0.2 + np.sin(2 * np.pi * 3.1 * time), 0, 1)
    return (0.25 * buzz * syllables).astype(np.float32)


def quiet(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(round(seconds * rate), np.float32)


def write_voice(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    """Write samples (n,) or (channels, n) as 16-bit WAV."""
    rows = np.atleast_2d(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(rows))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(rows, -1, 1) * 32767).astype("<i2").T.tobytes())
    return path


# Files, written and read without any code under test

STORED = {"ffv1": "bgr0", "libx264": "yuv420p"}  # pixel formats


def write_clip(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    rate: Fraction | int = FPS,
    stamps: Sequence[int] | None = None,
    codec: str = "ffv1",
    pixel_format: str | None = None,
    given: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures as a clip; `stamps` count ticks of 1/rate. `given` names the pictures' own format."""
    tick = 1 / Fraction(rate)
    deep = pictures[0].dtype == np.uint16
    stored = pixel_format or ("gbrp16le" if deep and codec == "ffv1" else STORED[codec])
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(rate), options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = stored
        stream.codec_context.time_base = stream.time_base = tick
        for i, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, given or ("gbrp16le" if deep else "rgb24"))
            if frame.format.name != stored:
                frame = frame.reformat(format=stored)
            frame.pts, frame.time_base = (stamps[i] if stamps else i), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def speaking_clip(path: Path, count: int, frames: np.ndarray | None = None) -> Path:
    """Write a lossless clip of a portrait, or of frames, that babbles as long as it lasts."""
    silent = write_clip(path.with_name("silent.mkv"), talking(count) if frames is None else frames)
    voice = write_voice(path.with_name("voice.wav"), babble(count / 25))
    with av.open(str(path), "w") as made, av.open(str(silent)) as picture, av.open(str(voice)) as sound:
        streams = [made.add_stream_from_template(each.streams[0]) for each in (picture, sound)]
        for each, stream in zip((picture, sound), streams, strict=True):
            for packet in each.demux(each.streams[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    made.mux(packet)
    silent.unlink()
    voice.unlink()
    return path


def pixels_of(path: Path) -> list[np.ndarray]:
    """All frames as RGB: uint16 where the file says so, else uint8."""
    with av.open(str(path)) as container:
        return [
            frame.to_ndarray(format="gbrp16le" if frame.format.name == "gbrp16le" else "rgb24")
            for frame in container.decode(video=0)
        ]


def stamps_of(path: Path) -> list[Fraction]:
    """The times of all frames, in seconds, exactly as stored."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.pts * frame.time_base for frame in frames if frame.pts is not None and frame.time_base]


def null_device(folder: Path) -> Path:
    """A device that swallows everything: one of the test's own, where this user could harm the system's."""
    path = folder / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except (AttributeError, PermissionError):  # of Windows; of a user who can't replace a device either
        return Path(os.devnull)
    return path


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
