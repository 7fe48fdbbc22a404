"""Files elsewhere: in memory, and in S3 as moto plays it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.jobs import addresses

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket of a server on this machine."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server", reason="moto plays S3").ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        fsspec.filesystem("s3").mkdir("clips")
        yield "s3://clips"
    server.stop()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("s3://bucket/a.mp4", True),
        ("s3:/bucket/a.mp4", True),  # as a path makes of it
        ("memory://a.mp4", True),
        ("C:/clips/a.mp4", False),
        ("/clips/a.mp4", False),
        ("a.mp4", False),
        ("a: b.mp4", False),
    ],
)
def test_addresses_are_told_from_paths(name: str, known: bool) -> None:
    assert addresses.is_address(name) is known
    assert addresses.as_address(name) == (name.replace("s3:/b", "s3://b") if known else name)


@pytest.mark.parametrize("where", ["memory://some/folder", "s3"])
def test_what_is_stored_is_fetched(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = f"{request.getfixturevalue('s3') if where == 's3' else where}/deep/er/clip.mp4"
    (tmp_path / "here.mp4").write_bytes(b"frames")
    assert not addresses.is_stored(address)
    addresses.store_at(tmp_path / "here.mp4", address)
    assert addresses.is_stored(address)
    found = addresses.fetch_file(address, tmp_path)
    assert found.name == "clip.mp4" and found.read_bytes() == b"frames"


def test_a_file_that_could_not_be_stored_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = fsspec.filesystem("memory")
    (tmp_path / "here.mp4").write_bytes(b"frames")

    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(type(system), "mv", fail)
    with pytest.raises(InputError, match=r"memory://shelf/a.mp4 can't be stored \(OSError: no room\)"):
        addresses.store_at(tmp_path / "here.mp4", "memory://shelf/a.mp4")
    assert system.ls("memory://shelf") == []


@pytest.mark.parametrize("where", ["memory://nowhere", "s3"])
def test_what_is_not_there_is_told_in_a_sentence(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = f"{request.getfixturevalue('s3') if where == 's3' else where}/gone.mp4"
    with pytest.raises(InputError, match=f"There is nothing at {address}"):
        addresses.fetch_file(address, tmp_path)


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="is no kind of address"):
        addresses.check_kind("nope")
