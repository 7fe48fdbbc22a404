"""BlazeFace: the converted networks, their anchors and how overlapping finds become one."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.models.checkpoint import WEIGHTS, load_weights
from retalk_nodes.models.faces.blazeface import DetectorKind, ShortRangeDetector, load_detector
from retalk_nodes.retalk_core.compute.devices import cpu_threads
from retalk_nodes.retalk_core.faces.detect import detect, merge_overlapping, overlap
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

GOLDEN = Path(__file__).parent.parent / "golden" / "face_networks.safetensors"
EVERY = 8  # anchors were recorded


def drawn_face() -> Tensor:
    """A face of ellipses, (192, 192, 3) uint8."""
    return load_file(GOLDEN)["picture.192"]


@pytest.mark.parametrize("kind", ["short", "full"])
def test_detector_repeats_the_recorded_output(kind: DetectorKind) -> None:
    network = load_detector(kind)
    recorded = load_file(GOLDEN)
    picture = recorded[f"picture.{network.side}"].permute(2, 0, 1)[None] / 127.5 - 1

    with torch.inference_mode():
        scores, points = network.read(picture)

    torch.testing.assert_close(
        scores[:, ::EVERY], recorded[f"face_detector_{kind}.scores"], rtol=0, atol=1e-3
    )
    torch.testing.assert_close(
        points[:, ::EVERY], recorded[f"face_detector_{kind}.points"], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("kind", ["short", "full"])
def test_drawn_face_is_found_where_it_was_drawn(kind: DetectorKind) -> None:
    side = 400
    face = cv2.resize(drawn_face().numpy(), (side, side))
    picture = np.full((600, 900, 3), 110, np.uint8)
    picture[120 : 120 + side, 300 : 300 + side] = face

    faces = detect(load_detector(kind), picture, threshold=0.3)

    assert len(faces) == 1
    left, top, right, bottom = faces[0].box
    assert abs((left + right) / 2 - 500) < 20
    right_eye, left_eye = faces[0].keypoints[:2]
    np.testing.assert_allclose(right_eye, (300 + 0.38 * side, 120 + 0.42 * side), atol=20)
    np.testing.assert_allclose(left_eye, (300 + 0.62 * side, 120 + 0.42 * side), atol=20)
    assert top < right_eye[1] < bottom


def test_evenly_grey_picture_shows_no_face() -> None:
    assert detect(load_detector("short"), np.full((240, 320, 3), 128, np.uint8)) == []


def test_one_pixel_picture_is_looked_at() -> None:
    assert detect(load_detector("short"), np.zeros((1, 1, 3), np.uint8)) == []


@pytest.mark.parametrize("spoil", ["missing", "unexpected", "misshapen"])
def test_weights_that_do_not_fit_are_refused(spoil: str, tmp_path: Path) -> None:
    state = load_file(WEIGHTS / "face_detector_short.safetensors")
    if spoil == "missing":
        del state["stem.0.bias"]
    elif spoil == "unexpected":
        state["extra"] = torch.zeros(1)
    else:
        state["stem.0.bias"] = torch.zeros(25)
    save_file(state, tmp_path / "spoilt.safetensors")

    with pytest.raises(RuntimeError, match=r"stem\.0\.bias|extra"):
        load_weights(ShortRangeDetector(), tmp_path / "spoilt.safetensors")


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("face_*.safetensors")), ids=lambda path: path.stem)
def test_weights_tell_their_origin_and_licence(path: Path) -> None:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()

    assert metadata["licence"] == "Apache-2.0"
    assert "@mediapipe/" in metadata["source"]
    assert len(metadata["sha256"]) == 64


def test_overlapping_finds_become_their_weighted_mean() -> None:
    points = np.zeros((3, 8, 2), np.float32)
    points[:, 0] = ((100, 100), (110, 100), (300, 100))  # centres
    points[:, 1] = 80  # sizes

    faces = merge_overlapping(np.array([0.9, 0.6, 0.7], np.float32), points)

    assert [round(face.score, 3) for face in faces] == [0.9, 0.7]
    assert (faces[0].box[0] + faces[0].box[2]) / 2 == pytest.approx(104)


def test_overlap_is_the_shared_part_of_the_union() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], float)

    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 3, 0])


def test_thread_count_is_put_back_even_after_an_error() -> None:
    before = torch.get_num_threads()

    with pytest.raises(KeyError), cpu_threads(1):
        assert torch.get_num_threads() == 1
        raise KeyError

    assert torch.get_num_threads() == before


def test_overlapping_spans_leave_the_thread_count_as_it_was() -> None:
    before = torch.get_num_threads()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with cpu_threads(1):
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=other)
    with cpu_threads(1):
        thread.start()
        inside.wait(5)
    leave.set()
    thread.join()

    assert torch.get_num_threads() == before
