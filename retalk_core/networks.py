"""Where a pipeline gets its networks from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from torch import nn

from ..models.detector import load_detector
from ..models.landmarks import load_face_mesh
from .model_files import ModelFiles

BUNDLED: dict[str, Callable[[], nn.Module]] = {
    "detector_short": lambda: load_detector("short"),
    "detector_full": lambda: load_detector("full"),
    "face_mesh": load_face_mesh,
}


FACE_NETWORKS = tuple(BUNDLED)  # in the order of FaceNetworks


class NetworkProvider(Protocol):
    """Lends networks by their catalogue key; a host decides where they live and for how long."""

    def borrow(self, key: str) -> AbstractContextManager[nn.Module]: ...


class LocalNetworks:
    """Loads networks from disk when they are first asked for, and keeps them."""

    def __init__(self, files: ModelFiles | None = None) -> None:
        self._files = files
        self._loaded: dict[str, nn.Module] = {}

    @contextmanager
    def borrow(self, key: str) -> Iterator[nn.Module]:
        if key not in self._loaded:
            self._loaded[key] = BUNDLED[key]() if key in BUNDLED else self._installed(key)
        yield self._loaded[key]

    def _installed(self, key: str) -> nn.Module:
        """Load weights that the user put there. Raises CheckpointError."""
        if self._files is None:
            self._files = ModelFiles()
        return self._files.load(key)
