"""Where the best source isn't sure, the next one's wishes are taken."""

from __future__ import annotations

import numpy as np
from retalk_nodes.retalk_core.visemes.sources import Wanted


def _wanted(value: float, closures: list[list[float]], trusted: np.ndarray | None = None) -> Wanted:
    tracks = {name: np.full(200, value) for name in ("opening", "width", "ceiling", "known")}
    return Wanted(
        **tracks,
        closures=np.array(closures).reshape(-1, 2),
        opening_share=value,
        width_share=value,
        trusted=trusted,
        notes=(f"of {value}",),
    )


def test_each_gives_what_it_is_trusted_with() -> None:
    trusted = np.arange(200) < 100
    first = _wanted(1.0, [[0.4, 0.5], [1.4, 1.5]], trusted)
    joined = first.where_trusted(_wanted(0.2, [[0.6, 0.7], [1.2, 1.3]]))
    assert joined.opening[99] == 1 and joined.opening[100] == 0.2
    assert np.broadcast_to(joined.opening_share, 200)[[99, 100]].tolist() == [1.0, 0.2]
    assert joined.closures.tolist() == [[0.4, 0.5], [1.2, 1.3]]
    assert joined.trusted is None and joined.notes == ("of 1.0", "of 0.2")


def test_who_is_trusted_everywhere_needs_nobody() -> None:
    first = _wanted(1.0, [])
    assert first.where_trusted(_wanted(0.2, [])) is first
