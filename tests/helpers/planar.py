"""Decoded frames of any format, as a decoder would give them."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from retalk_nodes.retalk_core.media.color import ColorTags
from retalk_nodes.retalk_core.media.planes.layout import plane_arrays, plane_layout
from retalk_nodes.retalk_core.media.planes.stored import AreaReader, StoredPicture
from retalk_nodes.retalk_core.media.planes.turn import Turn


def noisy_frame(size: tuple[int, int], name: str, seed: int = 0, *, smooth: float = 0) -> av.VideoFrame:
    """A frame of this height and width full of noise, which may be smoothed."""
    random = np.random.default_rng(seed)
    frame, layout = av.VideoFrame(size[1], size[0], name), plane_layout(name)
    assert layout is not None
    for plane in plane_arrays(frame, layout):
        noise = random.uniform(0, 1 << layout.bits, plane.shape)
        if smooth:
            noise = cv2.GaussianBlur(noise, (0, 0), smooth)
        plane[:] = noise.astype(layout.dtype)
    return frame


def stored_picture(
    frame: av.VideoFrame,
    color: ColorTags,
    *,
    size: tuple[int, int] | None = None,
    turn: Turn | None = None,
    interlaced: bool = False,
) -> StoredPicture:
    """A frame of a clip of these colours, and of its own size by default."""
    layout = plane_layout(frame.format.name)
    bits = 8 if layout is None else layout.bits
    size = size or (frame.height, frame.width)
    reader = AreaReader(Path("clip"), size, color, bits, interlaced=interlaced, turn=turn or Turn())
    return StoredPicture(frame, reader)
