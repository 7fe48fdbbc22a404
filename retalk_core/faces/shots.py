"""What rows of one shot have to do with each other; nothing is smoothed, windowed or held across a cut."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..compute.aside import put_aside
from ..types import FaceTrack

TELLING_POINTS = 8  # of a mesh: where they lie where they lay, to the last bit, so does the picture


def shot_bounds(shot: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last row of each row's shot.

    shot:    (T,) int; a shot ends where the number changes, and its number may come again later
    returns: two of (T,) int
    """
    starts = torch.where(torch.cat([torch.ones(1, dtype=torch.bool), shot[1:] != shot[:-1]]))[0]
    lengths = torch.diff(starts, append=torch.tensor([len(shot)]))
    return starts.repeat_interleave(lengths), (starts + lengths - 1).repeat_interleave(lengths)


def nearest_present(present: Tensor, shot: Tensor) -> Tensor:
    """For each row the nearest one of its shot that shows a face; the earlier one of two equally near.

    present: (T,) bool
    shot:    (T,) int
    returns: (T,) int; -1 in a shot without any face
    """
    rows, seen = torch.arange(len(shot)), torch.where(present)[0]
    if not len(seen):
        return torch.full_like(rows, -1)
    first, last = shot_bounds(shot)
    at = torch.searchsorted(seen, rows)
    before, after = seen[(at - 1).clamp(min=0)], seen[at.clamp(max=len(seen) - 1)]
    too_far = len(shot)  # what lies in another shot
    to_before, to_after = (
        torch.where((other >= first) & (other <= last), (rows - other).abs(), too_far)
        for other in (before, after)
    )
    nearest = torch.where(to_before <= to_after, before, after)
    return torch.where(torch.minimum(to_before, to_after) < too_far, nearest, -1)


def first_of_picture(track: FaceTrack) -> np.ndarray:
    """The first of the rows in a row that show one and the same picture, for each row of a track: (T,) int.

    A picture that is shown again has its mesh and its light; no other has.
    """
    rows, mesh = np.arange(len(track)), track.mesh.numpy()
    if track.light is None:
        return rows
    light, present, shot = track.light.numpy(), track.present.numpy(), track.shot.numpy()
    some = mesh[:, :TELLING_POINTS].reshape(len(mesh), -1)
    put_aside(mesh)
    again = (some[1:] == some[:-1]).all(axis=1) & (light[1:] == light[:-1]).all(axis=1)
    again &= present[1:] & present[:-1] & (shot[1:] == shot[:-1])
    rows[1:][again] = 0
    return np.maximum.accumulate(rows)
