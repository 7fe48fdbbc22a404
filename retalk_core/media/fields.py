"""Interlaced pictures: the lines of one frame show two moments, one in the even lines and one in the odd."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InputError

if TYPE_CHECKING:
    import av

# Which field of a frame comes first in time; "undone": it was interlaced, and shows one moment now.
Interlacing = Literal["none", "top", "bottom", "undone"]
KEPT = ("top", "bottom")
FIELD_MODE = {"top": "tff", "bottom": "bff"}  # of ffmpeg's filter setparams
FIELD_ORDER = {"top": "tt", "bottom": "bb"}  # of ffmpeg's encoders
ENCODER_FLAGS = {"libx264": "+ilme+ildct", "prores_ks": "+ildct"}
FILTERS = ("bwdif", "yadif")  # the better one first


def interlacing_of(frame: av.VideoFrame) -> Interlacing:
    """What a decoded frame says of its fields."""
    if not frame.interlaced_frame:
        return "none"
    graph = _graph(frame, ("select", r"eq(interlace_type\,TOPFIRST)"))  # the only one that tells
    graph.push(frame)
    return "top" if next(_pulled(graph), None) is not None else "bottom"


def upside_down(interlacing: Interlacing, height: int) -> Interlacing:
    """The same for the frame turned upside down: where lines are even in number, the fields change places."""
    swapped: dict[Interlacing, Interlacing] = {"top": "bottom", "bottom": "top"}
    return swapped.get(interlacing, interlacing) if height % 2 == 0 else interlacing


def deinterlaced(
    frames: Iterable[tuple[int, av.VideoFrame]], *, every: bool, from_start: bool
) -> Iterator[tuple[int, av.VideoFrame]]:
    """One frame for each, the first field's moment in all its lines.

    frames:     with their numbers, in order; each is completed by what its neighbours show
    every:      those too that aren't flagged as interlaced
    from_start: the first frame has none before it; else it is left out, as it would miss its neighbour
    """
    waiting: deque[int] = deque()
    graph, kind = None, None
    skipped = from_start
    for number, frame in frames:
        found = frame.width, frame.height, frame.format.name
        if graph is None or found != kind:
            if graph is not None:
                yield from ((waiting.popleft(), done) for done in _flushed(graph))
            graph, kind = _graph(frame, (_best_filter(), _options(every))), found
        frame.pts = None  # times are the reader's; the filter would refuse some of them
        graph.push(frame)
        waiting.append(number)
        for done in _pulled(graph):
            made = waiting.popleft()
            if skipped:
                yield made, done
            skipped = True
    if graph is not None:
        for done in _flushed(graph):
            yield waiting.popleft(), done


def _options(every: bool) -> str:
    return f"mode=send_frame:parity=auto:deint={'all' if every else 'interlaced'}"


def _best_filter() -> str:
    from av.filter import filters_available

    for name in FILTERS:
        if name in filters_available:
            return name
    raise InputError(
        "The clip can't be deinterlaced by this PyAV: install the one from PyPI, or leave the clip as it is."
    )


def _graph(frame: av.VideoFrame, step: tuple[str, str]) -> Any:  # noqa: ANN401 - av has no public name for it
    from av.filter import Graph

    graph = Graph()
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:"
        f"pixel_aspect=1/1:colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
    )
    chosen, sink = graph.add(*step), graph.add("buffersink")
    source.link_to(chosen)
    chosen.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Any) -> Iterator[av.VideoFrame]:  # noqa: ANN401
    """The frames that a filter has finished."""
    import av

    with suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            yield graph.pull()


def _flushed(graph: Any) -> Iterator[av.VideoFrame]:  # noqa: ANN401
    """The frames that a filter still holds."""
    graph.push(None)
    yield from _pulled(graph)
