"""Face parsing: which part of a face each pixel shows. ParseNet and BiSeNet, out of facexlib's classes.

facexlib is imported when a network is built: importing it takes seconds. Its `init_…` functions would
download weights and are never called.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import full_precision
from ..network import Layout
from ..samples import signed_face

SIZE = 512  # of a face, in pixels, as the networks learned it; they take other sizes too

PARSENET = Layout(
    dead=(r"^out_img_conv\.",),  # draws the face once more, beside the logits; nothing reads it
    renames=((r"^out_mask_conv\.", "head."),),
)
BISENET = Layout(
    dead=(r"^conv_out(16|32)\.",),  # heads on coarser features that only helped in training
    renames=((r"^cp\.", "context."), (r"^ffm\.", "fusion."), (r"^conv_out\.", "head.")),
)


class FaceParser(nn.Module):
    """What both networks have in common: pictures in, a number for each class and pixel out."""

    classes: tuple[str, ...]  # in the order of the logits; left and right as the network was taught them
    side = SIZE  # of the face crops it is best given, in pixels

    def parse(self, picture: Tensor) -> Tensor:
        """Faces (B, 3, H, W) RGB in [-1, 1] to the likeliest class of each pixel, (B, H, W) int64."""
        labels: Tensor = self(picture).argmax(dim=1)
        return labels


class ParseNet(FaceParser):
    """The parser of GPEN and of the paper's blending."""

    # It learned faces whose eyes lie about 126 of 512 pixels apart, on pictures that held the detail of 32 to
    # 256 pixels. In a crop from cheek to cheek they are 110 pixels apart at 256; crops with room around the
    # face (ffhq, gpen) are nearer to what it knows at 512.
    side = 256
    classes = (
        *("background", "skin", "nose", "glasses", "left eye", "right eye", "left brow", "right brow"),
        *("left ear", "right ear", "mouth", "upper lip", "lower lip", "hair", "hat", "earring"),
        *("necklace", "neck", "cloth"),
    )

    def __init__(self) -> None:
        from facexlib.parsing.parsenet import ParseNet as Original

        super().__init__()
        original = Original(in_size=SIZE, out_size=SIZE, parsing_ch=len(self.classes))
        self.encoder = original.encoder
        self.body = original.body
        self.decoder = original.decoder
        self.head = original.out_mask_conv

    def forward(self, picture: Tensor) -> Tensor:
        """Tell the parts of faces.

        picture: (B, 3, 512, 512) RGB in [-1, 1]; other sides that are multiples of 16 work too
        returns: logits (B, 19, 512, 512)

        Autocast is switched off: in bfloat16 one pixel in a hundred came out as another class.
        """
        with full_precision(picture.device):
            x = self.encoder(picture.float().contiguous(memory_format=torch.channels_last))
            logits: Tensor = self.head(self.decoder(x + self.body(x)))
            return logits


class BiSeNet(FaceParser):
    """A parser of 6 % of ParseNet's work, with the same classes in another order."""

    scale: Tensor
    shift: Tensor

    classes = (
        *("background", "skin", "left brow", "right brow", "left eye", "right eye", "glasses"),
        *("left ear", "right ear", "earring", "nose", "mouth", "upper lip", "lower lip", "neck"),
        *("necklace", "cloth", "hair", "hat"),
    )

    def __init__(self) -> None:
        from facexlib.parsing.bisenet import BiSeNet as Original

        super().__init__()
        original = Original(num_class=len(self.classes))
        self.context = original.cp
        self.fusion = original.ffm
        self.head = original.conv_out
        # It learned from pictures in ImageNet's units; it is given the same [-1, 1] as ParseNet.
        mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
        self.register_buffer("scale", 0.5 / deviation, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / deviation, persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """Tell the parts of faces.

        picture: (B, 3, H, W) RGB in [-1, 1], height and width from 64 pixels up
        returns: logits (B, 19, H, W)

        Autocast is switched off, as in ParseNet.
        """
        with full_precision(picture.device):
            fine, coarse, _ = self.context(torch.addcmul(self.shift, picture.float(), self.scale))
            logits, _ = self.head(self.fusion(fine, coarse))  # at an eighth of the size
            return F.interpolate(logits, picture.shape[2:], mode="bilinear", align_corners=True)


def sample() -> tuple[Tensor, ...]:
    """A face as both networks take it."""
    return (signed_face(SIZE),)
