"""Demo Clip and Demo Voice: something to run with before anything is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retalk_nodes.nodes import media
from retalk_nodes.retalk_core.cli.demo import SHIPPED_CLIP, SHIPPED_VOICE
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray, read_mono
from scenes import write_voice
from videos import gradient, write


@pytest.fixture
def inputs(base: Path) -> Path:
    """ComfyUI's input folder, empty."""
    folder = base / "input"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    return folder


def test_the_clip_that_ships_outlasts_the_voice_and_is_small() -> None:
    clip = open_clip(SHIPPED_CLIP)
    assert (clip.size, clip.rate) == ((512, 512), 25)
    assert clip.end > len(read_mono(SHIPPED_VOICE, 16_000)) / 16_000
    assert SHIPPED_CLIP.stat().st_size < 250_000
    first, later = (frame.pixels.astype(int) for frame in clip.frames([0, 40]))
    assert np.abs(later - first)[:200, 150:300].mean() > 2 * np.abs(later - first)[450:, 450:].mean()


def test_what_ships_needs_no_choice(nodes: dict[str, Any], inputs: Path) -> None:
    for name, wanted in (("ReTalkDemoClip", "demo clip"), ("ReTalkDemoVoice", "demo voice")):
        (file,) = nodes[name].GET_SCHEMA().inputs
        assert (file.options, file.default) == ([wanted], wanted)
        assert nodes[name].validate_inputs(file=wanted) is True
    assert nodes["ReTalkDemoClip"].execute(file="demo clip").args[0].file == str(SHIPPED_CLIP)
    (voice,) = nodes["ReTalkDemoVoice"].execute(file="demo voice").args
    assert voice["sample_rate"] == 16_000 and voice["waveform"].shape[:2] == (1, 1)


def test_ones_own_files_can_be_chosen(nodes: dict[str, Any], inputs: Path) -> None:
    write(inputs / "mine.mp4", [gradient()] * 2)
    write_voice(inputs / "mine.wav", np.zeros(1600, np.float32))
    clip, voice = nodes["ReTalkDemoClip"], nodes["ReTalkDemoVoice"]
    assert clip.GET_SCHEMA().inputs[0].options == ["demo clip", "mine.mp4"]
    assert voice.GET_SCHEMA().inputs[0].options == ["demo voice", "mine.wav"]
    assert clip.execute(file="mine.mp4").args[0].file == str(inputs / "mine.mp4")
    assert voice.execute(file="mine.wav").args[0]["waveform"].shape[2] == 1600
    before = clip.fingerprint_inputs(file="mine.mp4")
    write(inputs / "mine.mp4", [gradient()] * 3)
    assert clip.fingerprint_inputs(file="mine.mp4") != before
    assert "not in ComfyUI's input folder" in voice.validate_inputs(file="gone.wav")
    assert clip.validate_inputs(file=None) is True


def test_a_files_sound_keeps_its_two_channels(tmp_path: Path) -> None:
    from retalk_nodes.retalk_core.media.sound import SoundStream

    both = SoundArray(np.stack([np.full(4800, 0.25), np.full(4800, -0.25)]).astype(np.float32), 48_000)
    write(tmp_path / "a.mkv", [gradient()] * 3, codec="ffv1", sound=SoundStream(both, 0, 0.1))
    heard = media.file_sound(tmp_path / "a.mkv")
    assert heard.rate == 48_000 and np.allclose(heard.samples, both.samples, atol=1e-4)
