"""Importing much at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_tidying() -> Iterator[None]:
    """Let Python look for no circular garbage inside the block, then as it did before.

    An import of torch makes hundreds of thousands of objects that stay: looking through them again and again
    is a tenth of its time.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
