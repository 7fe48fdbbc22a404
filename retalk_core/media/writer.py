"""Write a video, its sound and what it says about itself; it appears only when it is complete."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, OptionError
from ..files import free_name, settle
from ..places import check_place, find_target
from ..types import Pixels
from ..unfinished import unfinished_name
from .codecs import QUALITY, Codec, CodecChoice, recipe_of, suffixes_of
from .color import ColorTags, LightLevels
from .container import reason_of
from .encoding import CONTAINERS, VideoSpec, choose_encoding
from .fields import Interlacing
from .saving.hardware import in_hardware

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from .sound import SoundStream

PATIENCE = 0.1  # seconds, between two looks at whether the encoder still takes pictures


def check_video_place(path: Path, codec: CodecChoice = "h264") -> None:
    """Raise InputError where no video of a codec can be written; to be asked before the work."""
    check_place(path, f"{'h264' if codec == 'auto' else codec} video", suffixes_of(codec))


class VideoWriter:
    """Writes a video, sound and all; it appears under its name only when it is complete.

    path:       ends in one of the suffixes that `encoding.RECIPES` has for the codec
    size:       height, width of the pictures; 4:2:0 and 4:2:2 need even sides, so the last row or column is
                repeated where a side is odd (`padded_size`)
    rate:       frames per second, or None where frames are not shown equally long
    tick:       1/n second that times are counted in, such as `exact_tick` finds; by default a whole number of
                them is a frame, or 1/90000 without a rate. Matroska always counts milliseconds
    codec:      h264, hevc (AAC sound) · prores (422 HQ) · ffv1 (lossless RGB), both with PCM sound
    hardware:   let the graphics card encode h264 or hevc; OptionError where it can't
    quality:    constant rate factor of h264 and hevc, 0 to 51, lower is better
    bit_depth:  of the source; above 8 gives 10 bit, or 16 with ffv1
    color:      tags of the file, and how RGB becomes YUV; without a matrix as in `ColorTags.matrix_for`
    sound:      interleaved with the picture as it is written
    metadata:   title, comment and keys of your own
    interlacing: which field of a frame comes first; "none" and "undone" are progressive
    light:      HDR10's levels, which only h264 and hevc keep
    for_jumps:  h264 that a player can jump about in quickly; a larger file

    Use it as a context manager: leaving it by an exception leaves nothing behind, and an older file as it
    was. Where the older file can't be replaced, such as one that is being played on Windows, the new one
    stays beside it, and the error names it. Raises InputError if the file can't be written, OptionError for a
    choice that doesn't exist.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: tuple[int, int],
        *,
        rate: Fraction | None = None,
        tick: Fraction | None = None,
        codec: Codec = "h264",
        hardware: bool = False,
        quality: int | None = None,
        bit_depth: int = 8,
        color: ColorTags | None = None,
        sound: SoundStream | None = None,
        metadata: Mapping[str, str] | None = None,
        pixel_aspect: Fraction = Fraction(1),
        interlacing: Interlacing = "none",
        light: LightLevels | None = None,
        for_jumps: bool = False,
    ) -> None:
        self.path = Path(path)
        self.size = size
        recipe = recipe_of(codec)
        check_video_place(self.path, codec)
        if hardware:
            recipe = in_hardware(recipe, codec, bit_depth)
        exact = rate is not None and rate.numerator <= 1_000_000
        tick = tick or Fraction(1, rate.numerator if rate and exact else 90_000)
        if tick.numerator != 1:
            raise ValueError(f"a tick must be 1/n second, not {tick}")
        if quality is not None and not 0 <= quality <= 51:
            raise OptionError(f"The quality is {quality}, but must be from 0 (best) to 51; 17 suits most.")
        self._spec = VideoSpec(
            size=size,
            recipe=recipe,
            rate=rate,
            tick=tick,
            quality=QUALITY if quality is None else quality,
            bit_depth=bit_depth,
            color=color or ColorTags(),
            pixel_aspect=pixel_aspect,
            interlacing=interlacing,
            light=light or LightLevels(),
            metadata=dict(metadata or {}),
            for_jumps=for_jumps,
        )
        self._sound = sound
        self._waiting: queue.Queue[tuple[Pixels, Fraction, Fraction] | None] = queue.Queue(4)
        self._error: BaseException | None = None
        self._abandoned = False
        self._written = 0

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width in the file."""
        return self._spec.padded_size

    def __enter__(self) -> VideoWriter:
        self._target = find_target(self.path)
        self._temporary = unfinished_name(self._target, self.path.suffix.lower())
        self._thread = threading.Thread(target=self._encode_all, name="retalk-encode", daemon=True)
        try:
            self._temporary.touch(exist_ok=False)  # before any work, so that a missing right shows at once
            self._thread.start()
        except OSError as error:
            raise self._unwritable(error) from error
        except BaseException:  # Ctrl-C just now: without an __enter__ there will be no __exit__
            self._abandon()
            raise
        return self

    def write(self, picture: Pixels, time: Fraction, duration: Fraction) -> None:
        """Hand over one picture (H, W, 3) RGB, uint8 or full-range uint16; don't change it afterwards.

        time, duration: seconds since the first frame, and how long it shows

        Of a clip's own picture, edited or not, the encoder gets what the decoder gave wherever nothing was
        edited, if it is stored as the encoder wants it.
        """
        if picture.shape != (*self.size, 3) or picture.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"expected RGB of size {self.size}, got {picture.shape} {picture.dtype}")
        self._hand_over((picture, time, duration))
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                return
            self._hand_over(None)
            self._thread.join()
            if self._error is not None:
                raise self._explain(self._error)
            if not self._written:
                raise ValueError("no frame was written")
            self._appear()
        finally:
            self._abandon()

    def _hand_over(self, item: tuple[Pixels, Fraction, Fraction] | None) -> None:
        """Give the encoder a picture, or the end. Raises what stopped it, since it takes no more then."""
        while True:
            if self._error is not None:
                raise self._explain(self._error)
            with suppress(queue.Full):
                self._waiting.put(item, timeout=PATIENCE)
                return

    def _appear(self) -> None:
        """Give the finished file its name, or another where that fails: finished work is not thrown away."""
        try:
            settle(self._temporary)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._temporary.replace(self._target)
        except OSError as error:
            kept = free_name(self._target)
            try:
                self._temporary.replace(kept)
            except OSError:
                raise self._unwritable(error) from error
            raise InputError(
                f"{self.path} can't be replaced ({reason_of(error)}): the new video is finished as {kept}."
            ) from error

    def _abandon(self) -> None:
        """Stop encoding and remove what there is; nothing is left to do after a success."""
        self._abandoned = True
        while self._thread.is_alive():
            with suppress(queue.Full):
                self._waiting.put(None, timeout=0.01)
            self._thread.join(0.01)
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _encode_all(self) -> None:
        """Encode in the background what `write` hands over."""
        try:
            with _Muxer(self._temporary, self._spec, self._sound) as muxer:
                while (item := self._waiting.get()) is not None and not self._abandoned:
                    muxer.add(*item)
                if not self._abandoned and self._written:
                    muxer.finish()
        except BaseException as error:  # raised again where the caller can see it
            self._error = error

    def _explain(self, error: BaseException) -> BaseException:
        import av

        return self._unwritable(error) if isinstance(error, OSError | av.FFmpegError) else error

    def _unwritable(self, error: BaseException) -> InputError:
        return InputError(
            f"{self.path} can't be written ({reason_of(error)}): check that the disk has room and that its "
            "folder may be written to, or choose another."
        )


class _Muxer:
    """One file being written, used by one thread."""

    def __init__(self, path: Path, spec: VideoSpec, sound: SoundStream | None) -> None:
        import av

        form = CONTAINERS[path.suffix]
        movie = form in ("mp4", "mov")
        self._options = {"movflags": "faststart+use_metadata_tags"} if movie else {}
        self._container: OutputContainer = av.open(
            f"file:{path}", "w", format=form, container_options=self._options
        )
        self._container.metadata.update(spec.metadata)
        self._tick = spec.tick
        self._last_stamp = -1
        self._durations: dict[int, int] = {}  # of frames inside the encoder, in ticks
        self._size = spec.padded_size
        self._video = self._add_video(spec)
        self._sound = _SoundTrack(self._container, sound, spec.recipe.sound) if sound else None

    def __enter__(self) -> _Muxer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._container.close()
        else:
            with suppress(Exception):  # the first error is the one that counts
                self._container.close()

    def add(self, picture: Pixels, time: Fraction, duration: Fraction) -> None:
        """Encode one frame, and the sound up to it."""
        if self._sound is not None:
            self._sound.write_until(time)
        frame = self._encoding.keep(picture)
        if frame is None:
            frame = self._encoding.to_frame(self._pad(picture[:, :]))
        frame.pts = self._last_stamp = max(round(time / self._tick), self._last_stamp + 1)
        frame.time_base = self._tick
        self._durations[frame.pts] = max(1, round((time + duration) / self._tick) - frame.pts)
        self._mux(self._video.encode(frame))

    def finish(self) -> None:
        """Write what the encoders still hold."""
        self._mux(self._video.encode(None))
        if self._sound is not None:
            self._sound.finish()

    def _mux(self, packets: Iterable[av.Packet]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration or 0)
            self._container.mux(packet)

    def _pad(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        if (height, width) == self._size:
            return np.ascontiguousarray(pixels)
        return np.pad(pixels, ((0, self._size[0] - height), (0, self._size[1] - width), (0, 0)), "edge")

    def _add_video(self, spec: VideoSpec) -> VideoStream:
        encoding = self._encoding = choose_encoding(spec)
        rate = (spec.rate or Fraction(25)).limit_denominator(100_000)  # ffmpeg's fractions are of 32 bits
        stream: Any = self._container.add_stream(spec.recipe.encoder, rate=rate, options=encoding.options)
        stream.height, stream.width = self._size
        stream.pix_fmt = encoding.pixel_format
        stream.thread_type = "AUTO"
        stream.time_base = self._tick
        context, color = stream.codec_context, encoding.color
        context.time_base = self._tick
        if "movflags" in self._options and context.name.startswith(("libx265", "hevc")):
            context.codec_tag = "hvc1"  # by the other name Apple's players and editors don't know it
        context.color_primaries, context.color_trc = color.primaries, color.transfer
        context.colorspace = color.matrix
        context.color_range = {None: 0, False: 1, True: 2}[color.full_range]
        context.sample_aspect_ratio = spec.pixel_aspect
        return stream


class _SoundTrack:
    """The sound of a file being written."""

    def __init__(self, container: OutputContainer, sound: SoundStream, codec: str) -> None:
        self._container = container
        self._chunks = iter(sound)
        self._rate = sound.rate
        self._layout = "mono" if sound.channels == 1 else "stereo"
        self._samples = 0  # written so far
        self._stream: Any = container.add_stream(codec, rate=sound.rate)
        context: Any = self._stream.codec_context
        context.layout = self._layout
        context.format = "fltp" if codec == "aac" else "s32"
        context.time_base = Fraction(1, sound.rate)
        if codec == "aac":
            context.bit_rate = 96_000 * (1 + sound.channels)  # 288 kbit/s stereo: no second loss to be heard

    def write_until(self, time: Fraction) -> None:
        """Keep up with the picture."""
        while self._samples <= time * self._rate:
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            self._write(chunk)

    def finish(self) -> None:
        for chunk in self._chunks:
            self._write(chunk)
        self._container.mux(self._stream.encode(None))

    def _write(self, chunk: np.ndarray) -> None:
        import av

        if self._stream.codec_context.format.name == "fltp":
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), "fltp", self._layout)
        else:
            whole = np.clip(np.rint(chunk.T.astype(np.float64) * 2**31), -(2**31), 2**31 - 1)
            frame = av.AudioFrame.from_ndarray(whole.astype(np.int32).reshape(1, -1), "s32", self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._samples
        self._samples += chunk.shape[1]
        self._container.mux(self._stream.encode(frame))
