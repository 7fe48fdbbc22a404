"""Parts of pictures that are made before they are looked at, by the thread that decodes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...types import Frame

Place = tuple[slice, slice]  # rows and columns of a picture


class Glance:
    """Where the frames to come will be looked at, told by whoever follows something through them."""

    place: Place | None = None

    def __iter__(self) -> Iterator[Place | None]:
        """The place as it is each time, without an end."""
        while True:
            yield self.place


def made_at(frames: Iterable[Frame], places: Iterable[Place | None]) -> Iterator[Frame]:
    """The same frames, each with a place made already, to be prefetched; None: nobody looks.

    Where else somebody looks, that is made then: pixels don't depend on the places.
    """
    for frame, place in zip(frames, places, strict=False):
        if place is not None:
            frame.picture[place]
        yield frame
