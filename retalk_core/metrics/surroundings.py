"""An edited mouth against what is around it, and a tracked face against what it should be."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.canonical import EYE_CORNERS, INNER_LIP, OUTER_LIP, eye_distance, head_poses
from ..faces.mesh import FACE_OVAL
from ..images import warp_seen, white_of
from ..types import Pixels

VIEW_SIDE = 96  # pixels of the pictures that are compared
WIDTH = 1.5  # eye distances that they show, with the mouth in the middle
_LIPS_REACH = 4  # pixels around the lips that move with them
SKIN_REACH = 14  # pixels around the lips that count as the skin beside them
OVAL_MARGIN = 4  # pixels inside the face's outline that may show what is behind it
BLACK = 0.02  # added to brightness before it is compared, so that black against black is nothing
CALM = 2.0  # pixels of blur behind which noise and grain don't count
UNLIKE_SKIN = 0.7  # of the logarithm of brightness: twice as bright or half
# Points that tell one face from another and hardly move when it speaks: nose, forehead, temples, eyes, chin.
PROPORTIONS = (4, 152, 10, 234, 454, 61, 291, 168, 33, 263, 2)
CHEEKS = (50, 280, 101, 330, 205, 425, 187, 411)


@dataclass(frozen=True, eq=False)
class MouthView:
    """The surroundings of a mouth, upright and of one size: (96, 96) pixels, 1.5 eye distances."""

    before: np.ndarray  # (96, 96, 3) float32 in [0, 1]
    after: np.ndarray
    edited: np.ndarray  # (96, 96) bool
    lips: np.ndarray  # bool, the outer lip filled
    face: np.ndarray  # bool, inside the face's outline
    near: np.ndarray  # bool, lips and what moves with them
    skin: np.ndarray  # bool, the skin beside them


def view_mouth(
    before: Pixels, after: Pixels, support: np.ndarray, corner: np.ndarray, mesh: np.ndarray
) -> MouthView:
    """Look at a mouth before and after an edit.

    before, after: (H, W, 3) uint8 or uint16, the whole frame
    support:       (h, w) bool, where pixels may have changed; its left top lies at `corner` (2,)
    mesh:          (468, 3) the face in the frame
    """
    affine = _upright(mesh)
    there = affine.copy()
    there[:, 2] += affine[:, :2] @ corner
    edited = (
        cv2.warpAffine(support.astype(np.uint8), there, (VIEW_SIDE, VIEW_SIDE), flags=cv2.INTER_NEAREST) > 0
    )
    lips = _filled(mesh, OUTER_LIP, affine)
    near = _grown(lips, _LIPS_REACH)
    return MouthView(
        before=_cut(before, affine),
        after=_cut(after, affine),
        edited=edited,
        lips=lips & ~_filled(mesh, INNER_LIP, affine),
        face=~_grown(~_filled(mesh, FACE_OVAL, affine), OVAL_MARGIN),
        near=near,
        skin=_grown(lips, SKIN_REACH) & ~near,
    )


def brightness_step(view: MouthView) -> float:
    """How much brighter or darker the skin beside the lips became: |log| of the ratio; 0: not at all."""
    if not view.skin.any():
        return 0.0
    one, other = (float(picture[view.skin].mean()) + BLACK for picture in (view.before, view.after))
    return abs(float(np.log(other / one)))


def skin_change(view: MouthView) -> float:
    """How much else about that skin changed: mean difference of blurred pictures, in its brightness."""
    if not view.skin.any():
        return 0.0
    one, other = (cv2.GaussianBlur(picture, (0, 0), CALM) for picture in (view.before, view.after))
    change = np.abs(other - one).mean(axis=2) / (one.mean(axis=2) + 0.1)
    return float(change[view.skin].mean())


def lip_contrast(view: MouthView) -> float:
    """How clearly the source shows lips: mean absolute Laplacian of the blurred mouth, in its brightness.

    Skin, cloth or a hand where the mouth should be have next to none.
    """
    grey = cv2.GaussianBlur(view.before, (0, 0), CALM).mean(axis=2)
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    return float(edges[view.near].mean() / (grey[view.near].mean() + 0.05)) if view.near.any() else 0.0


def foreign_part(view: MouthView) -> float:
    """The share of the edited face below the lips that is no skin by its brightness; 0 without a hard rim.

    A microphone has a hard rim; a beard or a shadow fades into the skin.
    """
    below = np.arange(VIEW_SIDE)[:, None] > VIEW_SIDE / 2
    part = view.face & view.edited & ~view.near & below
    skin = view.face & ~view.near
    if not part.any() or not skin.any():
        return 0.0
    grey = cv2.GaussianBlur(view.before, (0, 0), 1.0).mean(axis=2)
    level = float(np.median(grey[skin])) + BLACK
    rims = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8 / level
    if np.percentile(rims[part], 98) < 0.15:
        return 0.0
    return float((np.abs(np.log((grey[part] + BLACK) / level)) > UNLIKE_SKIN).mean())


def share_outside(mesh: np.ndarray, frame_size: tuple[int, int]) -> float:
    """The share of the lips' points (468, 2 or 3) that lie outside a frame of this height and width."""
    lips = mesh[list(OUTER_LIP), :2]
    return float(((lips < 0) | (lips > (frame_size[1], frame_size[0]))).any(axis=1).mean())


def mouth_shift(mesh: np.ndarray, found: np.ndarray) -> float:
    """How far a mouth lies from where it was found anew, in eye distances; both faces (468, 2 or 3)."""
    lips = list(OUTER_LIP)
    return float(np.linalg.norm((found[lips, :2] - mesh[lips, :2]).mean(axis=0))) / eye_distance(mesh)


def proportions(mesh: np.ndarray) -> np.ndarray:
    """What tells faces (T, 468, 3) apart, whatever the head does: (T, 11, 3) in eye distances."""
    return head_poses(mesh).to_canonical(mesh[:, list(PROPORTIONS)])


def cheek_tint(pixels: Pixels, mesh: np.ndarray) -> np.ndarray:
    """The cheeks' colour without their brightness, (3,) about 1; a frame (H, W, 3), a face (468, 3) in it."""
    height, width = pixels.shape[:2]
    reach = max(int(0.03 * eye_distance(mesh)), 1)
    spots = []
    for x, y in mesh[list(CHEEKS), :2]:
        column, row = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
        spot = pixels[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        spots.append(spot.reshape(-1, 3).mean(axis=0))
    colour = np.median(spots, axis=0) / white_of(pixels) + BLACK
    return (colour / colour.mean()).astype(np.float32)


def _upright(mesh: np.ndarray) -> np.ndarray:
    """The affine (2, 3) from frame pixels, as OpenCV counts them, to a view's."""
    across = mesh[EYE_CORNERS[1], :2] - mesh[EYE_CORNERS[0], :2]
    angle = float(np.arctan2(across[1], across[0]))
    scale = VIEW_SIDE / (WIDTH * eye_distance(mesh))
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    middle = mesh[[13, 14], :2].mean(axis=0).astype(np.float64) - 0.5
    return np.column_stack([turn, VIEW_SIDE / 2 - turn @ middle])


def _cut(pixels: Pixels, affine: np.ndarray) -> np.ndarray:
    return warp_seen(pixels, affine, VIEW_SIDE).astype(np.float32) / white_of(pixels)


def _filled(mesh: np.ndarray, outline: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    points = (mesh[list(outline), :2] - 0.5) @ affine[:, :2].T + affine[:, 2]
    mask = np.zeros((VIEW_SIDE, VIEW_SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    return mask > 0


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    around = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), around) > 0
