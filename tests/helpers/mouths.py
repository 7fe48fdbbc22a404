"""Meshes of heads that turn and mouths that speak."""

from __future__ import annotations

import numpy as np
from scenes import drawn_mesh

OPENINGS = [0.0, 0.02, 0.05, 0.1, 0.15]
TURNS = [(0, 0, 0), (0, 0, 35), (15, 0, 0), (0, 25, 0), (-10, -20, 15), (0, 0, 180)]


def speaking(
    count: int = 40, size: float = 60.0, degrees: tuple[float, float, float] = (0, 0, 0), sway: float = 0.0
) -> list[np.ndarray]:
    """Meshes of a head that sways and a mouth that opens, rounds and spreads."""
    meshes = []
    for i in range(count):
        h = 0.06 - 0.055 * np.cos(i * 0.7)
        swayed = np.array(degrees) + sway * np.array([np.sin(i / 9), np.cos(i / 7), np.sin(i / 5)])
        width = 0.08 * np.sin(i * 0.31)
        pitch, yaw, roll = swayed.tolist()
        meshes.append(drawn_mesh(size, (80.0 + i / 5, 70.0), (pitch, yaw, roll), (h, 5 * h * h, width)))
    return meshes
