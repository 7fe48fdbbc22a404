"""Which of several faces is meant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from heads import centres, clip
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.faces.choice import FaceChoice
from retalk_nodes.retalk_core.faces.detect import FaceNetworks
from retalk_nodes.retalk_core.faces.follow import track_faces


@pytest.mark.parametrize(
    ("choice", "x"),
    [
        (FaceChoice(), 650),
        (FaceChoice("index", index=0), 200),
        (FaceChoice("index", index=1), 650),
        (FaceChoice("point", point=(250, 300)), 200),
        (FaceChoice("point", point=(800, 10)), 650),
        (FaceChoice("mask", mask=np.repeat([[1.0, 0.0]], 2, axis=0)), 200),
        (FaceChoice("mask", mask=np.repeat([[[0.0, 1.0]]], 2, axis=1)), 650),
    ],
    ids=["largest", "index 0", "index 1", "point left", "point right", "mask left", "mask right"],
)
def test_chosen_face_is_followed(
    networks: FaceNetworks, pair: Callable[..., np.ndarray], choice: FaceChoice, x: int
) -> None:
    tracked = track_faces(clip([pair((200, 200), (650, 200), (1.0, 1.3))] * 3), networks, choice=choice)

    assert np.abs(centres(tracked)[:, 0] - x).max() < 30
    assert (tracked.faces_seen == 2).all()


def test_choices_that_mean_nobody_say_who_is_there(
    networks: FaceNetworks, pair: Callable[..., np.ndarray]
) -> None:
    frames = [pair((200, 200), (650, 200), (1, 1))] * 2
    mask = np.zeros((40, 90))
    mask[:, 45:48] = 1

    with pytest.raises(OptionError, match=r"mask covers none of the faces, of which up to 2"):
        track_faces(clip(frames), networks, choice=FaceChoice("mask", mask=mask))
    with pytest.raises(OptionError, match=r"no 3rd face from the left: no frame shows more than 2"):
        track_faces(clip(frames), networks, choice=FaceChoice("index", index=2))
