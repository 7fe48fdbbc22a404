"""`retalk models`: files are fetched, checked and converted; only what was checked gets its name."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import recipe
import retalk_nodes.retalk_core.weights.download as downloads
import torch
from retalk_nodes.models.catalog import NETWORKS, catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.models.network import File
from retalk_nodes.models.reading import read_tensors
from retalk_nodes.models.samples import drawn_face
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.weights import commands as model_commands
from retalk_nodes.retalk_core.weights import files as model_files
from retalk_nodes.retalk_core.weights.commands import convert
from retalk_nodes.retalk_core.weights.download import Route, download
from retalk_nodes.retalk_core.weights.trial import Output, Trial, try_out
from safetensors import safe_open
from torch import Tensor, nn

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = Path("file.pth")


# A server that misbehaves as it is told


@dataclass
class Site:
    """What a local server holds and how it answers; and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers are cut
    ranges: bool = True
    length: bool = True
    tag: str = '"1"'
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append((self.path, wanted))
            name = self.path.rpartition("/")[2]
            if name not in site.files:
                self.send_error(404)
                return
            content = site.files[name]
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and site.ranges else 0
            if self.headers.get("If-Range", site.tag) != site.tag:
                start = 0
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if site.length:
                self.send_header("Content-Length", str(len(content) - start))
            if site.tag:
                self.send_header("ETag", site.tag)
            self.end_headers()
            self.wfile.write(content[start:][: site.cuts.pop(0) if site.cuts else None])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class Server(ThreadingHTTPServer):
    """Says nothing when a client hangs up."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine that holds the right file."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "RETALK_MIRROR", "HF_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    held = Site({PATH.name: CONTENT})
    server = Server(("127.0.0.1", 0), handler_of(held))
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


def official(site: Site, **more: object) -> File:
    """The file with everything known of it."""
    wanted = File(PATH.name, (f"{site.url}/a/{PATH.name}",), SHA256, len(CONTENT))
    return replace(wanted, **more)


def fine(path: Path) -> None:
    """A check that accepts anything."""


def refusal(wanted: File, folder: Path, check: Callable[[Path], None] = fine) -> str:
    with pytest.raises(InputError) as caught:
        download(wanted, folder, check)
    words = str(caught.value)
    assert "\n" not in words and words.endswith(".")
    assert not (folder / wanted.name).exists()
    return words


def test_a_file_arrives_with_its_progress(site: Site, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = download(official(site), tmp_path / "new folder", fine, progress=lambda *now: told.append(now))
    assert path.read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT)) and told[-1] == (len(CONTENT), len(CONTENT))
    assert [entry.name for entry in path.parent.iterdir()] == [PATH.name]


def test_a_part_is_resumed(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.pth.part").write_bytes(CONTENT[:300_000])
    assert download(official(site), tmp_path, fine).read_bytes() == CONTENT
    assert site.asked == [("/a/file.pth", "bytes=300000-")]


def test_a_server_without_ranges_starts_anew(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    (tmp_path / "file.pth.part").write_bytes(b"x" * 300_000)
    assert download(official(site), tmp_path, fine).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [len(CONTENT), 0], ids=["size known", "size unknown"])
def test_a_complete_part_is_only_checked(site: Site, tmp_path: Path, size: int) -> None:
    (tmp_path / "file.pth.part").write_bytes(CONTENT)
    assert download(official(site, size=size), tmp_path, fine).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.pth.part").write_bytes(CONTENT + b"more")
    assert download(official(site, size=0), tmp_path, fine).read_bytes() == CONTENT


def test_a_cut_connection_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.cuts = [300_000, 1, 500_000]
    assert download(official(site), tmp_path, fine).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.asked] == [
        None,
        "bytes=300000-",
        "bytes=300001-",
        "bytes=800001-",
    ]


def test_a_connection_that_is_always_cut_leaves_a_part_for_next_time(site: Site, tmp_path: Path) -> None:
    site.cuts = [700_000, *[0] * 20]
    words = refusal(official(site), tmp_path)
    assert "could not be downloaded (127.0.0.1: the connection was cut)" in words
    assert f"Fetch it ({len(CONTENT)} bytes, sha256 {SHA256}) by hand from {site.url}/a/file.pth" in words
    assert f"put it into {tmp_path}" in words
    assert len(site.asked) < 10
    site.cuts = []
    assert download(official(site), tmp_path, fine).read_bytes() == CONTENT
    assert site.asked[-1][1] == "bytes=700000-"


@pytest.mark.parametrize("size", [len(CONTENT), 0], ids=["size known", "size unknown"])
def test_a_wrong_hash_never_gets_the_name(site: Site, tmp_path: Path, size: int) -> None:
    wrong = CONTENT[:-1] + b"x"
    site.files[PATH.name] = wrong
    words = refusal(official(site, size=size), tmp_path)
    assert f"its sha256 is {hashlib.sha256(wrong).hexdigest()} instead of {SHA256}" in words
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_size_is_refused_before_it_is_fetched(site: Site, tmp_path: Path) -> None:
    site.files[PATH.name] = CONTENT + b"x"
    assert f"it has {len(CONTENT) + 1} bytes there instead of {len(CONTENT)}" in refusal(
        official(site), tmp_path
    )
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_size_that_was_not_announced_is_refused_too(site: Site, tmp_path: Path) -> None:
    site.length = False
    site.files[PATH.name] = CONTENT[:-5]
    assert f"it has {len(CONTENT) - 5} bytes instead of {len(CONTENT)}" in refusal(official(site), tmp_path)


def test_the_next_source_is_tried_after_a_404(site: Site, tmp_path: Path) -> None:
    sources = (f"{site.url}/gone/other.pth", f"{site.url}/b/{PATH.name}")
    assert download(official(site, sources=sources), tmp_path, fine).read_bytes() == CONTENT
    assert [path for path, _ in site.asked] == ["/gone/other.pth", "/b/file.pth"]


def test_the_next_source_is_tried_after_a_wrong_file(site: Site, tmp_path: Path) -> None:
    site.files["bad.pth"] = CONTENT[:-1] + b"x"
    sources = (f"{site.url}/bad.pth", f"{site.url}/{PATH.name}")
    assert download(official(site, sources=sources), tmp_path, fine).read_bytes() == CONTENT


def test_a_part_from_one_source_is_completed_from_another(site: Site, tmp_path: Path) -> None:
    site.cuts = [400_000, 0, 0, 0, 0]
    sources = (f"{site.url}/a/{PATH.name}", f"{site.url}/b/{PATH.name}")
    assert download(official(site, sources=sources), tmp_path, fine).read_bytes() == CONTENT
    assert site.asked[-1] == ("/b/file.pth", "bytes=400000-")


def test_when_every_source_fails_each_reason_is_said(site: Site, tmp_path: Path) -> None:
    sources = (f"{site.url}/gone.pth", "http://127.0.0.1:9/file.pth")
    words = refusal(official(site, sources=sources), tmp_path)
    assert "127.0.0.1: 404 Not Found; 127.0.0.1: Connection refused" in words
    assert f"{sources[0]} or {sources[1]}" in words


def test_a_file_that_can_only_be_fetched_by_hand_says_so(tmp_path: Path) -> None:
    words = refusal(File("file.pth", sha256=SHA256, known="a detector"), tmp_path)
    assert words == (
        f"file.pth can't be downloaded, no public source is known. Put it (sha256 {SHA256}) into {tmp_path} "
        "by hand: it is a detector."
    )


# Without a published hash


def test_without_a_hash_the_content_decides(site: Site, tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise CheckpointError(f"{path} can't be used as D-Net: it lacks x.")

    unknown = official(site, sha256="", size=0)
    words = refusal(unknown, tmp_path, refuse)
    assert "(127.0.0.1: it can't be used as D-Net: it lacks x)" in words
    assert list(tmp_path.iterdir()) == []
    assert download(unknown, tmp_path, fine).read_bytes() == CONTENT


def test_without_a_hash_a_part_is_resumed_only_if_the_file_is_the_same(site: Site, tmp_path: Path) -> None:
    unknown = official(site, sha256="", size=0)
    site.cuts = [300_000, *[0] * 20]
    refusal(unknown, tmp_path)
    site.cuts, site.tag, site.files[PATH.name] = [], '"2"', CONTENT[::-1]
    assert download(unknown, tmp_path, fine).read_bytes() == CONTENT[::-1]


def test_without_a_hash_a_part_of_unknown_origin_is_not_used(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.pth.part").write_bytes(b"x" * 300_000)
    assert download(official(site, sha256="", size=0), tmp_path, fine).read_bytes() == CONTENT
    assert site.asked == [("/a/file.pth", None)]


def test_without_a_hash_the_same_file_is_resumed(site: Site, tmp_path: Path) -> None:
    site.cuts = [300_000]
    assert download(official(site, sha256="", size=0), tmp_path, fine).read_bytes() == CONTENT
    assert site.asked[-1][1] == "bytes=300000-"


# The disk


def test_a_disk_that_is_too_full_is_noticed_before_fetching(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    words = refusal(official(site), tmp_path)
    assert words.startswith(f"The disk is too full for {tmp_path / 'file.pth'}. Make room")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_keeps_the_part(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, answer: object, file: object, done: int, total: int) -> bool:
        file.write(CONTENT[:1000])
        file.flush()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(downloads._Fetch, "_copy", full)
        assert "The disk is too full" in refusal(official(site), tmp_path)
    assert download(official(site), tmp_path, fine).read_bytes() == CONTENT
    assert site.asked[-1][1] == "bytes=1000-"


def test_a_folder_that_cannot_be_made_is_said(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"can't be written \(.*\)\. Choose another folder with --folder\."):
        download(official(site), tmp_path / "file" / "folder", fine)


def test_a_right_file_that_is_there_is_kept(site: Site, tmp_path: Path) -> None:
    (tmp_path / PATH).write_bytes(CONTENT)
    assert download(official(site), tmp_path, fine) == tmp_path / PATH
    assert site.asked == []


def test_a_wrong_file_that_is_there_is_not_overwritten(site: Site, tmp_path: Path) -> None:
    (tmp_path / PATH).write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already and is not the official file: it has 4 bytes"):
        download(official(site), tmp_path, fine)
    assert (tmp_path / PATH).read_bytes() == b"mine"


# The way there


# Answers and addresses that mean nothing


class Answer(BaseHTTPRequestHandler):
    """The same lines for every caller."""

    lines: tuple[str, ...] = ()

    def do_GET(self) -> None:
        self.wfile.write("\r\n".join((*self.lines, "", "nothing")).encode("latin-1"))

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("HTTP/1.1 200 OK", "Content-Length: abc"), "it states a length that is none ('abc')"),
        (("HTTP/1.1 200 OK", "Content-Length: -1"), "it states a length that is none ('-1')"),
        (("HTTP/1.1 200 OK", "Content-Length: " + "9" * 30), "it states a length that is none"),
        (("HTTP/1.1 206 Part", "Content-Range: bytes 0-x/9"), "another piece of the file"),
        (("HTTP/1.1 302 Found", "Location: http://["), "it leads to an address that is none"),
        (("HTTP/1.1 302 Found", "Location: file:///etc/hosts"), "302"),
        (("HTTP/1.1 302 Found", "Location: /"), "302"),  # to itself, for ever
        (("HTTP/1.1 302 Found", "Location: http://a:b/"), "nonnumeric port"),
        (("hello",), "hello"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, tuple) else "",
)
def test_an_answer_that_means_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Answer, "lines", lines)
    server = Server(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/{PATH.name}"
        told = refusal(File(PATH.name, (address,), SHA256, len(CONTENT)), tmp_path / "new")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert f"(127.0.0.1: {said}" in told or said in told
    assert list(tmp_path.iterdir()) == []  # not even the folder


@pytest.mark.parametrize("name", ["--mirror", "--proxy", "HF_ENDPOINT", "RETALK_MIRROR"])
@pytest.mark.parametrize(
    "address",
    ["x", "http://", "http://[", "http://a:b", "http://a:99999999", "ftp://x", "http://" + "a" * 70 + ".b"],
)
def test_an_address_is_refused_by_the_name_of_who_gave_it(name: str, address: str) -> None:
    given = {"--mirror": {"mirrors": [address]}, "--proxy": {"proxy": address}}.get(name, {})
    with pytest.raises(OptionError, match="Give one that starts with http:// or https://") as caught:
        Route.of(**given, env={name: address})
    assert str(caught.value).startswith(f"{name} is {address}, which is no address")


def test_a_proxy_of_the_environment_that_is_none_is_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")
    for wrong in ("http://[", "http://a:b", ":::"):
        monkeypatch.setenv("http_proxy", wrong)
        assert "127.0.0.1: " in refusal(official(site), tmp_path)


def test_what_is_there_and_is_no_file_is_said(site: Site, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / PATH.name)
    with pytest.raises(InputError, match=r"is there already and is no file. Move it away"):
        download(official(site), tmp_path, fine)


@pytest.mark.parametrize("name", ["", ".", "missing.pth", "n" * 300])
def test_converting_what_is_no_file_is_said(name: str) -> None:
    with pytest.raises(InputError, match=r"is no file\. Name a file of weights to convert"):
        convert(Path(name))


def test_mirrors_come_first_and_a_stand_in_for_hugging_face_is_used() -> None:
    wanted = File("a b.pth", ("https://github.com/x/a.pth", "https://huggingface.co/y/a.pth"))
    environment = {"RETALK_MIRROR": "http://one/ https://two/z", "HF_ENDPOINT": "https://mirror.example/"}
    assert Route.of(env=environment).sources(wanted) == [
        "http://one/a%20b.pth",
        "https://two/z/a%20b.pth",
        "https://github.com/x/a.pth",
        "https://mirror.example/y/a.pth",
    ]
    assert Route.of(["http://three"], env=environment).sources(wanted)[0] == "http://three/a%20b.pth"


@pytest.mark.parametrize("wrong", ["mirror", "file:///etc", "ftp://host/x", "http://"])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(OptionError, match="is no address"):
        Route.of([wrong], env={})
    with pytest.raises(OptionError, match="is no address"):
        Route.of([], wrong, env={})


def test_a_proxy_is_used(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")
    elsewhere = official(site, sources=("http://weights.invalid/a/file.pth",))
    route = Route.of([], site.url, env={})
    assert download(elsewhere, tmp_path, fine, route).read_bytes() == CONTENT
    assert site.asked == [("http://weights.invalid/a/file.pth", None)]


# The command


@pytest.fixture
def stocked(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A catalogue whose L-Net and D-Net are small files on the local server."""
    places = dict(catalog)
    for key, file, sha256 in (("lnet", "LNet.pth", SHA256), ("dnet", "DNet.pt", SHA256)):
        held = File(file, (f"{site.url}/{file}",), sha256, len(CONTENT))
        places[key] = replace(catalog[key], rows=(replace(NETWORKS[key], files=(held,)),))
        site.files[file] = CONTENT
    monkeypatch.setattr(model_commands, "catalog", places)
    monkeypatch.setattr(model_files, "catalog", places)
    return site


def test_download_fetches_what_is_named(
    stocked: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "download", "lnet", "--folder", str(tmp_path), "-q"]) == 0
    assert (tmp_path / "LNet.pth").read_bytes() == CONTENT
    assert f"checked: {tmp_path / 'LNet.pth'}" in capsys.readouterr().out


def test_download_goes_on_after_a_failure_and_fails_at_the_end(
    stocked: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del stocked.files["LNet.pth"]
    assert main(["models", "download", "lnet", "dnet", "--folder", str(tmp_path), "-q"]) == 1
    assert (tmp_path / "DNet.pt").read_bytes() == CONTENT
    said = capsys.readouterr().err
    assert said.startswith("retalk: LNet.pth could not be downloaded (127.0.0.1: 404 ")
    assert "Traceback" not in said


def test_download_uses_a_mirror(stocked: Site, tmp_path: Path) -> None:
    words = ["models", "download", "dnet", "--folder", str(tmp_path), "-q"]
    assert main([*words, "--mirror", f"{stocked.url}/mirror"]) == 0
    assert stocked.asked == [("/mirror/DNet.pt", None)]


@pytest.mark.parametrize("words", [[], ["no-such-network"], ["dnet", "--proxy", "nowhere"]])
def test_download_says_what_it_does_not_understand(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "download", *words, "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("retalk: ") and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_listing_shows_what_is_there_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"net_G_ema": recipe.recipe_tensors("dnet", seed=0)}, tmp_path / "DNet.pt")
    (tmp_path / "LNet.pth").write_bytes(b"<html>")
    assert main(["models", "list", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "dnet        found     D-Net" in said and str(tmp_path / "DNet.pt") in said
    assert "lnet        UNUSABLE  L-Net" in said and "is a web page" in said
    assert "PIRenderer is CC BY-NC 4.0" in said
    assert f"Looked for in {tmp_path}" in said
    assert "Preset fast: missing face3d, enet; can't be used: lnet, see above; fetch with" in said
    assert main(["models", "list", "--folder", str(tmp_path), "--json"]) == 0
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["dnet"]["path"] and rows["enet"]["path"] is None
    assert rows["face3d"]["files"][0]["size"] == 288_860_037


def test_files_are_listed_and_verified_with_the_words_of_a_dub(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "LNet.pth").write_bytes(b"<html>")
    assert main(["models", "list", "--models", str(tmp_path)]) == 0
    assert f"Looked for in {tmp_path}" in capsys.readouterr().out
    assert main(["models", "verify", "--models", str(tmp_path)]) == 1
    assert "LNet.pth is a web page" in capsys.readouterr().out


def test_damaged_bytes_are_found_whatever_is_on_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "30_net_gen.pth"
    torch.save(recipe.recipe_tensors("ganimation", seed=0), path)
    assert main(["models", "verify", "--folder", str(tmp_path)]) == 0
    content, state = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert main(["models", "verify", "--folder", str(tmp_path)]) == 1
    assert "is not what was written there" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="is damaged"):
        convert(path, tmp_path / "out.safetensors")


def test_verifying_runs_every_network_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(recipe.recipe_tensors("ganimation", seed=0), tmp_path / "30_net_gen.pth")
    assert main(["models", "verify", "--run", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "every tensor fits" in said and "sharpness" in said
    assert recipe_hash(tmp_path / "30_net_gen.pth") in said


def test_verifying_fails_for_a_file_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = recipe.recipe_tensors("ganimation", seed=0)
    del tensors["au_top.0.weight"]
    torch.save(tensors, tmp_path / "30_net_gen.pth")
    (tmp_path / "DNet.pt").write_bytes(b"PK\x03\x04")
    assert main(["models", "verify", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "can't be used as GANimation: it lacks" in said.out
    assert "DNet.pt is cut short or damaged" in said.out
    assert "2 of 2 files can't be used" in said.err


def recipe_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Trials


def test_the_drawn_face_is_a_picture_of_any_size() -> None:
    for side in (96, 512):
        face = drawn_face(side)
        assert face.shape == (1, 3, side, side)
        assert face.min() >= 0 and face.max() <= 1 and face.std() > 0.1


def test_every_network_has_something_to_run_on() -> None:
    for row in NETWORKS.values():
        inputs = row.build.draw_sample()
        assert inputs and all(torch.isfinite(value).all() and len(value) == 1 for value in inputs), row.key


class Spoilt(nn.Module):
    """Gives numbers that are none."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(math.nan))

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        return {"picture": picture * self.weight, "grey": picture * 0}


def test_a_network_that_gives_no_numbers_is_found_out() -> None:
    trial = try_out("parsenet", Spoilt())
    assert isinstance(trial, Trial) and not trial.sound
    picture, grey = trial.outputs
    assert isinstance(picture, Output) and picture.broken == 3 * 512 * 512 and grey.spread == 0
    said = "\n".join(trial.lines())
    assert "VALUES ARE NOT FINITE" in said and "THE SAME EVERYWHERE" in said


# Converting


@pytest.fixture
def dnet(tmp_path: Path) -> Path:
    """D-Net's official container, with a discarded twin as large as itself."""
    tensors = recipe.recipe_tensors("dnet", seed=0)
    path = tmp_path / "DNet.pt"
    torch.save({"net_G": {key: value + 1 for key, value in tensors.items()}, "net_G_ema": tensors}, path)
    return path


@pytest.fixture
def ganimation(tmp_path: Path) -> Path:
    """A smaller file."""
    path = tmp_path / "30_net_gen.pth"
    torch.save(recipe.recipe_tensors("ganimation", seed=0), path)
    return path


def test_a_converted_file_gives_the_same_network_and_knows_its_origin(dnet: Path) -> None:
    made = convert(dnet)
    assert made == dnet.with_suffix(".safetensors")
    assert made.stat().st_size < 0.5 * dnet.stat().st_size  # D-Net's twin and its dead tensors are gone
    was, now = (load_network(catalog["dnet"], path).state_dict() for path in (dnet, made))
    assert was.keys() == now.keys()
    assert all(torch.equal(was[key], now[key]) for key in was)
    with safe_open(made, "pt") as stored:
        about = stored.metadata()
    assert about["network"] == "dnet" and about["source"] == "DNet.pt"
    assert about["source_sha256"] == recipe_hash(dnet) and "PIRenderer" in about["licence"]


def test_half_precision_halves_the_size_and_loads_in_fp32(ganimation: Path, tmp_path: Path) -> None:
    half = convert(ganimation, tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.51 * ganimation.stat().st_size
    was, now = (load_network(catalog["ganimation"], path).state_dict() for path in (ganimation, half))
    assert all(now[key].dtype == torch.float32 for key in now)
    assert all(torch.allclose(was[key], now[key], rtol=1e-3, atol=1e-6) for key in was)


def test_converting_folds_spectral_norm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = recipe.recipe_tensors(
        "lnet", seed=0, only=r"^(decoder\.(final|up)|encoder\.ca2|audio_encoder\.0)"
    )
    tensors |= recipe.recipe_tensors(
        "lnet", seed=0, only=r"^decoder\.res0\.res0\.conv1\.ffc\.convl2l\.weight$"
    )
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in tensors.items()}}, tmp_path / "LNet.pth"
    )
    monkeypatch.setattr(model_commands, "_load_checked", lambda key, path: None)  # only a part of it is there
    stored = read_tensors(convert(tmp_path / "LNet.pth"))
    assert "decoder.final.model.0.weight" in stored
    assert not any(key.endswith(("_orig", "_u", "_v")) or key.startswith("module.") for key in stored)


def test_converting_overwrites_nothing_and_leaves_nothing_half_done(
    ganimation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken.safetensors"
    taken.write_bytes(b"mine")
    assert main(["models", "convert", str(ganimation), "-o", str(taken)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert taken.read_bytes() == b"mine"
    assert (
        main(["models", "convert", str(ganimation), "-o", str(tmp_path / "no" / "folder.safetensors")]) == 1
    )
    assert "can't be written" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"30_net_gen.pth", "taken.safetensors"}


def test_a_stranger_is_not_converted(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "stranger.pth")
    with pytest.raises(CheckpointError, match="none of the networks"):
        convert(tmp_path / "stranger.pth")
