import numpy as np
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.media.planes.edited import EditedPicture


def test_an_edited_picture_is_the_base_with_the_pixels_in_it_wherever_it_is_sliced() -> None:
    random = np.random.default_rng(0)
    base = random.integers(0, 255, (20, 30, 3), dtype=np.uint8)
    pixels = random.integers(0, 255, (8, 9, 3), dtype=np.uint8)
    support = random.integers(0, 2, (8, 9)).astype(bool)
    edited, before = EditedPicture(base, Box(11, 5, 20, 13), pixels, support), base.copy()
    wanted = base.copy()
    wanted[5:13, 11:20][support] = pixels[support]
    for rows, columns in (
        (slice(None), slice(None)),
        (slice(0, 6), slice(0, 12)),
        (slice(7, 9), slice(13, 15)),
        (slice(14, 99), slice(3, None)),
        (slice(None, None, 3), slice(2, 25, 4)),
        (slice(-4, None), slice(-9, -2)),
    ):
        assert np.array_equal(edited[rows, columns], wanted[rows, columns])
    assert edited.shape == base.shape and edited.dtype == base.dtype
    assert np.array_equal(base, before)  # the clip may show it again
