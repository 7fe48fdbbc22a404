from retalk_nodes.retalk_core.media.planes.rect import (
    HALO,
    SIZE_STEP,
    Rect,
    enlarged,
    whole_rect,
    without_halo,
)

SIZE = (480, 644)


def test_a_rectangle_is_enlarged_to_one_of_few_sizes_with_a_halo_inside_the_picture() -> None:
    for rect in (Rect(0, 0, 1, 1), Rect(101, 33, 190, 220), Rect(470, 640, 480, 644), Rect(7, 9, 300, 301)):
        wide = enlarged(rect, SIZE, (4, 2))
        assert whole_rect(SIZE).holds(wide) and without_halo(wide, SIZE).holds(rect)
        assert all(length % SIZE_STEP == 0 or length in SIZE for length in wide.size)
        assert wide.top % 4 == 0 and wide.left % 2 == 0


def test_a_halo_ends_with_the_picture() -> None:
    assert without_halo(Rect(0, 64, 128, 644), SIZE) == Rect(0, 64 + HALO, 128 - HALO, 644)


def test_what_two_rectangles_share_may_be_nothing() -> None:
    assert Rect(0, 0, 4, 4).shared(Rect(2, 1, 6, 3)) == Rect(2, 1, 4, 3)
    assert Rect(0, 0, 4, 4).shared(Rect(5, 6, 8, 8)).size == (0, 0)
