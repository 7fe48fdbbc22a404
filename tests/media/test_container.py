"""What holds no pictures is refused in a sentence, and no file is opened but the one that was named."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media import container
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundStream, read_mono
from videos import gradient, leftovers, make, tone_of, write


def text_file(path: Path) -> None:
    path.write_text("This is no video.\n" * 50)


def empty_file(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    pass


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), "s16", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))


def without_end(path: Path) -> None:
    make(path.with_name("whole.mp4"))
    data = path.with_name("whole.mp4").read_bytes()
    path.write_bytes(data[: data.index(b"moov")])  # the index of an MP4 comes last


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (nothing, "clip.mp4", "does not exist"),
        (folder, "clip.mp4", "folder"),
        (empty_file, "clip.mp4", "empty"),
        (text_file, "clip.mp4", "can't be read as a video"),
        (text_file, "notes.txt", "no pictures|can't be read"),
        (noise, "clip.mkv", "can't be read"),
        (noise, "clip.png", "can't be read|no frame"),
        (sound_only, "voice.wav", "only sound"),
        (without_end, "cut.mp4", "can't be read as a video"),
    ],
)
def test_what_holds_no_pictures_is_refused_in_one_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], name: str, said: str
) -> None:
    path = tmp_path / name
    spoil(path)
    with pytest.raises(InputError, match=said) as caught:
        open_clip(path)
    sentence = str(caught.value).replace(str(path), "PATH")
    assert sentence.startswith("PATH") and sentence.endswith(".") and sentence.count(". ") == 0
    assert "\n" not in sentence


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(InputError):
        open_clip("clip\0.mp4")


# Only the file that was named is opened


def m3u8(path: Path, other: Path) -> None:
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{other.name}\n#EXT-X-ENDLIST\n")


def ffconcat(path: Path, other: Path) -> None:
    path.write_text(f"ffconcat version 1.0\nfile {other.name}\n")


def sdp(path: Path, other: Path) -> None:
    path.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"
        "a=rtpmap:0 PCMU/8000\n"
    )


def mpd(path: Path, other: Path) -> None:
    path.write_text(
        '<?xml version="1.0"?>\n<MPD type="static"><Period><AdaptationSet mimeType="video/mp4">'
        f"<Representation><BaseURL>{other.name}</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
    )


def pls(path: Path, other: Path) -> None:
    path.write_text(f"[playlist]\nFile1={other.name}\nNumberOfEntries=1\n")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """What a list names: a file with pictures and sound that could be read."""
    return write(tmp_path / "other.mp4", [gradient()] * 25, sound=SoundStream(tone_of(1), 0, 1)).path


@pytest.mark.parametrize("suffix", [None, ".mp4", ".wav"])
@pytest.mark.parametrize("spoil", [m3u8, ffconcat, sdp, mpd, pls], ids=lambda spoil: spoil.__name__)
def test_a_list_is_neither_clip_nor_voice(
    tmp_path: Path, other: Path, spoil: Callable[[Path, Path], None], suffix: str | None
) -> None:
    path = tmp_path / f"list{suffix or '.' + spoil.__name__}"
    spoil(path, other)
    for read in (open_clip, lambda path: read_mono(path, 16_000)):
        with pytest.raises(InputError, match="is a list that names other files or addresses") as caught:
            read(path)
        assert str(caught.value).startswith(str(path)) and str(caught.value).endswith("itself.")


@pytest.mark.parametrize("spoil", [m3u8, ffconcat, sdp], ids=lambda spoil: spoil.__name__)
def test_a_list_that_is_not_recognised_is_not_followed_either(
    tmp_path: Path, other: Path, spoil: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "LISTS", re.compile(b"(?!)"))
    spoil(tmp_path / "list", other)
    for read in (open_clip, lambda path: read_mono(path, 16_000)):
        with pytest.raises(InputError):
            read(tmp_path / "list")


@pytest.mark.parametrize("name", ["still%01d.png", "still*.png", "still[0-9].png", "still?.png", "a:b.png"])
def test_a_name_is_no_pattern_for_other_files(tmp_path: Path, name: str) -> None:
    for path, level in ((tmp_path / "still1.png", 200), (tmp_path / name, 50)):
        path.write_bytes(cv2.imencode(".png", np.full((16, 16, 3), level, np.uint8))[1].tobytes())
    clip = open_clip(tmp_path / name)
    assert [int(frame.pixels.mean()) for frame in clip.frames()] == [50]


def test_names_may_be_any_that_the_system_allows(tmp_path: Path) -> None:
    for name in ("two\nlines.mp4", "file:x.mp4", "a" * 240 + ".mp4", os.fsdecode(b"\xff\xfe.mp4")):
        plain = write(tmp_path / "plain.mp4", [gradient()] * 3).path
        clip = open_clip(plain.rename(tmp_path / name))
        assert len(list(clip.frames())) == 3


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files can't be counted on this system")
def test_a_file_is_closed_as_soon_as_it_is_no_longer_read(tmp_path: Path, other: Path) -> None:
    gc.collect()
    gc.disable()  # an open file can't be replaced on some systems: nobody shall wait for the collector
    try:
        before = leftovers(Path("/proc/self/fd"))
        for _ in range(3):
            list(open_clip(other).frames([0, 5, 2]))
            next(open_clip(other).frames())
            read_mono(other, 16_000)
            with pytest.raises(InputError):
                open_clip(Path(__file__))
        assert leftovers(Path("/proc/self/fd")) == before
    finally:
        gc.enable()


def test_a_clip_left_in_the_middle_never_halts_python(tmp_path: Path) -> None:
    # With messages in Python, as torchvision turns them on, a decoder forgotten at work waits for ever.
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(25)]
    damaged = write(tmp_path / "damaged.mp4", pictures).path
    data = bytearray(damaged.read_bytes())
    for place in rng.integers(4000, len(data) - 4000, len(data) // 500):
        data[place] ^= 0x5A
    damaged.write_bytes(data)
    program = (
        "import faulthandler, logging, sys; faulthandler.dump_traceback_later(60, exit=True)\n"
        "sys.path.insert(0, sys.argv[1]); import conftest, av; av.logging.set_level(av.logging.ERROR)\n"
        "logging.disable()\n"
        "from pathlib import Path\n"
        "from retalk_nodes.retalk_core.media.container import decode, packets, reading, video_stream\n"
        "path = Path(sys.argv[2])\n"
        "for turn in range(60):\n"
        "    with reading(path) as container:\n"
        "        stream = video_stream(container, path)\n"
        "        frames = decode(packets(container, stream), stream)\n"
        "        for _ in range(1 + turn % 12): next(frames, None)\n"
    )
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tests), str(damaged)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
