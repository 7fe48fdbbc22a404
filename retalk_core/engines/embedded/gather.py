"""Which picture of a shot lends it its teeth."""

from __future__ import annotations

import numpy as np

from ...faces.canonical import load_mouth_model
from ...images import white_of
from .drawn import drawn_teeth
from .face import Jaws
from .retrieval import Bank
from .shape import ShotShapes, teeth_places
from .teeth import Teeth, seen_teeth

TRIED = 12  # of the widest mouths


def gather_teeth(shapes: ShotShapes, bank: Bank, mesh: np.ndarray) -> Teeth:
    """The teeth that the shot's bank shows best, or drawn ones where it shows none.

    mesh: (m, 468, 3) the face in the bank's pictures
    """
    driven = shapes.drivers[bank.rows]
    best, most = None, 0.0
    for entry in np.argsort(-driven[:, 0], kind="stable")[:TRIED].tolist():
        opening = float(driven[entry, 0])
        seen = _teeth_of(shapes, bank, mesh, entry)
        if seen is None:
            continue
        size = opening / shapes.full_opening
        sharp = bank.sharpness[entry] / max(float(np.median(bank.sharpness)), 1e-6)
        worth = seen.worth * min(size, 1.0, (1.4 / size) ** 2) * min(sharp, 1.5)
        if worth > most:
            best, most = seen, worth
    return best or drawn_teeth()


def _teeth_of(shapes: ShotShapes, bank: Bank, mesh: np.ndarray, entry: int) -> Teeth | None:
    row = bank.rows[entry : entry + 1]
    driven, pose = shapes.drivers[row], shapes.pose[row]
    rest = pose.to_canonical(mesh[entry][None]) - np.einsum("tk,kpc->tpc", driven, load_mouth_model().basis)
    upper, lower = teeth_places(rest, driven)[0]
    picture = bank.pictures[entry].astype(np.float32) / white_of(bank.pictures[entry])
    jaws = Jaws(pose, upper, lower)
    return seen_teeth(picture, bank.corners[entry], mesh[entry][:, :2], jaws, float(driven[0, 0]))
