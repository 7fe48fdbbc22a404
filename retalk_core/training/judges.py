"""Frozen networks that judge what is drawn, loaded from files or named stand-ins that need none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from ...models.catalog import catalog
from ...models.checkpoint import load_network
from ...models.training.sync_expert import FRAMES
from ...models.training.vgg import Vgg19
from ..errors import InputError, OptionError
from ..weights.files import ModelFiles
from .borrowed import BorrowedFeatures
from .losses import BEHIND_FIRST, FeatureDistance, compare_features, compare_pyramids, signed

Features = Literal["vgg19", "basicsr", "pyramid", "none"]
OFFICIAL, NO_JUDGE = "official", "none"


@dataclass(frozen=True)
class JudgeFiles:
    """Where they come from."""

    files: ModelFiles | None = None  # None: where weights usually lie

    def load(self, key: str, wanted: str, needed_for: str) -> nn.Module:
        """A network of the catalogue, frozen, in fp32 on the CPU.

        wanted:     official, or the path of a file for it
        needed_for: what it is needed for, in words
        raises:     InputError or CheckpointError, which names the file
        """
        if wanted == OFFICIAL:
            files = self.files or ModelFiles()
            if files.find(key) is None:
                raise InputError(f"{needed_for} needs a file that isn't here: {files.missing_words(key)}")
            return files.load(key)
        path = Path(wanted)
        if not path.is_file():
            raise InputError(f"{wanted} is no file: {needed_for} needs {catalog[key].title}. Name another.")
        return load_network(catalog[key], path)

    def load_expert(self, wanted: str, frames: int) -> dict[str, nn.Module]:
        """The sync expert, by the name `expert`; nothing where none is wanted.

        frames: in a row of one sample
        raises: OptionError where the expert looks at another number, else as `load`
        """
        if wanted == NO_JUDGE:
            return {}
        if frames != FRAMES:
            raise OptionError(
                f"The sync expert looks at {FRAMES} frames: choose frames={FRAMES} or expert=none."
            )
        return {"expert": self.load("sync_expert", wanted, "The sync loss (or expert=none)")}


class Perception:
    """Compares pictures by one of several means; the choice is the run's and stands in its checkpoint."""

    def __init__(
        self, by: Features, judges: JudgeFiles, layers: Mapping[int, float] = BEHIND_FIRST, scales: int = 1
    ) -> None:
        """by: vgg19, basicsr (the same by its code), pyramid (no weights), none. Raises InputError."""
        self.by, self.layers, self.scales = by, layers, scales
        self.networks: dict[str, nn.Module] = {}
        self._borrowed: BorrowedFeatures | None = None
        if by in ("vgg19", "basicsr"):
            self.networks["vgg19"] = judges.load("vgg19", OFFICIAL, "Comparing pictures by features")
        if by == "basicsr":
            if scales > 1:
                raise InputError("basicsr compares pictures at one size only: choose features=vgg19 here.")
            self._borrowed = BorrowedFeatures(self._vgg, layers)

    @property
    def _vgg(self) -> Vgg19:
        network = self.networks["vgg19"]
        assert isinstance(network, Vgg19)
        return network

    def __call__(self, given: Tensor, wanted: Tensor) -> FeatureDistance:
        """How far pictures (B, 3, H, W) RGB in [-1, 1] are from what they should be."""
        nothing = given.new_zeros(())
        if self.by == "none":
            return FeatureDistance(nothing, nothing)
        if self.by == "pyramid":
            return FeatureDistance(compare_pyramids(given, wanted), nothing)
        if self._borrowed is not None:
            return self._borrowed(given, wanted)
        return compare_features(self._vgg, given, wanted, layers=self.layers, scales=self.scales)

    def terms(self, drawn: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """The loss `features` of faces (B, 3, H, W) BGR in [0, 1]; nothing where none are compared."""
        if self.by == "none":
            return {}
        return {"features": self(signed(drawn), signed(wanted)).content}
