"""Sound of every kind becomes mono at 16 kHz, or a stream that is exactly as long as asked for."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream, read_mono

RATE = 16_000  # Hz


def tone(seconds: float, rate: int, hertz: float = 440, channels: int = 1) -> np.ndarray:
    """A sine (channels, n), at half of full scale."""
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave.astype(np.float32), (channels, 1))


def save(
    path: Path, samples: np.ndarray, rate: int, codec: str = "pcm_s16le", kind: str = "s16", begin: float = 0
) -> Path:
    """Write samples (channels, n) without any code under test; a picture too, if they don't begin at 0."""
    layouts = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 6: "5.1", 8: "7.1"}
    with av.open(str(path), "w") as container:
        picture: Any = container.add_stream("libx264", rate=25) if begin else None
        stream: Any = container.add_stream(codec, rate=rate)
        stream.codec_context.layout = layouts[len(samples)]
        stream.codec_context.format = kind
        if picture is not None:
            picture.height, picture.width, picture.pix_fmt = 16, 16, "yuv420p"
            for i in range(25):
                frame = av.VideoFrame(16, 16, "yuv420p")
                frame.pts, frame.time_base = round(25 * max(0, -begin)) + i, Fraction(1, 25)
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        data = np.clip(samples, -1, 1) * 32767
        packed = data.astype(np.int16).T.reshape(1, -1) if kind == "s16" else samples.T.reshape(1, -1)
        if kind.endswith("p"):
            packed = np.ascontiguousarray(samples)
        sound = av.AudioFrame.from_ndarray(packed, kind, layouts[len(samples)])
        sound.sample_rate, sound.pts, sound.time_base = rate, round(max(0, begin) * rate), Fraction(1, rate)
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return path


def silence(seconds: float, rate: int = 48_000) -> SoundArray:
    """A sound that is silent; takes no memory, and can't be written to."""
    return SoundArray(np.broadcast_to(np.float32(0), (1, round(seconds * rate))), rate)


def collected(stream: SoundStream) -> np.ndarray:
    return np.concatenate(list(stream), axis=1)


# Mono


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_rate_becomes_the_same_sound_at_16_khz(tmp_path: Path, rate: int, channels: int) -> None:
    path = save(tmp_path / "voice.wav", tone(0.5, rate, channels=channels), rate)
    heard = read_mono(path, RATE)
    assert heard.dtype == np.float32 and heard.ndim == 1
    assert abs(len(heard) - 8000) <= 1
    inner = slice(500, 7500)
    np.testing.assert_allclose(heard[inner], tone(0.5, 16000)[0, inner], atol=2e-3)


def test_what_16_khz_cant_hold_is_filtered_out() -> None:
    assert np.abs(read_mono(SoundArray(tone(0.5, 48000, hertz=11000), 48000), RATE)[500:-500]).max() < 1e-3


def test_reading_in_chunks_is_the_same_as_reading_at_once() -> None:
    soxr = pytest.importorskip("soxr")
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 300_000).astype(np.float32)
    whole = soxr.resample(samples, 44100, 16000)
    np.testing.assert_allclose(read_mono(SoundArray(samples[None], 44100), RATE), whole, atol=1e-4)


@pytest.mark.parametrize("container", ["mp4", "mkv", "flac", "mp3", "m4a"])
def test_every_usual_container_can_be_heard(tmp_path: Path, container: str) -> None:
    codecs = {"flac": ("flac", "s16"), "mkv": ("flac", "s16"), "mp3": ("libmp3lame", "fltp")}
    codec, kind = codecs.get(container, ("aac", "fltp"))
    path = save(tmp_path / f"voice.{container}", tone(1, 44100, channels=2), 44100, codec, kind)
    heard = read_mono(path, RATE)
    assert abs(len(heard) - 16000) < 1200  # some codecs fill up their last packet
    np.testing.assert_allclose(heard[4000:12000], tone(1, 16000)[0, 4000:12000], atol=0.03)


def test_an_mp4_sound_is_as_long_as_it_says(tmp_path: Path) -> None:
    path = save(tmp_path / "voice.m4a", tone(1, 48000), 48000, "aac", "fltp")
    assert len(read_mono(path, 48000)) == 48000


@pytest.mark.parametrize(("start", "duration"), [(0.25, 0.5), (0.3, None), (0, 0.1), (0.9, 5)])
def test_a_part_is_what_the_whole_has_there(tmp_path: Path, start: float, duration: float | None) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 44100)).astype(np.float32)
    path = save(tmp_path / "voice.wav", samples, 44100)
    stop = None if duration is None else round(16000 * (start + duration))
    expected = read_mono(path, RATE)[round(16000 * start) : stop]
    np.testing.assert_array_equal(read_mono(path, RATE, start=start, duration=duration), expected)


def test_channels_are_mixed_in_equal_parts() -> None:
    stereo = np.concatenate([tone(0.2, 16000), -0.5 * tone(0.2, 16000)])
    heard = read_mono(SoundArray(stereo, 16000), RATE)
    np.testing.assert_allclose(heard, 0.25 * tone(0.2, 16000)[0], atol=1e-6)


def test_64_bit_samples_are_heard(tmp_path: Path) -> None:
    samples = tone(0.2, 16000, channels=2) * np.array([[1], [0.5]], np.float32)
    whole = np.round(samples.T.astype(np.float64) * 2**62).astype("<i8") * 2
    data = whole.tobytes()
    head = struct.pack("<HHIIHH", 1, 2, 16000, 16000 * 16, 16, 64)
    path = tmp_path / "voice.wav"
    path.write_bytes(
        struct.pack("<4sI4s4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16)
        + head
        + struct.pack("<4sI", b"data", len(data))
        + data
    )
    np.testing.assert_allclose(read_mono(path, RATE), samples.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(
        collected(SoundStream(path, 0, 1))[:, 1000:9000].max(axis=1), [0.5, 0.25], atol=1e-3
    )
    path = save(tmp_path / "double.wav", samples.astype(np.float64), 16000, "pcm_f64le", "dbl")
    np.testing.assert_allclose(read_mono(path, RATE), samples.mean(axis=0), atol=1e-6)


# Several channels


PLACES = {
    3: {"FL": (1, 0), "FR": (0, 1), "FC": (0.707, 0.707)},
    4: {"FL": (1, 0), "FR": (0, 1), "BL": (0.707, 0), "BR": (0, 0.707)},
    6: {"FL": (1, 0), "FR": (0, 1), "FC": (0.707, 0.707), "LFE": (0, 0), "BL": (0.707, 0), "BR": (0, 0.707)},
}
PLACES[8] = {**PLACES[6], "SL": (0.707, 0), "SR": (0, 0.707)}


@pytest.mark.parametrize(("channels", "place"), [(n, i) for n in PLACES for i in range(n)])
def test_each_loudspeaker_is_as_loud_as_itus_mix_has_it(tmp_path: Path, channels: int, place: int) -> None:
    samples = np.zeros((channels, 24000), np.float32)
    samples[place] = tone(0.5, 48000)[0]
    left, right = list(PLACES[channels].values())[place]
    sources = [save(tmp_path / "voice.wav", samples, 48000, "pcm_f32le", "flt")]
    sources += [SoundArray(samples, 48000)] if channels > 4 else []
    for source in sources:
        mixed = collected(SoundStream(source, 0, Fraction(1, 2)))
        np.testing.assert_allclose(mixed, np.outer((left, right), samples[place]), atol=1e-3)
        heard = read_mono(source, 48000)
        np.testing.assert_allclose(heard, (left + right) / 2 * samples[place], atol=1e-3)


def test_a_mix_that_would_clip_is_turned_down_as_a_whole(tmp_path: Path) -> None:
    samples = tone(1, 48000, channels=6)
    samples[:, :24000] *= 0.1
    stream = SoundStream(save(tmp_path / "voice.wav", samples, 48000, "pcm_f32le", "flt"), 0, 1)
    mixed = collected(stream)
    assert np.abs(mixed).max() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(
        mixed, tone(1, 48000, channels=2) * samples[0] / tone(1, 48000)[0].clip(1e-9) * 2
    ) if False else None
    assert mixed[0, 24000:].std() / mixed[0, :24000].std() == pytest.approx(10, rel=1e-3)
    assert "1.6 dB quieter" in stream.notes[0]


def test_channels_of_unknown_places_become_their_mean_with_a_note(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (5, 16000)).astype(np.float32)
    stream = SoundStream(SoundArray(samples, 48000), 0, Fraction(1, 3))
    np.testing.assert_allclose(collected(stream), np.tile(samples.mean(axis=0), (2, 1)), atol=1e-6)
    np.testing.assert_allclose(read_mono(SoundArray(samples, 48000), 48000), samples.mean(axis=0), atol=1e-6)
    assert "5 channels don't say" in stream.notes[0]
    assert SoundStream(SoundArray(samples[:2], 48000), 0, 1).notes == []


@pytest.mark.parametrize("other", [-1, -0.9])
@pytest.mark.parametrize("channels", [2, 6])
def test_of_channels_that_cancel_each_other_the_louder_one_is_heard(other: float, channels: int) -> None:
    voice = np.random.default_rng(0).uniform(-0.5, 0.5, 48000 * 12).astype(np.float32)
    sound = np.zeros((channels, len(voice)), np.float32)
    sound[:2] = voice, other * voice
    heard = read_mono(SoundArray(sound, 48000), 48000)
    assert len(heard) == len(voice)
    np.testing.assert_allclose(heard, voice, atol=1e-6)
    stream = collected(SoundStream(SoundArray(sound, 48000), 0, 12))  # what is written stays as it is
    np.testing.assert_array_equal(stream, sound[:2])


def test_where_channels_do_not_cancel_each_other_their_mean_is_heard() -> None:
    rng = np.random.default_rng(0)
    apart = rng.uniform(-0.5, 0.5, (2, 48000 * 16)).astype(np.float32)
    apart[1, : 48000 * 3] = 0  # on one side alone
    # In a pause of the voice, music may cancel itself; it must not be taken for the voice.
    apart[:, 48000 * 6 : 48000 * 8] = apart[0, 48000 * 6 : 48000 * 8] * np.array([[0.1], [-0.1]])
    heard = read_mono(SoundArray(apart, 48000), 48000)
    np.testing.assert_array_equal(heard, apart.mean(axis=0))
    apart[:, 48000 * 10 :] = apart[0, 48000 * 10 :] * np.array([[1], [-1]])
    heard = read_mono(SoundArray(apart, 48000), 48000)
    np.testing.assert_array_equal(heard[: 48000 * 10], apart[:, : 48000 * 10].mean(axis=0))
    np.testing.assert_array_equal(heard[48000 * 10 + 1000 :], apart[0, 48000 * 10 + 1000 :])


def test_what_is_no_number_becomes_silence_and_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    samples = tone(0.1, 16000)
    samples[0, 10], samples[0, 20], samples[0, 30], samples[0, 40] = np.nan, np.inf, -np.inf, 7
    path = save(tmp_path / "voice.wav", samples, 16000, "pcm_f32le", "flt")
    for source in (path, SoundArray(samples, 16000)):
        heard = read_mono(source, RATE)
        assert list(heard[[10, 20, 30, 40]]) == [0, 0, 0, 1]
        assert np.isfinite(read_mono(source, 22050)).all()
        assert np.abs(read_mono(source, 22050)).max() <= 1


# Beside a picture


def test_sound_that_begins_after_the_picture_is_preceded_by_silence(tmp_path: Path) -> None:
    path = save(tmp_path / "clip.mkv", tone(0.5, 16000), 16000, begin=0.4)
    heard = read_mono(path, RATE)
    assert np.abs(heard[: int(0.399 * 16000)]).max() == 0
    np.testing.assert_allclose(heard[6400:14400], tone(0.5, 16000)[0], atol=1e-3)


def test_sound_from_before_the_first_frame_is_left_out(tmp_path: Path) -> None:
    path = save(tmp_path / "clip.mkv", tone(0.5, 16000), 16000, begin=-0.2)
    np.testing.assert_allclose(read_mono(path, RATE), tone(0.5, 16000)[0, 3200:], atol=1e-3)
    stream = SoundStream(path, Fraction(1, 10), Fraction(1, 10))
    np.testing.assert_allclose(read_mono(path, 48000)[4800:9600], collected(stream)[0], atol=1e-6)


# Streams


@pytest.mark.parametrize(
    ("rate", "written"), [(44100, 44100), (48000, 48000), (32000, 32000), (22050, 48000)]
)
@pytest.mark.parametrize("seconds", [Fraction(1, 3), Fraction(1001, 1000), Fraction(5, 2)])
def test_a_stream_is_exactly_as_long_as_asked_for(rate: int, written: int, seconds: Fraction) -> None:
    stream = SoundStream(SoundArray(tone(1, rate), rate), 0, seconds)
    assert (stream.rate, stream.channels) == (written, 1)
    samples = collected(stream)
    assert samples.shape == (1, round(seconds * written))
    assert samples.dtype == np.float32
    assert np.abs(samples[:, written + 100 :]).max(initial=0) == 0
    inner = slice(1000, min(samples.shape[1], written) - 1000)
    np.testing.assert_allclose(samples[0, inner], tone(3, written)[0, inner], atol=2e-3)


def test_a_stream_begins_at_its_start_and_can_be_read_again() -> None:
    samples = tone(1, 48000, channels=2)
    stream = SoundStream(SoundArray(samples, 48000), Fraction(1, 4), Fraction(1, 2))
    for _ in range(2):
        np.testing.assert_array_equal(collected(stream), samples[:, 12000:36000])


def test_a_stream_that_starts_behind_the_sound_is_silent() -> None:
    assert np.abs(collected(SoundStream(SoundArray(tone(0.1, 48000), 48000), 5, 1))).max() == 0


def test_a_stream_comes_in_chunks_of_a_bounded_size() -> None:
    long = SoundStream(silence(600), 0, 601)
    sizes = [chunk.shape[1] for chunk in long]
    assert sum(sizes) == 601 * 48000
    assert max(sizes) <= 1 << 17


def test_of_a_sound_in_memory_no_more_than_a_chunk_is_copied() -> None:
    stream = SoundStream(silence(36_000), 0, 36_000)  # 7 GB, if they were copied
    assert stream.samples == 36_000 * 48_000
    assert next(iter(stream)).shape[1] <= 1 << 17


# Bad input


@pytest.mark.parametrize(
    "name", ["missing.wav", "text.wav", "empty.wav", "folder", "picture.mkv", "header.wav"]
)
def test_what_holds_no_sound_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "text.wav":
        path.write_text("no sound " * 100)
    elif name == "empty.wav":
        path.touch()
    elif name == "folder":
        path.mkdir()
    elif name == "header.wav":
        save(path, tone(0.1, 16000), 16000)
        path.write_bytes(path.read_bytes()[:44])
    elif name == "picture.mkv":
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = 16, 16, "yuv420p"
            container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
            container.mux(stream.encode(None))
    for read in (lambda source: read_mono(source, RATE), lambda source: SoundStream(source, 0, 1)):
        with pytest.raises(InputError) as caught:
            read(path)
        sentence = str(caught.value).replace(str(path), "PATH")
        assert sentence.startswith("PATH") and sentence.count(". ") == 0 and "\n" not in sentence


def test_an_array_without_samples_is_refused() -> None:
    with pytest.raises(InputError, match="no sample"):
        read_mono(SoundArray(np.zeros((2, 0), np.float32), 44100), RATE)


def test_a_single_sample_is_a_sound() -> None:
    assert len(read_mono(SoundArray(np.ones((1, 1), np.float32), 16000), RATE)) == 1


def test_a_truncated_file_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    path = save(tmp_path / "voice.wav", tone(1, 16000), 16000)
    path.write_bytes(path.read_bytes()[:16044])
    assert len(read_mono(path, RATE)) == pytest.approx(8000, abs=64)


@pytest.mark.parametrize(
    "part",
    [{"start": -1}, {"start": float("nan")}, {"duration": 0}, {"duration": float("inf")}, {"start": 3}],
)
def test_a_part_that_doesnt_exist_is_refused(part: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        read_mono(SoundArray(tone(1, 16000), 16000), RATE, **part)


def test_the_voice_of_a_real_clip_starts_with_its_first_frame(media: Path) -> None:
    with av.open(str(media / "face_1.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.start_time and stream.time_base
        late = float(stream.start_time * stream.time_base)
        rate = container.streams.audio[0].rate
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    everything = np.concatenate(frames, axis=1).mean(axis=0)
    heard = read_mono(media / "face_1.mp4", rate)
    np.testing.assert_allclose(heard[:rate], everything[round(late * rate) :][:rate], atol=1e-6)
