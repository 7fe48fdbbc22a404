"""What a user may choose for a dub; every default works for most footage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ...models.catalog import Need
from ..errors import OptionError

Preset = Literal["fast", "paper", "original"]
Restorer = Literal["auto", "gfpgan", "gpen", "off"]
UpperFace = Literal["off", "sad", "angry", "surprise", "units"]
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
    lips: str = "lnet"  # the network that draws the lips

    def __post_init__(self) -> None:
        check_choices(self, face_boxes=BoxSource, restore=Restorer, upper_face=UpperFace)
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
    def needs(self) -> Mapping[str, Need]:
        """What these stages borrow, by place; of several networks for one place the first by preference."""
        places: dict[str, tuple[bool, Need]] = {
            "face boxes": (self.face_boxes == "s3fd", ("s3fd",)),
            "coefficients": (self.neutralise, ("face3d",)),
            "expression": (self.neutralise, ("dnet",)),
            "lips": (True, (self.lips,)),
            "enhance": (self.enhance, ("enet",)),
            "reference": (self.restore_reference, ("gpen",)),
            "upper face": (self.upper_face != "off", ("ganimation",)),
            "restorer": (self.restore != "off", RESTORERS.get(self.restore, ())),
            "parser": (self.restore != "off", ("parser",)),
        }
        return {place: need for place, (wanted, need) in places.items() if wanted}


def check_choices(options: object, **choices: Any) -> None:  # noqa: ANN401, a Literal
    for name, choice in choices.items():
        if getattr(options, name) not in get_args(choice):
            known = ", ".join(get_args(choice))
            raise OptionError(f"{name} is {getattr(options, name)!r}, but must be one of {known}.")
