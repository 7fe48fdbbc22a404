"""SyncNet is fed in blocks, and told the same as at once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from judges import Reader
from retalk_nodes.retalk_core.judging import sync
from retalk_nodes.retalk_core.judging.sync import Shifted, SyncWatch, frames_at_25
from retalk_nodes.retalk_core.metrics.lse import mel_cepstra, places, shift_distances, sound_stretches


@pytest.mark.parametrize("frames", [36, 40, 55, 73])
def test_blocks_give_what_the_whole_gives(frames: int) -> None:
    generator = np.random.default_rng(frames)
    faces = generator.integers(0, 256, (frames, 4, 4, 3), np.uint8)
    sound = generator.uniform(-0.3, 0.3, 640 * frames)
    watch = SyncWatch(Reader(), frames, sound)  # type: ignore[arg-type]

    for face in faces:
        watch.see(face)
    (given,) = watch.mean_distances()

    count = places(frames, len(sound))
    with torch.inference_mode():
        shown = torch.from_numpy(faces[..., ::-1].copy()).float().permute(3, 0, 1, 2)[None]
        lips = Reader().read_lips(shown)[0, :count]
        heard = Reader().read_sound(torch.from_numpy(sound_stretches(mel_cepstra(sound, white=32768), count)))
    assert given is not None
    np.testing.assert_allclose(given, shift_distances(lips.numpy(), heard.numpy()).mean(axis=0), rtol=1e-5)


def test_a_short_clip_is_not_judged() -> None:
    watch = SyncWatch(Reader(), 35, np.zeros(640 * 35))  # type: ignore[arg-type]
    for _ in range(35):
        watch.see(np.zeros((4, 4, 3), np.uint8))
    assert watch.mean_distances() == [None]


def test_sound_that_ends_early_ends_the_judgement() -> None:
    watch = SyncWatch(Reader(), 60, np.zeros(640 * 40))  # type: ignore[arg-type]
    for _ in range(60):
        watch.see(np.zeros((4, 4, 3), np.uint8))
    (short,) = watch.mean_distances()
    assert short is not None and np.isfinite(short).all()


def test_several_sounds_are_heard_beside_the_same_lips() -> None:
    generator = np.random.default_rng(3)
    faces = generator.integers(0, 256, (50, 4, 4, 3), np.uint8)
    sounds = [generator.uniform(-0.3, 0.3, 640 * count) for count in (50, 42, 60, 20)]
    together = SyncWatch(Reader(), 50, *sounds)  # type: ignore[arg-type]
    apart = [SyncWatch(Reader(), 50, sound) for sound in sounds]  # type: ignore[arg-type]

    for face in faces:
        for watch in (together, *apart):
            watch.see(face)

    given, expected = together.mean_distances(), [watch.mean_distances()[0] for watch in apart]
    assert expected[3] is None and given[3] is None
    for one, other in zip(given[:3], expected[:3], strict=True):
        assert one is not None and other is not None
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("by", [-700, 0, 700, 20_000])
@pytest.mark.parametrize("part", [slice(0, 300), slice(500, 5000), slice(9000, 12_000), slice(4000, 4000)])
def test_a_shifted_sound_is_silent_where_it_isnt(by: int, part: slice) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 10_000).astype(np.float32)
    whole = np.zeros(50_000, np.float32)
    whole[20_000 + by : 30_000 + by] = sound

    given = Shifted(sound, by)

    assert len(given) == 10_000
    np.testing.assert_array_equal(given[part], whole[20_000:30_000][part])


@pytest.mark.parametrize(
    ("rate", "expected"), [(25, [0, 1, 2, 3]), (50, [0, 2, 4, 6]), (Fraction(25, 2), [0, 0, 1, 1])]
)
def test_frames_are_taken_at_25_a_second(rate: Fraction, expected: list[int]) -> None:
    count = 100
    times = [Fraction(i) / rate for i in range(count)]

    shown = frames_at_25(times, Fraction(count) / rate)

    assert shown[:4].tolist() == expected and shown.max() < count
    assert len(shown) == int(count / Fraction(rate) * 25)


def test_the_block_is_a_part_of_what_is_tested() -> None:
    assert sync.BLOCK < 36
