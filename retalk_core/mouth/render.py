"""Put a wanted mouth into a frame: warp the face to it, dress it in a retrieved texture, blend."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..blend import blend_picture
from .interior import fill_interior
from .retrieval import OWN, Bank, lip_sharpness
from .shape import EYE_CORNERS
from .warp import Box, backward_map, box_around, carry, lower_face, mouth_patch, moved, with_ring

# The outline of the texture's patch: around the lips, under the nose, over the chin.
PATCH_OUTLINE = (97, 203, 206, 216, 212, 202, 204, 194, 201, 200, 421, 418, 424, 422, 432, 436, 426, 423, 326)
PATCH_ERODE = 0.035  # eye distances
PATCH_SOFTEN = 0.025
MAP_SOFTEN = 0.008
SHARPEN = 1.6  # of what is lacking: an unsharp mask lifts the finest detail most
MOST_SHARPENING = 0.8


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame: what is there and what is wanted."""

    mesh: np.ndarray  # (468, 3) as it is
    target: np.ndarray  # (468, 2) as it shall be
    opening: float  # wanted, eye distances
    show: float  # 0..1


@dataclass(frozen=True, eq=False)
class Texture:
    """One of the mouths that a frame is dressed in."""

    picture: np.ndarray  # (h, w, 3)
    corner: np.ndarray  # (2,) its left top in its own frame
    points: np.ndarray  # (468, 2) the face's points in its own frame
    opening: float  # eye distances
    sharpness: float  # of its lips
    share: float


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels to put into a frame."""

    box: Box
    pixels: np.ndarray  # (h, w, 3) float32 in [0, 1]
    support: np.ndarray  # (h, w) bool, where they differ from the frame


def render_mouth(frame: np.ndarray, face: Face, textures: list[Texture]) -> Patch:
    """Give the face in a frame its wanted mouth.

    frame:    (H, W, 3) uint8 or uint16
    textures: shares add up to 1
    returns:  the changed part; frame pixels outside its support are not to be touched
    """
    given = face.mesh[:, :2]
    source, target = with_ring(given, given), with_ring(face.target, given)
    triangles = lower_face()
    used = np.unique(np.concatenate([triangles, mouth_patch()]))
    box = box_around(np.concatenate([source[used], target[used]]), frame.shape[:2], margin=3)
    white = np.float32(np.iinfo(frame.dtype).max)
    before = frame[box.slices].astype(np.float32) / white

    depth = np.concatenate([face.mesh[:, 2], np.full(len(target) - len(given), face.mesh[:, 2].max())])
    positions, _ = backward_map(source, target, triangles, box, depth)
    support = moved(positions, box)
    warped = np.where(support[..., None], carry(before, positions, box.corner), before)

    eye_distance = float(np.linalg.norm(given[EYE_CORNERS[0]] - given[EYE_CORNERS[1]]))
    mask = _patch_mask(face.target, box, eye_distance) * np.float32(face.show)
    dressed = _dress(frame, face, textures, box, eye_distance, white)
    dressed = _sharpen(dressed, face, textures, box)
    dressed = fill_interior(dressed, face, textures, box, eye_distance)
    blended, touched = blend_picture(warped, dressed, mask, levels=_levels(eye_distance), colour_match=1.0)
    return Patch(box, np.clip(blended, 0, 1), support | touched)


def paste_patch(frame: np.ndarray, patch: Patch) -> None:
    """Write a patch into a frame (H, W, 3), in place and rounded; pixels outside its support stay exact."""
    white = np.iinfo(frame.dtype).max
    part = frame[patch.box.slices]
    rounded = np.rint(patch.pixels * white).astype(frame.dtype)
    np.copyto(part, rounded, where=patch.support[..., None])


def textures_for(
    frame: np.ndarray,
    face: Face,
    own_opening: float,
    entries: np.ndarray,
    shares: np.ndarray,
    bank: Bank,
    bank_mesh: np.ndarray,
    bank_opening: np.ndarray,
) -> list[Texture]:
    """Look up what a row of `retrieval.Choice` names."""
    textures = []
    for entry, share in zip(entries.tolist(), shares.tolist(), strict=True):
        if share == 0:
            continue
        if entry == OWN:
            here = np.zeros(2, np.float32)
            sharpness = lip_sharpness(frame, face.mesh)
            textures.append(Texture(frame, here, face.mesh[:, :2], own_opening, sharpness, share))
        else:
            textures.append(
                Texture(
                    bank.pictures[entry],
                    bank.corners[entry],
                    bank_mesh[entry][:, :2],
                    float(bank_opening[entry]),
                    float(bank.sharpness[entry]),
                    share,
                )
            )
    return textures


def _dress(
    frame: np.ndarray, face: Face, textures: list[Texture], box: Box, eye_distance: float, white: np.float32
) -> np.ndarray:
    dressed = np.zeros((*box.size, 3), np.float32)
    patch = box_around(face.target[np.unique(mouth_patch())], frame.shape[:2], margin=2)
    rows = slice(patch.top - box.top, patch.bottom - box.top)
    columns = slice(patch.left - box.left, patch.right - box.left)
    for texture in textures:
        positions, _ = backward_map(texture.points, face.target, mouth_patch(), patch, face.mesh[:, 2])
        shift = cv2.GaussianBlur(positions, (0, 0), max(MAP_SOFTEN * eye_distance, 0.3))
        picture = texture.picture
        if picture is frame:  # converting all of a large frame would cost more than all the rest
            around = box_around(positions.reshape(-1, 2), frame.shape[:2], margin=4)
            picture, corner = frame[around.slices], around.corner
        else:
            corner = texture.corner
        dressed[rows, columns] += texture.share / white * carry(picture.astype(np.float32), shift, corner)
    return dressed


def _sharpen(dressed: np.ndarray, face: Face, textures: list[Texture], box: Box) -> np.ndarray:
    """Give back the detail that sampling and mixing took, as much as the textures had."""
    had = sum(texture.share * texture.sharpness for texture in textures)
    has = lip_sharpness(dressed, face.target - box.corner)
    amount = np.clip(SHARPEN * (had / max(has, 1e-6) - 1), 0, MOST_SHARPENING)
    return dressed + np.float32(amount) * (dressed - cv2.GaussianBlur(dressed, (0, 0), 0.8))


def _patch_mask(points: np.ndarray, box: Box, eye_distance: float) -> np.ndarray:
    outline = np.round((points[list(PATCH_OUTLINE)] - box.corner - 0.5) * 16).astype(np.int32)
    mask = np.zeros(box.size, np.float32)
    cv2.fillPoly(mask, [outline], 1.0, lineType=cv2.LINE_8, shift=4)
    width = 2 * round(PATCH_ERODE * eye_distance) + 1
    mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    mask = cv2.GaussianBlur(mask, (0, 0), max(PATCH_SOFTEN * eye_distance, 0.5))
    mask[mask < 1 / 512] = 0  # a tail that no eight-bit picture shows
    return mask


def _levels(eye_distance: float) -> int:
    return int(np.clip(np.log2(max(0.03 * eye_distance, 1)) + 1, 1, 6))
