"""How natural pictures look by their statistics alone: NIQE, by basicsr where it can be imported.

Mittal, Soundararajan and Bovik, "Making a completely blind image quality analyzer" (2013). It judges whole
pictures and knows nothing of lips.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from ..registry import metric

_SMALLEST = 192  # pixels of a side, below which it has too few blocks to tell
_GONE = "torchvision.transforms.functional_tensor"  # basicsr 1.4.2 imports it; torchvision 0.17 dropped it


@metric("niqe", better="lower", words="NIQE {:.2f}", source="Mittal et al. 2013")
def mean_niqe(naturalness: np.ndarray) -> float | None:
    """The mean over frames (n,) of `distance_from_nature`; None: no frame was looked at."""
    return float(np.mean(naturalness)) if len(naturalness) else None


def distance_from_nature(picture: np.ndarray) -> float | None:
    """NIQE of a picture (H, W, 3) uint8 RGB; None below 192 pixels, and where a picture is flat.

    Raises ImportError where basicsr can't be imported; see `why_no_niqe`.
    """
    if min(picture.shape[:2]) < _SMALLEST:
        return None
    with np.errstate(all="ignore"):  # flat blocks divide by their variance
        given = _imported()(picture[..., ::-1], crop_border=0, input_order="HWC", convert_to="y")
    value = float(given)
    return value if np.isfinite(value) else None


def why_no_niqe() -> str:
    """Why there is no NIQE here; "" where there is."""
    if find_spec("basicsr") is None:
        return "basicsr isn't installed: pip install basicsr, which can't be built on Python 3.13"
    try:
        _imported()
    except Exception as error:  # whatever an old package stumbles over in a new environment
        return f"basicsr can't be imported ({type(error).__name__}: {error})"
    return ""


@cache
def _imported() -> Callable[..., float]:
    with old_torchvision():
        from basicsr.metrics.niqe import calculate_niqe
    found: Callable[..., float] = calculate_niqe
    return found


@contextmanager
def old_torchvision() -> Iterator[None]:
    """Let a module be imported that torchvision no longer has; only while the block runs."""
    if find_spec(_GONE) is not None:
        yield
        return
    from torchvision.transforms import functional

    stand_in = ModuleType(_GONE)
    stand_in.__dict__["rgb_to_grayscale"] = functional.rgb_to_grayscale
    sys.modules[_GONE] = stand_in
    try:
        yield
    finally:
        sys.modules.pop(_GONE, None)
