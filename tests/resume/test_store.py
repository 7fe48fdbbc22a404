"""A store remembers what was finished, whole or not at all, and nothing else is ever removed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from elsewhere import elsewhere
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import Patch
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.resume import store as stores
from retalk_nodes.retalk_core.resume.store import MARKER, Store, clear_work, list_work

KEY, OTHER, THIRD = "a" * 32, "b" * 32, "c" * 32


def patch(seed: int = 0, side: int = 12, dtype: type = np.uint8) -> Patch:
    """Noise in a box, under a support of noise."""
    rng = np.random.default_rng(seed)
    box = Box(seed, 3, seed + side + 1, 3 + side)
    pixels = rng.integers(0, np.iinfo(dtype).max, (*box.size, 3), endpoint=True).astype(dtype)
    return Patch(box, pixels, rng.random(box.size) < 0.5)


def assert_same(read: list[Patch | None] | None, written: list[Patch | None]) -> None:
    assert read is not None and len(read) == len(written)
    for here, there in zip(read, written, strict=True):
        if there is None:
            assert here is None
            continue
        assert here is not None and here.box.slices == there.box.slices
        assert here.pixels.dtype == there.pixels.dtype and here.support.dtype == bool
        np.testing.assert_array_equal(here.pixels, there.pixels)
        np.testing.assert_array_equal(here.support, there.support)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def store(folder: Path, key: str, days: float = 0, size: int = 0) -> Path:
    """A store with one chunk, and a state of so many bytes, used some days ago."""
    with Store(folder, key).open() as kept:
        kept.write(0, [patch()])
        if size:
            noise = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
            kept.write_state("noise", {"noise": noise})
    used = time.time() - days * 86400
    os.utime(folder / key / MARKER, (used, used))
    return folder / key


# Chunks and states


def test_chunks_come_back_as_they_were(tmp_path: Path) -> None:
    written = [patch(1), None, patch(2, 40, np.uint16), patch(3, 1), None]
    with Store(tmp_path, KEY).open() as kept:
        assert kept.read(7) is None
        kept.write(7, written)
        kept.write(8, [])
    again = Store(tmp_path, KEY)
    assert again.read(7) is not None and again.read(6) is None
    assert_same(again.read(7), written)
    assert_same(again.read(8), [])


def test_a_part_of_a_larger_picture_can_be_stored(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    part = Patch(Box(0, 0, 20, 10), whole[5:15, 10:30], np.ones((20, 10), bool).T)
    with Store(tmp_path, KEY).open() as kept:
        kept.write(0, [part])
        assert_same(kept.read(0), [part])


def test_pictures_take_less_space_than_their_pixels(tmp_path: Path) -> None:
    y, x = np.mgrid[:200, :200]
    smooth = np.stack([x, y, (x + y) // 2], axis=-1).astype(np.uint8)
    with Store(tmp_path, KEY).open() as kept:
        kept.write(0, [Patch(Box(0, 0, 200, 200), smooth, x > y)])
    assert list_work(tmp_path)[0].size < smooth.nbytes / 5


@pytest.mark.parametrize(
    "wrong",
    [
        Patch(Box(0, 0, 3, 4), np.zeros((3, 4, 3), np.uint8), np.zeros((4, 3), bool)),
        Patch(Box(0, 0, 3, 4), np.zeros((4, 3, 3), np.uint8), np.zeros((3, 4), bool)),
        Patch(Box(0, 0, 3, 4), np.zeros((4, 3, 3), np.float32), np.zeros((4, 3), bool)),
        Patch(Box(0, 0, 3, 4), np.zeros((4, 3, 3), np.uint8), np.zeros((4, 3), np.uint8)),
    ],
)
def test_patches_that_would_not_come_back_are_refused(tmp_path: Path, wrong: Patch) -> None:
    with Store(tmp_path, KEY).open() as kept:
        with pytest.raises(ValueError, match="support"):
            kept.write(0, [patch(), wrong])
        assert kept.read(0) is None
        assert names(kept.path) == [stores.LOCK, MARKER]


def test_states_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "mesh": np.random.default_rng(0).normal(size=(5, 468, 3)).astype(np.float32),
        "present": np.array([True, False]),
        "reasons": np.array(["", "profil – ✓"]),
        "file": np.zeros((0, 3)),
        "one": np.array(3),
    }
    with Store(tmp_path, KEY).open() as kept:
        assert kept.read_state("track") is None
        kept.write_state("track", arrays)
    read = Store(tmp_path, KEY).read_state("track")
    assert read is not None and list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)
    with np.load(tmp_path / KEY / "state_track.npz", allow_pickle=False) as plain:
        np.testing.assert_array_equal(plain["mesh"], arrays["mesh"])


def test_states_hold_no_pickles(tmp_path: Path) -> None:
    with Store(tmp_path, KEY).open() as kept:
        kept.write_state("track", {"a": np.arange(3)})
        with pytest.raises(ValueError, match=r"[Oo]bject"):
            kept.write_state("track", {"a": np.array([object()])})
        read = kept.read_state("track")
        assert read is not None
        np.testing.assert_array_equal(read["a"], np.arange(3))  # the older one stays


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A b"])
def test_a_states_name_does_not_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a state"):
        Store(tmp_path, KEY).read_state(name)


@pytest.mark.parametrize("key", ["", "..", "../" + "a" * 29, "A" * 32, "a" * 31, "a" * 32 + "\n"])
def test_a_key_does_not_lead_elsewhere(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="no key of a store"):
        Store(tmp_path, key)


# Damage


def test_a_file_cut_anywhere_counts_as_not_finished(tmp_path: Path) -> None:
    path = store(tmp_path, KEY, size=100)
    kept = Store(tmp_path, KEY)
    for cut in cuts(path / "chunk_000000.zip"):
        assert kept.read(0) is None, cut
    for cut in cuts(path / "state_noise.npz"):
        assert kept.read_state("noise") is None, cut
    assert kept.read(0) is not None and kept.read_state("noise") is not None


def cuts(file: Path) -> Iterator[int]:
    """Cut a file at many places, in turn; make it whole again at the end."""
    whole = file.read_bytes()
    for length in range(0, len(whole), 41):
        file.write_bytes(whole[:length])
        yield length
    file.write_bytes(whole)


def test_a_changed_byte_counts_as_not_finished(tmp_path: Path) -> None:
    file = store(tmp_path, KEY) / "chunk_000000.zip"
    whole = file.read_bytes()
    middle = len(whole) // 3  # of the picture
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert Store(tmp_path, KEY).read(0) is None
    assert Store(tmp_path, KEY).read(0) is None


def test_a_file_of_another_job_or_place_counts_as_not_finished(tmp_path: Path) -> None:
    store(tmp_path, KEY, size=100)
    content = (tmp_path / KEY / "chunk_000000.zip").read_bytes()
    (tmp_path / KEY / "chunk_000001.zip").write_bytes(content)
    store(tmp_path, OTHER)
    (tmp_path / OTHER / "chunk_000000.zip").write_bytes(content)
    (tmp_path / OTHER / "state_noise.npz").write_bytes((tmp_path / KEY / "state_noise.npz").read_bytes())
    assert Store(tmp_path, KEY).read(1) is None
    assert Store(tmp_path, OTHER).read(0) is None
    assert Store(tmp_path, OTHER).read_state("noise") is None


def test_an_older_format_counts_as_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(tmp_path, KEY)
    monkeypatch.setattr("retalk_nodes.retalk_core.resume.files.FORMAT", 2)
    assert Store(tmp_path, KEY).read(0) is None


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with Store(tmp_path, KEY).open() as kept:
        kept.write(0, [patch(1)])
        monkeypatch.setattr(stores, "write_patches", full)
        with pytest.raises(InputError, match="No space left on device"):
            kept.write(0, [patch(2)])
        assert_same(kept.read(0), [patch(1)])
        assert names(kept.path) == ["chunk_000000.zip", stores.LOCK, MARKER]


def test_what_was_left_half_written_is_swept_away(tmp_path: Path) -> None:
    path = store(tmp_path, KEY)
    (path / ".retalk-0123456789ab.zip").write_bytes(b"half")
    with Store(tmp_path, KEY).open() as kept:
        assert names(path) == ["chunk_000000.zip", stores.LOCK, MARKER]
        assert kept.read(0) is not None


# One process at a time

HOLD = """
import sys, time
from pathlib import Path
from retalk_nodes.retalk_core.resume.store import Store
with Store(Path(sys.argv[1]), sys.argv[2]).open():
    print("open", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_elsewhere(folder: Path, key: str) -> Iterator[None]:
    """Another process works on a store until the block ends; then it is killed."""
    with subprocess.Popen(elsewhere(HOLD, str(folder), key), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "open\n"
            yield
        finally:
            process.kill()


def test_two_processes_do_not_work_on_one_job_and_a_dead_one_on_none(tmp_path: Path) -> None:
    store(tmp_path, KEY, days=9)
    store(tmp_path, OTHER, days=9)
    with held_elsewhere(tmp_path, KEY):
        with pytest.raises(OptionError, match="Another process is working on the same dub"):
            Store(tmp_path, KEY).open().__enter__()
        assert [kept.key for kept in clear_work(tmp_path)] == [OTHER]
        assert Store(tmp_path, KEY).read(0) is not None  # reading needs no lock
    with Store(tmp_path, KEY).open() as kept:
        assert kept.read(0) is not None


def test_a_job_is_open_once_in_one_process_too(tmp_path: Path) -> None:
    with Store(tmp_path, KEY).open(), pytest.raises(OptionError, match="Another process"):
        Store(tmp_path, KEY).open().__enter__()
    with Store(tmp_path, KEY).open():
        pass


def test_writing_needs_an_open_job(tmp_path: Path) -> None:
    kept = Store(tmp_path, KEY)
    with pytest.raises(ValueError, match="must be open"):
        kept.write(0, [])
    with kept.open():
        pass
    with pytest.raises(ValueError, match="must be open"):
        kept.write_state("track", {})


def test_a_failure_while_a_job_is_open_keeps_what_was_finished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Store(tmp_path, KEY).open() as kept:
        kept.write(0, [patch()])
        raise KeyboardInterrupt
    with Store(tmp_path, KEY).open() as kept:
        assert kept.read(0) is not None


def test_a_work_folder_that_cannot_be_used_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"work folder .*file can't be used"):
        Store(tmp_path / "file", KEY).open().__enter__()


def test_a_folder_of_others_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / KEY).mkdir()
    (tmp_path / KEY / "holiday.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"holds holiday\.jpg, which is no work of ours"):
        Store(tmp_path, KEY).open().__enter__()
    assert names(tmp_path / KEY) == ["holiday.jpg"]


# Room


def test_the_longest_unused_jobs_make_room(tmp_path: Path) -> None:
    for key, days in ((OTHER, 3), (THIRD, 2)):
        store(tmp_path, key, days, size=10_000)
    with Store(tmp_path, KEY, limit=25_000).open() as kept:
        kept.write_state("small", {"a": np.zeros(10)})
        assert {stored.key for stored in list_work(tmp_path)} == {KEY, OTHER, THIRD}
        noise = np.random.default_rng(1).integers(0, 256, 8_000).astype(np.uint8)
        kept.write_state("large", {"a": noise})
        assert {stored.key for stored in list_work(tmp_path)} == {KEY, THIRD}
        assert kept.read_state("small") is not None and kept.read_state("large") is not None


def test_working_on_a_job_makes_it_the_last_to_be_removed(tmp_path: Path) -> None:
    store(tmp_path, KEY, days=3)
    store(tmp_path, OTHER, days=2)
    assert [kept.key for kept in list_work(tmp_path)] == [KEY, OTHER]
    with Store(tmp_path, KEY).open():
        assert [kept.key for kept in list_work(tmp_path)] == [OTHER, KEY]


def test_a_job_larger_than_the_limit_is_refused_in_words_and_keeps_what_it_has(tmp_path: Path) -> None:
    store(tmp_path, OTHER, days=3)
    noise = np.random.default_rng(1).integers(0, 256, 8_000).astype(np.uint8)
    with Store(tmp_path, KEY, limit=10_000).open() as kept:
        kept.write_state("first", {"a": noise})
        with pytest.raises(OptionError, match="This dub alone needs more than the 1e-05 GB"):
            kept.write_state("second", {"a": noise})
        assert kept.read_state("first") is not None and kept.read_state("second") is None
    assert {stored.key for stored in list_work(tmp_path)} == {KEY, OTHER}  # in vain it would be removed


def test_jobs_at_work_are_not_removed_for_others(tmp_path: Path) -> None:
    store(tmp_path, OTHER, days=3, size=10_000)
    noise = np.random.default_rng(1).integers(0, 256, 8_000).astype(np.uint8)
    with (
        Store(tmp_path, OTHER).open(),
        Store(tmp_path, KEY, limit=15_000).open() as kept,
        pytest.raises(OptionError, match="dubs that are running fill"),
    ):
        kept.write_state("first", {"a": noise})
    assert Store(tmp_path, OTHER).read(0) is not None


# All of them


def test_jobs_are_listed_with_what_they_hold(tmp_path: Path) -> None:
    assert list_work(tmp_path / "missing") == [] == clear_work(tmp_path / "missing")
    path = store(tmp_path, KEY, days=1, size=5000)
    (listed,) = list_work(tmp_path)
    assert (listed.key, listed.path, listed.chunks) == (KEY, path, 1)
    assert listed.size == sum(file.stat().st_size for file in path.iterdir()) > 5000
    assert abs(time.time() - 86400 - listed.used) < 100


def test_old_jobs_are_removed_and_newer_ones_stay(tmp_path: Path) -> None:
    store(tmp_path, KEY, days=5)
    store(tmp_path, OTHER, days=1)
    assert [kept.key for kept in clear_work(tmp_path, timedelta(days=2))] == [KEY]
    assert names(tmp_path) == [OTHER]
    assert [kept.key for kept in clear_work(tmp_path)] == [OTHER]
    assert names(tmp_path) == []


def test_what_was_finished_stays_when_a_store_is_closed_and_opened_again(tmp_path: Path) -> None:
    for chunk in range(3):
        with Store(tmp_path, KEY).open() as kept:
            kept.write(chunk, [patch()])
            assert [kept.read(each) is not None for each in range(4)] == [each <= chunk for each in range(4)]
    assert names(tmp_path) == [KEY]


def test_nothing_else_is_ever_removed(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    store(work, KEY)
    store(outside, OTHER)
    (work / OTHER).symlink_to(outside / OTHER, target_is_directory=True)  # leads out of the folder
    (work / THIRD).mkdir()
    (work / THIRD / "chunk_000000.zip").write_bytes(b"no marker beside it")
    (work / "clips").mkdir()
    (work / "clips" / MARKER).write_bytes((work / KEY / MARKER).read_bytes())  # no job's name
    (work / "notes.txt").write_bytes(b"")
    (work / KEY / "mine.txt").write_bytes(b"")
    (work / KEY / "chunk_000009.zip").symlink_to(work / "notes.txt")
    assert [kept.key for kept in list_work(work)] == [KEY]
    assert [kept.key for kept in clear_work(work)] == [KEY]
    assert names(work) == sorted([KEY, OTHER, THIRD, "clips", "notes.txt"])
    assert names(work / KEY) == ["mine.txt"]
    assert names(work / THIRD) == ["chunk_000000.zip"]
    assert Store(outside, OTHER).read(0) is not None
