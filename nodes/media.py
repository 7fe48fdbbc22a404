"""ComfyUI's pictures, masks, sounds and videos as the core has them, and back."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comfy.model_management as manager
import numpy as np
import torch
from comfy_api.latest import Input, InputImpl, io, ui
from torch import Tensor

from . import host

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from ..retalk_core.media.clip import Clip
    from ..retalk_core.media.sound import SoundArray, SoundSource, SoundStream


Audio = Mapping[str, Any]  # waveform (B, C, n) and sample_rate; VideoHelperSuite's is no dict


# Pictures


def pictures(image: Tensor, what: str = "image") -> Tensor:
    """An IMAGE as (T, H, W, 3) float32 in [0, 1] on the CPU; grey becomes RGB, alpha is dropped."""
    from ..retalk_core.errors import InputError

    if image.ndim != 4 or not image.numel():
        raise InputError(f"{what} holds no picture (its shape is {tuple(image.shape)}). Connect another one.")
    found = image.detach().to("cpu", torch.float32)
    if found.shape[3] < 3:
        return found[..., :1].expand(*found.shape[:3], 3)
    return found[..., :3]


def image(found: Tensor) -> Tensor:
    """(T, H, W, 3) as an IMAGE, where and in which type ComfyUI wants it."""
    intermediate = getattr(manager, "intermediate_dtype", None)
    return found.to(manager.intermediate_device(), intermediate() if intermediate else torch.float32)


def mask(found: Tensor) -> Tensor:
    """(T, H, W) as a MASK, where ComfyUI wants it."""
    return found.to(manager.intermediate_device())


def picture(pixels: np.ndarray) -> Tensor:
    """One RGB picture (H, W, 3) uint8 as an IMAGE."""
    return image(torch.from_numpy(pixels.astype(np.float32) / 255)[None])


def masks(mask: Tensor, size: Sequence[int] | None = None) -> Tensor:
    """A MASK as (T, H, W) float32 in [0, 1] on the CPU, resized to height and width if given."""
    from ..retalk_core.images import resize

    found = mask.detach().to("cpu", torch.float32)
    found = found.reshape(-1, *found.shape[-2:]).clamp(0, 1)
    return found if size is None else resize(found, (size[0], size[1]))


def same_count(**batches: Sized) -> int:
    """How many pictures all of these have; one stands for all. Names both counts where they differ."""
    from ..retalk_core.errors import InputError

    counts = {name.replace("_", " "): len(batch) for name, batch in batches.items()}
    most, count = max(counts.items(), key=lambda pair: pair[1])
    for name, other in counts.items():
        if other not in (1, count):
            raise InputError(
                f"{name} holds {other} frames, but {most} holds {count}. Both must come from the same "
                "frames: wire them behind the same Fit Length, or give one that stands for all."
            )
    return count


def exact_rate(fps: float) -> Fraction:
    """Frames per second as the fraction that is meant: 29.97 is 30000/1001. Raises OptionError."""
    from ..retalk_core.times import parse_rate

    return parse_rate(fps)


def exact_seconds(seconds: float) -> Fraction:
    """A widget's seconds as they were typed: 0.1 is 1/10."""
    return Fraction(str(seconds))


# Sound


def sound(audio: Audio | None, what: str = "voice") -> SoundArray:
    """An AUDIO as samples (C, n); of a batch the first. Raises InputError where there is none."""
    from ..retalk_core.errors import InputError
    from ..retalk_core.media.sound import SoundArray

    if audio is None:
        raise InputError(f"The {what} has no sound: the video it was taken from is silent. Connect another.")
    waveform = audio["waveform"]
    if not waveform.numel():
        raise InputError(f"The {what} holds no sample of sound: connect a recording that isn't empty.")
    samples = waveform.detach().cpu()
    samples = samples.reshape(-1, *samples.shape[-2:])[0] if samples.ndim > 2 else torch.atleast_2d(samples)
    return SoundArray(_as_float(samples).numpy(), int(audio["sample_rate"]))


def file_sound(path: Path) -> SoundArray:
    """A file's sound at its own rate, in one or two channels. Raises InputError where there is none."""
    from ..retalk_core.media.sound import Decoder, SoundArray

    with Decoder(path) as sound:
        return SoundArray(np.concatenate(list(sound.as_two()), axis=1), sound.rate)


def batch_notes(**given: Audio | None) -> list[str]:
    """What to say of AUDIOs, by the inputs' names, that hold several sounds: only the first is used."""
    counts = {name: _sounds_in(audio) for name, audio in given.items() if audio is not None}
    return [
        f"{name} is a batch of {count} sounds: the first is used; dub once for each of the others"
        for name, count in counts.items()
        if count > 1
    ]


def _sounds_in(audio: Audio) -> int:
    waveform = audio["waveform"]
    return len(waveform) if waveform.ndim > 2 else 1


def _as_float(samples: Tensor) -> Tensor:
    """Samples (C, n) in [-1, 1]; whole numbers are scaled, two channels in one row told apart."""
    if samples.is_floating_point():
        return samples.float()
    scaled = samples.float() / float(torch.iinfo(samples.dtype).max)
    if len(scaled) == 1 and _is_interleaved(scaled[0]):
        return scaled[0, : len(scaled[0]) // 2 * 2].reshape(-1, 2).T.contiguous()
    return scaled


def _is_interleaved(row: Tensor) -> bool:
    """Tell whether a row (n,) of samples holds left and right by turns, as ComfyUI 0.3 gives 16-bit sound.

    In one channel, neighbours are as near to each other at even places as at odd ones, and nearer than the
    samples beyond them.
    """
    if len(row) < 4:
        return False
    steps = row.diff().abs().double()
    even, odd = float(steps[::2].mean()), float(steps[1::2].mean())
    over = float((row[2:] - row[:-2]).abs().double().mean())
    return min(even, odd) < 0.8 * max(even, odd) or over < 0.8 * (even + odd) / 2


def audio(samples: np.ndarray | Tensor, rate: int) -> dict[str, Any]:
    """Samples (C, n) as an AUDIO."""
    return {"waveform": torch.as_tensor(samples)[None], "sample_rate": rate}


def cut_sound(given: SoundArray, start: Fraction, seconds: Fraction | float) -> SoundArray:
    """The part of a sound from `start` on; shares memory with it. Where it is shorter, silence follows."""
    from ..retalk_core.media.sound import SoundArray

    first = round(start * given.rate)
    wanted = max(1, round(seconds * given.rate))
    part = given.samples[:, first : first + wanted]
    if part.shape[1] < wanted:
        part = np.pad(part, ((0, 0), (0, wanted - part.shape[1])))
    return SoundArray(part, given.rate)


# Videos


@contextmanager
def clip_of(given: Input.Video | Tensor, fps: float = 25.0) -> Iterator[Clip]:
    """A VIDEO, or an IMAGE of so many frames per second, as a clip that ends when the user stops the run.

    A VIDEO that is a file is streamed from it; its trims, rotation and later edits are honoured.
    """
    from ..retalk_core.media.clip import watched

    with _source(given, fps) as clip:
        yield watched(clip, host.stop_if_asked)


@contextmanager
def _source(given: Input.Video | Tensor, fps: float) -> Iterator[Clip]:
    from ..retalk_core.media.clip import clip_of_pictures

    if isinstance(given, Tensor):
        yield clip_of_pictures(pictures(given), exact_rate(fps), bit_depth=16)
    elif isinstance(given, InputImpl.VideoFromComponents):
        parts = given.get_components()  # already in memory: encoding it would only lose
        depth = given.get_bit_depth() if hasattr(given, "get_bit_depth") else 8
        yield clip_of_pictures(pictures(parts.images, "The video"), Fraction(parts.frame_rate), depth)
    else:
        with _file_of(given) as path:
            yield _opened(path, *_trim_of(given))


@contextmanager
def finished_file(video: Input.Video) -> Iterator[Path]:
    """A file that holds a VIDEO and nothing else: what is trimmed off is not in it."""
    with _file_of(video, whole=_trim_of(video) == (Fraction(0), None)) as path:
        yield path


@contextmanager
def untouched_file(video: Input.Video) -> Iterator[Path | None]:
    """The file behind a VIDEO as it was read; None where it is in memory, trimmed or edited since."""
    in_memory = isinstance(video, InputImpl.VideoFromComponents)
    if in_memory or _is_edited(video) or _trim_of(video) != (Fraction(0), None):
        yield None
        return
    with _file_of(video) as path:
        yield path


@contextmanager
def _file_of(video: Input.Video, *, whole: bool = True) -> Iterator[Path]:
    """The file behind a VIDEO; one that is edited or in memory is written to the temporary folder first.

    whole: all of the file is wanted, whatever is trimmed off
    """
    source = None if _is_edited(video) or not whole else video.get_stream_source()
    if isinstance(source, str):
        yield Path(source)
        return
    path = host.temporary_file(".mp4" if source is None else ".video")
    try:
        if source is None:
            finest = {"crf": 8} if "crf" in inspect.signature(video.save_to).parameters else {}
            video.save_to(str(path), **finest)
        else:
            with path.open("wb") as file:
                shutil.copyfileobj(source, file)
        yield path
    finally:
        with suppress(PermissionError):  # Windows removes no file that a stopped run still reads
            path.unlink(missing_ok=True)


def _is_edited(video: Input.Video) -> bool:
    """Whether a VIDEO's frames are to be changed when it is next written; older versions can't do that."""
    pending = getattr(video, "has_pending_frame_edits", None)
    return pending is not None and bool(pending())


def _trim_of(video: Input.Video) -> tuple[Fraction, Fraction | None]:
    """Where a VIDEO begins in its file and how long it is, in seconds; None: until the end."""
    if _is_edited(video):
        return Fraction(0), None  # already done
    window = getattr(video, "get_active_trim_window", None)
    start, duration = window() if window is not None else (0.0, 0.0)
    return exact_seconds(start), exact_seconds(duration) if duration else None


def _opened(path: Path, start: Fraction, duration: Fraction | None) -> Clip:
    """A file's clip, or the part of it that begins at a moment of the file's own clock."""
    from ..retalk_core.media.clip import part_of
    from ..retalk_core.media.container import reading
    from ..retalk_core.media.reader import open_clip

    clip = open_clip(path)
    if start == 0 and duration is None:
        return clip
    with reading(path) as container:
        stream = container.streams.video[0]
        begins = (stream.start_time or 0) * Fraction(stream.time_base or 1)
    until = clip.end if duration is None else start - begins + duration
    first = max(start - begins, Fraction(0))
    return part_of(clip, first, until - first)


def sound_of(given: Input.Video | Tensor, clip: Clip, end: Fraction) -> SoundStream | None:
    """What a clip sounds like from its first frame to `end`, in seconds; None where it has no sound.

    given: what the clip was made of by `clip_of`
    """
    from ..retalk_core.media.reader import open_clip
    from ..retalk_core.media.sound import SoundStream

    if isinstance(given, InputImpl.VideoFromComponents):
        heard = given.get_components().audio
        return None if heard is None else SoundStream(sound(heard, "clip"), 0, end)
    if not clip.has_sound:
        return None
    return SoundStream(clip.path, open_clip(clip.path).times[clip.first] if clip.first else 0, end)


def heard_in(given: Input.Video, clip: Clip) -> SoundSource | None:
    """What a VIDEO sounds like, to be listened to; None where it is silent. Only a part of a file is read."""
    from ..retalk_core.media.sound import SoundArray

    whole = not isinstance(given, InputImpl.VideoFromComponents) and _trim_of(given) == (Fraction(0), None)
    if whole and clip.has_sound:
        return clip.path
    found = sound_of(given, clip, clip.end)
    return None if found is None else SoundArray(np.concatenate(list(found), axis=1), found.rate)


def video(path: Path) -> Input.Video:
    """A file as a VIDEO."""
    return InputImpl.VideoFromFile(str(path))


def video_preview(path: Path) -> ui.PreviewVideo:
    """Show a temporary file on the node."""
    return ui.PreviewVideo([ui.SavedResult(path.name, "", io.FolderType.temp)])
