"""A long track is put together without many copies of it."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
from retalk_nodes.retalk_core.faces.steady import smooth
from retalk_nodes.retalk_core.faces.track import Sighting, assemble_track

COUNT = 5000  # several times as many as are changed together


def test_smoothing_a_long_track_copies_a_part_of_it_at_a_time() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(20, 140, (468, 3)).astype(np.float32)
    points = [base + rng.normal(0, 0.2, base.shape).astype(np.float32) for _ in range(COUNT)]
    sightings = [Sighting(Fraction(i, 5), 0, 1, each, 0.9) for i, each in enumerate(points)]
    tracemalloc.start()
    try:
        track = assemble_track(sightings, (160, 160), "savgol").track
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(track.mesh.numpy(), smooth(np.stack(points)))
    assert not any(sighting.points is not None for sighting in sightings)  # nobody holds them twice
    assert peak < 1.6 * track.mesh.numpy().nbytes  # it was three times as much
