"""Judge Video, Judge Frames and Keep the Better Video."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from retalk_nodes.models.errors import RetalkError
from retalk_nodes.retalk_core.errors import InputError
from scenes import talking
from stand_in import Manager, VideoFromFile
from test_execution import Nodes
from videos import speaking_clip

COUNT = 30
# In this order for ever: workflows are wired by it.
FIGURES = [
    *("lse_d", "lse_c", "cpbd", "identity", "opening_loudness", "lip_sharpness", "warping_error"),
    *("loss_outside", "seam", "mouth_distance"),
]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return talking(COUNT, 200)


@pytest.fixture(scope="module")
def source(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speaking_clip(tmp_path_factory.mktemp("clips") / "source.mkv", pictures)


@pytest.fixture(scope="module")
def soft(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    blurred = [cv2.GaussianBlur(picture, (0, 0), 2) for picture in pictures]
    return speaking_clip(tmp_path_factory.mktemp("clips") / "soft.mkv", blurred)


def images(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).float() / 255


def figures(made: Any) -> dict[str, tuple[float, bool]]:  # noqa: ANN401
    """Each figure and whether it is one, by the outputs' order."""
    values = made.args[3:]
    return dict(zip(FIGURES, zip(values[::2], values[1::2], strict=True), strict=True))


def judged(nodes: Nodes, video: Path, **given: object) -> Any:  # noqa: ANN401
    asked = {"metrics": "without weights", "source_is_truth": False} | given
    return nodes["ReTalkJudgeVideo"].execute(video=VideoFromFile(str(video)), **asked)


def test_outputs_stand_in_their_order(nodes: Nodes) -> None:
    expected = ["report", "json", "chart"]
    for name in FIGURES:
        expected += [name, f"{name}_available"]
    for node in ("ReTalkJudgeVideo", "ReTalkJudgeFrames"):
        outputs = nodes[node].GET_SCHEMA().outputs
        assert [each.display_name for each in outputs] == expected
        assert [each.io_type for each in outputs[3:]] == ["FLOAT", "BOOLEAN"] * len(FIGURES)


def test_a_video_is_judged_beside_its_source(nodes: Nodes, soft: Path, source: Path) -> None:
    made = judged(nodes, soft, source=VideoFromFile(str(source)))

    told = figures(made)
    assert told["lip_sharpness"][1] and told["lip_sharpness"][0] < 0.8
    assert told["opening_loudness"][1] and told["cpbd"][1]
    assert told["lse_d"] == (0.0, False) and told["identity"] == (0.0, False)
    assert all(isinstance(have, bool) and math.isfinite(value) for value, have in told.values())
    stored = json.loads(made.args[1])
    assert stored["metrics"]["lip_sharpness"] == pytest.approx(told["lip_sharpness"][0])
    assert made.args[2].shape[0] == 1 and made.ui["text"][0] == made.args[0]
    assert "mouth_distance" in made.args[0] and "unavailable (the source was not said" in made.args[0]


def test_a_video_alone_has_what_it_tells_by_itself(nodes: Nodes, source: Path) -> None:
    told = figures(judged(nodes, source))
    assert told["cpbd"][1] and not told["lip_sharpness"][1] and told["opening_loudness"][1]


def test_frames_are_judged_outside_a_mask(nodes: Nodes, pictures: list[np.ndarray]) -> None:
    after = [picture.copy() for picture in pictures]
    for picture in after:
        picture[:100, :100] = 255 - picture[:100, :100]
    support = torch.zeros(1, 200, 200)
    support[:, :100, :100] = 1
    asked = {"metrics": "without weights", "source_is_truth": True, "fps": 25.0, "source": images(pictures)}

    exact = figures(nodes["ReTalkJudgeFrames"].execute(images(after), support=support, **asked))
    plain = figures(nodes["ReTalkJudgeFrames"].execute(images(after), **asked))

    assert exact["loss_outside"] == (100.0, True) and exact["mouth_distance"][1]
    assert plain["loss_outside"][0] < 20
    assert exact["opening_loudness"] == (0.0, False)  # frames have no sound


def test_masks_of_another_number_are_refused(nodes: Nodes, pictures: list[np.ndarray]) -> None:
    asked = {"metrics": "without weights", "source_is_truth": False, "fps": 25.0}
    with pytest.raises(InputError, match="support holds 7 frames"):
        nodes["ReTalkJudgeFrames"].execute(images(pictures), support=torch.zeros(7, 4, 4), **asked)


def test_a_truth_needs_a_source(nodes: Nodes, source: Path) -> None:
    with pytest.raises(InputError, match="connect a source"):
        judged(nodes, source, source_is_truth=True)


def test_a_choice_that_is_none_is_refused(nodes: Nodes, source: Path) -> None:
    with pytest.raises(RetalkError, match="no choice"):
        judged(nodes, source, metrics="everything")


def test_weights_count_only_where_they_are_asked_for(nodes: Nodes) -> None:
    node = nodes["ReTalkJudgeVideo"]
    assert node.fingerprint_inputs(metrics="without weights") is None
    assert node.fingerprint_inputs(metrics="all") is not None


def test_judging_ends_when_the_user_stops_it(nodes: Nodes, source: Path, manager: Manager) -> None:
    manager.stopped = True
    with pytest.raises(Manager.Interrupted):
        judged(nodes, source)


@pytest.mark.parametrize(("first", "second", "better"), [("source", "soft", 0), ("soft", "source", 1)])
def test_the_better_video_goes_on(
    nodes: Nodes, source: Path, soft: Path, first: str, second: str, better: int
) -> None:
    paths = {"source": source, "soft": soft}
    videos = [VideoFromFile(str(paths[name])) for name in (first, second)]
    stored = [
        judged(nodes, paths[name], source=VideoFromFile(str(source))).args[1] for name in (first, second)
    ]

    kept, report, is_first = (
        nodes["ReTalkKeepBetter"].execute(videos[0], stored[0], videos[1], stored[1]).args
    )

    assert kept is videos[better] and is_first is (better == 0) and "lip_sharpness" in report


def test_what_is_no_judgement_is_refused(nodes: Nodes) -> None:
    with pytest.raises(InputError, match="no judgement"):
        nodes["ReTalkKeepBetter"].execute(None, "first", None, "second")
