"""Whether a face is still the same person's, and its mouth where the truth has it."""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.canonical import head_poses
from ..images import eight_bit
from ..types import IBUG_FROM_MESH
from .registry import metric

ARCFACE_SIDE = 112  # pixels of a face as ArcFace reads it
_MOUTH = slice(48, 68)  # of the 68 iBUG points
# Where ArcFace's training data has eyes, nose tip and corners of the mouth, in a picture of 112 pixels.
ARCFACE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)


@metric("identity", better="higher", words="identity {:.3f}", source="Deng et al. 2019")
def identity(identities: np.ndarray) -> float | None:
    """The mean cosine (n,) between the vectors of a face in the result and in the source; 1 is the same."""
    return float(np.mean(identities)) if len(identities) else None


@metric("identity_low", better="higher", words="in the worst twentieth {:.3f}", source="Deng et al. 2019")
def identity_low(identities: np.ndarray) -> float | None:
    """The cosine that 95 % of the frames (n,) exceed."""
    return float(np.percentile(identities, 5)) if len(identities) else None


@metric(
    "mouth_distance",
    better="lower",
    words="mouth {:.3f} eye distances off the truth",
    source="Chen et al. 2018",
)
def mouth_distance(mouth_steps: np.ndarray) -> float | None:
    """The mean distance (n,) of the mouth's points from the true ones, in eye distances."""
    return float(np.mean(mouth_steps)) if len(mouth_steps) else None


def mouth_step(mesh: np.ndarray, true_mesh: np.ndarray) -> float:
    """How far a mouth is from the true one, once both faces (468, 3) lie on each other, in eye distances."""
    one, other = (
        head_poses(each[None]).to_canonical(each[None])[0, list(IBUG_FROM_MESH)][_MOUTH, :2]
        for each in (mesh, true_mesh)
    )
    return float(np.linalg.norm(one - other, axis=1).mean())


def aligned_face(picture: np.ndarray, five: np.ndarray) -> np.ndarray:
    """A face (112, 112, 3) uint8 RGB as ArcFace reads it.

    picture: (H, W, 3)
    five:    (5, 2) its eyes, nose tip and corners of the mouth, the picture's left first
    """
    affine, _ = cv2.estimateAffinePartial2D(five.astype(np.float64), ARCFACE_POINTS, method=cv2.LMEDS)
    if affine is None:
        affine = np.eye(2, 3)
    size = (ARCFACE_SIDE, ARCFACE_SIDE)
    return eight_bit(cv2.warpAffine(picture, affine, size, borderMode=cv2.BORDER_CONSTANT))
