"""How bright a film was graded: HDR10's mastering display and its light levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import av

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
        said = []
        if self.display:
            points = {"G": _GREEN, "B": _BLUE, "R": _RED, "WP": _WHITE}
            told = "".join(
                f"{name}({self.display[at]},{self.display[at + 1]})" for name, at in points.items()
            )
            said.append(f"mastering-display={told}L({self.display[_BRIGHTEST]},{self.display[_DARKEST]})")
        if self.content:
            said.append("cll={},{}".format(*self.content))
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
