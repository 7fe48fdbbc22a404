"""Perth's mark in sound, where its library is installed: it says that a sound is synthetic, and no more.

Resemble AI's Perth lies in voices of several programs that make speech. Its networks come in the wheel.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import InputError

# Of a presence from 0 to 1: speech without the mark has 0.00, with it 0.98 after AAC at 64k.
PERTH_PRESENT = 0.5
PERTH_BLOCK, PERTH_SEAM = 20.0, 0.5  # seconds that are marked at once, and that fade into the next
LEAST_PERTH_SECONDS = 1.0  # of sound, below which the networks see too little
_RESOURCES = "pkg_resources"


def perth_presence(samples: np.ndarray, rate: int) -> float | None:
    """How surely a sound carries Perth's mark, 0 to 1; None without the library, or of a scrap of sound.

    samples: (n,) float mono in [-1, 1]
    rate:    Hz
    """
    marker = load_perth()
    if marker is None or len(samples) < LEAST_PERTH_SECONDS * rate:
        return None
    return float(np.mean(marker.get_watermark(np.asarray(samples, np.float32), rate, round=False)))


def perth_marked(chunks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """A sound with Perth's mark, as many samples as it has; memory doesn't grow with it.

    chunks: (channels, n) float in [-1, 1], of any n
    raises: InputError where the library can't be used
    """
    check_perth()
    block, seam = round(PERTH_BLOCK * rate), round(PERTH_SEAM * rate)
    rise = np.linspace(0, 1, seam, dtype=np.float32)
    held = faded = None
    for chunk in chunks:
        held = np.asarray(chunk, np.float32) if held is None else np.concatenate([held, chunk], axis=1)
        while held.shape[1] >= block + seam:
            done = _joined(_laid(held[:, : block + seam], rate), faded, rise)
            yield done[:, :block]
            held, faded = held[:, block:], done[:, block:]
    if held is not None:
        yield _joined(_laid(held, rate), faded, rise)


def check_perth() -> None:
    """Raise InputError where the library can't be used."""
    if load_perth() is None:
        raise InputError(
            "Perth's mark needs a library that isn't there or can't be used: pip install resemble-perth "
            "torchaudio pyyaml, or leave that mark out."
        )


def _joined(samples: np.ndarray, faded: np.ndarray | None, rise: np.ndarray) -> np.ndarray:
    """Samples that begin as others end."""
    if faded is None:
        return samples
    count = min(faded.shape[1], samples.shape[1])
    joined = samples.copy()
    joined[:, :count] = faded[:, :count] * (1 - rise[:count]) + samples[:, :count] * rise[:count]
    return joined


def _laid(samples: np.ndarray, rate: int) -> np.ndarray:
    """Samples (channels, n) with the mark, each channel by itself; silence and scraps stay as they are."""
    marked, marker = samples.copy(), load_perth()
    for channel, heard in enumerate(samples):
        if marker is not None and len(heard) >= LEAST_PERTH_SECONDS * rate and heard.any():
            told = marker.apply_watermark(heard, rate)[: len(heard)]
            marked[channel, : len(told)] = told  # the library gives some hundred samples less
    return marked.clip(-1, 1)


@functools.lru_cache(maxsize=1)
def load_perth() -> Any | None:  # noqa: ANN401 - the library has no types
    """The library's marker; None where it isn't installed, or where what it needs isn't."""
    if find_spec("perth") is None:
        return None
    with _resources(), contextlib.redirect_stdout(io.StringIO()):  # it says what it loads
        try:
            marker = importlib.import_module("perth").PerthImplicitWatermarker
        except (ImportError, AttributeError):
            return None
        return None if marker is None else marker()  # None: what it imports isn't there


@contextlib.contextmanager
def _resources() -> Iterator[None]:
    """The one function of pkg_resources that the library asks for; today's setuptools hasn't that module."""
    if _RESOURCES in sys.modules or find_spec(_RESOURCES) is not None:
        yield
        return
    stand_in: Any = ModuleType(_RESOURCES)
    stand_in.resource_filename = _file_of
    sys.modules[_RESOURCES] = stand_in
    try:
        yield
    finally:
        del sys.modules[_RESOURCES]


def _file_of(module: str, name: str) -> str:
    """Where a file lies that came with a module."""
    origin = getattr(sys.modules[module], "__file__", None)
    assert origin is not None
    return str(Path(origin).parent / name)
