"""basicsr's own losses where somebody has it: the same numbers as ours, from a second hand.

It can't be built on Python 3.13, and imports a module that torchvision dropped; nothing here needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from ...models.training.vgg import Vgg19
from ..compute.batches import device_of
from ..errors import InputError
from ..metrics.pictures.niqe import old_torchvision
from .losses import BEFORE_LAST, FeatureDistance


class BorrowedFeatures:
    """basicsr's `PerceptualLoss` with our VGG19's weights in it, for the numbers of `compare_features`."""

    def __init__(self, network: Vgg19, layers: Mapping[int, float] = BEFORE_LAST) -> None:
        """Raises InputError where basicsr isn't there or doesn't start."""
        with _imported() as (losses, architecture):
            names = architecture.NAMES["vgg19"]
            named = {names[number]: weight for number, weight in layers.items()}
            self._loss = losses.PerceptualLoss(named, style_weight=1.0, range_norm=True, criterion="l1")
        inside, own = self._loss.vgg.vgg_net, network.features.state_dict()
        numbers = {
            key: f"{names.index(key.split('.')[0])}.{key.split('.')[1]}" for key in inside.state_dict()
        }
        inside.load_state_dict({key: own[number] for key, number in numbers.items()}, strict=True)
        self._loss.to(device_of(network))

    def __call__(self, given: Tensor, wanted: Tensor) -> FeatureDistance:
        """Compare pictures (B, 3, H, W) RGB in [-1, 1]."""
        content, style = self._loss(given, wanted)
        return FeatureDistance(content, style)


def why_not_borrowed() -> str:
    """Why basicsr's losses can't be used here; "" where they can."""
    if find_spec("basicsr") is None:
        return "basicsr isn't installed: it is in the extra `basicsr`, and can't be built on Python 3.13"
    try:
        with _imported():
            return ""
    except InputError as error:
        return str(error)


@contextmanager
def _imported() -> Iterator[tuple[Any, Any]]:
    """Its losses and its VGG, which while the block runs builds empty networks instead of downloading."""
    try:
        with old_torchvision():
            from basicsr.archs import vgg_arch
            from basicsr.losses import basic_loss
    except Exception as error:  # whatever an old package stumbles over in a new environment
        raise InputError(
            f"basicsr's losses can't be used ({type(error).__name__}: {error}). Choose features=vgg19, which "
            "gives the same numbers."
        ) from error
    from torchvision.models import vgg19

    before, path = vgg_arch.vgg, vgg_arch.VGG_PRETRAIN_PATH
    vgg_arch.vgg = SimpleNamespace(vgg19=lambda pretrained: vgg19(weights=None))
    vgg_arch.VGG_PRETRAIN_PATH = ""  # else a file in the working directory would be unpickled
    try:
        yield basic_loss, vgg_arch
    finally:
        vgg_arch.vgg, vgg_arch.VGG_PRETRAIN_PATH = before, path
