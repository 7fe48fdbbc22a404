"""L-Net: draws a face whose lips fit the speech (VideoReTalking, section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint import Layout
from .layers import RENAMES as BLOCK_RENAMES
from .layers import (
    AdaIN,
    DownBlock,
    FinalBlock,
    FirstBlock,
    JumpBlock,
    UpBlock,
    computed_in,
    convolve,
    full_precision,
    lay_channels_last,
    order_for,
    pointwise,
)

SIDE = 96  # of the picture, in pixels
SPEECH = 512  # numbers that describe a window of speech
HEADS = 4  # of the attention
HEAD_WIDTH = 64
RESIDUALS = 9  # on each of the decoder's levels
SMALL = 24  # pixels of a side, up to which a Fourier transform in products takes no longer on a CPU
FFC_SLOPE = 0.01  # of the leaky ReLUs in the decoder's residual blocks; elsewhere it is 0.1

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
    return x.unflatten(2, (HEADS, HEAD_WIDTH)).transpose(1, 2)


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


class FourierUnit(nn.Module):
    """Mixes the channels of a picture's spectrum, so that every pixel sees all others. Computes in fp32."""

    mixing: Tensor  # what `mix` and `norm` do together, for a spectrum whose real parts come first
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * channels)
        self.register_buffer("mixing", torch.empty_like(self.mix.weight), persistent=False)
        self.register_buffer("shift", torch.empty(2 * channels), persistent=False)
        _settle_waves(self, None)
        self.register_load_state_dict_post_hook(_settle_waves)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        with full_precision(x.device):
            small = x.device.type == "cpu" and max(x.shape[2:]) <= SMALL
            forward, back = MATRICES if small else transforms(x.device)
            parts = F.relu_(pointwise(forward(x.float()), self.mixing.float(), self.shift.float()))
            return back(parts, x.shape[3])


def _settle_waves(unit: FourierUnit, _: object) -> None:
    """The checkpoint has a channel's real and imaginary part next to each other."""
    weight, shift = _with_norm(unit.mix.weight, unit.norm)
    halves = weight.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).transpose(0, 1).transpose(2, 3)
    unit.mixing = halves.flatten(2, 3).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    unit.shift = shift.unflatten(0, (-1, 2)).mT.flatten()


def _with_norm(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The weight and the bias of a convolution without bias and the batch norm behind it."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
    return weight.detach() * scale.view(-1, 1, 1, 1), norm.bias.detach() - norm.running_mean * scale


class SpectralTransform(nn.Module):
    """Sees the whole picture: pixels and spectrum through the same narrow door."""

    narrowing: Tensor  # what `condense` and `norm` do together
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.condense = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels // 2)
        self.waves = FourierUnit(channels // 2)
        self.expand = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.register_buffer("narrowing", torch.empty_like(self.condense.weight), persistent=False)
        self.register_buffer("shift", torch.empty(channels // 2), persistent=False)
        _settle_door(self, None)
        self.register_load_state_dict_post_hook(_settle_door)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        narrow = F.relu_(pointwise(x, self.narrowing, self.shift))
        return pointwise(narrow + self.waves(narrow), self.expand.weight)


def _settle_door(transform: SpectralTransform, _: object) -> None:
    weight, shift = _with_norm(transform.condense.weight, transform.norm)
    transform.narrowing = weight.contiguous(memory_format=torch.channels_last)
    transform.shift = shift


class FastFourierConvolution(nn.Module):
    """A convolution on a quarter of the channels, a spectral transform on the rest, and two ways across."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        local, wide = channels // 4, channels - channels // 4
        self.local_to_local = nn.Conv2d(local, local, 3, bias=False)
        self.local_to_global = nn.Conv2d(local, wide, 3, bias=False)
        self.global_to_local = nn.Conv2d(wide, local, 3, bias=False)
        self.global_to_global = SpectralTransform(wide)
        self.local_norm = AdaIN(local, SPEECH)
        self.global_norm = AdaIN(wide, SPEECH)

    def forward(self, near: Tensor, far: Tensor, speech: Tensor) -> tuple[Tensor, Tensor]:
        """Map local (B, C / 4, H, W) and global features (B, 3C / 4, H, W) to the same shapes."""
        padded, padded_far = (F.pad(x, (1, 1, 1, 1), mode="reflect") for x in (near, far))
        near = convolve(padded, self.local_to_local.weight).add_(
            convolve(padded_far, self.global_to_local.weight)
        )
        far = self.global_to_global(far).add_(convolve(padded, self.local_to_global.weight))
        near, far = self.local_norm(near, speech), self.global_norm(far, speech)
        return F.leaky_relu_(near, FFC_SLOPE), F.leaky_relu_(far, FFC_SLOPE)


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
        self.register_load_state_dict_post_hook(lay_channels_last)

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


# Fourier transforms over rows and columns, orthonormal. A spectrum is (B, 2C, H, W / 2 + 1): the real parts
# of all channels, then the imaginary ones.


def fast_spectrum(x: Tensor) -> Tensor:
    """Transform (B, C, H, W) to its spectrum."""
    waves = torch.fft.rfft2(x, norm="ortho")
    return torch.cat([waves.real, waves.imag], dim=1)


def fast_picture(parts: Tensor, width: int) -> Tensor:
    """Transform a spectrum back to (B, C, H, width)."""
    waves = torch.complex(*parts.chunk(2, dim=1))
    return torch.fft.irfft2(waves, s=(parts.shape[2], width), norm="ortho")


def matrix_spectrum(x: Tensor) -> Tensor:
    """The same as `fast_spectrum` in products with real matrices, for devices without complex numbers."""
    batch, channels, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(batch, height, width * channels)
    columns = _complex_columns(height, x.device) @ pixels  # (B, 2H, WC), an imaginary row after each real
    parts = _half_of_rows(width, x.device) @ columns.view(batch * height, 2 * width, channels)
    return parts.view(batch, height, -1, 2 * channels).permute(0, 3, 1, 2)


def matrix_picture(parts: Tensor, width: int) -> Tensor:
    """The same as `fast_picture` in products with real matrices."""
    batch, channels, height, half = parts.shape
    channels //= 2
    rows = parts.permute(0, 2, 3, 1).reshape(batch * height, 2 * half, channels)
    columns = _whole_rows(width, parts.device) @ rows  # (BH, 2W, C), all imaginary ones last
    pixels = _complex_columns(height, parts.device).mT @ columns.view(batch, 2 * height, width * channels)
    return pixels.view(batch, height, width, channels).permute(0, 3, 1, 2)


@cache
def _complex_columns(height: int, device: torch.device) -> Tensor:
    """From real columns to their spectrum, (2 height, height): an imaginary row after each real one."""
    cosine, sine = _waves(height)
    return torch.stack([cosine, -sine], dim=1).flatten(0, 1).float().to(device)


@cache
def _half_of_rows(width: int, device: torch.device) -> Tensor:
    """From complex rows to half of their spectrum, (2 (width / 2 + 1), 2 width).

    Of the rows all real parts come first; of their spectrum each imaginary part follows the real one.
    """
    return _row_waves(width).flatten(0, 1).float().to(device)


@cache
def _whole_rows(width: int, device: torch.device) -> Tensor:
    """From half of a spectrum back to complex rows, (2 width, 2 (width / 2 + 1))."""
    waves = 2 * _row_waves(width)  # each but the first and, of an even width, the last stands for two
    waves[0] /= 2
    if width % 2 == 0:
        waves[-1] /= 2
    return waves.flatten(0, 1).mT.contiguous().float().to(device)


def _row_waves(width: int) -> Tensor:
    cosine, sine = (wave[: width // 2 + 1] for wave in _waves(width))
    return torch.stack([torch.cat([cosine, sine], dim=1), torch.cat([-sine, cosine], dim=1)], dim=1)


def _waves(size: int) -> tuple[Tensor, Tensor]:
    """Orthonormal cosines and sines (size, size) in fp64."""
    steps = torch.arange(size, dtype=torch.float64)
    angles = 2 * math.pi / size * (torch.outer(steps, steps) % size)
    return angles.cos() / size**0.5, angles.sin() / size**0.5


Transforms = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, int], Tensor]]
FAST: Transforms = (fast_spectrum, fast_picture)
MATRICES: Transforms = (matrix_spectrum, matrix_picture)


@cache
def transforms(device: torch.device) -> Transforms:
    """The way to a spectrum and back that suits a device: fast where complex numbers are at home."""
    if device.type not in ("cpu", "cuda"):
        return MATRICES
    try:
        fast_picture(fast_spectrum(torch.zeros(1, 1, 12, 12, device=device)), 12)
    except RuntimeError:  # what poses as CUDA needn't have its FFT library
        return MATRICES
    return FAST
