"""A track that was kept for resuming comes back as it was, the people around it included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from retalk_nodes.retalk_core.dub.remember import _restored_track, _track_arrays
from retalk_nodes.retalk_core.faces.edits import tracked_face
from retalk_nodes.retalk_core.faces.mesh import FACE_OVAL
from retalk_nodes.retalk_core.faces.people.overlaps import Neighbour
from scenes import drawn_mesh, drawn_track


def test_neighbours_and_the_number_of_people_come_back() -> None:
    outline = drawn_mesh(30, (75, 40))[list(FACE_OVAL), :2]
    beside = (Neighbour(outline, before=True), Neighbour(outline + 1, before=False))
    made = replace(
        tracked_face(drawn_track([drawn_mesh()] * 3)), people=3, neighbours=((), beside, (beside[1],))
    )

    back = _restored_track(_track_arrays(made))

    assert back.people == 3 and back.reasons == made.reasons
    assert [[each.before for each in row] for row in back.neighbours] == [[], [True, False], [False]]
    np.testing.assert_array_equal(back.neighbours[1][0].outline, outline)
    torch.testing.assert_close(back.track.mesh, made.track.mesh)
