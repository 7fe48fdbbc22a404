"""RetinaFace gives the numbers of the original network; its decoding gives those of facexlib."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from probes import loaded, run
from recordings import Recording, load_recording
from retalk_nodes.models.faces import retinaface
from retalk_nodes.models.faces.retinaface import LAYOUT, RetinaFace
from retinaface_decoding import anchors, decode, find_faces
from torch import Tensor


@pytest.fixture(scope="module")
def network(made_weights: Path) -> RetinaFace:
    return loaded(RetinaFace(), LAYOUT, "retinaface", made_weights)


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return load_recording("retinaface", whole=False)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "thinned"])
def test_network_repeats_the_recorded_output(network: RetinaFace, whole: bool) -> None:
    recording = load_recording("retinaface", whole)
    given = dict[str, Tensor]()

    def note(_: object, inputs: object, result: list[Tensor]) -> None:
        given["fpn2"] = result[1].clone()

    hook = network.network.fpn.register_forward_hook(note)
    seen = run(network, recording.inputs["image_bgr_0_255"], {"ssh1": network.network.ssh1})
    hook.remove()

    found = seen[""]
    assert isinstance(found, retinaface.Regression)
    given |= {"ssh1": seen["ssh1"], "box_regression": found.boxes, "class_probability": found.scores}
    recording.assert_matches({**given, "landmark_regression": found.points})


@pytest.mark.parametrize("size", [(256, 320), (250, 333)])
def test_anchors_are_those_of_facexlib(size: tuple[int, int]) -> None:
    from facexlib.detection.retinaface import generate_config
    from facexlib.detection.retinaface_utils import PriorBox

    theirs = PriorBox(generate_config("resnet50"), image_size=size).forward()

    height, width = size
    torch.testing.assert_close(anchors(height, width) / torch.tensor([width, height] * 2), theirs)


def test_faces_are_those_of_facexlib(network: RetinaFace, recorded: Recording) -> None:
    picture = recorded.inputs["image_bgr_0_255"]
    with torch.inference_mode():
        threshold = network(picture).scores[:, :, 1].quantile(0.95).item()
        found = find_faces(network, picture, score=threshold)

        for faces, one in zip(found, picture, strict=True):
            theirs = torch.from_numpy(
                network.network.detect_faces(one.permute(1, 2, 0).numpy(), threshold, 0.4)
            )
            assert len(faces.boxes) == len(theirs) > 5
            torch.testing.assert_close(faces.boxes, theirs[:, :4], rtol=1e-4, atol=1e-2)
            torch.testing.assert_close(faces.scores, theirs[:, 4], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(faces.points.flatten(1), theirs[:, 5:], rtol=1e-4, atol=1e-2)


def test_picture_without_faces_gives_none(network: RetinaFace, recorded: Recording) -> None:
    with torch.inference_mode():
        (faces,) = find_faces(network, recorded.inputs["image_bgr_0_255"][:1], score=2.0)

    assert faces.boxes.shape == (0, 4) and faces.points.shape == (0, 5, 2) and faces.scores.shape == (0,)


def test_boxes_and_points_move_in_units_of_their_anchor() -> None:
    around = torch.tensor([[100.0, 50.0, 16.0, 32.0]])
    moved = torch.tensor([[[1.0, -1.0, 0.0, 0.0]]])

    boxes, points = decode(moved, torch.ones(1, 1, 10), around)

    torch.testing.assert_close(boxes, torch.tensor([[[93.6, 30.8, 109.6, 62.8]]]))
    torch.testing.assert_close(points[0, 0], torch.tensor([[101.6, 53.2]]).repeat(5, 1))
