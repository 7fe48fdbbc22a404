"""What a user may choose for a dub; every default works for most footage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..models.catalog import Need
from .errors import OptionError
from .faces import FaceChoice
from .sound import SoundSource
from .timeline import LongerVoice, ShorterVoice
from .types import FaceTrack
from .video_writer import Codec

EngineName = Literal["auto", "retalk", "embedded"]
Preset = Literal["fast", "paper", "original"]
Restorer = Literal["auto", "gfpgan", "gpen", "off"]
UpperFace = Literal["off", "sad", "angry", "surprise", "units"]
Pauses = Literal["close", "keep_original"]
Smoothing = Literal["savgol", "none"]
BoxSource = Literal["track", "s3fd"]

RESTORERS: dict[str, Need] = {"auto": ("gfpgan", "gpen"), "gfpgan": ("gfpgan",), "gpen": ("gpen",)}


@dataclass(frozen=True)
class Stages:
    """Which of the paper's stages run, and how; every one of them can be left out."""

    face_boxes: BoxSource = "track"  # "s3fd": the original's own, for 0.3 to 1.3 TFLOP a frame more
    neutralise: bool = (
        True  # D-Net gives the reference a calm expression; off: the frame itself is the reference
    )
    expression: Literal["neutral", "smile"] | Path = "neutral"  # a path: that picture's expression
    expression_strength: float = 1.0  # 0..1, from the frame's own expression to the wanted one
    expression_edits: Mapping[int, float] = field(default_factory=dict)  # added to single coefficients
    one_shot: bool = False  # each shot's first face is the reference's looks throughout the shot
    restore_reference: bool = False  # GPEN sharpens the reference
    enhance: bool = True  # E-Net; off: L-Net's 96 pixels as they are
    noise_seed: int | None = None  # of E-Net's noise; None: no noise
    keep_upper: bool = True  # the frame's own upper face; off: E-Net's whole picture, as the original does
    upper_face: UpperFace = "off"  # GANimation; "units" takes `action_units`; keeps the upper face otherwise
    action_units: Mapping[int, float] = field(default_factory=dict)  # by their numbers, about 0..1
    restore: Restorer = "auto"  # the mouth, with GFPGAN or else GPEN
    restore_strength: float = 1.0  # 0..1
    mask_smoothing: float = 0.0  # seconds, 0..1, over which the restored mouth's mask is calmed, and lags
    colour_match: float = 1.0  # 0..1, how far the drawn face's colour follows the frame's

    def __post_init__(self) -> None:
        _check_choices(self, face_boxes=BoxSource, restore=Restorer, upper_face=UpperFace)
        for name in ("expression_strength", "restore_strength", "mask_smoothing", "colour_match"):
            value = getattr(self, name)
            if not 0 <= value <= 1:  # not-a-number is refused too
                raise OptionError(f"{name} is {value}, but must be from 0 to 1.")
        if isinstance(self.expression, str) and self.expression not in ("neutral", "smile"):
            raise OptionError(
                f"expression is {self.expression!r}, but must be neutral, smile or a picture's path."
            )

    @classmethod
    def of(cls, preset: Preset, **changes: Any) -> Stages:  # noqa: ANN401, as `replace` has it
        """A preset's stages, some of them changed."""
        if preset not in get_args(Preset):
            raise OptionError(f"There is no preset {preset!r}: choose one of {', '.join(get_args(Preset))}.")
        plain = cls(restore="off" if preset == "fast" else "auto", restore_reference=preset == "original")
        return replace(plain, **changes)

    @property
    def needs(self) -> tuple[Need, ...]:
        """The networks that these stages borrow; of several in one place the first by preference."""
        found: list[Need] = [("s3fd",)] if self.face_boxes == "s3fd" else []
        found += [("face3d",), ("dnet",)] if self.neutralise else []
        found.append(("lnet",))
        if self.enhance:
            found.append(("enet",))
        if self.restore_reference:
            found.append(("gpen",))
        if self.upper_face != "off":
            found.append(("ganimation",))
        if self.restore != "off":
            found += [RESTORERS[self.restore], ("parser",)]
        return tuple(found)


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
    batch: int | None = None  # pictures that a network sees at a time; None: as memory allows
    codec: Codec = "h264"
    quality: int | None = None  # constant rate factor; None: visually lossless
    check: bool = True  # look at the result again and report what it shows
    work_dir: Path | None = None  # where finished parts are kept, so that a stopped dub can go on
    work_limit: int = 20_000_000_000  # bytes that `work_dir` may hold

    def __post_init__(self) -> None:
        _check_choices(self, engine=EngineName, preset=Preset, pauses=Pauses, smoothing=Smoothing)
        if self.batch is not None and self.batch < 1:
            raise OptionError(f"batch is {self.batch}, but must be 1 or more.")

    @property
    def chosen_stages(self) -> Stages:
        """The stages as they were asked for, or as the preset has them."""
        return self.stages or Stages.of(self.preset)


def _check_choices(options: object, **choices: Any) -> None:  # noqa: ANN401, a Literal
    for name, choice in choices.items():
        if getattr(options, name) not in get_args(choice):
            known = ", ".join(get_args(choice))
            raise OptionError(f"{name} is {getattr(options, name)!r}, but must be one of {known}.")
