"""Put a wanted mouth into a frame: warp the face to it, dress it in a retrieved texture, blend."""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np

from ...boxes import Box
from ...crops.blend import MOST_LEVELS, blend_picture
from ...crops.patch import Patch, box_around
from ...faces.canonical import EYE_CORNERS, LIP_PAIRS
from ...faces.mesh import FACE_OVAL
from ...images import white_of
from ...metrics.mouth import lip_sharpness
from ...types import Pixels
from .face import Face, Texture
from .interior import fill_inside
from .light import relit
from .lips import lip_rims, pixel_centres, upper_side
from .retrieval import OWN, Bank, patch_box
from .teeth import Teeth
from .warp import backward_map, carry, lower_face, mouth_patch, paint, with_lips, with_middle, with_ring

# The outline of the texture's patch: around the lips, under the nose, over the chin.
PATCH_OUTLINE = (97, 203, 206, 216, 212, 202, 204, 194, 201, 200, 421, 418, 424, 422, 432, 436, 426, 423, 326)
PATCH_ERODE = 0.035  # eye distances
PATCH_SOFTEN = 0.025
MAP_SOFTEN = 0.008
BLEND_WIDTH = 0.03  # of the widest transition
SHARPEN = 1.6  # of what is lacking: an unsharp mask lifts the finest detail most
MOST_SHARPENING = 0.8
MOST_SOFTENING = 0.7  # teeth that were gathered from the sharpest frames stand out in a blurred one


def render_mouth(frame: Pixels, face: Face, textures: list[Texture], teeth: Teeth) -> Patch:
    """Give the face in a frame its wanted mouth.

    frame:    (H, W, 3) uint8 or uint16
    textures: of the lips and what is about them; shares add up to 1
    teeth:    and what is behind them, of the whole shot
    """
    given = face.mesh[:, :2]
    eye_distance = float(np.linalg.norm(given[EYE_CORNERS[0]] - given[EYE_CORNERS[1]]))
    levels = float(np.clip(np.log2(max(BLEND_WIDTH * eye_distance, 1)) + 0.5, 1, MOST_LEVELS))
    around = box_around(face.target[list(PATCH_OUTLINE)], frame.shape[:2], margin=2 ** math.ceil(levels) + 2)
    patch = _warp_face(frame, face, around)

    inner = around.slices_in(patch.box)
    white = white_of(frame)
    warped = patch.pixels[inner].astype(np.float32) / white
    mask = _patch_mask(face.target, around, eye_distance) * np.float32(face.show)
    dressed = _dress(frame, face, textures, around, MAP_SOFTEN * eye_distance) / white
    fill_inside(dressed, face, textures, teeth, around, eye_distance)
    dressed = _sharpen(dressed, face, textures, around)
    blended, touched = blend_picture(warped, dressed, mask, levels=levels, colour_match=1.0)
    rounded = np.rint(np.clip(blended, 0, 1) * white).astype(frame.dtype)
    np.copyto(patch.pixels[inner], rounded, where=touched[..., None])
    patch.support[inner] |= touched
    return patch


def textures_for(
    frame: Pixels,
    face: Face,
    own_opening: float,
    entries: np.ndarray,
    shares: np.ndarray,
    bank: Bank,
    bank_mesh: np.ndarray,
    bank_opening: np.ndarray,
) -> list[Texture]:
    """Look up what a row of `retrieval.TextureChoice` names."""
    textures = []
    for entry, share in zip(entries.tolist(), shares.tolist(), strict=True):
        if share == 0:
            continue
        if entry == OWN:
            here = np.zeros(2, np.float32)
            sharpness = lip_sharpness(frame, face.mesh)
            part = patch_box(face.mesh[:, :2], frame.shape[:2])
            rims = lip_rims(frame[part.slices], face.mesh[:, :2] - part.corner).begins
            textures.append(Texture(frame, here, face.mesh[:, :2], own_opening, sharpness, share, rims))
        else:
            lent = Texture(
                bank.pictures[entry],
                bank.corners[entry],
                bank_mesh[entry][:, :2],
                float(bank_opening[entry]),
                float(bank.sharpness[entry]),
                share,
                bank.rims[entry],
            )
            textures.append(relit(lent, frame, face.mesh[:, :2]))
    return textures


def _warp_face(frame: Pixels, face: Face, least: Box) -> Patch:
    """Carry the frame's own pixels along with jaw, cheeks and lips, in a box that holds at least `least`."""
    given = face.mesh[:, :2]
    source, target = with_ring(given, given), with_ring(face.target, given)
    used = _moving_points()
    corners = np.array([(least.left, least.top), (least.right, least.bottom)], np.float32)
    box = box_around(np.concatenate([source[used], target[used], corners]), frame.shape[:2], margin=0)
    depth = np.concatenate([face.mesh[:, 2], np.full(len(FACE_OVAL), face.mesh[:, 2].max())])
    positions, support = backward_map(source, paint(target, lower_face(), box, depth))
    pixels = carry(frame[box.slices], positions, box.corner)
    np.copyto(pixels, frame[box.slices], where=~support[..., None])
    return Patch(box, pixels, support)


@functools.lru_cache(maxsize=1)
def _moving_points() -> np.ndarray:
    return np.unique(lower_face())


def _dress(frame: Pixels, face: Face, textures: list[Texture], box: Box, soften: float) -> np.ndarray:
    """The textures' mix in a box (h, w, 3) float32, in the frame's own numbers."""
    dressed = np.zeros((*box.size, 3), np.float32)
    depth = np.concatenate(
        [face.mesh[:, 2], np.full(2 * len(LIP_PAIRS), face.mesh[:, 2].max())]
    )  # behind lips
    painted = paint(with_middle(face.target), mouth_patch(), box, depth, finest=max(box.size))
    halves = upper_side(face.target, pixel_centres(box), 2 * soften)
    for texture in textures:
        source = with_lips(texture.points, face.target, texture.rims)
        positions, _ = backward_map(source, painted, soften, halves)
        picture, corner = texture.picture, texture.corner
        if picture is frame:  # converting all of a large frame would cost more than all the rest
            part = patch_box(texture.points, frame.shape[:2])
            picture, corner = frame[part.slices], part.corner
        dressed += texture.share * carry(picture[:, :].astype(np.float32), positions, corner)
    return dressed


def _sharpen(dressed: np.ndarray, face: Face, textures: list[Texture], box: Box) -> np.ndarray:
    """Give back the detail that sampling and mixing took, and no more than the textures had."""
    had = sum(texture.share * texture.sharpness for texture in textures)
    has = lip_sharpness(dressed, face.target - box.corner)
    amount = np.clip(SHARPEN * (had / max(has, 1e-6) - 1), -MOST_SOFTENING, MOST_SHARPENING)
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
