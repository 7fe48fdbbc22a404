"""Restore aligned faces, and tell the parts of a face."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.faces.parsing import FaceParser
from ...models.stylegan.tiles import Area
from ..compute.batches import device_of, in_batches, only_numbers
from ..errors import OptionError
from ..images import resize, to_images, to_network
from ..types import Progress, silent

_SIDE = 512  # of the faces that GFPGAN and GPEN restore
WHOLE = Area.whole(_SIDE)
MOUTH = ("mouth", "upper lip", "lower lip")


def restore_faces(
    network: nn.Module,
    faces: Tensor,
    *,
    strength: float = 1.0,
    area: Area = WHOLE,
    batch_size: int = 2,
    progress: Progress = silent,
) -> Tensor:
    """Restore the detail of faces.

    network:  GFPGAN for crops in the ffhq framing, GPEN for the gpen framing
    faces:    (T, 512, 512, 3) RGB in [0, 1]; other sizes are resized
    strength: 0..1, how far from the face that was given to the restored one
    area:     of the faces, where no more of them is looked at: the same pixels in less time; beyond it they
              stay as they were given
    returns:  (T, 512, 512, 3) RGB in [0, 1]
    """
    if not 0 <= strength <= 1:
        raise OptionError(f"A restoration's strength lies between 0 and 1, it can't be {strength:g}.")
    device = device_of(network)

    def restore(rows: slice) -> Tensor:
        given = resize(faces[rows], _SIDE)
        drawn = network(to_network(given).to(device) * 2 - 1, area)
        restored = to_images(only_numbers(drawn.float().cpu(), network)).add(1).div(2).clamp(0, 1)
        result = given.clone()
        here = (slice(None), *area.slices)
        result[here] = torch.lerp(given[here], restored, strength)
        return result

    return in_batches(restore, len(faces), batch_size, progress)


def parse_regions(
    network: FaceParser,
    faces: Tensor,
    regions: Iterable[str] = MOUTH,
    *,
    soften: float = 0.02,
    side: int | None = None,
    batch_size: int = 4,
    progress: Progress = silent,
) -> Tensor:
    """Mark parts of faces.

    network:  BiSeNet or ParseNet
    faces:    (T, S, S, 3) RGB in [0, 1], of any size
    regions:  names out of the network's `classes`
    soften:   how far the mask's edge reaches to either side, as a share of S; beyond it is exactly 0 or 1
    side:     pixels at which the network looks, a multiple of 16; None for its own `side`
    returns:  (T, S, S) in [0, 1], 1 inside the regions
    raises:   OptionError for a region that the network doesn't know
    """
    chosen = _indices(network.classes, regions)
    device = device_of(network)
    look_side = side or network.side

    def parse(rows: slice) -> Tensor:
        given = to_network(resize(faces[rows], look_side, average=True))
        logits = only_numbers(network(given.to(device) * 2 - 1), network)
        shares = logits.float().softmax(dim=1)[:, chosen].sum(dim=1, keepdim=True)
        # Likelihoods are enlarged, not classes: an edge between two pixels stays between them.
        large = F.interpolate(shares.cpu(), faces.shape[1:3], mode="bilinear", align_corners=False)
        return _soften((large > 0.5).float(), soften)[:, 0]

    return in_batches(parse, len(faces), batch_size, progress)


def _indices(classes: tuple[str, ...], regions: Iterable[str]) -> list[int]:
    wanted = set(regions)
    if not wanted:
        raise OptionError("A mask needs at least one region of the face.")
    if unknown := wanted - set(classes):
        raise OptionError(
            f"The face parser knows no region called {', '.join(sorted(unknown))}. "
            f"It knows: {', '.join(classes)}."
        )
    return [i for i, name in enumerate(classes) if name in wanted]


def _soften(masks: Tensor, share: float) -> Tensor:
    """Blur masks (T, 1, S, S) over a share of their side, with a kernel that ends there."""
    reach = round(share * masks.shape[3])
    for radius in (reach // 2, reach - reach // 2):  # two boxes are a tent
        masks = F.pad(masks, (radius,) * 4, mode="replicate")
        masks = F.avg_pool2d(masks, (2 * radius + 1, 1), stride=1)
        masks = F.avg_pool2d(masks, (1, 2 * radius + 1), stride=1)
    return masks
