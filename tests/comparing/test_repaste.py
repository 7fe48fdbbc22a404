"""Another program's frames lend their lower faces, and nothing beyond."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.comparing.repaste import blended_face, borrowed_faces, paste_given
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.framing import frame_faces
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media.reader import open_clip
from scenes import drawn_mesh, drawn_track, pixels_of, talking, write_clip


def test_pixels_beyond_the_lower_face_stay() -> None:
    crops = frame_faces(drawn_track([drawn_mesh()] * 2), "face")
    chance = np.random.default_rng(0)
    old = chance.integers(0, 255, (160, 160, 3), dtype=np.uint8)
    given = 255 - old
    made = blended_face(given, old, crops, 1)
    changed = np.any(made != old, axis=2)
    assert 0.02 < changed.mean() < 0.4
    rows = np.flatnonzero(changed.any(axis=1))
    middle = 70  # where the drawn mesh has its centre
    assert rows[0] > middle - 40 and rows[-1] < 160
    assert np.abs(made[100, 80].astype(int) - old[100, 80]).max() > 3


def test_the_same_frame_changes_nothing() -> None:
    crops = frame_faces(drawn_track([drawn_mesh()]), "face")
    for old in talking(1), [np.uint16(257) * talking(1)[0]]:
        np.testing.assert_array_equal(blended_face(old[0], old[0], crops, 0), old[0])


def test_a_frame_without_a_face_is_the_sources_own() -> None:
    track = drawn_track([drawn_mesh()])
    track.present[0] = False
    (old,) = talking(1)
    assert blended_face(255 - old, old, frame_faces(track, "face"), 0) is old


def test_a_video_is_pasted_frame_by_frame(tmp_path: Path) -> None:
    pictures = talking(4)
    source = write_clip(tmp_path / "source.mkv", pictures)
    soft = write_clip(tmp_path / "soft.mkv", [cv2.GaussianBlur(each, (0, 0), 3) for each in pictures])
    with borrowed_faces(LocalNetworks()) as faces:
        paste_given(open_clip(soft), open_clip(source), faces, tmp_path / "out.mkv")
        small = write_clip(tmp_path / "small.mkv", talking(4, 96))
        with pytest.raises(InputError, match="is 96x96, and the clip that it was made from 160x160"):
            paste_given(open_clip(small), open_clip(source), faces, tmp_path / "no.mkv")
    made = pixels_of(tmp_path / "out.mkv")
    assert len(made) == 4
    for one, other in zip(made, pictures, strict=True):
        changed = np.any(one != other, axis=2)
        assert 0.02 < changed.mean() < 0.35 and not changed[:60].any()
