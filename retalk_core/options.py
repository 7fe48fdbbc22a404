"""What a user may choose for a dub; every default works for most footage."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from .errors import OptionError
from .faces import FaceChoice
from .timeline import LongerVoice, ShorterVoice
from .video_writer import Codec

Engine = Literal["auto", "embedded"]
Pauses = Literal["close", "keep_original"]
Smoothing = Literal["savgol", "none"]


@dataclass(frozen=True)
class DubOptions:
    """Choices for `pipeline.dub`."""

    engine: Engine = "auto"
    face: FaceChoice = field(default_factory=FaceChoice)
    longer: LongerVoice = "bounce"  # when the voice outlasts the picture
    shorter: ShorterVoice = "keep_clip"  # when the picture outlasts the voice
    pauses: Pauses = "close"  # what the mouth does while the voice rests
    start: Fraction = Fraction(0)  # seconds, of picture and voice
    duration: Fraction | None = None  # seconds; None: all of it
    edit_only: tuple[tuple[Fraction, Fraction], ...] = ()  # seconds of the output; empty: everywhere
    soundtrack: Path | None = None  # what the file shall sound like; None: the voice
    constant_rate: Fraction | None = None  # frames per second; None keeps the clip's own timing
    smoothing: Smoothing = "savgol"  # of landmarks over time
    phones: bool | None = None  # recognise speech sounds; None: where pocketsphinx is installed
    codec: Codec = "h264"
    quality: int | None = None  # constant rate factor; None: visually lossless
    check: bool = True  # look at the result again and report what it shows

    def __post_init__(self) -> None:
        for name, choices in (("engine", Engine), ("pauses", Pauses), ("smoothing", Smoothing)):
            if getattr(self, name) not in get_args(choices):
                known = ", ".join(get_args(choices))
                raise OptionError(f"{name} is {getattr(self, name)!r}, but must be one of {known}.")
