"""What holds no pictures is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.media.reader import open_clip
from videos import make


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
