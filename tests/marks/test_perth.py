"""Perth's mark is laid and found where its library is, streams, and is no condition where it isn't."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.marks import perth
from retalk_nodes.retalk_core.media.sound import read_mono

RATE = 22_050
installed = pytest.mark.skipif(find_spec("perth") is None, reason="resemble-perth is not installed")
STAND_IN = """
from pkg_resources import resource_filename
PLACE = resource_filename(__name__, "weights")
class PerthImplicitWatermarker:
    def apply_watermark(self, signal, rate):
        return 0.5 * signal[:-300]
    def get_watermark(self, signal, rate, round):
        return abs(signal).mean()
"""


@pytest.fixture
def fresh() -> Iterator[None]:
    """The library as if nobody had asked for it."""
    held = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "perth"}
    perth.load_perth.cache_clear()
    yield
    perth.load_perth.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "perth"]:
        del sys.modules[name]
    sys.modules.update(held)


@pytest.fixture
def stand_in(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library that asks for pkg_resources, halves each sample and forgets the last ones."""
    (tmp_path / "perth.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_it_is_imported_without_pkg_resources(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pkg_resources", raising=False)
    there = find_spec("pkg_resources") is not None
    assert perth.load_perth() is not None
    assert Path(sys.modules["perth"].PLACE) == stand_in / "weights"
    assert there or "pkg_resources" not in sys.modules


@pytest.mark.parametrize("pieces", [1, 9])
def test_a_sound_streams_as_long_as_it_was(stand_in: Path, pieces: int) -> None:
    count = round((2 * perth.PERTH_BLOCK + 3) * 8000)
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, (2, count)).astype(np.float32)
    chunks = np.array_split(samples, pieces, axis=1)
    marked = np.concatenate(list(perth.perth_marked(chunks, 8000)), axis=1)
    assert marked.shape == samples.shape
    faint = 0.5 * 300 / (perth.PERTH_SEAM * 8000)  # of what the library forgets, where blocks fade out
    assert np.allclose(marked[:, :-300], 0.5 * samples[:, :-300], atol=faint)
    assert np.array_equal(marked[:, -300:], samples[:, -300:])


def test_silence_and_scraps_stay_as_they_are(stand_in: Path) -> None:
    for samples in (np.zeros((1, 20_000), np.float32), np.full((2, 100), 0.5, np.float32)):
        assert np.array_equal(np.concatenate(list(perth.perth_marked([samples], 8000)), axis=1), samples)
    assert perth.perth_presence(np.ones(100, np.float32), 8000) is None


def test_without_the_library_nothing_is_found_and_nothing_laid(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perth, "find_spec", lambda _: None)
    assert perth.perth_presence(np.ones(RATE, np.float32), RATE) is None
    with pytest.raises(InputError, match="pip install resemble-perth"):
        list(perth.perth_marked([np.ones((1, RATE), np.float32)], RATE))


@installed
def test_the_library_itself_lays_and_finds() -> None:
    voice = read_mono(SHIPPED_VOICE, RATE)
    marked = np.concatenate(list(perth.perth_marked([voice[None]], RATE)), axis=1)[0]
    plain, laid = perth.perth_presence(voice, RATE), perth.perth_presence(marked, RATE)
    assert plain is not None and laid is not None
    assert plain < 0.1 < perth.PERTH_PRESENT < 0.9 < laid
