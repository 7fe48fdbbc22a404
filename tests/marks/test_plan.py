"""Where a result is marked, with which key, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.marks import plan
from retalk_nodes.retalk_core.marks.choice import wanted_place
from retalk_nodes.retalk_core.marks.found import PUBLIC_KEY
from retalk_nodes.retalk_core.marks.plan import Marking, read_key
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream


def test_what_viewers_get_is_marked_and_nothing_that_is_worked_on() -> None:
    assert [wanted_place("auto", codec) for codec in ("h264", "hevc", "prores", "ffv1", None)] == [
        *("face", "face", None, None, None)
    ]
    assert wanted_place("frame", "ffv1") == "frame" and wanted_place("off", "h264") is None


def test_a_key_is_a_file_of_some_length(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"x" * 16)
    assert read_key(key) == b"x" * 16 and read_key(None) == PUBLIC_KEY
    key.write_bytes(b"short")
    with pytest.raises(InputError, match="5 bytes, but a key has 16 or more"):
        read_key(key)
    with pytest.raises(InputError, match="can't be read as a key"):
        read_key(tmp_path / "none")


def test_a_report_says_what_is_marked() -> None:
    marking = Marking("face", 0x0123_4567_89AB_CDEF)
    assert marking.words == (
        "picture on the face, inside the edit and sound; id 01234567, in sound 0123, under the public key"
    )
    assert marking.face is not None and marking.frame is None
    kept = Marking("frame", 1, b"x" * 16, picture=False, sound=False)
    assert kept.words == "nothing anew; id 00000000, under a private key" and kept.frame is None


def test_perths_mark_comes_first_and_may_be_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def halved(chunks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
        yield from (0.5 * chunk for chunk in chunks)

    monkeypatch.setattr(plan, "perth_marked", halved)
    samples = np.random.default_rng(0).normal(0, 0.1, (1, 30_000)).astype(np.float32)
    alone = Marking("face", 1, picture=False, sound=False, perth=True)
    assert "sound by Perth" in alone.words
    assert np.array_equal(
        np.concatenate(list(alone.mark_sound(iter([samples]), 48_000)), axis=1), 0.5 * samples
    )
    both, ours = Marking("face", 1, perth=True), Marking("face", 1)
    laid = np.concatenate(list(both.mark_sound(iter([samples]), 48_000)), axis=1)
    wanted = np.concatenate(list(ours.mark_sound(iter([0.5 * samples]), 48_000)), axis=1)
    assert np.array_equal(laid, wanted)


def test_a_marked_sound_streams_as_long_as_it_did() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (2, 30_000)).astype(np.float32)
    marked = SoundStream(SoundArray(samples, 48_000), 0, 1, Marking("face", 1).mark_sound)
    written = np.concatenate(list(marked), axis=1)
    assert written.shape == (2, 48_000) and (marked.rate, marked.channels) == (48_000, 2)
    assert np.abs(written[:, :30_000] - samples).max() > 0.01
    assert np.array_equal(np.concatenate(list(marked), axis=1), written)
