"""Which of the paper's stages run, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...models.catalog import lips
from ..errors import OptionError
from ..fields import check_options, option

if TYPE_CHECKING:
    from ...models.catalog import Need

Preset = Literal["fast", "paper", "original"]
Restorer = Literal["auto", "gfpgan", "gpen", "off"]
UpperFace = Literal["off", "sad", "angry", "surprise", "units"]
BoxSource = Literal["track", "s3fd"]
Paste = Literal["face", "box"]

PRESETS = get_args(Preset)
RESTORERS: dict[str, Need] = {"auto": ("gfpgan", "gpen"), "gfpgan": ("gfpgan",), "gpen": ("gpen",)}


@dataclass(frozen=True)
class Stages:
    """Which of the paper's stages run, and how; every one of them can be left out."""

    face_boxes: BoxSource = option(
        "track",
        choices=get_args(BoxSource),
        tip="What frames the faces for L-Net and E-Net. track: the face's track · s3fd: the original's "
        "detector, if its file is there; slow.",
        command_tip="What frames the faces for L-Net and E-Net. track: the face's track · s3fd: the "
        "original's detector, which takes 0.6 TFLOP for each megapixel of every frame.",
        place=26,
        advanced=True,
    )
    neutralise: bool = option(
        True,
        tip="D-Net gives the reference a calm expression. Off: the frame itself is the reference.",
        place=12,
        advanced=True,
    )
    expression: Literal["neutral", "smile"] | Path = option(
        "neutral",
        kind="choice or picture",
        choices=("neutral", "smile"),
        tip="The expression that D-Net gives the reference. A smile needs expression.mat.",
        command_tip="The expression that D-Net gives the reference: neutral, smile, or a picture's. A smile "
        "needs expression.mat.",
        place=13,
    )
    expression_strength: float = option(
        1.0,
        low=0.0,
        high=1.0,
        tip="How far from each frame's own expression (0) to the wanted one (1).",
        step=0.05,
        place=14,
        advanced=True,
    )
    expression_edits: Mapping[int, float] = option(
        factory=dict,
        kind="amounts",
        tip="Added to single coefficients of the expression: number from 0 to 63, colon, change.",
        flag="--expression-edit",
        command_tip="Added to a single coefficient of the expression: X to number N, from 0 to 63. It may be "
        "given several times.",
        blank="",
        placeholder="3:0.5, 10:-0.2",
        place=15,
        advanced=True,
    )
    one_shot: bool = option(
        False,
        tip="Each shot's first face lends its looks to the whole shot.",
        place=16,
        advanced=True,
    )
    restore_reference: bool = option(
        False,
        by_preset=True,
        tip="GPEN sharpens the reference, as the preset 'original' has it.",
        place=17,
        advanced=True,
    )
    enhance: bool = option(
        True,
        tip="E-Net redraws L-Net's small face sharply. Off: its 96 pixels as they are.",
        place=18,
        advanced=True,
    )
    noise_seed: int | None = option(
        None,
        kind="whole",
        tip="Of the fine noise that E-Net and PC-AVS can add.",
        unset="no noise",
        widget_range=(-1, 2**31 - 1),
        blank=-1,
        place=19,
        advanced=True,
    )
    keep_upper: bool = option(
        True,
        tip="The upper face stays the frame's own. Off: E-Net's whole picture, as the original does.",
        flag="--whole-face",
        command_tip="E-Net's upper face too, as the original does.",
        place=20,
        advanced=True,
    )
    upper_face: UpperFace = option(  # other than off, it keeps the rest of the upper face
        "off",
        kind="choice or amounts",
        choices=get_args(UpperFace),
        tip="GANimation moves brows and eyes.",
        command_tip="GANimation moves brows and eyes: sad, angry, surprise, or action units such as "
        "4=0.3,12=0.5.",
        widget_choices={
            "off": "off",
            "surprise": "surprise",
            "angry": "angry",
            "sad": "sad",
            "action units": "units",
        },
        place=21,
    )
    action_units: Mapping[int, float] = option(
        factory=dict,
        kind="amounts",
        tip="For 'action units': number of the unit, colon, intensity of about 0 to 1.",
        flag="",  # --upper-face says both
        blank="",
        placeholder="4:0.3, 5:0.2",
        place=22,
        advanced=True,
    )
    restore: Restorer = option(
        "auto",
        choices=get_args(Restorer),
        by_preset=True,
        tip="What restores the mouth's detail. auto: GFPGAN, or else GPEN.",
        widget="restore_mouth",
        place=23,
    )
    restore_strength: float = option(
        1.0,
        low=0.0,
        high=1.0,
        tip="How far from the drawn mouth to the restored one.",
        step=0.05,
        place=24,
        advanced=True,
    )
    mask_smoothing: float = option(
        0.0,
        low=0.0,
        high=1.0,
        unit="seconds",
        tip="Seconds over which the restored mouth's mask is smoothed, against trembling. 0: not at all.",
        place=27,
        advanced=True,
    )
    colour_match: float = option(
        1.0,
        low=0.0,
        high=1.0,
        tip="How far the drawn face's colour follows the frame's.",
        step=0.05,
        place=25,
        advanced=True,
    )
    lips: str = option(
        "lnet",
        choices=tuple(lips()),
        tip="What draws the lips. lnet: the paper's L-Net. All others draw from files that you have, most of "
        "them for personal use and research only; wav2lip is without GAN, wav2lip_gan with it.",
        place=28,
        advanced=True,
        came_later=True,
    )
    paste: Paste = option(
        "face",
        choices=get_args(Paste),
        tip="Where the drawn picture shows. face: inside the face's outline, blended · box: all of it with a "
        "hard edge, its crop laid as its own program does it; for comparisons.",
        place=29,
        advanced=True,
        came_later=True,
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.noise_seed is not None and not -(2**63) <= self.noise_seed < 2**63:  # what torch takes
            raise OptionError(
                f"noise_seed is {self.noise_seed}, but must fit into 64 bits. Choose a shorter one."
            )
        if self.paste == "box" and self.upper_face != "off":
            raise OptionError(
                f"paste is 'box', which covers the upper face, and upper_face is {self.upper_face!r}: choose "
                "paste face, or upper_face off."
            )

    @classmethod
    def of(cls, preset: Preset, **changes: Any) -> Stages:  # noqa: ANN401, as `replace` has it
        """A preset's stages, some of them changed."""
        if preset not in PRESETS:
            raise OptionError(f"There is no preset {preset!r}: choose one of {', '.join(PRESETS)}.")
        plain = cls(restore="off" if preset == "fast" else "auto", restore_reference=preset == "original")
        return replace(plain, **changes)

    @property
    def refers(self) -> bool:
        """Whether anything looks at a reference beside the frame itself: what draws the lips, or E-Net."""
        from .lips.syncers import SYNCERS

        return self.enhance or SYNCERS[self.lips].wants.reference == "calm"

    @property
    def calms(self) -> bool:
        """Whether that reference is neutralised."""
        return self.neutralise and self.refers

    @property
    def needs(self) -> Mapping[str, Need]:
        """What these stages borrow, by place; of several networks for one place the first by preference."""
        places: dict[str, tuple[bool, Need]] = {
            "face boxes": (self.face_boxes == "s3fd", ("s3fd",)),
            "coefficients": (self.calms, ("face3d",)),
            "expression": (self.calms, ("dnet",)),
            **{f"lips {key}": (True, (key,)) for key in lips()[self.lips]},
            "enhance": (self.enhance, ("enet",)),
            "reference": (self.restore_reference and self.refers, ("gpen",)),
            "upper face": (self.upper_face != "off", ("ganimation",)),
            "restorer": (self.restore != "off", RESTORERS.get(self.restore, ())),
            "parser": (self.restore != "off", ("parser",)),
        }
        return {place: need for place, (wanted, need) in places.items() if wanted}
