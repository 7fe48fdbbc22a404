"""A judge that is small enough to be reckoned after."""

from __future__ import annotations

import torch
from retalk_nodes.models.judges.syncnet import LIP_FRAMES
from torch import Tensor, nn


class Reader(nn.Module):
    """Reads faces and sound as SyncNet does, but into a few plain numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1), requires_grad=False)

    def read_lips(self, faces: Tensor) -> Tensor:
        seen = faces.mean(dim=(3, 4)).unfold(2, LIP_FRAMES, 1)  # (1, 3, T - 4, 5)
        return self._spread(seen.permute(0, 2, 1, 3).flatten(2))

    def read_sound(self, cepstra: Tensor) -> Tensor:
        return self._spread(cepstra.flatten(1)[:, :15])

    @staticmethod
    def _spread(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, (0, 1024 - values.shape[-1]))
