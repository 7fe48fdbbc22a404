"""L-Net and E-Net as plain formulas on a checkpoint's own keys: nothing folded, shared or skipped.

What the tests compare with on seeds that have no recording, and what the benchmark is faster than.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]
Seen = Callable[[str, Tensor], object]  # told of intermediates by the name they have in the recordings

ROOT_TWO = 2**0.5


def _nothing(name: str, value: Tensor) -> None:
    """Look away."""


def l_net(w: Weights, mel: Tensor, face: Tensor, seen: Seen = _nothing) -> Tensor:
    """Mel (B, 1, 80, 16) and face (B, 6, 96, 96) BGR in [0, 1] to a picture (B, 3, 96, 96)."""
    audio = _audio(w, mel)
    seen("audio_feature", audio)
    crop = _block(w, "encoder.first_inp", face[:, :3], padding=3)
    reference = _block(w, "encoder.first_ref", face[:, 3:], padding=3)
    skips = [crop]
    for i in range(3):
        crop = F.avg_pool2d(_block(w, f"encoder.inp_down{i}", crop), 2)
        reference = F.avg_pool2d(_block(w, f"encoder.ref_down{i}", reference), 2)
        skips.append(crop)
    crop = _attention(w, "encoder.ca2", crop, reference)
    seen("cross_attention_out", crop)
    x = torch.cat([crop, reference], dim=1)
    seen("encoder_last", x)
    for i in (2, 1, 0):
        for j in range(9):
            x = _ffc_block(w, f"decoder.res{i}.res{j}", x, audio.flatten(1), seen)
            if (i, j) == (2, 0):
                seen("ffc_block_first", x)
        seen(f"ffc_stage_res{i}", x)
        up = _block(w, f"decoder.up{i}", F.interpolate(x, scale_factor=2, mode="nearest"))
        seen(f"up{i}_out", up)
        x = _block(w, f"decoder.jump{i}", skips[i]) + up
    return torch.sigmoid(
        F.conv2d(x, _spectral(w, "decoder.final"), w["decoder.final.model.0.bias"], padding=3)
    )


def _audio(w: Weights, x: Tensor) -> Tensor:
    strides = {3: (3, 1), 6: (3, 3), 9: (3, 2)}
    for i in range(13):
        p = f"audio_encoder.{i}.conv_block"
        padding = 0 if i > 10 else 1
        y = F.conv2d(x, w[f"{p}.0.weight"], w[f"{p}.0.bias"], strides.get(i, (1, 1)), padding)
        y = _batch_norm(w, f"{p}.1", y)
        x = F.relu(x + y if i in (1, 2, 4, 5, 7, 8, 10) else y)
    return x


def _batch_norm(w: Weights, p: str, x: Tensor) -> Tensor:
    mean, variance = w[f"{p}.running_mean"], w[f"{p}.running_var"]
    return F.batch_norm(x, mean, variance, w[f"{p}.weight"], w[f"{p}.bias"], False, 0.0, 1e-5)


def _spectral(w: Weights, p: str) -> Tensor:
    weight, u, v = (w[f"{p}.model.0.weight_{name}"] for name in ("orig", "u", "v"))
    return weight / torch.dot(u, torch.mv(weight.flatten(1), v))


def _block(w: Weights, p: str, x: Tensor, padding: int = 1) -> Tensor:
    x = F.conv2d(x, _spectral(w, p), w[f"{p}.model.0.bias"], padding=padding)
    x = F.layer_norm(x, x.shape[1:]) * w[f"{p}.model.1.weight"] + w[f"{p}.model.1.bias"]
    return F.leaky_relu(x, 0.1)


def _attention(w: Weights, p: str, crop: Tensor, reference: Tensor) -> Tensor:
    batch, channels, height, width = crop.shape
    x, y = crop.flatten(2).mT, reference.flatten(2).mT

    def norm(name: str, z: Tensor) -> Tensor:
        return F.layer_norm(z, (channels,), w[f"{name}.weight"], w[f"{name}.bias"])

    def heads(z: Tensor, weight: Tensor) -> Tensor:
        return F.linear(z, weight).unflatten(2, (4, 64)).transpose(1, 2)

    for i in range(2):
        a, f = f"{p}.layers.{i}.0", f"{p}.layers.{i}.1"
        inner = norm(f"{a}.normx", x)
        q, k = (heads(inner, w[f"{a}.fn.to_{name}.weight"]) for name in "qk")
        v = heads(norm(f"{a}.normy", y), w[f"{a}.fn.to_v.weight"])
        mixed = (torch.softmax(q @ k.mT / 8, dim=-1) @ v).transpose(1, 2).flatten(2)
        x = x + F.linear(mixed, w[f"{a}.fn.to_out.0.weight"], w[f"{a}.fn.to_out.0.bias"])
        hidden = F.linear(norm(f"{f}.norm", x), w[f"{f}.fn.net.0.weight"], w[f"{f}.fn.net.0.bias"])
        hidden = F.gelu(hidden, approximate="tanh")
        x = x + F.linear(hidden, w[f"{f}.fn.net.3.weight"], w[f"{f}.fn.net.3.bias"])
    return x.mT.reshape(batch, channels, height, width)


def _ffc_block(w: Weights, p: str, x: Tensor, audio: Tensor, seen: Seen) -> Tensor:
    width = x.shape[1] // 4
    low, high = x[:, :width], x[:, width:]  # local and global
    for name in ("conv1", "conv2"):
        q = f"{p}.{name}"

        def conv(z: Tensor, part: str, q: str = q) -> Tensor:
            return F.conv2d(F.pad(z, (1, 1, 1, 1), "reflect"), w[f"{q}.ffc.{part}.weight"])

        spectral = _spectral_transform(w, f"{q}.ffc.convg2g", high)
        if q == "decoder.res2.res0.conv1":
            seen("spectral_transform_first", spectral)
        low, high = conv(low, "convl2l") + conv(high, "convg2l"), conv(low, "convl2g") + spectral
        low = F.leaky_relu(_ada_in(w, f"{q}.bn_l", low, audio), 0.01)
        high = F.leaky_relu(_ada_in(w, f"{q}.bn_g", high, audio), 0.01)
    return x + torch.cat([low, high], dim=1)


def _ada_in(w: Weights, p: str, x: Tensor, audio: Tensor) -> Tensor:
    def linear(name: str, z: Tensor) -> Tensor:
        return F.linear(z, w[f"{p}.{name}.weight"], w[f"{p}.{name}.bias"])

    hidden = F.relu(linear("mlp_shared.0", audio))
    gamma, beta = (linear(name, hidden)[:, :, None, None] for name in ("mlp_gamma", "mlp_beta"))
    return F.instance_norm(x) * (1 + gamma) + beta


def _spectral_transform(w: Weights, p: str, x: Tensor) -> Tensor:
    t = F.relu(_batch_norm(w, f"{p}.conv1.1", F.conv2d(x, w[f"{p}.conv1.0.weight"])))
    waves = torch.fft.rfft2(t, norm="ortho")
    parts = torch.stack([waves.real, waves.imag], dim=2).flatten(1, 2)  # interleaved
    parts = F.relu(_batch_norm(w, f"{p}.fu.bn", F.conv2d(parts, w[f"{p}.fu.conv_layer.weight"])))
    waves = torch.complex(*parts.unflatten(1, (-1, 2)).unbind(2))
    fourier = torch.fft.irfft2(waves, s=t.shape[2:], norm="ortho")
    return F.conv2d(t + fourier, w[f"{p}.conv2.weight"])


def e_net(
    w: Weights,
    mel: Tensor,
    face: Tensor,
    reference: Tensor,
    low_res: Weights,
    noise: Sequence[Tensor] | None = None,
    seen: Seen = _nothing,
) -> tuple[Tensor, Tensor]:
    """The whole forward: a picture (B, 3, 384, 384), unclamped, and L-Net's (B, 3, 96, 96).

    face: (B, 6, 384, 384) BGR in [0, 1]; reference (B, 3, 384, 384); low_res L-Net's weights.
    """
    small = torch.cat([face[:, :3], reference], dim=1)
    small = F.interpolate(small, size=(96, 96), mode="bilinear", align_corners=False)
    mouth = l_net(low_res, mel, small)
    return e_net_own(w, mouth, face[:, 3:], noise, seen), mouth


def e_net_own(
    w: Weights, mouth: Tensor, face: Tensor, noise: Sequence[Tensor] | None = None, seen: Seen = _nothing
) -> Tensor:
    """E-Net from L-Net's picture (B, 3, 96, 96) and the style picture (B, 3, 384, 384) on."""
    code = _style_code(w, face)
    seen("style_code", code)
    x = rgb = F.pad(mouth, (2, 2, 2, 2), "reflect")
    for stage in range(2):
        for i in (2 * stage, 2 * stage + 1):
            x = _style_conv(w, f"style_convs.{i}", x, code, i % 2 == 0, None if noise is None else noise[i])
            seen(f"style_conv{i}", x)
        p = f"to_rgbs.{stage}"
        flat = _modulated(w, f"{p}.modulated_conv", x, code, demodulate=False) + w[f"{p}.bias"]
        rgb = flat + F.interpolate(rgb, scale_factor=2, mode="bilinear", align_corners=False)
        seen(f"to_rgb{stage}", rgb)
    return rgb[:, :, 8:-8, 8:-8]


def _style_code(w: Weights, face: Tensor) -> Tensor:
    def conv(name: str, z: Tensor, padding: int = 1) -> Tensor:
        return F.conv2d(z, w[f"{name}.weight"], w.get(f"{name}.bias"), padding=padding)

    def halve(z: Tensor) -> Tensor:
        return F.interpolate(z, scale_factor=0.5, mode="bilinear", align_corners=False)

    x = F.interpolate(face, size=(256, 256), mode="bilinear", align_corners=False)
    x = F.leaky_relu(conv("conv_body_first", x, 0), 0.2)
    for i in range(6):
        p = f"conv_body_down.{i}"
        inner = halve(F.leaky_relu(conv(f"{p}.conv1", x), 0.2))
        x = F.leaky_relu(conv(f"{p}.conv2", inner), 0.2) + conv(f"{p}.skip", halve(x), 0)
    x = F.leaky_relu(conv("final_conv", x), 0.2)
    return F.linear(x.flatten(1), w["final_linear.weight"], w["final_linear.bias"])


def _style_conv(w: Weights, p: str, x: Tensor, code: Tensor, up: bool, noise: Tensor | None) -> Tensor:
    if up:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    x = _modulated(w, f"{p}.modulated_conv", x, code, demodulate=True) * ROOT_TWO
    if noise is not None:
        x = x + w[f"{p}.weight"] * noise
    return F.leaky_relu(x + w[f"{p}.bias"], 0.2)


def _modulated(w: Weights, p: str, x: Tensor, code: Tensor, demodulate: bool) -> Tensor:
    """One grouped convolution, every picture of the batch with weights of its own."""
    batch, channels, height, width = x.shape
    scale = F.linear(code, w[f"{p}.modulation.weight"], w[f"{p}.modulation.bias"])
    weight = w[f"{p}.weight"] * scale[:, None, :, None, None]  # (B, out, in, k, k)
    if demodulate:
        weight = weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
    grouped = x.reshape(1, batch * channels, height, width)
    y = F.conv2d(grouped, weight.flatten(0, 1), padding=weight.shape[-1] // 2, groups=batch)
    return y.reshape(batch, -1, height, width)
