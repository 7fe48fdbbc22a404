from fractions import Fraction
from itertools import islice

from planar import noisy_frame, stored_picture
from retalk_nodes.retalk_core.media.planes.ahead import Glance, made_at
from retalk_nodes.retalk_core.media.planes.stored import StoredPicture
from retalk_nodes.retalk_core.types import Frame
from videos import BT709

PLACE = slice(100, 160), slice(200, 260)


def pictures(count: int) -> list[StoredPicture]:
    return [stored_picture(noisy_frame((480, 640), "yuv420p", seed), BT709) for seed in range(count)]


def made_in(picture: StoredPicture) -> bool:
    """Whether the place is there without being made now."""
    asked = []
    picture.reader.read_part = lambda frame, rect: asked.append(rect) or (rect, None)  # type: ignore[method-assign, assign, func-returns-value, return-value]
    try:
        picture[PLACE]
    except TypeError:
        return False
    return not asked


def test_a_place_is_made_before_the_frame_is_handed_on() -> None:
    shown = pictures(3)
    frames = [Frame(i, Fraction(i), picture) for i, picture in enumerate(shown)]
    handed = list(made_at(frames, [PLACE, None, PLACE]))
    assert handed == frames
    assert [made_in(picture) for picture in shown] == [True, False, True]


def test_a_glance_goes_where_it_was_told_last() -> None:
    glance = Glance()
    shown = pictures(3)
    stream = made_at((Frame(i, Fraction(i), picture) for i, picture in enumerate(shown)), glance)
    next(stream)
    glance.place = PLACE
    list(islice(stream, 2))
    assert [made_in(picture) for picture in shown] == [False, True, True]
