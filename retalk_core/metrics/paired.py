"""A lower face against the true one, where there is a truth: a clip that was dubbed with its own voice."""

from __future__ import annotations

import numpy as np

from ..images import white_of
from .registry import metric

_SIDE = 144  # pixels of the pictures that are compared


@metric("lower_face_l1", better="lower", words="lower face off the truth by {:.4f}")
def lower_face_l1(lower_l1: np.ndarray) -> float | None:
    """The mean absolute difference (n,) of lower faces from the true ones, where white is 1."""
    return float(np.mean(lower_l1)) if len(lower_l1) else None


@metric("lower_face_ssim", better="higher", words="SSIM to the truth {:.4f}", source="Wang et al. 2004")
def lower_face_ssim(lower_ssim: np.ndarray) -> float | None:
    """The mean structural similarity (n,) of lower faces with the true ones."""
    return float(np.mean(lower_ssim)) if len(lower_ssim) else None


@metric("lower_face_lpips", better="lower", words="LPIPS to the truth {:.4f}", source="Zhang et al. 2018")
def lower_face_lpips(lower_lpips: np.ndarray) -> float | None:
    """The mean perceptual distance (n,) of lower faces from the true ones, by AlexNet."""
    return float(np.mean(lower_lpips)) if len(lower_lpips) else None


def absolute_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Of two pictures (h, w, 3) uint8, where white is 1."""
    return float(np.abs(one.astype(np.float32) - other).mean()) / 255


def structural_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Of the brightness of two pictures (h, w, 3) of one type; by scikit-image."""
    edge = 5  # pixels, where the window reaches beyond the picture
    return float(similarity_map(one, other)[edge:-edge, edge:-edge].mean())


def similarity_map(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The structural similarity about each pixel (h, w), under a Gaussian of 1.5 pixels; by scikit-image."""
    from skimage.metrics import structural_similarity as similarity

    first, second = (each.astype(np.float64) @ (0.299, 0.587, 0.114) for each in (one, other))
    _, shown = similarity(
        first,
        second,
        data_range=white_of(one),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return np.asarray(shown)
