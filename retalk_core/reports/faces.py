"""Show the faces among which one is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..faces.detect import FaceNetworks, overlap
from ..faces.follow import faces_in_view
from ..faces.mesh import face_box
from ..faces.track import TrackedFace
from ..images import eight_bit
from ..media.clip import Clip


@dataclass(frozen=True, eq=False)
class FacesInView:
    """One frame, and the faces in it."""

    pixels: np.ndarray  # (H, W, 3) uint8 RGB
    boxes: np.ndarray  # (n, 4) left, top, right, bottom in frame pixels, from left to right
    chosen: int  # the face that is followed, -1 where it is none of these

    def __len__(self) -> int:
        return len(self.boxes)


def choice_of_faces(
    clip: Clip, tracked: TrackedFace, networks: FaceNetworks, first: int = 0
) -> FacesInView | None:
    """The faces where a shot begins: in the shot that has most of them; None where no face was followed.

    first: the clip's frame that the track begins with
    """
    present, shots = tracked.track.present.numpy(), tracked.track.shot.numpy()
    rows = np.flatnonzero(present)
    if not len(rows):
        return None
    begins = rows[np.unique(shots[rows], return_index=True)[1]]
    row = int(begins[np.argmax(tracked.faces_seen[begins])])
    frame = next(iter(clip.frames([first + row])))
    boxes = np.array([face_box(mesh.points) for mesh in faces_in_view(networks, frame)]).reshape(-1, 4)
    shares = overlap(tracked.track.boxes[row].numpy(), boxes)
    chosen = int(shares.argmax()) if len(shares) and shares.max() > 0 else -1
    return FacesInView(eight_bit(frame.pixels), boxes, chosen)
