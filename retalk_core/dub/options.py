"""What a user may choose for a dub; every default works for most footage."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import OptionError
from ..faces.choice import FaceChoice
from ..media.encoding import Codec
from ..media.sound import SoundSource
from ..stages.options import Preset, Stages, check_choices
from ..types import FaceTrack
from .timeline import LongerVoice, ShorterVoice

EngineName = Literal["auto", "retalk", "embedded"]
Pauses = Literal["close", "keep_original"]
Smoothing = Literal["savgol", "none"]


@dataclass(frozen=True)
class DubOptions:
    """Choices for `pipeline.dub`."""

    engine: EngineName = "auto"
    preset: Preset = "paper"  # of the engine `retalk`
    stages: Stages | None = None  # None: the preset's
    face: FaceChoice = field(default_factory=FaceChoice)
    track: FaceTrack | None = None  # of the clip's frames, all of them; None: the face is tracked here
    protect: np.ndarray | None = None  # (H, W) or (T, H, W) of any size, 1 where the clip must stay as it is
    longer: LongerVoice = "bounce"  # when the voice outlasts the picture
    shorter: ShorterVoice = "keep_clip"  # when the picture outlasts the voice
    pauses: Pauses = "close"  # what the mouth does while the voice rests
    start: Fraction = Fraction(0)  # seconds, of picture and voice
    duration: Fraction | None = None  # seconds; None: all of it
    edit_only: tuple[tuple[Fraction, Fraction], ...] = ()  # seconds of the output; empty: everywhere
    soundtrack: SoundSource | None = None  # what the file shall sound like; None: the voice
    constant_rate: Fraction | None = None  # frames per second; None keeps the clip's own timing
    smoothing: Smoothing = "savgol"  # over time, of landmarks and of the boxes that faces are cut by
    phones: bool | None = None  # recognise speech sounds; None: where pocketsphinx is installed
    batch: int | None = None  # pictures that a network sees at a time; None: as suits the machine
    codec: Codec = "h264"
    quality: int | None = None  # constant rate factor; None: visually lossless
    check: bool = True  # look at the result again and report what it shows
    work_dir: Path | None = None  # where finished parts are kept, so that a stopped dub can go on
    work_limit: int = 20_000_000_000  # bytes that `work_dir` may hold

    def __post_init__(self) -> None:
        check_choices(self, engine=EngineName, preset=Preset, pauses=Pauses, smoothing=Smoothing)
        if self.batch is not None and self.batch < 1:
            raise OptionError(f"batch is {self.batch}, but must be 1 or more.")

    @property
    def chosen_stages(self) -> Stages:
        """The stages as they were asked for, or as the preset has them."""
        return self.stages or Stages.of(self.preset)
