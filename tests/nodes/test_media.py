"""ComfyUI's pictures, masks, sounds and videos, in all the forms that nodes hand on."""

from __future__ import annotations

from collections import UserDict
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from retalk_nodes.nodes import media
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream, read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter
from scenes import babble
from stand_in import Manager, VideoFromComponents, VideoFromFile


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_become_rgb_in_fp32(channels: int) -> None:
    found = media.pictures(torch.rand(2, 4, 5, channels, dtype=torch.float16))
    assert found.shape == (2, 4, 5, 3) and found.dtype == torch.float32


@pytest.mark.parametrize("shape", [(0, 4, 5, 3), (4, 5, 3)])
def test_a_batch_without_pictures_is_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="faces holds no picture"):
        media.pictures(torch.zeros(shape), "faces")


def test_masks_of_any_size_and_shape_fit_the_picture() -> None:
    assert media.masks(torch.ones(4, 5), (8, 10)).shape == (1, 8, 10)
    assert media.masks(torch.full((3, 4, 5), 2.0), (8, 10)).max() == 1


def test_counts_that_differ_are_both_named() -> None:
    assert media.same_count(faces=[0] * 7, mask=[0]) == 7
    with pytest.raises(InputError, match="face crops holds 6 frames, but faces holds 7"):
        media.same_count(faces=[0] * 7, face_crops=[0] * 6)


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        (25.0, 25),
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (22.13, Fraction(2213, 100)),
    ],
)
def test_rates_are_the_fractions_that_are_meant(fps: float, exact: Fraction) -> None:
    assert media.exact_rate(fps) == exact


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_rates_that_are_none_are_refused(fps: float) -> None:
    with pytest.raises(OptionError, match="frames per second"):
        media.exact_rate(fps)


# Sound


def audio(samples: np.ndarray, rate: int = 16_000) -> dict[str, Any]:
    return {"waveform": torch.from_numpy(np.ascontiguousarray(samples)), "sample_rate": rate}


def test_sound_may_be_any_mapping_and_any_batch() -> None:
    voice = np.stack([np.stack([babble(0.5)] * 2)] * 3)
    found = media.sound(UserDict(audio(voice)))
    assert found.samples.shape == (2, 8000) and found.rate == 16_000
    np.testing.assert_array_equal(found.samples, voice[0])


@pytest.mark.parametrize("given", [None, audio(np.zeros((1, 1, 0), np.float32))])
def test_sound_without_a_sample_is_refused_in_words(given: dict[str, Any] | None) -> None:
    with pytest.raises(InputError, match="voice"):
        media.sound(given)


def whole(samples: np.ndarray) -> np.ndarray:
    return np.round(samples * 32767).astype(np.int16)


def test_sixteen_bit_sound_is_scaled() -> None:
    found = media.sound(audio(whole(babble(1.0))[None, None]))
    assert found.samples.shape == (1, 16_000)
    np.testing.assert_allclose(found.samples[0], babble(1.0), atol=1e-4)


@pytest.mark.parametrize("right", [1.0, 0.6, -0.5, 0.0])
def test_two_channels_in_one_row_are_told_apart(right: float) -> None:
    left = babble(1.0)
    row = whole(np.stack([left, right * left], axis=1).reshape(1, 1, -1))
    found = media.sound(audio(row))
    np.testing.assert_allclose(found.samples, np.stack([left, right * left]), atol=1e-4)


def test_a_part_of_a_sound_is_no_copy_and_is_filled_up_with_silence() -> None:
    given = media.sound(audio(babble(1.0)[None, None]))
    part = media.cut_sound(given, Fraction(1, 4), Fraction(1, 2))
    assert part.samples.shape == (1, 8000) and np.shares_memory(part.samples, given.samples)
    longer = media.cut_sound(given, Fraction(0), Fraction(2))
    assert longer.samples.shape == (1, 32_000) and not longer.samples[:, 16_000:].any()


# Videos


class Trimmed(VideoFromFile):
    def get_active_trim_window(self) -> tuple[float, float]:
        return 0.08, 0.2


class Edited(VideoFromFile):
    """A video with an edit that its file doesn't have: it can only be saved."""

    def has_pending_frame_edits(self) -> bool:
        return True

    def save_to(self, path: str) -> None:
        Path(path).write_bytes(Path(self.file).read_bytes())


def test_a_video_is_streamed_from_its_file_wherever_that_is(talking_clip: Path, base: Path) -> None:
    (base / "temp").mkdir(exist_ok=True)
    before = set((base / "temp").iterdir())
    for video in (
        VideoFromFile(str(talking_clip)),
        VideoFromFile(BytesIO(talking_clip.read_bytes())),
        Edited(str(talking_clip)),
    ):
        with media.clip_of(video) as clip:
            assert len(clip) == 18 and len(list(clip.frames())) == 18
    assert talking_clip.exists() and set((base / "temp").iterdir()) == before


def test_a_copy_that_is_still_open_hides_no_other_error(
    talking_clip: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(f"{path} is open")

    before = set((base / "temp").iterdir())
    with pytest.raises(Manager.Interrupted), media.clip_of(Edited(str(talking_clip))):
        monkeypatch.setattr(Path, "unlink", refuse)
        raise Manager.Interrupted
    monkeypatch.undo()
    (left,) = set((base / "temp").iterdir()) - before
    left.unlink()


def test_a_trim_is_honoured(talking_clip: Path) -> None:
    with media.clip_of(VideoFromFile(str(talking_clip))) as clip:
        expected = [frame.pixels for frame in clip.frames(range(2, 7))]
    with media.clip_of(Trimmed(str(talking_clip))) as clip:
        found = [frame.pixels for frame in clip.frames()]
    np.testing.assert_array_equal(found, expected)


def test_a_video_of_pictures_loses_nothing() -> None:
    pictures = torch.randint(0, 256, (3, 4, 6, 3)).float() / 255
    with media.clip_of(
        VideoFromComponents(SimpleNamespace(images=pictures, frame_rate=Fraction(24000, 1001)))
    ) as clip:
        assert clip.rate == Fraction(24000, 1001) and clip.bit_depth == 8
        shown = np.stack([frame.pixels for frame in clip.frames()])
    np.testing.assert_array_equal(shown, (pictures * 255).round().numpy())


def test_what_a_video_sounds_like_is_its_file_or_the_part_that_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "speaking.mkv"
    sound = SoundArray(babble(0.4)[None].astype(np.float32), 16_000)
    stream = SoundStream(sound, 0, Fraction(10, 25))
    with VideoWriter(path, (64, 64), rate=Fraction(25), codec="ffv1", sound=stream) as writer:
        for index in range(10):
            writer.write(np.full((64, 64, 3), 90, np.uint8), Fraction(index, 25), Fraction(1, 25))

    with media.clip_of(VideoFromFile(str(path))) as clip:
        assert media.heard_in(VideoFromFile(str(path)), clip) == path
    with media.clip_of(Trimmed(str(path))) as clip:
        part = media.heard_in(Trimmed(str(path)), clip)
    assert isinstance(part, SoundArray)
    heard = read_mono(part, 16_000)
    assert len(heard) == 3200
    np.testing.assert_allclose(heard[100:-100], sound.samples[0, 1380:4380], atol=5e-3)


def test_a_video_in_memory_is_heard_too_or_silent(talking_clip: Path) -> None:
    heard = audio(babble(0.2)[None, None])
    for given, expected in ((heard, 0.125), (None, None)):
        parts = SimpleNamespace(images=torch.rand(5, 4, 6, 3), frame_rate=Fraction(40), audio=given)
        with media.clip_of(VideoFromComponents(parts)) as clip:
            found = media.heard_in(VideoFromComponents(parts), clip)
        assert (found is None) is (expected is None)
        assert not isinstance(found, SoundArray) or found.samples.shape[1] / found.rate == expected
    with media.clip_of(VideoFromFile(str(talking_clip))) as clip:
        assert media.heard_in(VideoFromFile(str(talking_clip)), clip) is None


def test_decoding_ends_when_the_user_stops_the_run(talking_clip: Path, manager: Manager) -> None:
    with media.clip_of(VideoFromFile(str(talking_clip))) as clip, pytest.raises(Manager.Interrupted):
        for frame in clip.frames():
            manager.stopped = frame.index == 3
            assert frame.index < 4
