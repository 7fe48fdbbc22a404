"""The frame on which a face is chosen."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.faces.choice import FaceChoice
from retalk_nodes.retalk_core.faces.detect import FaceNetworks, load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.media.clip import Clip, clip_of_pictures
from retalk_nodes.retalk_core.reports.faces import choice_of_faces
from scenes import talking


@pytest.fixture(scope="module")
def networks() -> FaceNetworks:
    return load_face_networks()


@pytest.fixture(scope="module")
def two() -> Clip:
    """A portrait alone for three frames; then, after a cut, a large and a small one."""
    small = np.stack(talking(3)).astype(np.float32) / 255  # 160 pixels square
    alone = np.concatenate([small, np.zeros_like(small)], axis=2)
    both = np.concatenate([small[:, :, ::-1] * 0.6, small], axis=2)
    return clip_of_pictures(torch.from_numpy(np.concatenate([alone, both])), Fraction(25))


@pytest.mark.parametrize("chosen", [0, 1])
def test_the_frame_shows_all_faces_and_the_one_that_is_followed(
    networks: FaceNetworks, two: Clip, chosen: int
) -> None:
    choice = FaceChoice("index", chosen)
    tracked = track_faces(two.frames(), networks, choice=choice)
    found = choice_of_faces(two, tracked, networks)
    assert found is not None and len(found) == 2 and found.chosen == chosen
    assert np.array_equal(found.pixels, next(iter(two.frames([3]))).pixels), "where both are in view"
    middles = (found.boxes[:, 0] + found.boxes[:, 2]) / 2
    assert middles[0] < 160 < middles[1]
    # a click on a face chooses it by that place
    point = (float(middles[1 - chosen]), float(found.boxes[1 - chosen, [1, 3]].mean()))
    other = track_faces(two.frames(), networks, choice=FaceChoice("point", point=point))
    again = choice_of_faces(two, other, networks)
    assert again is not None and again.chosen == 1 - chosen
