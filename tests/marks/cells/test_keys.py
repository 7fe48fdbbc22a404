"""A key's chance is the same for ever, and another key's or another place's is another."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from retalk_nodes.retalk_core.marks.cells.keys import TEMPLATE_SHARE, layout_of
from retalk_nodes.retalk_core.marks.found import PUBLIC_KEY


def test_the_public_layout_never_changes() -> None:
    layout = layout_of(PUBLIC_KEY, "face", 900, 176)
    seen = hashlib.sha256(layout.signs.astype(np.int8).tobytes() + layout.bit.astype(np.int16).tobytes())
    assert seen.hexdigest()[:16] == "16c501d4dafe2666"


def test_every_bit_has_as_many_cells() -> None:
    layout = layout_of(b"key", "face", 900, 176)
    counts = np.bincount(layout.bit[layout.bit >= 0], minlength=176)
    assert counts.max() - counts.min() <= 1
    assert (layout.bit < 0).sum() == round(TEMPLATE_SHARE * 900)


def test_keys_and_places_have_nothing_in_common() -> None:
    mine = layout_of(b"key", "face", 4000, 176).signs
    for other in (layout_of(b"kez", "face", 4000, 176), layout_of(b"key", "frame", 4000, 176)):
        assert abs(mine @ other.signs) < 5 * np.sqrt(4000)


def test_cells_vote_for_the_bits_that_they_carry() -> None:
    layout = layout_of(b"key", "face", 900, 176)
    code = np.where(np.arange(176) % 3 == 0, 1.0, -1.0)
    assert np.array_equal(np.sign(layout.soft(layout.chips(code), 176)), code)


def test_no_key_is_no_key() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        layout_of(b"", "face", 10, 4)
