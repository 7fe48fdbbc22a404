from __future__ import annotations

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.covers.pixels import CoverMask, cover_mask, uncovered
from retalk_nodes.retalk_core.covers.view import LIP_OUTLINE, view_affine
from retalk_nodes.retalk_core.faces.canonical import load_mouth_model

FACE = 130 * load_mouth_model().reference[:, :2] + (200, 120)
SKIN, CUP = (190, 140, 120), (40, 60, 160)


def scene(dtype: type = np.uint8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A frame with a disc over the chin, the disc, and a cover as a network finds it: coarse, a bit off."""
    disc = np.zeros((420, 400), np.uint8)
    cv2.circle(disc, (215, 250), 42, 255, -1)
    frame = np.where(disc[..., None] > 0, CUP, SKIN).astype(dtype)
    if dtype == np.uint16:
        frame *= 257
    affine = view_affine(FACE, 32)
    off = affine + np.array([(0, 0, 0.2), (0, 0, -0.2)])
    return frame, disc > 0, cv2.warpAffine(disc, off, (32, 32), flags=cv2.INTER_LINEAR)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_cover_is_kept_whole_and_hardly_more_than_it(dtype: type) -> None:
    frame, disc, cover = scene(dtype)
    mask = cover_mask(frame, FACE, cover)
    assert mask is not None
    shown = np.zeros(disc.shape, np.float32)
    shown[mask.slices] = mask.shown
    assert shown[cv2.erode(disc.astype(np.uint8), np.ones((5, 5))) > 0].min() > 0.9
    assert shown[cv2.dilate(disc.astype(np.uint8), np.ones((25, 25))) == 0].max() < 0.1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_behind_a_cover_the_face_is_carried_on(dtype: type) -> None:
    frame, disc, cover = scene(dtype)
    mask = cover_mask(frame, FACE, cover)
    assert mask is not None
    bare = uncovered(frame, FACE, mask)[:, :]
    white = np.iinfo(dtype).max
    assert bare.dtype == dtype
    assert np.abs(bare[disc] / white - np.array(SKIN) / 255).max() < 0.06
    outside = np.ones(disc.shape, bool)
    outside[mask.slices] = False
    assert np.array_equal(bare[outside], frame[outside])


def test_a_face_beyond_the_frame_has_no_cover() -> None:
    frame, _, cover = scene()
    assert cover_mask(frame, FACE + np.array((5000, 0)), cover) is None


def test_without_a_cover_there_is_no_mask() -> None:
    frame, _, _ = scene()
    assert cover_mask(frame, FACE, np.zeros((32, 32), np.uint8)) is None


def test_a_cover_at_the_frames_edge_is_no_trouble() -> None:
    frame, _, cover = scene()
    mask = cover_mask(frame[:260], FACE, cover)
    assert isinstance(mask, CoverMask) and uncovered(frame[:260], FACE, mask).shape == (260, 400, 3)


def test_lips_are_not_smeared_over_what_is_filled_in() -> None:
    frame, disc, cover = scene()
    lips = np.zeros(disc.shape, np.uint8)
    cv2.fillPoly(lips, [np.round(FACE[list(LIP_OUTLINE)]).astype(np.int32)], 1)
    frame = np.where((lips[..., None] > 0) & ~disc[..., None], (150, 40, 60), frame).astype(np.uint8)
    mask = cover_mask(frame, FACE, cover)
    assert mask is not None
    below = disc & (np.arange(420)[:, None] > 262)
    assert np.abs(uncovered(frame, FACE, mask)[:, :][below].astype(float) - SKIN).max() < 25
