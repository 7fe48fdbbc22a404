"""Choose the face that is meant among those in view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import OptionError
from ..types import Frame
from .choice import FaceChoice
from .mesh import Mesh, box_area, face_box


def choose_face(meshes: Sequence[Mesh], choice: FaceChoice, frame: Frame) -> Mesh | None:
    """The face to follow among those in view, or None if none of them is meant."""
    if not meshes:
        return None
    boxes = [face_box(mesh.points) for mesh in meshes]
    if choice.rule == "index":
        order = from_left(meshes)
        return order[choice.index] if choice.index < len(order) else None
    if choice.rule == "point":
        ranks = [-float(np.hypot(*((box[:2] + box[2:]) / 2 - choice.point))) for box in boxes]
    elif choice.rule == "mask":
        ranks = [_covered(box, choice, frame) for box in boxes]
    else:
        ranks = [box_area(box) for box in boxes]
    best = int(np.argmax(ranks))
    return None if choice.rule == "mask" and ranks[best] <= 0 else meshes[best]


def from_left(meshes: Sequence[Mesh]) -> list[Mesh]:
    """The faces in the order of their boxes' middles, from left to right."""

    def doubled_middle(mesh: Mesh) -> float:
        box = face_box(mesh.points)
        return float(box[0] + box[2])

    return sorted(meshes, key=doubled_middle)


def place_from_left(index: int) -> str:
    """Which face, in words: "3rd face from the left" for 2."""
    number = index + 1
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending} face from the left"


def refuse_choice(choice: FaceChoice, most: int) -> None:
    """Say so where faces are in view, but never the one that is meant."""
    if most and choice.rule == "index":
        raise OptionError(
            f"There is no {place_from_left(choice.index)}: no frame shows more than {most}. Choose one up to "
            f"the {place_from_left(most - 1)}; --face-index counts from 0."
        )
    if most and choice.rule == "mask":
        raise OptionError(
            f"The mask covers none of the faces, of which up to {most} can be seen at a time. Paint it white "
            "over the face that is meant."
        )


def _covered(box: np.ndarray, choice: FaceChoice, frame: Frame) -> float:
    """The mean of the mask inside a box (4,) in frame pixels, in [0, 1]."""
    assert choice.mask is not None
    mask = choice.mask if choice.mask.ndim == 2 else choice.mask[min(frame.index, len(choice.mask) - 1)]
    scale = np.array(mask.shape) / frame.picture.shape[:2]
    left, top, right, bottom = (box * np.tile(scale[::-1], 2)).clip(0).round().astype(int)
    part = mask[top : max(bottom, top + 1), left : max(right, left + 1)]
    return float(part.mean()) if part.size else 0.0
