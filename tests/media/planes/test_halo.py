from retalk_nodes.retalk_core.boxes import Box, full_box
from retalk_nodes.retalk_core.media.planes.halo import HALO, SIZE_STEP, enlarged, without_halo

SIZE = (480, 644)


def test_a_box_is_enlarged_to_one_of_few_sizes_with_a_halo_inside_the_picture() -> None:
    for box in (Box(0, 0, 1, 1), Box(33, 101, 220, 190), Box(640, 470, 644, 480), Box(9, 7, 301, 300)):
        wide = enlarged(box, SIZE, (4, 2))
        assert full_box(SIZE).holds(wide) and without_halo(wide, SIZE).holds(box)
        assert all(length % SIZE_STEP == 0 or length in SIZE for length in wide.size)
        assert wide.top % 4 == 0 and wide.left % 2 == 0


def test_a_halo_ends_with_the_picture() -> None:
    assert without_halo(Box(64, 0, 644, 128), SIZE) == Box(64 + HALO, 0, 644, 128 - HALO)
