"""The nouns that every stage speaks of; most of them are sockets on the canvas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # whoever only tells progress, or lists files, doesn't wait for torch
    import numpy as np
    from torch import Tensor

# The 68 iBUG points, jaw to inner lip, as indices of FaceMesh's 468 points.
IBUG_FROM_MESH = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # brows
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lip
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lip
)


class Pixels(Protocol):
    """A picture (H, W, 3) RGB to read: an array, or what is sliced like one and made where it is looked at.

    uint8, or uint16 over its whole range. `pixels[:, :]` is all of it as an array.
    """

    @property
    def shape(self) -> tuple[Any, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, part: tuple[slice, slice], /) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Frame:
    """One decoded picture of a clip."""

    index: int  # position in the clip, from 0, in the order of showing
    time: Fraction  # seconds since the clip's first frame
    picture: Pixels  # uint16 for sources above 8 bit

    @cached_property
    def pixels(self) -> np.ndarray:
        """All of its pixels (H, W, 3) RGB; to look at a part of `picture` may cost less."""
        import numpy as np

        return self.picture if isinstance(self.picture, np.ndarray) else self.picture[:, :]


@dataclass(frozen=True, eq=False)  # == on tensors has no single answer
class FaceTrack:
    """One person's face followed through T frames."""

    times: tuple[Fraction, ...]  # seconds
    boxes: Tensor  # (T, 4) left, top, right, bottom, in frame pixels
    mesh: Tensor  # (T, 468, 3) FaceMesh points; x, y in frame pixels, z in the same unit
    scores: Tensor  # (T,) confidence in [0, 1]
    present: Tensor  # (T,) bool; False where the frame shows no usable face
    shot: Tensor  # (T,) int; nothing is smoothed or windowed across a change
    weight: Tensor  # (T,) in [0, 1]; how far an edit may show, 0 towards profile
    frame_size: tuple[int, int]  # height, width
    # (T, 32, 32) uint8, 255 where something lies before the lower face, over the window of `covers/view.py`;
    # None where nothing does in any frame, or where nobody looked
    cover: Tensor | None = None
    light: Tensor | None = None  # (T, 3) the skin's colour in [0, 1]; None where nobody looked

    def __len__(self) -> int:
        return len(self.times)

    @property
    def landmarks(self) -> Tensor:
        """The 68 iBUG points (T, 68, 2) in frame pixels."""
        return self.mesh[:, list(IBUG_FROM_MESH), :2]


@dataclass(frozen=True, eq=False)
class FaceCrops:
    """Where crops came from; the pixels travel beside it as (T, S, S, 3) images of any size S."""

    frame_to_crop: Tensor  # (T, 2, 3) affine, frame pixels to the unit square; pixel i's centre is i + 0.5
    framing: str  # portrait, face, ffhq, gpen or mouth
    present: Tensor  # (T,) bool
    weight: Tensor  # (T,) in [0, 1]
    frame_size: tuple[int, int]  # height, width
    # (T, 36, 2) the face's oval in the unit square, clockwise from the top of the forehead
    outline: Tensor | None = None

    def __len__(self) -> int:
        return len(self.frame_to_crop)


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What a 3D morphable model says about one face in each frame."""

    identity: Tensor  # (T, 80)
    expression: Tensor  # (T, 64)
    texture: Tensor  # (T, 80)
    angle: Tensor  # (T, 3) Euler angles, radians
    lighting: Tensor  # (T, 27) spherical harmonics, 9 for each of R, G, B
    translation: Tensor  # (T, 3) camera space
    alignment: Tensor  # (T, 5) the crop that put the face in front of the regressor: W, H, s, tx, ty
    present: Tensor | None = None  # (T,) bool; None: every row shows the face
    shot: Tensor | None = None  # (T,) int; None: all rows are one shot

    def __len__(self) -> int:
        return len(self.expression)


@dataclass(frozen=True, eq=False)
class Expression:
    """What to change about expressions. It becomes numbers where a clip's coefficients are known."""

    template: Tensor | None = None  # (64,) to take on; None: the clip's own calmest expression
    strength: float = 1.0  # 0..1, how far from the frame's own expression to the template
    edits: Mapping[int, float] = field(default_factory=dict)  # added to single coefficients afterwards


@dataclass(frozen=True, eq=False)
class MelWindows:
    """The speech that each frame goes with."""

    windows: Tensor  # (T, 1, 80, 16) log-mel in [-4, 4]
    times: tuple[Fraction, ...]  # seconds


class Samples(Protocol):
    """A voice, mono at 16 kHz in [-1, 1]: an array (samples,), or what is sliced like one, read in blocks."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> np.ndarray: ...


class Progress(Protocol):
    """Told how far a long piece of work is; a host may raise from it to stop the work."""

    def __call__(self, done: int, total: int | None) -> None: ...


def silent(done: int, total: int | None) -> None:
    """Tell nobody."""
