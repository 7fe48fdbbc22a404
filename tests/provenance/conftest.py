"""What tests of this room share: a statement and a certificate of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.provenance.certificate import (
    LOCAL,
    Certificate,
    make_certificate,
    read_certificate,
)
from retalk_nodes.retalk_core.provenance.statement import Statement


@pytest.fixture(scope="session")
def statement() -> Statement:
    return Statement(
        id="0123456789abcdef",
        version="0.2.0",
        engine="retalk",
        preset="paper",
        frames=6,
        edited=5,
        clip="11" * 32,
        voice="22" * 32,
        picture_bits=24,
        sound_bits=16,
        weights={"lnet": "33" * 32},
        options={"longer": "loop"},
    )


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of records with a certificate of this machine."""
    folder = tmp_path_factory.mktemp("records")
    make_certificate(folder)
    return folder


@pytest.fixture
def certificate(records: Path) -> Certificate:
    return read_certificate(records / LOCAL, local=True)
