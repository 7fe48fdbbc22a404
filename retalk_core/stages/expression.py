"""Edit the expression of faces: neutralise it with D-Net, edit the upper face with GANimation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...models.errors import CheckpointError
from ...models.expression.ganimation import ACTION_UNITS
from ..compute.batches import device_of, in_batches, only_numbers
from ..crops.cut import crop_faces
from ..crops.framing import frame_faces
from ..errors import InputError, NoFaceError, OptionError
from ..faces.track import SMALLEST_FACE
from ..images import resize, smooth_step, to_images, to_network
from ..types import Coefficients, Expression, FaceTrack, Progress, silent
from .coefficients import WIDTHS, coefficient_windows, fit_coefficients, track_landmarks_in

SIZE = WIDTHS["expression"]
DNET_SIDE = 256  # pixels
SCALE_ROW = 70  # of D-Net's window
TEMPLATES = {"neutral": "expression_center", "smile": "expression_mouth"}  # names in the file

GANIMATION_SIDE = 128  # pixels
_UPPER = (0.40, 0.50)  # of the crop's height, between which an edit of the upper face fades out
RIM = 0.06  # of the crop's side, at whose edges it fades in

# Intensities of action units, from the original program.
EMOTIONS: Mapping[str, Mapping[int, float]] = {
    "sad": {},  # every muscle at rest
    "angry": {4: 0.3},  # brows lowered
    "surprise": {5: 0.2},  # upper lids raised
}


# Templates


def read_templates(path: Path) -> dict[str, Tensor]:
    """The expressions (64,) in PIRenderer's expression.mat: "neutral" and "smile".

    raises: CheckpointError where the file holds something else
    """
    from scipy.io import loadmat

    from ..weights.files import check_templates

    check_templates(path)
    stored = loadmat(path, variable_names=list(TEMPLATES.values()))
    templates = {}
    for name, key in TEMPLATES.items():
        values = stored[key]
        if values.dtype.kind not in "iuf" or not len(values) or not np.isfinite(values[0, :SIZE]).all():
            raise CheckpointError(f"{path} has no usable numbers in {key}. Download it again.")
        templates[name] = torch.from_numpy(values[0, :SIZE].astype(np.float32))
    return templates


def calm_expression(coefficients: Coefficients, present: Tensor) -> Tensor:
    """The clip's own calm expression (64,), for which no template is needed.

    present: (T,) bool; rows without a face don't count, unless there are no others

    It is the median of every coefficient: the centre of the clip as the published neutral template is the
    centre of many. No single frame stands for it, neither the one nearest to the median nor the stillest.
    Measured with the meshes of three talking clips, in units of a clip's own spread: noise of half that
    spread in every frame moves the median by 0.1 and a chosen frame by 0.5 or more, and medians of different
    thirds of a clip differ by 0.5, nearest frames by 0.6, stillest ones by 1.0. A mean would do as well,
    until a few frames are misread.
    """
    rows = coefficients.expression[present] if present.any() else coefficients.expression
    return torch.from_numpy(np.median(rows.numpy(), axis=0))  # of two middle values the mean, unlike torch's


def measure_expression(
    network: nn.Module, picture: Tensor, track: FaceTrack, *, progress: Progress = silent
) -> Tensor:
    """The expression (64,) of the face in a picture, as a template for others.

    network: Face3D
    picture: (1, H, W, 3) RGB in [0, 1]
    track:   of that picture alone
    raises:  NoFaceError where the picture shows no face

    The face is framed as those of a clip are: the regressor's answer depends on it.
    """
    if not track.present.any():
        raise NoFaceError(1, SMALLEST_FACE, track.frame_size)
    crops = frame_faces(track, "portrait")
    faces = crop_faces(picture, crops)
    landmarks = track_landmarks_in(crops, track, faces.shape[1])
    return fit_coefficients(network, faces, landmarks, progress=progress).expression[0]


def resolve_expression(expression: Expression, coefficients: Coefficients, present: Tensor) -> Tensor:
    """The expression (T, 64) that each row shall have.

    coefficients: T rows, those without a face held
    present:      (T,) bool
    raises:       OptionError for a strength or an edit that doesn't exist
    """
    if not 0 <= expression.strength <= 1:
        raise OptionError(f"An expression's strength goes from 0 to 1; {expression.strength} is outside.")
    if unknown := sorted(index for index in expression.edits if index not in range(SIZE)):
        raise OptionError(
            f"Coefficients of expression are counted from 0 to {SIZE - 1}; there is no {unknown[0]}."
        )
    template = expression.template
    if template is None:
        template = calm_expression(coefficients, present)
    own = coefficients.expression
    wanted = torch.lerp(own, template.to(own).expand_as(own), expression.strength)
    for index, change in expression.edits.items():
        wanted[:, index] += change
    return wanted


# D-Net


def neutralise_expression(
    network: nn.Module,
    faces: Tensor,
    coefficients: Coefficients,
    expression: Tensor,
    *,
    shot: Tensor,
    rows: Sequence[int] | Tensor | None = None,
    one_shot: Tensor | None = None,
    scale: float = 1.0,
    batch_size: int = 8,
    progress: Progress = silent,
) -> Tensor:
    """Redraw portraits with other expressions, each in its own pose.

    network:      DNet
    faces:        (n, 256, 256, 3) RGB in [0, 1], portrait crops
    coefficients: T rows, those without a face held
    expression:   (T, 64) what each row shall have, see resolve_expression
    shot:         (T,) int
    rows:         which of the T rows the faces are, range(T) by default
    one_shot:     (256, 256, 3) a picture to redraw in the place of every face; poses still follow the rows
    scale:        of one_shot's alignment against the clip's, where it isn't from the clip
    returns:      (n, 256, 256, 3) RGB in [0, 1]
    raises:       InputError where there are not as many faces as rows

    D-Net looks at the poses of the frames around each. Of their expressions it is told nothing: in a
    row's window the row's own new expression stands for all.
    """
    chosen = torch.arange(len(coefficients)) if rows is None else torch.as_tensor(rows)
    if len(faces) != len(chosen):
        raise InputError(
            f"There are {len(faces)} faces, but coefficients of {len(chosen)} frames. Give as many: both "
            "must come from the same clip, at the same length."
        )
    device = device_of(network)

    def redraw(part: slice) -> Tensor:
        given = faces[part] if one_shot is None else one_shot.expand(part.stop - part.start, -1, -1, -1)
        pictures = to_network(resize(given, DNET_SIDE, average=True)) * 2 - 1
        windows = coefficient_windows(coefficients, shot, chosen[part])
        windows[:, :SIZE] = expression[chosen[part], :, None]
        windows[:, SCALE_ROW] *= scale
        drawn = only_numbers(network(pictures.to(device), windows.to(device)).picture, network)
        return to_images(drawn.float().cpu().clamp(-1, 1) + 1) / 2

    return in_batches(redraw, len(faces), batch_size, progress)


# GANimation


def action_units(intensities: Mapping[int, float]) -> Tensor:
    """GANimation's input (17,) from intensities (about 0 to 1) by the number of the action unit.

    raises: OptionError for a unit that GANimation doesn't know
    """
    if unknown := sorted(set(intensities) - set(ACTION_UNITS)):
        known = ", ".join(map(str, ACTION_UNITS))
        raise OptionError(f"Action unit {unknown[0]} is not known. Choose from {known}.")
    return torch.tensor([float(intensities.get(unit, 0.0)) for unit in ACTION_UNITS])


def edit_upper_face(
    network: nn.Module,
    faces: Tensor,
    units: Tensor,
    *,
    batch_size: int = 8,
    progress: Progress = silent,
) -> Tensor:
    """Move the muscles above the mouth.

    network: Ganimation
    faces:   (T, S, S, 3) RGB in [0, 1], face crops of any size
    units:   (17,) intensities, see action_units
    returns: (T, S, S, 3); the lower half is exactly as given

    The network sees 128 pixels. Only what it changes is enlarged and added, so finer detail stays.
    """
    if units.shape != (len(ACTION_UNITS),):
        raise ValueError(f"Action units have the shape (17,), not {tuple(units.shape)}")
    device = device_of(network)
    size = faces.shape[1], faces.shape[2]
    where = resize(upper_half(size[0])[None], size)[0, ..., None]

    def edit(part: slice) -> Tensor:
        small = to_network(resize(faces[part], GANIMATION_SIDE, average=True)) * 2 - 1
        drawn = network(small.to(device), units.to(device).expand(len(small), -1))
        mask, colour = (only_numbers(part.float().cpu(), network) for part in (drawn.mask, drawn.colour))
        change = (1 - mask) * (colour - small) / 2
        change = resize(to_images(change), size) * where
        return torch.where(where > 0, (faces[part] + change).clamp(0, 1), faces[part])

    return in_batches(edit, len(faces), batch_size, progress)


def upper_half(side: int) -> Tensor:
    """Where an edit of the upper face may show, (side, side) in [0, 1]: soft, and 0 from the middle down."""
    position = (torch.arange(side) + 0.5) / side
    rim = smooth_step(torch.minimum(position, 1 - position) / RIM)
    upper = smooth_step((_UPPER[1] - position) / (_UPPER[1] - _UPPER[0]))
    return torch.minimum(rim, upper)[:, None] * rim
