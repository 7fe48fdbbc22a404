"""Make retalk_core/cli/demo_clip.mp4: the demo's public-domain portrait, whose head sways a little.

    python scripts/make_demo_clip.py

The photograph is NASA's of Eileen Collins, in the public domain; it comes with scikit-image. Every frame is a
smooth warp of it: the head turns about the neck and leans, shoulders follow less, the background is at rest.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from retalk_nodes.retalk_core.cli.demo import portrait
from retalk_nodes.retalk_core.media.writer import VideoWriter

TARGET = Path(__file__).resolve().parents[1] / "retalk_core" / "cli" / "demo_clip.mp4"
RATE = 25
SECONDS = 7.2  # a little more than the voice that ships
QUALITY = 21
HEAD, REACH = (222.0, 112.0), (105.0, 150.0)  # the head's middle and how far it draws pixels along, x and y
NECK = (222.0, 205.0)  # what it turns about
TURN, LEAN, NOD = 2.6, 5.0, 2.5  # degrees and pixels, at the most


def frames() -> list[np.ndarray]:
    """(512, 512, 3) RGB uint8, `RATE` a second."""
    picture = portrait()
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    far = ((x - HEAD[0]) / REACH[0]) ** 2 + ((y - HEAD[1]) / REACH[1]) ** 2
    weight = np.exp(-0.5 * far**2)
    made = []
    for index in range(round(SECONDS * RATE)):
        turn, lean, nod = _pose(index / RATE)
        across, down = x - NECK[0], y - NECK[1]
        cosine, sine = math.cos(turn) - 1, math.sin(turn)
        from_x = x - weight * (lean + cosine * across - sine * down)
        from_y = y - weight * (nod + sine * across + cosine * down)
        made.append(cv2.remap(picture, from_x, from_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE))
    return made


def _pose(seconds: float) -> tuple[float, float, float]:
    """How far the head is turned, in radians, and moved, in pixels; at rest at the beginning and the end."""
    phase = 2 * math.pi * seconds / SECONDS
    turn = math.radians(TURN) * (0.7 * math.sin(phase) + 0.3 * math.sin(3 * phase))
    return turn, LEAN * math.sin(phase) * math.cos(phase), NOD * (math.cos(2 * phase) - 1) / 2


def main() -> None:
    TARGET.unlink(missing_ok=True)
    words = {"comment": "Eileen Collins, photographed by NASA (public domain), moved by ReTalk's script"}
    with VideoWriter(TARGET, (512, 512), rate=Fraction(RATE), quality=QUALITY, metadata=words) as writer:
        for index, pixels in enumerate(frames()):
            writer.write(pixels, Fraction(index, RATE), Fraction(1, RATE))
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
