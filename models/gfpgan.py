"""GFPGAN 1.3 and 1.4 ("v1 clean"): restores a face. The network inside spandrel's wrapper, called directly.

spandrel is imported when the network is built: importing it takes seconds. Nothing is downloaded.
"""

from __future__ import annotations

from torch import Tensor, nn

from .checkpoint import Layout

LAYOUT = Layout(
    containers=("params_ema", "params"),
    dead=(
        r"^toRGB\.",  # smaller pictures, for training's losses
        r"^stylegan_decoder\.style_mlp\.",  # the encoder's styles go past it
    ),
    renames=((r"^", "network."),),
)


class GFPGAN(nn.Module):
    """Restores aligned faces, the same face always in the same way."""

    def __init__(self) -> None:
        from spandrel.architectures.GFPGAN import GFPGAN as Original  # noqa: N811, a class

        super().__init__()
        self.network = Original(
            out_size=512,
            num_style_feat=512,
            channel_multiplier=2,
            num_mlp=8,
            input_is_latent=True,
            different_w=True,
            narrow=1,
            sft_half=True,
        )
        del self.network.toRGB
        del self.network.stylegan_decoder.style_mlp

    def forward(self, picture: Tensor) -> Tensor:
        """Restore faces.

        picture: (B, 3, 512, 512) RGB in [-1, 1], aligned to the FFHQ template
        returns: (B, 3, 512, 512) RGB, about [-1, 1]; clamp it

        The generator adds noise. Spandrel draws it anew for every call; here it is the checkpoint's own.
        """
        restored: Tensor = self.network(picture, return_rgb=False, randomize_noise=False)[0]
        return restored
