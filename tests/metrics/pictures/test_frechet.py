"""FID and KID: the recorded distances, and no figure where a few pictures would make one up."""

from __future__ import annotations

import numpy as np
import pytest
from recordings import metric_recording
from retalk_nodes.retalk_core.metrics.pictures import frechet


@pytest.mark.parametrize("case", ["few_pictures", "one_feature"])
def test_distances_are_the_recorded_ones(case: str) -> None:
    recorded = metric_recording("fid")

    given = frechet.frechet_distance(recorded[f"{case}_a"], recorded[f"{case}_b"])

    assert given == pytest.approx(float(recorded[f"{case}_fid"]), abs=1e-6)


def test_the_same_set_is_nowhere_else() -> None:
    features = np.random.default_rng(0).normal(size=(300, 20))

    assert abs(frechet.frechet_distance(features, features)) < 1e-9


def test_a_shift_counts_by_its_square() -> None:
    features = np.random.default_rng(0).normal(size=(300, 20))

    assert frechet.frechet_distance(features, features + 0.5) == pytest.approx(20 * 0.25)


def test_a_few_pictures_have_no_fid() -> None:
    features = np.zeros((frechet.FEWEST_PICTURES - 1, 4))

    assert frechet.fid(features, np.zeros((5000, 4))) is None


def test_a_kernel_distance_is_near_0_for_two_halves_of_one_set_and_not_for_others() -> None:
    generator = np.random.default_rng(0)
    one, other, far = (generator.normal(shift, 1, (400, 16)) for shift in (0, 0, 1))

    assert abs(frechet.kernel_distance(one, other)[0]) < 0.2 < frechet.kernel_distance(one, far)[0]
    assert frechet.kernel_distance(one, far) == frechet.kernel_distance(one, far)
    with pytest.raises(ValueError, match="two pictures"):
        frechet.kernel_distance(one[:1], far)
