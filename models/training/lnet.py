"""L-Net as it is trained: draws a face whose lips fit the speech (VideoReTalking, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Block, DoublingBlock, HalvingBlock, LastBlock, speech_encoder
from .waves import WavePair

Attention = Literal["on", "concat"]


@dataclass(frozen=True)
class LNetShape:
    """How wide and deep L-Net is; as it stands, the released one."""

    first: int = 64  # channels at full size
    most: int = 512  # channels at most
    levels: int = 3  # halvings
    blocks: int = 9  # pairs of Fourier convolutions on each level
    speech: int = 512  # numbers that describe 0.2 s of speech
    listening: int = 32  # channels of the speech encoder's first layer
    attention: Attention = "on"  # concat: the reference is laid beside the crop, and that is all
    layers: int = 2  # of attention
    heads: int = 4
    head_width: int = 64
    spectral: bool = True  # whether convolutions outside the speech encoder are spectrally normalised


class Attend(nn.Module):
    """Queries and keys from the crop, values from the reference: the original was trained like that."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, self.head_width, inner = heads, head_width, heads * head_width
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(width, inner, bias=False)
        self.to_v = nn.Linear(width, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width))

    def forward(self, crop: Tensor, reference: Tensor) -> Tensor:
        """Positions (B, n, width) of both to the crop's anew."""
        q, k, v = (self._split(x) for x in (self.to_q(crop), self.to_k(crop), self.to_v(reference)))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.to_out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, self.head_width)).transpose(1, 2)


class NormedAttend(nn.Module):
    """Normalises both, then attends."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.normx = nn.LayerNorm(width)
        self.normy = nn.LayerNorm(width)
        self.fn = Attend(width, heads, head_width)

    def forward(self, crop: Tensor, reference: Tensor) -> Tensor:
        """Positions (B, n, width) of both to the crop's anew."""
        return self.fn(self.normx(crop), self.normy(reference))


class FeedForward(nn.Module):
    """Two linear layers; `net` keeps the released file's numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        none = nn.Identity()
        self.net = nn.Sequential(
            nn.Linear(width, width // 2), nn.GELU("tanh"), none, nn.Linear(width // 2, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n, width) to the same shape."""
        return self.net(x)


class NormedForward(nn.Module):
    """Normalises, then feeds forward."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n, width) to the same shape."""
        return self.fn(self.norm(x))


class CrossAttention(nn.Module):
    """Fetches looks from the reference to where the crop needs them."""

    def __init__(self, width: int, shape: LNetShape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList((NormedAttend(width, shape.heads, shape.head_width), NormedForward(width)))
            for _ in range(shape.layers)
        )

    def forward(self, crop: Tensor, reference: Tensor) -> Tensor:
        """Features (B, width, H, W) of both to the crop's with the reference's looks."""
        x, y = crop.flatten(2).mT, reference.flatten(2).mT
        for layer in self.layers:
            attend, feed = layer.children()
            x = x + attend(x, y)
            x = x + feed(x)
        return x.mT.reshape(crop.shape)


class TwoStreams(nn.Module):
    """Looks at the crop and at the reference."""

    def __init__(self, shape: LNetShape, widths: list[int]) -> None:
        super().__init__()
        self.levels = shape.levels
        self.first_inp = Block(3, widths[0], 7, shape.spectral)
        self.first_ref = Block(3, widths[0], 7, shape.spectral)
        for i in range(shape.levels):
            self.add_module(f"ref_down{i}", HalvingBlock(widths[i], widths[i + 1], normed=shape.spectral))
            self.add_module(f"inp_down{i}", HalvingBlock(widths[i], widths[i + 1], normed=shape.spectral))
        self.attends = shape.attention == "on"
        if self.attends:
            self.add_module(f"ca{shape.levels - 1}", CrossAttention(widths[-1], shape))

    def forward(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Face (B, 6, H, W) to features of both, and the crop's larger ones, largest first."""
        crop, reference = self.first_inp(face[:, :3]), self.first_ref(face[:, 3:])
        kept = []
        for i in range(self.levels):
            kept.append(crop)
            crop = self.get_submodule(f"inp_down{i}")(crop)
            reference = self.get_submodule(f"ref_down{i}")(reference)
        if self.attends:
            crop = self.get_submodule(f"ca{self.levels - 1}")(crop, reference)
        return torch.cat([crop, reference], dim=1), kept


class SpokenBlocks(nn.Module):
    """Pairs of Fourier convolutions that follow the speech, each added to what it was given."""

    def __init__(self, channels: int, shape: LNetShape) -> None:
        super().__init__()
        for i in range(shape.blocks):
            self.add_module(f"res{i}", WavePair(channels, shape.speech))

    def forward(self, x: Tensor, speech: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        for block in self.children():
            x = block(x, speech)
        return x


class Drawing(nn.Module):
    """Moves the lips at each size, and draws them."""

    def __init__(self, shape: LNetShape, widths: list[int]) -> None:
        super().__init__()
        self.levels, channels = shape.levels, 2 * widths[-1]
        for i in range(shape.levels - 1, -1, -1):
            self.add_module(f"up{i}", DoublingBlock(channels, widths[i], normed=shape.spectral))
            self.add_module(f"res{i}", SpokenBlocks(channels, shape))
            self.add_module(f"jump{i}", Block(widths[i], widths[i], normed=shape.spectral))
            channels = widths[i]
        self.final = LastBlock(channels, shape.spectral)

    def forward(self, x: Tensor, kept: list[Tensor], speech: Tensor) -> Tensor:
        """Features of both, and the crop's larger ones, to a picture (B, 3, H, W) in (0, 1)."""
        for i in range(self.levels - 1, -1, -1):
            up = self.get_submodule(f"up{i}")(self.get_submodule(f"res{i}")(x, speech))
            x = self.get_submodule(f"jump{i}")(kept[i]) + up
        return torch.sigmoid(self.final(x))


class LNetInTraining(nn.Module):
    """L-Net, whose names are those of the released file."""

    def __init__(self, shape: LNetShape | None = None) -> None:
        super().__init__()
        self.shape = shape or LNetShape()
        widths = [min(self.shape.first << i, self.shape.most) for i in range(self.shape.levels + 1)]
        self.encoder = TwoStreams(self.shape, widths)
        self.decoder = Drawing(self.shape, widths)
        self.audio_encoder = speech_encoder(self.shape.listening, self.shape.speech, deepest=1)

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        """Draw faces.

        mel:     (B, 1, 80, 16) in [-4, 4], 0.2 s of speech
        face:    (B, 6, H, W) BGR in [0, 1]: the crop with its lower half black, then the reference; H and W
                 multiples of 2 to the number of levels; the released one knows 96
        returns: (B, 3, H, W) BGR in (0, 1)
        """
        both, kept = self.encoder(face)
        return self.decoder(both, kept, self.audio_encoder(mel))
