"""What is tried: every command with words, files, places, surroundings and servers that are wrong or odd."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import this_pack  # noqa: F401 - before what it makes importable
from bad_files import NO_FILES, STORE
from retalk_nodes.retalk_core.cli.words import options_by_group

NUMBERS = (
    *("nan", "-nan", "inf", "-inf", "-0", "0", "-1", "1e400", "-1e400", "1e-400", "1e9", "9" * 400),
    *(
        "",
        " ",
        " 1",
        "1 ",
        "１２",
        "٣",
        "½",
        "1_0",
        "0x10",
        "1,5",
        "--",
        "-",
        "+",
        "1e",
        "1/0",
        "1/3",
        "None",
    ),
    *("99999999999999999999", "a\nb", "\udcff", "💥", "%s", "{0}", "a" * 5000, "0.0000001", "=", "@"),
)
RANGES = (
    "3-1",
    "1-2-3",
    "0-1,x",
    "0-0",
    "-1-2",
    "0-1e400",
    "0:0:0:1-2",
    "0-1;;",
    "0-99999999999999999999",
    "–",
)
PAIRS = (
    "1",
    "1=",
    "=1",
    "1=nan",
    "1=inf",
    "1=1e400",
    "-1=1",
    "99=1",
    "1=1=1",
    "x=1",
    "1:1",
    "1=1,",
    ",",
    "٣=1",
)
POINTS = ("1", "1,2,3", "nan,1", "inf,inf", "-5,-5", "1e400,1", "left,top", "99999,99999", ",", "1,")
ODD_WORDS = ("", "x", "\udcff", "💥", "a" * 5000, "--", "nan", "a\nb", "../..", "cuda", "cuda:99", "cpu:-1")
VALUES: dict[str, Sequence[str]] = {
    "ranges": (*NUMBERS, *RANGES),
    "amounts": (*PAIRS, "nan"),
    "choice or amounts": PAIRS,
    "point": POINTS,
    "choice": ODD_WORDS,
    "text": ODD_WORDS,
}
PLACES = (
    *("", ".", "..", "/", "@folder.mp4", "@folder.mp4/", "no/such/out.mp4", "@face.mp4/out.mp4", "-", "--"),
    *(
        "o" * 300 + ".mp4",
        "o" * 251 + ".mp4",
        "out",
        ".mp4",
        "out.xyz",
        "out.mp4 ",
        "out.\udcff",
        "@face.mp4",
    ),
    *(
        "@voice.wav",
        "@null",
        "@full",
        "@pipe.mp4",
        "@socket.mp4",
        "@dangling.mp4",
        "@loop.mp4",
        "@to_null.png",
    ),
    *(
        "/proc/out.mp4",
        "/sys/out.mp4",
        "new\nline.mp4",
        "\udcff.mp4",
        "ş💥.mp4",
        "a%03d.mp4",
        "http://x/o.mp4",
    ),
)
ADDRESSES = (
    *("", " ", "x", "http://", "http://[", "http://[::1", "http://a:b", "http://a:99999999", "http://a:-1"),
    *(
        "http:///x",
        "//x",
        "file:///etc/passwd",
        "ftp://x",
        "javascript:1",
        "http://\udcff",
        "http://a b",
        "☃",
    ),
    *(
        "http://" + "a" * 70 + ".b",
        "http://.",
        "http://..",
        "http://127.0.0.1:1",
        "http://user:p@ss@127.0.0.1:1",
    ),
    *("https://127.0.0.1:1/\n", "http://127.0.0.1:0", "http://%zz", "http://" + "a" * 5000, "\x1b[0m"),
)
HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTHS = (
    b"abc",
    b"-1",
    b"",
    b"1e9",
    b"9" * 30,
    b"9" * 5000,
    b"0",
    b"1.5",
    b"0x10",
    b"\xc2\xb2",
    b"10, 20",
    b"5",
)
TARGETS = (
    *(
        "http://[",
        "file:///etc/passwd",
        "ftp://x/y",
        "//",
        "",
        "http://",
        "http://a:b/",
        "{server}",
        "?",
        "http://\xff",
    ),
    *(
        "gopher://x",
        "http://127.0.0.1:1/",
        "http://" + "a" * 70 + ".b/",
        "/" * 5000,
        "\x00",
        "http://..",
        "mailto:x",
    ),
)
ANSWERS = (
    *(HEAD + b"Content-Length: " + length + b"\r\n\r\nnothing" for length in LENGTHS),
    *(b"HTTP/1.1 302 Found\r\nLocation: " + to.encode("latin-1") + b"\r\n\r\n" for to in TARGETS),
    *(
        b"HTTP/1.1 %s\r\n\r\n" % status
        for status in (b"204 No", b"206 Part", b"416 No", b"999 x", b"100 Go", b"404")
    ),
    *(
        b"",
        b"\r\n",
        b"hello\n",
        b"HTTP/9.9 x y\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        HEAD,
        HEAD + b"no colon\r\n\r\nx",
    ),
    HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    HEAD + b"X: y\r\n" * 500 + b"\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
    HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 206 Part\r\nContent-Range: bytes 9-1/x\r\n\r\nx",
    b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n",
    HEAD + b"ETag: \xff\xfe\r\n\r\nx",
)


@dataclass(frozen=True)
class Case:
    """One call. A word's @NAME is a file of `bad_files` that is put into the case's folder."""

    words: tuple[str, ...]
    program: str = "retalk"
    env: dict[str, str | None] = field(default_factory=dict)  # None: not set
    stdout: str = "file"  # or full, broken, closed
    encoding: str = "utf-8"
    where: str = ""  # removed: the working directory is
    user: int | None = None  # whose right it is run with
    answer: bytes | None = None  # of a server, whose address stands for {server}


def all_cases(contents: Sequence[str]) -> list[Case]:
    """Every case, in an order that stays the same. contents: the names of files with odd contents."""
    files = [*contents, *NO_FILES]
    found = [
        *_options(),
        *_files(files),
        *_places(),
        *_surroundings(),
        *_downloads(),
        *_upkeep(),
        *_queue(),
    ]
    return list({repr(case): case for case in found}.values())


def _dub(*words: str, clip: str = "@scenery.mp4", output: str = "out.mp4") -> tuple[str, ...]:
    return ("dub", clip, "@voice.wav", "-o", output, "-q", "--phones", "off", "--no-check", *words)


def _options() -> Iterator[Case]:
    """Each option with each odd value; a clip without a face makes those short that are accepted."""
    for each in (each for group in options_by_group().values() for each in group):
        if each.kind not in ("switch", "path", "mask", "choice or picture"):
            for value in VALUES.get(each.kind, NUMBERS):
                yield Case(_dub(f"{each.flag}={value}"))
    for words in (
        ("--start", "0.1"),
        ("--duration", "1e-9"),
        ("--duration", "0.0000001"),
        ("--fps", "0.0000001"),
    ):
        yield Case(_dub(*words, clip="@face.mp4"))
    for words in (
        ("--fps", "1000"),
        ("--edit-only", "5-6"),
        ("--batch", "9" * 30),
        ("--noise-seed", "9" * 30),
    ):
        yield Case(_dub(*words, clip="@face.mp4"))
    for words in ((), ("--nonsense",), ("-o",), ("--", "--"), ("x",), ("--pre", "fast"), ("-vvv",)):
        yield Case(_dub(*words))
    for value in (*POINTS, *NUMBERS[:12]):
        yield Case(("inspect", "@scenery.mp4", "-q", f"--face-at={value}"))
        yield Case(("inspect", "@scenery.mp4", "-q", f"--face-index={value}"))


def _files(names: Sequence[str]) -> Iterator[Case]:
    """Each odd file wherever a file is taken."""
    for name in names:
        given = f"@{name}"
        yield Case(("dub", given, "@voice.wav", "-o", "out.mp4", "-q", "--no-check", "--phones", "off"))
        yield Case(("dub", "@scenery.mp4", given, "-o", "out.mp4", "-q", "--no-check", "--phones", "off"))
        yield Case(_dub(f"--soundtrack={given}"))
        yield Case(_dub(f"--face-mask={given}"))
        yield Case(_dub("--engine=retalk", f"--expression={given}"))
        yield Case(_dub(f"--work-dir={given}"))
        yield Case(("inspect", given, "-q", "--json"))
        yield Case(("models", "convert", given))
        yield Case(("models", "convert", given, "-o", "out.safetensors"))
    for name in NO_FILES:
        yield Case(_dub("--engine=retalk", f"--models=@{name}"))
        for action in ("list", "verify", "download"):
            named = ("lnet",) if action == "download" else ()
            yield Case(("models", action, *named, f"--folder=@{name}"), env=dict(OFFLINE))


def _places() -> Iterator[Case]:
    """Each place wherever something is written."""
    for place in PLACES:
        yield Case(_dub(clip="@face.mp4", output=place))
        yield Case(("inspect", "@face.mp4", "-q", "-o", place))
        yield Case(("models", "convert", "@noise.pth", "-o", place))
        for option, suffix in (("--sheet", ".png"), ("--chart", ".png"), ("--report", ".json")):
            named = place.replace(".mp4", suffix) if not place.startswith("@") else place
            yield Case(_dub(f"{option}={named}", clip="@face.mp4"))
    for place in ("", ".", "/", "@folder.mp4", "@null", "o" * 300 + ".mp4", "@still.png", "/proc/out.mp4"):
        yield Case(("demo", "-q", "-o", place))


OFFLINE = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1", "no_proxy": "127.0.0.1"}
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("dub", "--help"),
    ("models", "list"),
    ("models", "list", "--json"),
    ("inspect", "@face.mp4", "-q", "--json"),
    ("inspect", "@missing.mp4"),
    ("inspect", "@ş.mp4"),
    ("inspect", os.fsdecode(b"@\xff.mp4")),
    ("work", "list", "@deep_store"),
    ("nonsense",),
)


def _surroundings() -> Iterator[Case]:
    """Streams that take nothing, terminals of few letters, and homes that are none."""
    for words in COMMANDS:
        for stdout in ("full", "broken", "closed"):
            yield Case(words, stdout=stdout)
        for encoding in ("ascii", "cp1252", "utf-16"):
            yield Case(words, encoding=encoding)
        for env in HOMES:
            yield Case(words, env=env)
        yield Case(words, where="removed")
        yield Case(words, user=54_321, env={"HOME": None, "XDG_DATA_HOME": None})
    for options in (("--json",), ()):
        for stdout in ("full", "broken", "closed"):
            yield Case(_dub(*options, clip="@face.mp4"), stdout=stdout)
        for encoding in ("ascii", "cp1252"):
            yield Case(_dub(*options, clip="@face.mp4", output="ş💥.mp4"), encoding=encoding)
            yield Case(_dub(*options, clip="@face.mp4", output="\udcff.mp4"), encoding=encoding)


HOMES: tuple[dict[str, str | None], ...] = (
    {"HOME": None, "XDG_DATA_HOME": None},
    {"HOME": "", "XDG_DATA_HOME": ""},
    {"HOME": "/dev/null", "XDG_DATA_HOME": None},
    {"XDG_DATA_HOME": "/proc"},
    {"XDG_DATA_HOME": "relative"},
    {"TMPDIR": "/no/such"},
    {"RETALK_MODELS": ":::"},
    {"RETALK_MODELS": "/dev/null"},
    {"RETALK_MODELS": "m" * 5000},
    {"RETALK_MODELS": "\udcff"},
    {"COLUMNS": "-1"},
    {"COLUMNS": "nan"},
    {"LC_ALL": "nonsense", "LANG": "\udcff"},
)


def _downloads() -> Iterator[Case]:
    """Addresses that are none, and servers that answer nonsense."""
    get = ("models", "download", "enet", "--folder=.", "-q")
    for address in ADDRESSES:
        yield Case((*get, f"--mirror={address}"), env=dict(OFFLINE))
        yield Case((*get, f"--proxy={address}"), env={"no_proxy": ""})
        yield Case(get, env={**OFFLINE, "HF_ENDPOINT": address})
        yield Case(get, env={**OFFLINE, "RETALK_MIRROR": address})
        yield Case(get, env={"http_proxy": address or "x", "https_proxy": address or "x", "no_proxy": ""})
    for answer in ANSWERS:
        yield Case((*get, "--mirror={server}"), env=dict(OFFLINE), answer=answer)
        yield Case(get, env={**OFFLINE, "HF_ENDPOINT": "{server}"}, answer=answer)


def _upkeep() -> Iterator[Case]:
    for value in NUMBERS:
        yield Case(("work", "clear", "@deep_store", f"--older-than={value}"))
    for place in ("", ".", "@face.mp4", "@pipe.mp4", "@missing.mp4", "@loop.mp4", "w" * 300, "\udcff", STORE):
        yield Case(("work", "list", place))
        yield Case(("work", "clear", place))
        yield Case(("jobs", "list", place))
    for word in ODD_WORDS:
        for action in ("download", "verify"):
            yield Case(("models", action, word), env=dict(OFFLINE))
        yield Case(("models", "convert", word))
        yield Case((word,))
    for words in (("models",), ("work",), ("models", "list", "x"), ("models", "verify", "--run"), ()):
        yield Case(words)


def _queue() -> Iterator[Case]:
    """The script that queues dubs on a server: nobody answers, what it reads is no workflow and no table."""
    base = ("@face.mp4", "@voice.wav", "-o", "out.mp4", "-q", "--server", "127.0.0.1:1")
    for name in ("deep.json", "null.mp4", "noise.mp4", "missing.mp4", "folder.mp4", "loop.mp4", "zero.mp4"):
        yield Case((*base, f"--workflow=@{name}"), "queue_dub")
        yield Case(("--server", "127.0.0.1:1", f"--jobs=@{name}"), "queue_dub")
    for value in ("[" * 100_000, "nan", "@missing.mp4", "", "{", "\udcff"):
        yield Case((*base, "--set", f"3.start={value}"), "queue_dub")
    for address in ADDRESSES:
        yield Case((*base[:-1], address), "queue_dub", env=dict(OFFLINE))
    for answer, words in product(ANSWERS[:30], ((), ("-q",))):
        yield Case((*base[:-1], "{server}", *words), "queue_dub", answer=answer)
