"""Which picture of a shot lends it its teeth."""

from __future__ import annotations

import numpy as np

from ...faces.canonical import load_mouth_model
from ...images import white_of
from .drawn import drawn_teeth
from .face import Jaws
from .retrieval import Bank
from .shape import ShotShapes, teeth_places
from .teeth import FINENESS, ROUGH, Teeth, seen_teeth

TRIED = 8  # of the widest mouths


def gather_teeth(shapes: ShotShapes, bank: Bank, mesh: np.ndarray) -> Teeth:
    """The teeth that the shot's bank shows best, or drawn ones where it shows none.

    mesh: (m, 468, 3) the face in the bank's pictures
    """
    opening = shapes.drivers[bank.rows, 0]
    best, most = -1, 0.0
    for entry in np.argsort(-opening, kind="stable")[:TRIED].tolist():
        seen = _teeth_of(shapes, bank, mesh, entry, ROUGH)
        if seen is None:
            continue
        size = float(opening[entry]) / shapes.full_opening
        sharp = bank.sharpness[entry] / max(float(np.median(bank.sharpness)), 1e-6)
        worth = seen.worth * min(size, 1.0, (1.4 / size) ** 2) * min(sharp, 1.5)
        if worth > most:
            best, most = entry, worth
    seen = None if best < 0 else _teeth_of(shapes, bank, mesh, best, FINENESS)
    return seen or drawn_teeth(round(1 / float(np.median(shapes.pose.scale))))


def _teeth_of(shapes: ShotShapes, bank: Bank, mesh: np.ndarray, entry: int, per_pixel: float) -> Teeth | None:
    row = bank.rows[entry : entry + 1]
    driven, pose = shapes.drivers[row], shapes.pose[row]
    rest = pose.to_canonical(mesh[entry][None]) - np.einsum("tk,kpc->tpc", driven, load_mouth_model().basis)
    upper, lower = teeth_places(rest, driven)[0]
    picture = bank.pictures[entry].astype(np.float32) / white_of(bank.pictures[entry])
    jaws = Jaws(pose, upper, lower)
    points, opening = mesh[entry][:, :2], float(driven[0, 0])
    return seen_teeth(picture, bank.corners[entry], points, jaws, opening, per_pixel)
