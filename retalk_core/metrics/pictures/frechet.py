"""How far two sets of pictures are apart by their features: FID and KID.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (2017);
Bińkowski et al., "Demystifying MMD GANs" (2018). Neither says anything about a few pictures.
"""

from __future__ import annotations

import numpy as np

from ..registry import metric

FEWEST_PICTURES = 2048  # pictures, below which a FID is not told: the covariances have no full rank
UNBIASED = 10_000  # pictures, below which it is known to come out too large
SUBSET, SUBSETS = 1000, 100  # of KID


@metric("fid", better="lower", words="FID {:.3f}", source="Heusel et al. 2017")
def fid(features: np.ndarray, real_features: np.ndarray) -> float | None:
    """The Fréchet distance of features (n, 2048); None below 2048 pictures on either side."""
    if min(len(features), len(real_features)) < FEWEST_PICTURES:
        return None
    return frechet_distance(features, real_features)


@metric("mouth_kid", better="lower", words="KID of mouths {:.5f}", source="Bińkowski et al. 2018")
def mouth_kid(mouth_features: np.ndarray, real_mouth_features: np.ndarray) -> float | None:
    """The kernel distance of mouths' features (n, 2048); None below two on either side."""
    if min(len(mouth_features), len(real_mouth_features)) < 2:
        return None
    return kernel_distance(mouth_features, real_mouth_features)[0]


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Squared Fréchet distance of two normal distributions fitted to features (n, d) and (m, d).

    The trace of the root of a product of covariances is the sum of the roots of a symmetric matrix's
    eigenvalues: no imaginary part comes up that has to be thrown away.
    """
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    step = one.mean(axis=0) - other.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (one, other))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    return float(step @ step + np.trace(first) + np.trace(second) - 2 * shared)


def kernel_distance(one: np.ndarray, other: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The kernel inception distance of features (n, d) and (m, d): its mean and its standard deviation.

    It has no bias in the number of pictures. Subsets are drawn by the seed.
    """
    generator = np.random.default_rng(seed)
    size = min(len(one), len(other), SUBSET)
    if size < 2:
        raise ValueError("a kernel distance needs at least two pictures on either side")
    found = []
    for _ in range(SUBSETS if size == SUBSET else 1):
        x = one[generator.choice(len(one), size, replace=False)].astype(np.float64)
        y = other[generator.choice(len(other), size, replace=False)].astype(np.float64)
        within = sum(_off_diagonal_mean(_kernel(each, each)) for each in (x, y))
        found.append(within - 2 * _kernel(x, y).mean())
    return float(np.mean(found)), float(np.std(found))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _off_diagonal_mean(matrix: np.ndarray) -> float:
    count = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))
