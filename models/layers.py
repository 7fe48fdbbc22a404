"""Blocks that D-Net and L-Net share. Spectral norm, where a checkpoint has it, is folded in when loading."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .interception import Function, Interception

SLOPE = 0.1  # of the leaky ReLU in every block of this file
EPSILON = 1e-5  # of every normalisation
STYLE_WIDTH = 128  # hidden width of the layers that read a style

# From a checkpoint's names to the ones here; a network adds its own behind them.
RENAMES = (
    (r"\bmodel\.0\.", "convolution."),
    (r"\bmodel\.1\.", "norm."),
    (r"\bmlp_shared\.0\.", "hidden."),
    (r"\bmlp_gamma\.", "scale."),
    (r"\bmlp_beta\.", "shift."),
)


class LayerNorm2d(nn.Module):
    """Normalises a picture over channels, rows and columns together, then scales and shifts each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        if not lies_channels_last(x):
            # One group of all channels is that very norm, in a quarter of layer_norm's time.
            return F.group_norm(x.contiguous(), 1, self.weight.flatten(), self.bias.flatten(), EPSILON)
        # With channels last torch takes the variance as a difference of large squares on a CPU. So it is
        # shown a single channel.
        batch, channels, height, width = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(batch, 1, -1)
        normed = F.group_norm(flat, 1, eps=EPSILON).view(batch, height, width, channels).permute(0, 3, 1, 2)
        if normed.dtype == self.weight.dtype:
            return normed.mul_(self.weight).add_(self.bias)
        # Two types in one product are slow, but not to a batch norm; this one does nothing else.
        none, one = self.bias.new_zeros(channels), self.bias.new_ones(channels)
        return F.batch_norm(normed, none, one, self.weight.flatten(), self.bias.flatten(), eps=0.0)


class AdaIN(nn.Module):
    """Normalises every channel of every picture, then scales and shifts it as a style says."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, STYLE_WIDTH)
        self.scale = nn.Linear(STYLE_WIDTH, channels)
        self.shift = nn.Linear(STYLE_WIDTH, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape; the style holds `features` numbers a picture, in any shape."""
        hidden = F.relu(self.hidden(style.flatten(1)))
        scale, shift = 1 + self.scale(hidden), self.shift(hidden)  # (B, C) each
        if not lies_channels_last(x):
            # With the batch folded into the channels, norm, scale and shift are one pass over the memory.
            folded = x.contiguous().view(1, -1, *x.shape[2:])
            normed = F.group_norm(folded, folded.shape[1], scale.flatten(), shift.flatten(), EPSILON)
            return normed.view(x.shape)
        # With channels last, so they are as the batch norm of a single picture, as if in training.
        return torch.cat([_norm_one(*each) for each in zip(torch.split(x, 1), scale, shift, strict=True)])


def _norm_one(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Normalise a picture (1, C, H, W)."""
    # The mean is a plain sum there, so it shouldn't be large.
    centred = x - x[..., :1, :1]
    return F.batch_norm(centred, None, None, scale, shift, training=True, momentum=0.0, eps=EPSILON)


class ConvolutionBlock(nn.Module):
    """A convolution that keeps the size, a layer norm, a leaky ReLU."""

    def __init__(self, channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.norm = LayerNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W)."""
        return F.leaky_relu(self.norm(self.convolution(x)), SLOPE, inplace=True)


class FirstBlock(ConvolutionBlock):
    """Turns a picture into features."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, kernel_size=7)


class JumpBlock(ConvolutionBlock):
    """Carries features past the middle of an hourglass."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)


class DownBlock(ConvolutionBlock):
    """Halves height and width by averaging, after everything else."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        return F.avg_pool2d(super().forward(x), 2)


class UpBlock(ConvolutionBlock):
    """Doubles height and width by repeating pixels, before everything else."""

    filters: Tensor  # of the convolution, made for repeated pixels

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels)
        self.register_buffer("filters", torch.empty(4 * out_channels, channels, 2, 2), persistent=False)
        _settle_filters(self, None)
        after_loading(self, _settle_filters)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, 2H, 2W)."""
        padded = F.pad(x, (1, 1, 1, 1))  # repeated, that is one row more than the convolution's padding
        doubled = convolve_repeated(padded, self.filters, self.convolution.bias)
        return F.leaky_relu(self.norm(doubled[:, :, 1:-1, 1:-1]), SLOPE, inplace=True)


def _settle_filters(block: UpBlock, _: object) -> None:
    filters = repeating_filters(block.convolution.weight.detach())
    block.filters = filters.contiguous(memory_format=torch.channels_last)


class FinalBlock(nn.Module):
    """Turns features into a picture; whoever calls it applies the last activation."""

    def __init__(self, channels: int, out_channels: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W), unbounded."""
        return convolve_to_few(x, self.convolution.weight, self.convolution.bias)


def convolve_to_few(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve (B, channels, H, W) with wide filters (out, channels, K, K) and zeros around.

    Convolutions compute 16 filters or more at a time, and there are two or three. So each column of a
    filter is one by itself, K by 1, and what they give is added up, shifted: a third of the time.
    """
    if x.device.type != "cpu":
        return F.conv2d(x, weight, bias, padding="same")
    width, margin = x.shape[3], weight.shape[3] // 2
    columns = weight.permute(3, 0, 1, 2).flatten(0, 1).unsqueeze(3)  # (K out, channels, K, 1)
    padded = F.pad(x, (margin, margin, margin, margin)).contiguous(memory_format=torch.channels_last)
    with full_precision(x.device):  # the sums would be rounded on their way
        parts = torch.unflatten(F.conv2d(padded.float(), columns.float()), 1, (weight.shape[3], -1))
    total = parts[:, 0, ..., :width].contiguous()
    for shift in range(1, weight.shape[3]):
        total += parts[:, shift, ..., shift : shift + width]
    return total if bias is None else total.add_(bias.view(-1, 1, 1))


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve with 1 by 1.

    With one thread torch leaves that to BLAS, which does half as much as oneDNN on some processors. A
    dilation means nothing to a single tap, but has torch choose the latter.
    """
    return F.conv2d(x, weight, bias, dilation=2)


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve (B, channels, H, W) without padding.

    Where a small picture meets many filters, a convolution on a CPU spends its time on bringing the
    filters into an order of its own. A product takes them as they lie, if their channels lie last.
    """
    batch, _, height, width = x.shape
    out_channels, _, rows, columns = weight.shape
    height, width = height - rows + 1, width - columns + 1
    if batch * height * width >= out_channels or not _multiplies_well(x, weight):
        return F.conv2d(x, weight)
    windows = x.unfold(2, rows, 1).unfold(3, columns, 1).permute(0, 2, 3, 4, 5, 1)
    flat = weight.permute(0, 2, 3, 1).reshape(out_channels, -1)
    product = torch.ops.mkldnn._linear_pointwise(
        windows.reshape(-1, flat.shape[1]), flat, None, "none", [], ""
    )
    return product.view(batch, height, width, out_channels).permute(0, 3, 1, 2)


def _multiplies_well(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN's product is there for two tensors, and channels lie last in both."""
    is_there: Callable[[], bool] = torch.backends.mkldnn.is_available
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == computed_in(x) == torch.float32
        and not (x.requires_grad or weight.requires_grad)
        and x.is_contiguous(memory_format=torch.channels_last)
        and weight.is_contiguous(memory_format=torch.channels_last)
        and is_there()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def convolve_repeated(x: Tensor, filters: Tensor, bias: Tensor | None = None) -> Tensor:
    """Repeat every pixel twice each way, then convolve with 3 by 3 and no padding.

    x:       (B, channels, H, W)
    filters: (4 out, channels, 2, 2), from `repeating_filters`
    bias:    (out,)
    returns: (B, out, 2H - 2, 2W - 2)

    Three neighbours among the repeated pixels are only two of the given ones: a, a, b or a, b, b. So
    the four results between four given pixels come from one convolution of 2 by 2 with four times the
    filters: 4/9 of the work, and the repeated pixels never exist.
    """
    repeated = None if bias is None else bias.repeat_interleave(4)
    return F.pixel_shuffle(F.conv2d(x, filters, repeated), 2)


def repeating_filters(weight: Tensor) -> Tensor:
    """Filters (out, channels, 3, 3) as `convolve_repeated` takes them."""
    filters = _pair_filters(_pair_filters(weight, dim=-1), dim=-2)  # (2, 2, out, channels, 2, 2)
    return filters.permute(2, 0, 1, 3, 4, 5).flatten(0, 2)  # ordered as pixel_shuffle wants them


def _pair_filters(weight: Tensor, dim: int) -> Tensor:
    """Filters of three taps along one dimension as two of two taps, (2, ...): for a, a, b and for a, b, b."""
    a, b, c = weight.unbind(dim)
    return torch.stack([torch.stack([a + b, c], dim), torch.stack([a, b + c], dim)])


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Switch autocast off around arithmetic that needs all of fp32; cast its inputs with `.float()`."""
    try:
        return torch.autocast(device.type, enabled=False)
    except (RuntimeError, AssertionError):  # a device that has no autocast has none to switch off
        return nullcontext()


class InOrder(Interception):
    """A context in which convolutions and their like are given tensors that lie in memory in plain order.

    On MPS, releases of torch below 2.14 take filters that lie otherwise for what they are not, and some of
    them pictures whose channels are part of others', without a word (pytorch issues 192212, 180984, 169342);
    older ones write nothing into part of a tensor (118115). Tensors in plain order are not copied.
    """

    def call(self, function: Function, args: tuple[Any, ...], given: dict[str, Any]) -> Any:  # noqa: ANN401
        if function in ORDERED:
            args = tuple(map(_in_order, args))
            given = {name: _in_order(value) for name, value in given.items()}
        elif function is torch.addcmul and "out" in given:
            out: Tensor = given.pop("out")
            return out.copy_(function(*args, **given))
        return function(*args, **given)


ORDERED = (F.conv1d, F.conv2d, F.conv_transpose2d, F.interpolate, F.grid_sample)


def _in_order(value: object) -> object:
    return value.contiguous() if isinstance(value, Tensor) else value


def computed_in(x: Tensor) -> torch.dtype:
    """The type that products with a tensor have here, be it by autocast or by its own."""
    one = x.new_ones(1, 1)
    return (one @ one).dtype


def lies_channels_last(x: Tensor) -> bool:
    """Whether features (B, C, H, W) on a CPU have a pixel's channels side by side, as its kernels like it."""
    return x.device.type == "cpu" and x.stride(1) == 1 and x.shape[1] > 1


def order_for(device: torch.device) -> torch.memory_format:
    """How pictures enter a network on this device."""
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


M = TypeVar("M", bound=nn.Module)


def after_loading(network: M, settle: Callable[[M, object], None]) -> None:
    """Have a network's own preparations made whenever weights have been loaded into it."""
    register: Callable[..., object] = network.register_load_state_dict_post_hook  # torch's has no types
    register(settle)


def lay_channels_last(network: nn.Module, _: object) -> None:
    """Order the weights of a network's convolutions like that too: a hook for when they are loaded."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same" does: the odd pixel goes to the right and the bottom.

    Exact for inputs whose sides are multiples of the stride: all of ours are.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H / stride, W / stride)."""
        spare = self.kernel_size[0] - self.stride[0]
        if spare % 2 == 0:
            return F.conv2d(x, self.weight, self.bias, self.stride, spare // 2, groups=self.groups)
        before, after = spare // 2, spare - spare // 2
        return super().forward(F.pad(x, (before, after, before, after)))


def depthwise(channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution of each channel by itself."""
    return SameConv2d(channels, channels, 3, stride=stride, groups=channels)


class Shortcut(nn.Module):
    """Carries a block's input past it: halved by its maxima, widened by channels of zeros."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.extra = out_channels - channels

    def forward(self, x: Tensor) -> Tensor:
        """Bring (B, C, H, W) to the shape of the block's output."""
        if self.stride > 1:
            x = F.max_pool2d(x, self.stride)
        return F.pad(x, (0, 0, 0, 0, 0, self.extra)) if self.extra else x


class SeparableBlock(nn.Module):
    """A residual block: depthwise, then pointwise."""

    def __init__(
        self, channels: int, out_channels: int, stride: int = 1, activation: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.shortcut = Shortcut(channels, out_channels, stride)
        self.depthwise = depthwise(channels, stride)
        self.pointwise = nn.Conv2d(channels, out_channels, 1)
        self.activation = activation or nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        return self.activation(self.shortcut(x) + self.pointwise(self.depthwise(x)))
