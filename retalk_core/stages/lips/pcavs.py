"""PC-AVS draws whole heads: a person's looks, a head's pose and a mouth that fits the speech."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

from ....models.lips.pcavs_draw import draw_head_noise
from ....models.lips.pcavs_faces import SIDE
from ....models.lips.pcavs_speech import BANDS, COLUMNS
from ...compute.batches import device_of, in_batches, only_numbers
from ...images import resize, to_images, to_network
from ...types import Progress, Samples
from ..speech import windows_at
from .base import HeardVoice, SpeechWanted, Wants, one_each
from .pcavs_speech import ROWS_PER_SECOND, LoudSpectrogram

FOUR = (  # networks, in the order in which they are used
    "pcavs_v",
    "pcavs_e",
    "pcavs_a_sync",
    "pcavs_g",
)
OFFSET = -8  # rows from a frame's own to its window's first


class HeadSync:
    """PC-AVS as a lip-sync network; see `base.LipSyncer`.

    Identity and pose are both read off the frame itself, as when the paper compares itself with it.
    """

    wants = Wants(
        "PC-AVS",
        FOUR,
        SpeechWanted(
            "log-mel spectrogram of the voice at one loudness, 125 to 7600 Hz, in [0, 1]",
            BANDS,
            COLUMNS,
            ROWS_PER_SECOND,
            Fraction(OFFSET, ROWS_PER_SECOND),
        ),
        side=SIDE,
        seen=SIDE,
        framing="pcavs",
        own_framing="pcavs",
        plain=True,
        pictures=("whole", "whole"),
        hidden="nothing",
        reference="frame",
        noise=True,
        covers="head",
    )

    def spectrogram(self, samples: Samples | Tensor) -> LoudSpectrogram:
        """80 bands in [0, 1], 100 rows a second. The voice is read once, to learn how loud it is."""
        return LoudSpectrogram(samples)

    def windows(self, heard: HeardVoice, times: Sequence[Fraction]) -> Tensor:
        """(T, 1, 80, 20): from 0.115 s before each frame to 0.085 s behind it."""
        assert isinstance(heard, LoudSpectrogram)
        starts = [math.floor(ROWS_PER_SECOND * time) + OFFSET for time in times]
        return windows_at(heard, starts, COLUMNS, heard.silence)

    def sync(
        self,
        networks: Mapping[str, nn.Module],
        faces: Tensor,
        references: Tensor,
        windows: Tensor,
        *,
        seed: int | None = None,
        batch_size: int,
        progress: Progress,
    ) -> Tensor:
        """See `base.LipSyncer.sync`; references say who it is, faces how the head is held."""
        faces, references = one_each(len(windows), "windows of speech", faces=faces, references=references)
        identify, pose, listen, draw = (networks[key] for key in FOUR)
        device = device_of(draw)
        noise = None if seed is None else draw_head_noise(seed, device)

        def draw_heads(rows: slice) -> Tensor:
            whose, held = (_shown(each[rows]).to(device) for each in (references, faces))
            identity = identify(whose)
            codes = pose(held, listen(windows[rows].to(device)))
            style = torch.cat([identity.vector.float(), codes.float()], dim=1)
            drawn = only_numbers(draw(style, identity.map, noise).float().cpu(), draw)
            return to_images((drawn + 1) / 2)

        return in_batches(draw_heads, len(windows), batch_size, progress)


def _shown(pictures: Tensor) -> Tensor:
    """Pictures (T, H, W, 3) RGB in [0, 1] as (T, 3, 224, 224) in [-1, 1]."""
    return to_network(resize(pictures, SIDE)) * 2 - 1


PCAVS = HeadSync()
