"""Each trainer learns on cartoons: heads, voices and looks that it never saw.

This proves the plumbing: data, windows, losses and networks fit together, and gradients arrive. It says
nothing of speech, of sync or of how real a face looks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.retalk_core.stages.lips.half_face import pair_halves
from retalk_nodes.retalk_core.training.checkpoints import load_state
from retalk_nodes.retalk_core.training.data.cartoons import cartoon_set, dark_area, mouth_box
from retalk_nodes.retalk_core.training.export import export_run
from retalk_nodes.retalk_core.training.runs import start
from retalk_nodes.retalk_core.training.tasks.dnet import DNET_TINY
from retalk_nodes.retalk_core.training.tasks.enet import ENET_TINY
from retalk_nodes.retalk_core.training.tasks.lnet import LNET_TINY
from retalk_nodes.retalk_core.training.tasks.sync import SYNC_TINY
from torch import nn

CARTOONS = cartoon_set()


@contextmanager
def seconds(most: float) -> Iterator[None]:
    """CPU-seconds, not those on the wall: others may use this machine."""
    torch.set_num_threads(1)
    begun = time.process_time()
    yield
    print(f"{time.process_time() - begun:.0f} CPU-seconds")
    assert time.process_time() - begun <= most


def learnt(kind: str, tiny: Any, folder: Path, **pace: int) -> tuple[nn.Module, dict[str, float], Any]:  # noqa: ANN401 - a run
    """A network as it is loaded from an exported file, the last validation, and the run."""
    faster: dict[str, Any] = {"device": "cpu", "draw_every": 10**9, **pace}
    run = replace(tiny, out=str(folder / "run"), data="cartoons", pace=replace(tiny.pace, **faster))
    done = start(kind, run)
    path = export_run(folder / "run", folder / f"{kind}.safetensors")
    network = load_network(catalog["sync_expert" if kind == "sync" else kind], path)
    state = load_state(folder / "run" / "best.safetensors")
    assert done.steps == run.pace.steps and state.about["licences"] == ["drawn by this program"]
    from retalk_nodes.retalk_core.training.journal import read_log

    lines = [line for line in read_log(folder / "run" / "log.jsonl") if "validation" in line]
    return network, lines[-1]["validation"], lines


def test_the_expert_tells_what_belongs_together(tmp_path: Path) -> None:
    with seconds(40):
        _, found, _ = learnt("sync", SYNC_TINY, tmp_path, steps=60, validate_every=60)
    assert found["auc"] >= 0.8 and found["found"] >= 0.8 and found["right"] > found["wrong"]


def test_lnet_moves_the_mouth_with_the_sound(tmp_path: Path) -> None:
    with seconds(60):
        network, _, _ = learnt("lnet", LNET_TINY, tmp_path, validate_every=160)
    box, rows = (slice(None), *mouth_box(48)), list(range(0, 100, 2))
    follows, near, far, silent, smallest = [], [], [], [], []
    for head in CARTOONS.held:
        faces = head.faces(rows, 48)
        pairs = pair_halves(faces, head.faces([(row + 37) % 100 for row in rows], 48), 48)
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(rows)))
        mels = head.mels(rows)
        with torch.no_grad():
            drawn, other, mute = (
                network(each, pairs).flip(1).permute(0, 2, 3, 1)
                for each in (mels, mels[order], torch.full_like(mels, -4.0))
            )
        follows.append(np.corrcoef(dark_area(drawn), head.opening[rows])[0, 1])
        near.append(float((drawn - faces)[box].abs().mean()))
        far.append(float((other - faces)[box].abs().mean()))
        silent.append(dark_area(mute).mean())
        smallest.append(np.sort(dark_area(drawn))[:10].mean())
    print(f"r {np.mean(follows):.2f}, permuted {np.mean(far) / np.mean(near):.2f}")
    assert np.mean(follows) >= 0.85
    assert np.mean(far) >= 1.2 * np.mean(near)
    assert np.mean(silent) <= np.mean(smallest)


def test_dnet_warps_as_coefficients_say(tmp_path: Path) -> None:
    tiny = replace(DNET_TINY, warp_steps=100)
    with seconds(60):
        network, last, lines = learnt("dnet", tiny, tmp_path, steps=110, validate_every=10)
    found = next(line["validation"] for line in lines if line["step"] == 100)
    print(f"warp {found['warp'] / found['copied']:.2f}, shuffled {found['shuffled'] / found['warp']:.2f}")
    assert found["warp"] <= 0.6 * found["copied"]
    assert found["shuffled"] >= 1.25 * found["warp"]
    assert last["picture"] < found["picture"]  # the repair learns in the second stage
    drawn = network(torch.zeros(1, 3, 64, 64), torch.zeros(1, 73, 26))
    assert drawn.picture.shape == (1, 3, 64, 64)


def test_enet_is_sharper_than_bicubic_and_takes_looks(tmp_path: Path) -> None:
    with seconds(60):
        network, _, lines = learnt("enet", ENET_TINY, tmp_path)
    found = next(line["validation"] for line in lines if line["step"] == 200)
    print(f"distance {found['distance']:.4f}, bicubic {found['bicubic']:.4f}, looks {found['looks']:.4f}")
    assert found["distance"] < 0.9 * found["bicubic"] and found["looks"] > 1e-3
    assert network(torch.rand(1, 3, 24, 24), torch.rand(1, 3, 96, 96)).shape == (1, 3, 96, 96)


@pytest.mark.parametrize("kind", ["sync", "lnet"])
def test_runs_say_what_they_lack(kind: str, tmp_path: Path) -> None:
    from retalk_nodes.retalk_core.errors import InputError, OptionError

    tiny = {"sync": SYNC_TINY, "lnet": LNET_TINY}[kind]
    with pytest.raises(OptionError, match="where checkpoints shall go"):
        start(kind, tiny)
    with pytest.raises(OptionError, match="what to learn from"):
        start(kind, replace(tiny, out=str(tmp_path)))
    with pytest.raises(InputError, match="holds no prepared set"):
        start(kind, replace(tiny, out=str(tmp_path / "run"), data=str(tmp_path)))
    if kind == "lnet":
        (tmp_path / "models").mkdir()
        with pytest.raises(
            InputError, match=r"needs a file that isn't here: VGG19 was not found.*vgg19-dcbb9e9d"
        ):
            start(
                kind,
                replace(tiny, out=str(tmp_path / "run"), data="cartoons", features="vgg19"),
                models=tmp_path / "models",
            )
