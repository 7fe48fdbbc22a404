"""Learn what D-Net must be told of a clip: its 3DMM coefficients, and the expression to give it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..covers.hold import hidden_rows
from ..crops.affine import take_rows
from ..crops.cut import cut_crop
from ..crops.framing import SIDES, frame_faces
from ..errors import OptionError
from ..faces.detect import FaceNetworks
from ..faces.follow import track_faces
from ..faces.shots import first_of_picture
from ..media.reader import open_clip
from ..stages.coefficients import fit_coefficients, hold_absent, join, take, track_landmarks_in
from ..stages.expression import measure_expression, read_templates, resolve_expression
from ..stages.options import Stages
from ..types import Coefficients, Expression, FaceTrack, Frame, Progress, silent
from ..weights.files import command

CROPS_AT_ONCE = 32  # crops that are in memory together; of whole frames only one is


@dataclass(frozen=True, eq=False)
class Likeness:
    """What D-Net is told of a track's T rows."""

    coefficients: Coefficients
    expression: Tensor  # (T, 64) to take on


def fit_track(
    frames: Iterable[Frame],
    track: FaceTrack,
    network: nn.Module,
    *,
    batch_size: int = 8,
    progress: Progress = silent,
) -> Coefficients:
    """Fit the 3DMM to a face that was followed, in its portrait crops.

    frames:  of the track's T rows, in order; each is looked at once and let go
    network: Face3D
    returns: T rows; one without a face, or whose mouth is covered, has the coefficients of the nearest row of
             its shot that shows it. A picture that is shown again isn't fitted again
    """
    first, side = first_of_picture(track), SIDES["portrait"]
    crops = take_rows(frame_faces(track, "portrait"), first)
    seen = track.present & torch.from_numpy(~hidden_rows(track))  # a hand has no expression
    if not seen.any():
        seen = track.present
    first = np.where(seen.numpy()[first], first, np.arange(len(track)))  # whose fit each row has
    fitted, rows = [], []
    shown = (
        (row, cut_crop(frame.picture, crops.frame_to_crop[row].numpy(), side))
        for row, frame in enumerate(frames)
        if seen[row] and first[row] == row
    )
    while some := list(islice(shown, CROPS_AT_ONCE)):
        here, faces = [row for row, _ in some], [face for _, face in some]
        landmarks = track_landmarks_in(crops, track, side, rows=here)
        pictures = torch.from_numpy(np.stack(faces))
        fitted.append(fit_coefficients(network, pictures, landmarks, batch_size=batch_size))
        rows += here
        progress(here[-1] + 1, len(track))
    place = torch.zeros(len(track), dtype=torch.long)
    place[rows] = torch.arange(len(rows))
    place = place[torch.from_numpy(first)]
    return hold_absent(take(join(fitted), place), seen, track.shot)


def wanted_expression(
    stages: Stages,
    templates: Path | None,
    regressor: nn.Module,
    faces: FaceNetworks,
    problems: Sequence[str] = (),
) -> Expression:
    """The expression that the stages ask for.

    templates: PIRenderer's expression.mat; without it the calm expression is the clip's own
    problems:  why such files as there are can't be used
    raises:    OptionError for a smile without that file, NoFaceError for a picture without a face
    """
    template = None
    if isinstance(stages.expression, Path):
        template = _expression_of(stages.expression, regressor, faces)
    elif templates is not None:
        template = read_templates(templates)[stages.expression]
    elif stages.expression != "neutral":
        why = f"can't be used: {' '.join(problems)}" if problems else "was not found."
        raise OptionError(
            f"The expression {stages.expression} is in expression.mat, which {why} Run "
            f"`{command('models', 'download', 'expression')}`, or give a picture of the expression instead."
        )
    return Expression(template, stages.expression_strength, stages.expression_edits)


def _expression_of(picture: Path, regressor: nn.Module, faces: FaceNetworks) -> Tensor:
    """The expression (64,) of the face in a picture's or clip's first frame."""
    frame = next(iter(open_clip(picture).frames([0])))
    track = track_faces([frame], faces).track
    pixels = frame.pixels.astype(np.float32) / np.iinfo(frame.pixels.dtype).max
    return measure_expression(regressor, torch.from_numpy(pixels)[None], track)


def learn_likeness(
    frames: Iterable[Frame],
    track: FaceTrack,
    regressor: nn.Module,
    wanted: Expression,
    *,
    batch_size: int = 8,
    progress: Progress = silent,
) -> Likeness:
    """Fit the 3DMM to a clip, and resolve the wanted expression against what was found.

    frames: of the track's T rows, in order
    """
    coefficients = fit_track(frames, track, regressor, batch_size=batch_size, progress=progress)
    return Likeness(coefficients, resolve_expression(wanted, coefficients, track.present))
