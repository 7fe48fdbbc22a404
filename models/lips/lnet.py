"""L-Net: draws a face whose lips fit the speech (VideoReTalking, section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import RENAMES as BLOCK_RENAMES
from ..layers import (
    DownBlock,
    FinalBlock,
    FirstBlock,
    JumpBlock,
    UpBlock,
    after_loading,
    computed_in,
    full_precision,
    lay_channels_last,
    order_for,
)
from ..network import Layout
from ..samples import drawn_face, drawn_mel
from .fourier import SPEECH, FastFourierConvolution

SIDE = 96  # of the picture, in pixels
HEADS = 4  # of the attention
HEAD_WIDTH = 64
RESIDUALS = 9  # on each of the decoder's levels

LAYOUT = Layout(
    containers=("state_dict",),
    strip="module.",
    ignored=(r"\blow_res\.",),
    renames=(
        (r"^audio_encoder\.(\d+)\.conv_block\.0\.", r"speech.blocks.\1.convolution."),
        (r"^audio_encoder\.(\d+)\.conv_block\.1\.", r"speech.blocks.\1.norm."),
        (r"^encoder\.first_inp\.", "encoder.crop.first."),
        (r"^encoder\.first_ref\.", "encoder.reference.first."),
        (r"^encoder\.inp_down(\d)\.", r"encoder.crop.down.\1."),
        (r"^encoder\.ref_down(\d)\.", r"encoder.reference.down.\1."),
        (r"^encoder\.ca2\.layers\.(\d)\.0\.normx\.", r"encoder.attention.\1.crop_norm."),
        (r"^encoder\.ca2\.layers\.(\d)\.0\.normy\.", r"encoder.attention.\1.reference_norm."),
        (r"^encoder\.ca2\.layers\.(\d)\.0\.fn\.to_q\.", r"encoder.attention.\1.query."),
        (r"^encoder\.ca2\.layers\.(\d)\.0\.fn\.to_k\.", r"encoder.attention.\1.key."),
        (r"^encoder\.ca2\.layers\.(\d)\.0\.fn\.to_v\.", r"encoder.attention.\1.value."),
        (r"^encoder\.ca2\.layers\.(\d)\.0\.fn\.to_out\.0\.", r"encoder.attention.\1.merge."),
        (r"^encoder\.ca2\.layers\.(\d)\.1\.norm\.", r"encoder.attention.\1.norm."),
        (r"^encoder\.ca2\.layers\.(\d)\.1\.fn\.net\.0\.", r"encoder.attention.\1.condense."),
        (r"^encoder\.ca2\.layers\.(\d)\.1\.fn\.net\.3\.", r"encoder.attention.\1.expand."),
        (r"^decoder\.final\.", "final."),
        (r"^decoder\.(\w+)2\.", r"decoder.0.\1."),
        (r"^decoder\.(\w+)1\.", r"decoder.1.\1."),
        (r"^decoder\.(\w+)0\.", r"decoder.2.\1."),
        (r"\.res\.res(\d)\.conv1\.", r".residuals.\1.first."),
        (r"\.res\.res(\d)\.conv2\.", r".residuals.\1.second."),
        (r"\.bn_l\.", ".local_norm."),
        (r"\.bn_g\.", ".global_norm."),
        (r"\.ffc\.convl2l\.", ".local_to_local."),
        (r"\.ffc\.convl2g\.", ".local_to_global."),
        (r"\.ffc\.convg2l\.", ".global_to_local."),
        (r"\.ffc\.convg2g\.", ".global_to_global."),
        (r"\.conv1\.0\.", ".condense."),
        (r"\.conv1\.1\.", ".norm."),
        (r"\.conv2\.", ".expand."),
        (r"\.fu\.conv_layer\.", ".waves.mix."),
        (r"\.fu\.bn\.", ".waves.norm."),
        *BLOCK_RENAMES,
    ),
)


class SpeechBlock(nn.Module):
    """A convolution, a batch norm, perhaps the input again, a ReLU."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, kernel_size, stride, padding)
        self.norm = nn.BatchNorm2d(out_channels)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, bands, columns) to (B, out_channels, fewer or as many, the same)."""
        y = self.norm(self.convolution(x))
        return F.relu_(y + x if self.residual else y)


class SpeechEncoder(nn.Module):
    """Condenses 0.2 s of speech; the encoder of Wav2Lip."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            (
                SpeechBlock(1, 32),
                *(SpeechBlock(32, 32, residual=True) for _ in range(2)),
                SpeechBlock(32, 64, stride=(3, 1)),
                *(SpeechBlock(64, 64, residual=True) for _ in range(2)),
                SpeechBlock(64, 128, stride=3),
                *(SpeechBlock(128, 128, residual=True) for _ in range(2)),
                SpeechBlock(128, 256, stride=(3, 2)),
                SpeechBlock(256, 256, residual=True),
                SpeechBlock(256, SPEECH, padding=0),  # from 3x3 to one number
                SpeechBlock(SPEECH, SPEECH, kernel_size=1, padding=0),
            )
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Mel windows (B, 1, 80, 16) in [-4, 4] to (B, 512, 1, 1), non-negative."""
        x = mel
        for block in self.blocks:
            x = block(x)
        return x


class Stream(nn.Module):
    """Features of one picture at four sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = FirstBlock(3, 64)
        self.down = nn.ModuleList(DownBlock(*widths) for widths in ((64, 128), (128, 256), (256, 512)))

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Picture (B, 3, 96, 96) to features (B, 64, 96, 96), (B, 128, 48, 48), … (B, 512, 12, 12)."""
        features = [self.first(picture)]
        for down in self.down:
            features.append(down(features[-1]))
        return features


class CrossAttention(nn.Module):
    """Fetches looks from the reference to where the crop needs them.

    Both queries and keys come from the crop, only values from the reference: what belongs together in
    the crop is taken from the same places of the reference. The original was trained like that.
    """

    def __init__(self, width: int = 512, hidden: int = 256) -> None:
        super().__init__()
        self.crop_norm = nn.LayerNorm(width)
        self.reference_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, HEADS * HEAD_WIDTH, bias=False)
        self.key = nn.Linear(width, HEADS * HEAD_WIDTH, bias=False)
        self.value = nn.Linear(width, HEADS * HEAD_WIDTH, bias=False)
        self.merge = nn.Linear(HEADS * HEAD_WIDTH, width)
        self.norm = nn.LayerNorm(width)
        self.condense = nn.Linear(width, hidden)
        self.expand = nn.Linear(hidden, width)

    def forward(self, crop: Tensor, reference: Tensor) -> Tensor:
        """Positions of the crop and of the reference, (B, positions, 512) each, to the crop's anew."""
        inner = self.crop_norm(crop)
        values = _heads(self.value(self.reference_norm(reference)))
        mixed = F.scaled_dot_product_attention(_heads(self.query(inner)), _heads(self.key(inner)), values)
        crop = crop + self.merge(mixed.transpose(1, 2).flatten(2))
        return crop + self.expand(F.gelu(self.condense(self.norm(crop)), approximate="tanh"))


def _heads(x: Tensor) -> Tensor:
    """(B, positions, 256) to (B, 4, positions, 64)."""
    return torch.unflatten(x, 2, (HEADS, HEAD_WIDTH)).transpose(1, 2)


class PictureEncoder(nn.Module):
    """Looks at the crop and at the reference."""

    def __init__(self) -> None:
        super().__init__()
        self.crop = Stream()
        self.reference = Stream()
        self.attention = nn.ModuleList(CrossAttention() for _ in range(2))

    def forward(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Face (B, 6, 96, 96) to features (B, 1024, 12, 12) and the crop's larger ones, largest first."""
        *skips, last = self.crop(face[:, :3])
        reference = self.reference(face[:, 3:])[-1]
        return torch.cat([self.attend(last, reference), reference], dim=1), skips

    def attend(self, crop: Tensor, reference: Tensor) -> Tensor:
        """Features (B, 512, H, W) of both to the crop's with the reference's looks."""
        x, y = crop.flatten(2).mT, reference.flatten(2).mT  # (B, positions, 512), row by row
        for layer in self.attention:
            x = layer(x, y)
        return x.mT.reshape(crop.shape)


class Residual(nn.Module):
    """Adds two Fourier convolutions that follow the speech."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = FastFourierConvolution(channels)
        self.second = FastFourierConvolution(channels)

    def forward(self, near: Tensor, far: Tensor, speech: Tensor) -> tuple[Tensor, Tensor]:
        """Map local (B, C / 4, H, W) and global features (B, 3C / 4, H, W) to the same shapes."""
        nearer, farther = self.second(*self.first(near, far, speech), speech)
        return near + nearer, far + farther


class DecoderLevel(nn.Module):
    """Moves the lips at one size, doubles it, adds the crop's features of that size."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(Residual(channels) for _ in range(RESIDUALS))
        self.up = UpBlock(channels, out_channels)
        self.jump = JumpBlock(out_channels)

    def forward(self, x: Tensor, skip: Tensor, speech: Tensor) -> Tensor:
        """Map (B, channels, H, W) and (B, out_channels, 2H, 2W) to the latter's shape."""
        local = x.shape[1] // 4
        order = order_for(x.device)
        near, far = (part.contiguous(memory_format=order) for part in (x[:, :local], x[:, local:]))
        for residual in self.residuals:
            near, far = residual(near, far, speech)
        return self.jump(skip) + self.up(torch.cat([near, far], dim=1))


class LNet(nn.Module):
    """Draws the mouth that fits the speech into a small picture of a face."""

    def __init__(self) -> None:
        super().__init__()
        self.speech = SpeechEncoder()
        self.encoder = PictureEncoder()
        self.decoder = nn.ModuleList(DecoderLevel(*widths) for widths in ((1024, 256), (256, 128), (128, 64)))
        self.final = FinalBlock(64)
        after_loading(self, lay_channels_last)

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        """Draw faces.

        mel:     (B, 1, 80, 16) in [-4, 4], 0.2 s of speech
        face:    (B, 6, 96, 96) BGR in [0, 1]: the crop with its lower half black, then the reference
        returns: (B, 3, 96, 96) BGR in (0, 1)

        Under autocast to fp16 the Fourier units, the sums of the residuals and the last convolution stay
        in fp32. Under autocast to bf16 everything does: 54 layers in 8 bits leave 34 dB of the picture.
        """
        if computed_in(mel) == torch.bfloat16:
            with full_precision(mel.device):
                return self._draw(mel.float(), face.float())
        return self._draw(mel, face)

    def _draw(self, mel: Tensor, face: Tensor) -> Tensor:
        speech = self.speech(mel)
        x, skips = self.encoder(face.contiguous(memory_format=order_for(face.device)))
        for level in self.decoder:
            x = level(x.float(), skips.pop(), speech)
        with full_precision(face.device):
            return torch.sigmoid(self.final(x.float()))


def sample() -> tuple[Tensor, ...]:
    """Speech and a face with its reference as `LNet` takes them."""
    face = drawn_face(SIDE).flip(1)  # BGR
    masked = face.clone()
    masked[:, :, SIDE // 2 :] = 0
    return drawn_mel(), torch.cat([masked, face], dim=1)
