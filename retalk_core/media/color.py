"""Colours of a video: what its tags mean, and RGB to YUV and back without loss that could be avoided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .fields import FIELD_MODE, KEPT, Interlacing

if TYPE_CHECKING:
    import av


UNSPECIFIED = 2  # in primaries, transfer and matrix
# Chroma at full precision: without it a round trip shifts colours by several levels.
SCALER_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
MATRICES = {  # ffmpeg's number: its name, the weights of red and blue in luma
    1: ("bt709", 0.2126, 0.0722),
    4: ("fcc", 0.30, 0.11),
    5: ("bt470", 0.299, 0.114),
    6: ("smpte170m", 0.299, 0.114),
    7: ("smpte240m", 0.212, 0.087),
    9: ("bt2020", 0.2627, 0.0593),
    10: ("bt2020", 0.2627, 0.0593),
}


@dataclass(frozen=True)
class ColorTags:
    """How a file says its numbers are colours, in the numbering of ITU-T H.273; nothing said by default."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool | None = None  # False: black is 16 and white 235, of 255

    def matrix_for(self, size: tuple[int, int]) -> int:
        """The matrix to convert with: the tagged one, or else BT.601 below 720 lines and BT.709 from there.

        Lines are counted on the shorter side, so that turning a picture doesn't change its colours.
        """
        return self.matrix if self.matrix in MATRICES else (6 if min(size) < 720 else 1)


def color_tags_of(frame: av.VideoFrame, context: Any) -> ColorTags:  # noqa: ANN401 - a stub lacks its tags
    """What a decoded frame and its decoder say about colours."""
    primaries, transfer = int(context.color_primaries), int(context.color_trc)
    if frame.format.is_rgb:  # whatever else is said, there is nothing to convert
        return ColorTags(primaries, transfer, 0, True)
    full = {1: False, 2: True}.get(int(frame.color_range))
    if full is None and frame.format.name.startswith("yuvj"):
        full = True
    return ColorTags(primaries, transfer, int(frame.colorspace), full)


def bit_depth_of(frame: av.VideoFrame) -> int:
    """Bits of the finest component."""
    return max(component.bits for component in frame.format.components)


class RgbConverter:
    """Turns decoded frames into RGB (H, W, 3) as they are stored: uint8, or uint16 above 8 bit."""

    def __init__(
        self, size: tuple[int, int], color: ColorTags, bit_depth: int, *, interlaced: bool = False
    ) -> None:
        """Get ready.

        size:       height, width; a frame of another size is scaled to it
        interlaced: the two fields of a frame share no chroma
        """
        self._chroma = _chroma(interlaced)
        self._size = size
        self._deep = bit_depth > 8
        self._matrix = color.matrix_for(size)
        self._full_range = bool(color.full_range)
        self._filter = _Filter(self._describe)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        return self._to_array(self._filter(frame))

    def _describe(self, frame: av.VideoFrame) -> list[tuple[str, str]]:
        height, width = self._size
        scale = f"w={width}:h={height}:flags={SCALER_FLAGS}{self._chroma}"
        if frame.format.is_rgb or frame.format.name.startswith(("pal8", "gray", "ya", "mono")):
            return [("scale", f"{scale}:out_range=pc"), ("format", "rgb48le" if self._deep else "rgb24")]
        matrix = MATRICES[self._matrix][0]
        stored = "pc" if self._full_range else "tv"
        scale += f":in_range={stored}:in_color_matrix={matrix}"
        if self._deep:
            whole = f"yuv444p{bit_depth_of(frame)}le"
            return [("scale", f"{scale}:out_range={stored}:out_color_matrix={matrix}"), ("format", whole)]
        return [("scale", f"{scale}:out_range=pc"), ("format", "rgb24")]

    def _to_array(self, frame: av.VideoFrame) -> np.ndarray:
        """RGB of frames that the filter has made; colours below 16 bit are still YUV.

        ffmpeg would make white from 10 bit a little gray: it shifts bits where it should multiply.
        """
        if frame.format.is_rgb:
            return frame.to_ndarray()
        planes = [plane_values(plane, np.uint16) for plane in frame.planes]
        color = ColorTags(matrix=self._matrix, full_range=self._full_range)
        return rgb_of_planes(planes, color, bit_depth_of(frame), deep=True)


def rgb_of_planes(planes: Sequence[np.ndarray], color: ColorTags, bits: int, *, deep: bool) -> np.ndarray:
    """RGB (H, W, 3) of YUV planes (H, W) of that many bits: uint16 over its whole range if deep, else uint8.

    color: with a matrix
    """
    import cv2

    weights = _inverse(_rgb_to_yuv(color.matrix, bool(color.full_range), bits))
    # OpenCV's result is of its source's type.
    return cv2.transform(cv2.merge(list(planes)), weights * (65535 if deep else 255))


class YuvConverter:
    """Turns RGB (H, W, 3) into frames of a YUV format, the exact inverse of reading them."""

    def __init__(
        self,
        size: tuple[int, int],
        color: ColorTags,
        bit_depth: int,
        pixel_format: str,
        interlacing: Interlacing = "none",
    ) -> None:
        """interlacing: where it is "top" or "bottom", frames say so, and their fields share no chroma."""
        self._depth = bit_depth
        self._matrix = color.matrix_for(size)
        self._full_range = bool(color.full_range)
        stored = "pc" if self._full_range else "tv"
        name = MATRICES[self._matrix][0]
        steps = [
            (
                "scale",
                f"flags={SCALER_FLAGS}{_chroma(interlacing in KEPT)}:in_range={stored}:out_range={stored}"
                f":in_color_matrix={name}:out_color_matrix={name}",
            ),
            ("format", pixel_format),
            ("setparams", _tags(color, interlacing)),
        ]
        self._filter = _Filter(lambda _: steps)

    def __call__(self, pixels: np.ndarray) -> av.VideoFrame:
        import av
        import cv2

        dtype: type[np.generic] = np.uint8 if self._depth == 8 else np.uint16
        if pixels.dtype == np.uint8 and dtype == np.uint16:
            pixels = pixels.astype(np.uint16) * 257
        weights = _rgb_to_yuv(self._matrix, self._full_range, self._depth)
        weights[:, :3] /= np.iinfo(pixels.dtype).max
        # OpenCV rounds; ffmpeg's own conversion to full range rounds chroma down in some versions.
        yuv = cv2.transform(pixels, weights)
        height, width = pixels.shape[:2]
        frame = av.VideoFrame(width, height, "yuv444p" if self._depth == 8 else f"yuv444p{self._depth}le")
        for plane, values in zip(frame.planes, cv2.split(yuv), strict=True):
            plane_values(plane, dtype)[:] = values
        frame.colorspace, frame.color_range = self._matrix, 2 if self._full_range else 1
        return self._filter(frame)


def flagged(
    to_frame: Callable[[np.ndarray], av.VideoFrame], interlacing: Interlacing
) -> Callable[[np.ndarray], av.VideoFrame]:
    """The same conversion; its frames say which field comes first, where there are two."""
    if interlacing not in KEPT:
        return to_frame
    flag = _Filter(lambda _: [("setparams", _mode(interlacing)[1:])])
    return lambda pixels: flag(to_frame(pixels))


def frame_flags(color: ColorTags, interlacing: Interlacing) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """The same frames; they say of what colours they are, and of two fields which comes first."""
    return _Filter(lambda _: [("setparams", _tags(color, interlacing))])


def _tags(color: ColorTags, interlacing: Interlacing) -> str:
    return f"color_primaries={color.primaries}:color_trc={color.transfer}{_mode(interlacing)}"


def _mode(interlacing: Interlacing) -> str:
    return f":field_mode={FIELD_MODE[interlacing]}" if interlacing in KEPT else ""


def _chroma(interlaced: bool) -> str:
    return ":interl=1" if interlaced else ""


def rgb8_frame(pixels: np.ndarray) -> av.VideoFrame:
    """A frame of 8 bit RGB from pixels (H, W, 3), uint8 or uint16."""
    import av

    from ..images import eight_bit

    return av.VideoFrame.from_ndarray(eight_bit(pixels), "rgb24").reformat(format="bgr0")


def rgb16_frame(pixels: np.ndarray) -> av.VideoFrame:
    """A frame of 16 bit RGB from pixels (H, W, 3), uint8 or uint16."""
    import av

    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.uint16) * 257
    return av.VideoFrame.from_ndarray(pixels, "gbrp16le")


def _rgb_to_yuv(matrix: int, full_range: bool, depth: int) -> np.ndarray:
    """The affine map (3, 4) from RGB in [0, 1] to YUV as whole numbers of this depth."""
    _, red, blue = MATRICES[matrix]
    unit, top = 1 << (depth - 8), (1 << depth) - 1
    luma, chroma, black = (top, top, 0) if full_range else (219 * unit, 224 * unit, 16 * unit)
    y = np.array([red, 1 - red - blue, blue])
    u = (np.array([0, 0, 1]) - y) / (2 * (1 - blue))
    v = (np.array([1, 0, 0]) - y) / (2 * (1 - red))
    return np.column_stack([np.stack([y * luma, u * chroma, v * chroma]), [black, 128 * unit, 128 * unit]])


def _inverse(affine: np.ndarray) -> np.ndarray:
    """The affine map (3, 4) back."""
    back = np.linalg.inv(affine[:, :3])
    return np.column_stack([back, -back @ affine[:, 3]])


def plane_values(plane: Any, dtype: type[np.generic]) -> np.ndarray:  # noqa: ANN401 - av names it since 15
    """A plane's pixels (H, W), to read and to write."""
    values = np.frombuffer(memoryview(plane), dtype)
    return values.reshape(plane.height, -1)[:, : plane.width]


class _Filter:
    """A chain of ffmpeg filters, built anew when the frames that come in change their kind."""

    def __init__(self, describe: Callable[[av.VideoFrame], list[tuple[str, str]]]) -> None:
        self._describe = describe
        self._kind: tuple[object, ...] = ()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        kind = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
        if kind != self._kind:
            self._graph = self._build(frame)
            self._kind = kind
        self._graph.push(frame)
        return self._graph.pull()

    def _build(self, frame: av.VideoFrame) -> Any:  # noqa: ANN401 - av has no public name for it in all versions
        from av.filter import Graph

        graph = Graph()
        last = graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:"
            f"pixel_aspect=1/1:colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
        )
        for name, options in (*self._describe(frame), ("buffersink", "")):
            following = graph.add(name, options) if options else graph.add(name)
            last.link_to(following)
            last = following
        graph.configure()
        return graph


# How bright a film was graded: HDR10's mastering display and its light levels.

_RED, _GREEN, _BLUE, _WHITE = 0, 2, 4, 6  # places of x in a mastering display's ratios; y follows
_DARKEST, _BRIGHTEST = 8, 9
_PER_CHROMATICITY, _PER_CANDELA = 50_000, 10_000  # the units of HDR10


@dataclass(frozen=True)
class LightLevels:
    """What a clip says about the light it was made for; nothing by default."""

    # Red, green, blue and white as x, y in 1/50000, then the darkest and the brightest in 1/10000 cd/m2.
    display: tuple[int, ...] = ()
    content: tuple[int, ...] = ()  # MaxCLL, MaxFALL in cd/m2

    def for_x264(self) -> str:
        """As x264's parameters; empty where there is nothing to say."""
        return self._said("mastering-display", "cll")

    def for_x265(self) -> str:
        """As x265's parameters; empty where there is nothing to say."""
        return self._said("master-display", "max-cll")

    def _said(self, display: str, content: str) -> str:
        said = []
        if self.display:
            points = {"G": _GREEN, "B": _BLUE, "R": _RED, "WP": _WHITE}
            told = "".join(
                f"{name}({self.display[at]},{self.display[at + 1]})" for name, at in points.items()
            )
            said.append(f"{display}={told}L({self.display[_BRIGHTEST]},{self.display[_DARKEST]})")
        if self.content:
            said.append("{}={},{}".format(content, *self.content))
        return ":".join(said)


def light_levels_of(frame: av.VideoFrame) -> LightLevels:
    """What a decoded frame says about the light it was made for."""
    return LightLevels(_display(frame), _content(frame))


def _display(frame: av.VideoFrame) -> tuple[int, ...]:
    said = _numbers(frame, "MASTERING_DISPLAY_METADATA")
    if len(said) != 22 or not said[20] or not said[21]:  # ten ratios, and whether they are set
        return ()
    ratios = said[:20].reshape(10, 2)
    if (ratios[:, 1] <= 0).any():
        return ()
    units = np.array([_PER_CHROMATICITY] * 8 + [_PER_CANDELA] * 2)
    return tuple(np.rint(ratios[:, 0] * units / ratios[:, 1]).astype(int).tolist())


def _content(frame: av.VideoFrame) -> tuple[int, ...]:
    said = _numbers(frame, "CONTENT_LIGHT_LEVEL")
    return tuple(said[:2].tolist()) if len(said) >= 2 and said[:2].any() else ()


def _numbers(frame: av.VideoFrame, name: str) -> np.ndarray:
    data: Any = frame.side_data.get(name)
    return (
        np.zeros(0, np.int64) if data is None else np.frombuffer(memoryview(data), np.int32).astype(np.int64)
    )
