"""The mesh of a face: find its points in a picture, and read box, size, movement and pose off them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ...models.faces.facemesh import SIDE, FaceMesh
from ..compute.devices import cpu_threads
from ..images import eight_bit, to_input
from ..media.planes.ahead import Place
from ..types import FaceTrack, Pixels
from .canonical import EYE_CORNERS
from .detect import Detection, quarters
from .shots import shot_bounds

FACE_MARGIN = 1.5  # the side of the region around a face, for the face's longer side
# Points of the mesh around the face, clockwise as seen from the top of the forehead.
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

# Points that neither lips nor jaw nor brows move, and where MediaPipe's canonical face has them, in
# centimetres: x to the person's left, y up, z towards the camera.
_RIGID = {
    33: (-4.45, 2.66, 3.17),  # eyes, outer and inner corners
    133: (-1.86, 2.59, 3.76),
    362: (1.86, 2.59, 3.76),
    263: (4.45, 2.66, 3.17),
    54: (-6.28, 6.62, 1.43),  # forehead
    67: (-3.52, 8.01, 3.73),
    10: (0.0, 8.26, 4.48),
    297: (3.52, 8.01, 3.73),
    284: (6.28, 6.62, 1.43),
    127: (-7.74, 2.36, -2.01),  # temples and ears
    234: (-7.66, 0.67, -2.44),
    356: (7.74, 2.36, -2.01),
    454: (7.66, 0.67, -2.44),
    168: (0.0, 3.27, 5.24),  # bridge of the nose
    6: (0.0, 2.47, 5.79),
    197: (0.0, 1.73, 6.32),
}
RIGID_POINTS = tuple(_RIGID)
RIGID_SHAPE = np.array(list(_RIGID.values())) * (1.0, -1.0, -1.0)  # as a mesh has them: y down, z away


@dataclass(frozen=True, eq=False)
class Mesh:
    """One face's points, in pixels of the frame."""

    points: np.ndarray  # (468, 3) fp32; z grows away from the camera, its zero lies inside the head
    score: float  # how sure it is that a face is there, in [0, 1]


@dataclass(frozen=True)
class FaceRegion:
    """A turned square around a face."""

    centre: tuple[float, float]  # x, y in pixels; pixel i's centre is i + 0.5
    side: float  # pixels
    angle: float  # radians; clockwise as seen, so that the eyes are level in the crop

    @property
    def to_frame(self) -> np.ndarray:
        """The affine (2, 3) from pixels of the crop to pixels of the frame."""
        scale = self.side / SIDE
        cosine, sine = scale * np.cos(self.angle), scale * np.sin(self.angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        return np.column_stack([turn, np.array(self.centre) - turn @ [SIDE / 2, SIDE / 2]])


def find_mesh(network: FaceMesh, picture: Pixels, region: FaceRegion) -> Mesh:
    """Find the points of the face in a region of a picture.

    picture: (H, W, 3) RGB uint8 or uint16; the region may reach beyond its edges
    returns: points in the picture's pixels; they mean nothing where the score is low
    """
    crop = crop_region(picture, region)
    device = next(network.parameters()).device
    with torch.inference_mode(), cpu_threads(1):
        points, logit = network(to_input(crop).to(device))
    flat = points[0].float().cpu().numpy()
    affine = region.to_frame.astype(np.float32)
    placed = np.empty_like(flat)
    placed[:, :2] = flat[:, :2] @ affine[:, :2].T + affine[:, 2]
    placed[:, 2] = flat[:, 2] * (region.side / SIDE)
    return Mesh(placed, float(torch.sigmoid(logit[0].float())))


def region_of_detection(detection: Detection) -> FaceRegion:
    """Where to look for the points of a face that was just detected."""
    left, top, right, bottom = detection.box
    across = detection.keypoints[1] - detection.keypoints[0]
    side = FACE_MARGIN * max(right - left, bottom - top)
    return FaceRegion(((left + right) / 2, (top + bottom) / 2), side, float(np.arctan2(across[1], across[0])))


def region_of_points(points: np.ndarray) -> FaceRegion:
    """Where to look for a face whose points (468, 2 or 3) were there a frame ago."""
    right, left = EYE_CORNERS
    across = points[left, :2] - points[right, :2]
    angle = float(np.arctan2(across[1], across[0]))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    level = points[:, :2] @ turn  # turned back: the eyes are level
    low, high = level.min(axis=0), level.max(axis=0)
    centre = turn @ ((low + high) / 2)
    return FaceRegion((float(centre[0]), float(centre[1])), FACE_MARGIN * float((high - low).max()), angle)


def quarters_of(points: np.ndarray) -> int:
    """By how many quarters to turn a picture to the left so that a face (468, 2 or 3) is upright, 0..3."""
    right, left = EYE_CORNERS
    return quarters(points[left, :2] - points[right, :2])


def shot_quarters(track: FaceTrack) -> np.ndarray:
    """By how many quarters to turn each frame to the left so that its shot's face is upright, (T,) 0..3."""
    right, left = EYE_CORNERS
    across = (track.mesh[:, left, :2] - track.mesh[:, right, :2]).double().numpy()
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    start = shot_bounds(track.shot)[0].numpy()
    turns = np.zeros(len(track), int)
    for first in np.unique(start):
        rows = start == first
        seen = rows & track.present.numpy()
        if seen.any():
            turns[rows] = quarters(across[seen].mean(axis=0))
    return turns


def quarter_turn(frame_size: tuple[int, int], turn: int) -> np.ndarray:
    """The affine (2, 3) from a frame's pixels to those of the same turned to the left by so many quarters."""
    height, width = frame_size
    return np.array(
        {
            0: [(1, 0, 0), (0, 1, 0)],
            1: [(0, 1, 0), (-1, 0, width)],
            2: [(-1, 0, width), (0, -1, height)],
            3: [(0, -1, height), (1, 0, 0)],
        }[turn],
        float,
    )


def crop_region(picture: Pixels, region: FaceRegion) -> np.ndarray:
    """Cut a region out of a picture as (192, 192, 3) uint8; beyond the picture's edges they are repeated.

    A large region is averaged to about twice the crop's size first: skipping pixels makes points tremble.
    """
    rows, columns = place_of(region, (picture.shape[0], picture.shape[1]))
    part, left, top = picture[rows, columns], columns.start, rows.start
    size = np.array([part.shape[1], part.shape[0]])
    factor = 2 * SIDE / region.side
    if factor < 0.75:
        part = cv2.resize(
            part, np.maximum(np.round(size * factor), 1).astype(int).tolist(), None, 0, 0, cv2.INTER_AREA
        )
    scale = np.array([part.shape[1], part.shape[0]]) / size
    matrix = region.to_frame
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - [left, top]  # OpenCV counts from pixel centres
    matrix = matrix * scale[:, None]
    matrix[:, 2] -= 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(part, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return eight_bit(crop)


def next_place(points: np.ndarray | None, frame_size: tuple[int, int]) -> Place | None:
    """Where a face (468, 2 or 3) is looked for in the frame after; None where there is none."""
    return None if points is None else place_of(region_of_points(points), frame_size)


def place_of(region: FaceRegion, frame_size: tuple[int, int]) -> Place:
    """The rows and columns of a frame that a region is cut out of."""
    half = region.side / 2 * (abs(np.cos(region.angle)) + abs(np.sin(region.angle))) + 2
    (x, y), (height, width) = region.centre, frame_size
    left, top = (int(np.clip(edge - half, 0, size - 1)) for edge, size in ((x, width), (y, height)))
    right, bottom = (int(np.clip(edge + half + 1, 1, size)) for edge, size in ((x, width), (y, height)))
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def face_box(points: np.ndarray) -> np.ndarray:
    """The box (4,) around the oval of a face's points (468, 2 or 3): left, top, right, bottom."""
    oval = points[list(FACE_OVAL), :2]
    return np.concatenate([oval.min(axis=0), oval.max(axis=0)])


def face_height(points: np.ndarray) -> float:
    """Pixels from forehead to chin, however the head is tilted."""
    return float(np.linalg.norm(points[10, :2] - points[152, :2]))


def box_area(box: np.ndarray) -> float:
    """Square pixels of a box (4,)."""
    return float((box[2:] - box[:2]).prod())


def box_distance(box: np.ndarray, other: np.ndarray) -> float:
    """How far two boxes (4,) are apart, in sizes of the first."""
    centres = (box[:2] + box[2:]) / 2, (other[:2] + other[2:]) / 2
    return float(np.hypot(*(centres[1] - centres[0])) / max(np.sqrt(box_area(box)), 1e-6))


def face_step(before: np.ndarray, after: np.ndarray) -> float:
    """How far a face (468, 3) moved or grew, in its own size."""
    boxes = face_box(before), face_box(after)
    growth = abs(np.log(max(box_area(boxes[1]), 1e-6) / max(box_area(boxes[0]), 1e-6)))
    return max(box_distance(*boxes), float(growth))


def head_pose(mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Yaw, pitch and roll of heads, in degrees, each (...,), from their points (..., 468, 3).

    Yaw is positive where the face looks to the picture's right, pitch where it looks up, roll where the
    head leans clockwise as seen. All are about 0 for a face that looks into the camera.
    """
    points = mesh[..., list(RIGID_POINTS), :].astype(np.float64)
    points = points - points.mean(axis=-2, keepdims=True)
    shape = RIGID_SHAPE - RIGID_SHAPE.mean(axis=0)
    u, _, vt = np.linalg.svd(points.swapaxes(-1, -2) @ shape)
    turned = np.linalg.det(u @ vt)  # -1 where the best fit would be a mirror image
    flip = np.stack([np.ones_like(turned), np.ones_like(turned), turned], axis=-1)
    rotation = (u * flip[..., None, :]) @ vt
    yaw = np.arcsin(rotation[..., 2, 0].clip(-1, 1))
    pitch = -np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.degrees(yaw), np.degrees(pitch), np.degrees(roll)


def oval_boxes(track: FaceTrack) -> np.ndarray:
    """The boxes (T, 4) around the faces' ovals: left, top, right, bottom."""
    oval = track.mesh[:, list(FACE_OVAL), :2].double().numpy()
    return np.concatenate([oval.min(axis=1), oval.max(axis=1)], axis=1)


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Eyes, nose tip and corners of the mouth (T, 5, 2) of landmarks (T, 68, 2); the picture's left first."""
    eyes = landmarks[:, 36:42].mean(axis=1), landmarks[:, 42:48].mean(axis=1)
    return np.stack([*eyes, landmarks[:, 30], landmarks[:, 48], landmarks[:, 54]], axis=1)
