"""What a result's name stands for: files are replaced whole, links stay, streams are written to."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from elsewhere import elsewhere
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.files import is_own_picture, write_file, write_picture, written_whole
from retalk_nodes.retalk_core.places import check_place
from scenes import leftovers, null_device

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
PICTURE = np.full((8, 9, 3), (200, 90, 30), np.uint8)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"older")
    with pytest.raises(InputError, match="can't be written"), written_whole(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"older" and leftovers(tmp_path) == ["report.json"]
    write_file(path, b"newer")
    assert path.read_bytes() == b"newer" and leftovers(tmp_path) == ["report.json"]


@POSIX
@pytest.mark.parametrize("there", [True, False], ids=["there", "not yet there"])
def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path, there: bool) -> None:
    (tmp_path / "far").mkdir()
    target, middle, link = tmp_path / "far" / "data.bin", tmp_path / "middle", tmp_path / "link.json"
    middle.symlink_to("far/data.bin")
    link.symlink_to("middle")
    if there:
        target.write_bytes(b"older")
    check_place(link)
    write_file(link, b"newer")
    assert link.is_symlink() and middle.is_symlink() and not target.is_symlink()
    assert target.read_bytes() == b"newer"
    assert leftovers(tmp_path) == ["far", "link.json", "middle"] and leftovers(target.parent) == ["data.bin"]


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)  # a longer name would be too long


def a_device(path: Path) -> None:
    _device(path, stat.S_IFCHR, os.makedev(1, 3))


def a_disk(path: Path) -> None:
    _device(path, stat.S_IFBLK, os.makedev(240, 250))


def _device(path: Path, kind: int, number: int) -> None:
    try:
        os.mknod(path, kind | 0o600, number)
    except PermissionError:
        pytest.skip("this user may not make devices")


def a_circle(path: Path) -> None:
    path.symlink_to(path.name)


def lost(path: Path) -> None:
    path.symlink_to("nowhere/picture.png")


@POSIX
@pytest.mark.parametrize(
    "make", [a_folder, a_pipe, a_socket, a_device, a_disk, a_circle, lost], ids=lambda make: make.__name__
)
def test_what_is_no_file_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "picture.png"
    make(path)
    before = path.lstat()
    for link in (False, True):
        name = tmp_path / "link.png" if link else path
        if link:
            name.symlink_to("picture.png")
        with pytest.raises(InputError, match=r"(png|nowhere).*\.$"):
            check_place(name, "a picture", (".png",))
        with pytest.raises(InputError, match=r"(png|nowhere).*\.$"):
            write_picture(name, PICTURE)
    after = path.lstat()
    assert (before.st_ino, before.st_mode, before.st_rdev) == (after.st_ino, after.st_mode, after.st_rdev)
    assert leftovers(tmp_path) == ["link.png", "picture.png"]


@POSIX
def test_a_device_is_written_to_where_text_is_meant(tmp_path: Path) -> None:
    path = null_device(tmp_path)
    check_place(path, "the report", may_stream=True)
    write_file(path, b"text")
    assert stat.S_ISCHR(path.stat().st_mode)
    a_disk(tmp_path / "disk")
    with pytest.raises(InputError, match="is a device"):
        check_place(tmp_path / "disk", "the report", may_stream=True)


@POSIX
def test_a_pipe_is_written_to_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_place(pipe, "the report", may_stream=True)
    with pytest.raises(InputError, match="nobody reads from it"):
        write_file(pipe, b"text")
    read: list[bytes] = []
    content = os.urandom(300_000)  # more than a pipe holds
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    patience = time.monotonic() + 30
    while reader.is_alive() and time.monotonic() < patience:
        try:
            write_file(pipe, content)
        except InputError:  # it has yet to open the pipe
            continue
        reader.join(30)
    assert read == [content] and stat.S_ISFIFO(pipe.stat().st_mode)


WRITE = (
    "import sys; from pathlib import Path; from retalk_nodes.retalk_core.files import write_file; "
    "from retalk_nodes.retalk_core.places import check_place; print('before'); path = Path(sys.argv[1]); "
    "check_place(path, may_stream=True); write_file(path, b'text\\n'); print('after')"
)


@POSIX
@pytest.mark.parametrize("name", ["/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_is_written_to_in_turn(tmp_path: Path, name: str) -> None:
    if not os.path.exists(os.path.dirname(name) or "."):  # noqa: PTH110, PTH120 - names, not files
        pytest.skip(f"there is no {name} here")
    (tmp_path / "link").symlink_to("/dev/stdout")
    command = elsewhere(WRITE, str(tmp_path / name))
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert said == b"before\ntext\nafter\n"
    path = tmp_path / "out.txt"
    with path.open("wb") as file:
        subprocess.run(command, stdout=file, check=True)
        assert os.fstat(file.fileno()).st_ino == path.stat().st_ino  # the file is the same
    assert path.read_bytes() == b"before\ntext\nafter\n"


@POSIX
@pytest.mark.parametrize("name", ["/dev/fd/991", "/dev/fd/{read}"])
def test_a_stream_that_is_closed_or_only_read_is_refused_before_the_work(name: str) -> None:
    read, write = os.pipe()
    try:
        with pytest.raises(InputError, match="can't be written"):
            check_place(Path(name.format(read=read)), "the report", may_stream=True)
        with pytest.raises(InputError, match="an open stream"):
            check_place(Path(f"/dev/fd/{write}"), "a picture")
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("path", ["", ".", "./"])
def test_a_name_that_is_empty_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=r"The name for the report is empty or that of this folder"):
        check_place(Path(path), "the report", may_stream=True)


@POSIX
def test_a_folder_that_lets_nobody_make_files_is_refused_before_the_work() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("the system has no such folder")
    with pytest.raises(InputError, match="can't be written"):
        check_place(Path("/proc/report.json"), "the report", may_stream=True)


def test_a_long_suffix_needs_no_longer_name(tmp_path: Path) -> None:
    path = tmp_path / f"a.{'x' * 240}"
    check_place(path)
    write_file(path, b"text")
    assert path.read_bytes() == b"text"


@pytest.mark.parametrize(
    ("name", "begin"), [("a.png", b"\x89PNG"), ("a.JPG", b"\xff\xd8"), ("a.jpeg", b"\xff\xd8")]
)
def test_a_picture_is_what_its_name_says(tmp_path: Path, name: str, begin: bytes) -> None:
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / name
    write_picture(path, PICTURE)
    content = path.read_bytes()
    assert content.startswith(begin)
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(seen.astype(int) - PICTURE).max() <= (0 if begin == b"\x89PNG" else 3)


def test_a_picture_of_ours_is_known_from_another(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    write_picture(tmp_path / "ours.png", PICTURE)
    (tmp_path / "theirs.png").write_bytes(cv2.imencode(".png", PICTURE)[1].tobytes())
    (tmp_path / "empty.png").touch()
    names = ("ours", "theirs", "empty", "missing")
    assert [is_own_picture(tmp_path / f"{name}.png") for name in names] == [True, False, False, False]
