"""D-Net, the 3DMM regressor, GANimation and S3FD as plain formulas on a checkpoint's own keys.

What the tests compare with on seeds that have no recording.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]


def d_net(w: Weights, picture: Tensor, coefficients: Tensor) -> dict[str, Tensor]:
    """Picture (B, 3, 256, 256) RGB in [-1, 1], coefficients (B, 73, 26) to tensors by recorded name."""
    style = _mapping(w, coefficients)
    features = _hourglass(w, picture, style)
    flow = F.leaky_relu(_layer_norm(w, "warpping_net.flow_out.0", features), 0.1)
    flow = _convolve(w, "warpping_net.flow_out.2", flow, padding=3)
    warped = _warp(picture, flow)
    edited, last = _edit(w, picture, warped, style)
    return {
        "descriptor": style,
        "hourglass_out": features,
        "flow_field": flow,
        "warp_image": warped,
        "editing_encoder_last": last,
        "fake_image": edited,
    }


def _mapping(w: Weights, x: Tensor) -> Tensor:
    x = F.conv1d(x, w["mapping_net.first.0.weight"], w["mapping_net.first.0.bias"])
    for i in range(3):
        p = f"mapping_net.encoder{i}.1"
        y = F.conv1d(F.leaky_relu(x, 0.1), w[f"{p}.weight"], w[f"{p}.bias"], dilation=3)
        x = y + x[:, :, 3:-3]
    return x.mean(2, keepdim=True)


def _hourglass(w: Weights, x: Tensor, style: Tensor) -> Tensor:
    p = "warpping_net.hourglass.encoder"
    x = _convolve(w, f"{p}.input_layer", x, padding=3)
    kept = {}
    for i in range(5):
        x = _convolve(w, f"{p}.encoder{i}.conv_0", _styled(w, f"{p}.encoder{i}.norm_0", x, style), 2, 1)
        x = _convolve(w, f"{p}.encoder{i}.conv_1", _styled(w, f"{p}.encoder{i}.norm_1", x, style), 1, 1)
        kept[i] = x
    for i, skip in ((4, 3), (3, 2), (2, 1)):
        p = f"warpping_net.hourglass.decoder.decoder{i}"
        y = _convolve(w, f"{p}.conv_0", _styled(w, f"{p}.norm_0", x, style), 1, 1)
        y = _enlarge(w, f"{p}.conv_1", _styled(w, f"{p}.norm_1", y, style))
        x = y + _enlarge(w, f"{p}.conv_s", _styled(w, f"{p}.norm_s", x, style))
        x = torch.cat([x, kept[skip]], 1)
    return x


def _warp(picture: Tensor, flow: Tensor) -> Tensor:
    n = flow.shape[-1]
    line = 2 * torch.arange(n) / (n - 1) - 1
    still = torch.stack([line.expand(n, n), line[:, None].expand(n, n)])
    grid = F.interpolate(still + 2 * flow / (n - 1), size=picture.shape[2:], mode="bilinear")
    return F.grid_sample(picture, grid.permute(0, 2, 3, 1), align_corners=False)


def _edit(w: Weights, picture: Tensor, warped: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    x = _block(w, "editing_net.encoder.first", torch.cat([picture, warped], 1), padding=3)
    kept = [x]
    for i in range(3):
        x = F.avg_pool2d(_block(w, f"editing_net.encoder.down{i}", x), 2)
        kept.append(x)
    last = x
    p = "editing_net.decoder"
    for i in (2, 1, 0):
        for j in range(2):
            r = f"{p}.res{i}.res{j}"
            x = x + _adain(w, f"{r}.norm2", _convolve(w, f"{r}.conv2", x, 1, 1), style)
        x = _block(w, f"{p}.up{i}", F.interpolate(x, scale_factor=2, mode="nearest"))
        x = x + _block(w, f"{p}.jump{i}", kept[i])
    return torch.tanh(_convolve(w, f"{p}.final.model.0", x, padding=3)), last


def _block(w: Weights, p: str, x: Tensor, padding: int = 1) -> Tensor:
    x = _convolve(w, f"{p}.model.0", x, padding=padding)
    return F.leaky_relu(_layer_norm(w, f"{p}.model.1", x), 0.1)


def _layer_norm(w: Weights, p: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[1:], eps=1e-5) * w[f"{p}.weight"] + w[f"{p}.bias"]


def _styled(w: Weights, p: str, x: Tensor, style: Tensor) -> Tensor:
    return F.leaky_relu(_adain(w, p, x, style), 0.1)


def _adain(w: Weights, p: str, x: Tensor, style: Tensor) -> Tensor:
    hidden = F.relu(F.linear(style.flatten(1), w[f"{p}.mlp_shared.0.weight"], w[f"{p}.mlp_shared.0.bias"]))
    gamma = F.linear(hidden, w[f"{p}.mlp_gamma.weight"], w[f"{p}.mlp_gamma.bias"])[..., None, None]
    beta = F.linear(hidden, w[f"{p}.mlp_beta.weight"], w[f"{p}.mlp_beta.bias"])[..., None, None]
    return F.instance_norm(x, eps=1e-5) * (1 + gamma) + beta


def _convolve(w: Weights, p: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return F.conv2d(x, w[f"{p}.weight"], w.get(f"{p}.bias"), stride, padding)


def _enlarge(w: Weights, p: str, x: Tensor) -> Tensor:
    return F.conv_transpose2d(x, w[f"{p}.weight"], w[f"{p}.bias"], 2, 1, output_padding=1)


def face3d(w: Weights, picture: Tensor) -> dict[str, Tensor]:
    """Picture (B, 3, 224, 224) RGB in [0, 1]."""
    x = F.relu(_norm(w, "backbone.bn1", _convolve(w, "backbone.conv1", picture, 2, 3)))
    x = F.max_pool2d(x, 3, 2, 1)
    kept = {}
    for layer, depth in ((1, 3), (2, 4), (3, 6), (4, 3)):
        for block in range(depth):
            p = f"backbone.layer{layer}.{block}"
            x = _bottleneck(w, p, x, stride=2 if layer > 1 and block == 0 else 1)
        kept[f"layer{layer}"] = x
    pooled = x.mean((2, 3), keepdim=True)
    coefficients = torch.cat([_convolve(w, f"final_layers.{i}", pooled) for i in range(7)], 1)[..., 0, 0]
    return {**kept, "pooled": pooled, "coeffs": coefficients}


def _bottleneck(w: Weights, p: str, x: Tensor, stride: int) -> Tensor:
    y = F.relu(_norm(w, f"{p}.bn1", _convolve(w, f"{p}.conv1", x)))
    y = F.relu(_norm(w, f"{p}.bn2", _convolve(w, f"{p}.conv2", y, stride, 1)))
    y = _norm(w, f"{p}.bn3", _convolve(w, f"{p}.conv3", y))
    if f"{p}.downsample.0.weight" in w:
        x = _norm(w, f"{p}.downsample.1", _convolve(w, f"{p}.downsample.0", x, stride))
    return F.relu(x + y)


def _norm(w: Weights, p: str, x: Tensor) -> Tensor:
    mean, variance = w[f"{p}.running_mean"], w[f"{p}.running_var"]
    return F.batch_norm(x, mean, variance, w[f"{p}.weight"], w[f"{p}.bias"], eps=1e-5)


def ganimation(w: Weights, picture: Tensor, action_units: Tensor) -> dict[str, Tensor]:
    """Picture (B, 3, 128, 128) BGR in [-1, 1], action units (B, 17)."""
    planes = action_units[:, :, None, None].repeat(1, 1, 128, 128)
    x = torch.cat([picture, planes], 1)
    for i, stride, padding in ((0, 1, 3), (3, 2, 1), (6, 2, 1)):
        x = F.relu(F.instance_norm(_convolve(w, f"model.{i}", x, stride, padding)))
    for i in range(9, 15):
        y = F.relu(F.instance_norm(_convolve(w, f"model.{i}.conv_block.0", x, 1, 1)))
        x = x + F.instance_norm(_convolve(w, f"model.{i}.conv_block.3", y, 1, 1))
    for i in (15, 18):
        x = F.conv_transpose2d(x, w[f"model.{i}.weight"], w[f"model.{i}.bias"], 2, 1)
        x = F.relu(F.instance_norm(x))
    colour = torch.tanh(_convolve(w, "color_top.0", x, padding=3))
    mask = torch.sigmoid(_convolve(w, "au_top.0", x, padding=3))
    return {
        "features": x,
        "color": colour,
        "au_mask": mask,
        "fused": mask * picture + (1 - mask) * colour,
    }


def s3fd(w: Weights, picture: Tensor) -> dict[str, Tensor]:
    """Picture (B, 3, H, W) RGB in 0..255."""
    x = picture - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
    levels = []
    for group, depth in ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3)):
        for i in range(1, depth + 1):
            x = F.relu(_convolve(w, f"conv{group}_{i}", x, 1, 1))
        if group > 2:
            name = f"conv{group}_3_norm"
            length = x.square().sum(1, keepdim=True).sqrt() + 1e-10
            levels.append((name, x / length * w[f"{name}.weight"][:, None, None]))
        x = F.max_pool2d(x, 2)
    for name, stride, padding in (
        ("fc6", 1, 3),
        ("fc7", 1, 0),
        ("conv6_1", 1, 0),
        ("conv6_2", 2, 1),
        ("conv7_1", 1, 0),
        ("conv7_2", 2, 1),
    ):
        x = F.relu(_convolve(w, name, x, stride, padding))
        if name in ("fc7", "conv6_2", "conv7_2"):
            levels.append((name, x))
    read = {}
    for i, (name, features) in enumerate(levels, start=1):
        scores = _convolve(w, f"{name}_mbox_conf", features, 1, 1)
        if i == 1:
            scores = torch.cat([scores[:, :3].max(1, keepdim=True).values, scores[:, 3:]], 1)
        read |= {f"cls{i}": scores, f"reg{i}": _convolve(w, f"{name}_mbox_loc", features, 1, 1)}
    return read
