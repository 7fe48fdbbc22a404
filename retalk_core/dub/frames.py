"""Dub pictures that are in memory: the same two passes as `pipeline.dub`, without a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ..compute.provider import NetworkProvider
from ..crops.patch import Patch
from ..media.clip import clip_of_pictures, watched
from ..media.sound import SoundSource
from ..reports.doubts import DoubtWatch
from ..reports.report import Report
from .analysis import analyse
from .options import DubOptions
from .results import make_report
from .session import StageProgress, begin_session, quiet
from .stream import finished_frames, make_engine, plan_marking


@dataclass(frozen=True, eq=False)
class DubbedPictures:
    """Finished pictures."""

    images: Tensor  # (T, H, W, 3) in [0, 1]
    # (T, H, W) 1 where pixels may have changed; 0 where they equal the given ones bit for bit
    support: Tensor
    seconds: Fraction  # that they are shown for
    report: Report


def dub_pictures(
    pictures: Tensor,
    rate: Fraction,
    voice: SoundSource,
    options: DubOptions,
    networks: NetworkProvider,
    progress: StageProgress = quiet,
    look: Callable[[], None] | None = None,
) -> DubbedPictures:
    """Give the speaker in some pictures a new voice.

    pictures: (T, H, W, 3) float32 RGB in [0, 1]
    rate:     frames per second
    look:     is called before each picture is looked at, and may raise to stop the work
    raises:   as `pipeline.dub` does; OptionError for a mark over whole frames, which files alone can have

    Pictures are edited in 16 bit. What options say about files doesn't matter here.
    """
    clip = clip_of_pictures(pictures, rate, bit_depth=16)
    if clip.is_still and options.constant_rate is None:
        options = replace(options, constant_rate=rate)  # a still has no rate of its own
    if look is not None:
        clip = watched(clip, look)
    edited = 0
    with begin_session(clip, voice, options, networks, progress) as session:
        analysis = analyse(session)
        marking = plan_marking(session, analysis, None)
        timeline, tell = analysis.timeline, progress("dub")
        engine = make_engine(session, analysis, tell)
        track, rows = analysis.tracked.track, analysis.plan.rows
        doubts = DoubtWatch(track, rows, timeline.times, timeline.end, session.faces)
        images = torch.empty(len(timeline), *pictures.shape[1:])
        support = torch.zeros(len(timeline), *pictures.shape[1:3])
        with session.timed("dub"):
            for shown in finished_frames(session, analysis, engine, tell, marking):
                doubts.see(shown.index, shown.before, shown.after, shown.patch)
                images[shown.index] = pictures[shown.frame.index]
                if shown.patch is not None:
                    _place(images[shown.index], support[shown.index], shown.patch)
                    edited += 1
    report = make_report(session, analysis, "frames", edited, resumed=engine.resumed, marking=marking)
    report.tell_doubts(doubts.judged())
    return DubbedPictures(images, support, timeline.end, report)


def _place(image: Tensor, support: Tensor, patch: Patch) -> None:
    """Put a patch into a picture (H, W, 3), in place, and mark where."""
    there = torch.from_numpy(patch.support)
    new = torch.from_numpy(patch.pixels.astype(np.float32) / 65535)
    part = image[patch.box.slices]
    part.copy_(torch.where(there[..., None], new, part))
    support[patch.box.slices].copy_(there.float())
