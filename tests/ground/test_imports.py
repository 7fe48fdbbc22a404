"""Importing much at once."""

from __future__ import annotations

import gc

import pytest
from retalk_nodes.retalk_core.imports import without_tidying


def test_garbage_is_looked_for_again_afterwards_if_it_was_before() -> None:
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), without_tidying():
        assert not gc.isenabled()
        _ = 1 / 0
    assert gc.isenabled()
    gc.disable()
    try:
        with without_tidying():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
