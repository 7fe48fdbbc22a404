"""What can be said of the face that is meant."""

from __future__ import annotations

import pytest
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.faces.choice import FaceChoice


def test_choices_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="mask"):
        FaceChoice("mask")
    with pytest.raises(OptionError, match="-1"):
        FaceChoice("index", index=-1)
