"""The paper's pipeline node by node gives what Dub Frames gives, on networks of a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from retalk_nodes.models.stylegan.tiles import Area
from retalk_nodes.nodes import networks as host_networks
from retalk_nodes.retalk_core.stages.restore import WHOLE
from retalk_nodes.retalk_core.weights.files import Found
from scenes import babble, talking
from stages import Prompt, dub_frames_beside, find, stages_of
from stand_in import ModelPatcher
from standins import LNetStandIn, StandIn, part_of, stand_ins
from torch import Tensor, nn

LOADED = {
    "ReTalkLoadFace3D": "face3d",
    "ReTalkLoadDNet": "dnet",
    "ReTalkLoadLNet": "lnet",
    "ReTalkLoadENet": "enet",
    "ReTalkLoadParser": "parser",
}


class Redder(StandIn):
    """A restorer whose work can be seen: red goes up."""

    def forward(self, picture: Tensor, area: Area = WHOLE) -> Tensor:
        made = picture.clone()
        made[:, 0] += 0.2
        return part_of(made.clamp(-1, 1), area)


class Lent(host_networks.HostNetworks):
    """Lends the given networks, and those that find faces."""

    def __init__(self, networks: dict[str, nn.Module]) -> None:
        super().__init__()
        self.networks = networks

    @contextmanager
    def borrow(self, key: str) -> Iterator[nn.Module]:
        if key in self.networks:
            yield self.networks[key]
        else:
            with super().borrow(key) as network:
                yield network

    def with_precision(self, precision: str) -> Lent:
        return self

    def file(self, key: str) -> Path | None:
        return Path(key) if key in self.networks else None


def run(
    nodes: dict[str, Any], prompt: Prompt, given: dict[str, tuple[Any, ...]]
) -> dict[str, tuple[Any, ...]]:
    """Run a workflow's nodes one after another, except for those whose outputs are given."""
    done = dict(given)

    def outputs(key: str) -> tuple[Any, ...]:
        if key not in done:
            node = prompt[key]
            inputs = {
                name: outputs(value[0])[value[1]] if isinstance(value, list) else value
                for name, value in node["inputs"].items()
            }
            done[key] = nodes[node["class_type"]].execute(**inputs).args
        return done[key]

    for key in prompt:
        outputs(key)
    return done


def hosted(key: str, network: nn.Module) -> host_networks.HostedNetwork:
    cpu = torch.device("cpu")
    return host_networks.HostedNetwork(key, ModelPatcher(network, cpu, cpu), Path(key), Found("ab" * 32))


@pytest.mark.parametrize("preset", ["fast", "paper", "original"])
def test_the_stages_one_by_one_give_what_the_whole_gives(nodes: dict[str, Any], preset: str) -> None:
    """The clip is shorter than the voice and is shown to and fro; the face turns, and so crops differ."""
    networks = stand_ins(lnet=LNetStandIn(0.1), gfpgan=Redder(), gpen=Redder())
    prompt, last = stages_of(preset)
    prompt |= dub_frames_beside(prompt, preset)
    prompt["dub"]["inputs"]["models"] = ["models", 0]
    frames = torch.from_numpy(np.stack(talking(8))).float() / 255
    voice = {"waveform": torch.from_numpy(babble(0.45))[None, None], "sample_rate": 16_000}
    given: dict[str, tuple[Any, ...]] = {
        "models": (Lent(networks),),
        find(prompt, "ReTalkDemoClip"): (None,),
        find(prompt, "GetVideoComponents"): (frames, None, 25.0),
        find(prompt, "ReTalkDemoVoice"): (voice,),
    }
    for key, node in prompt.items():
        kind = node["class_type"]
        if kind == "ReTalkLoadRestorer":
            place = "gpen" if "GPEN" in node["inputs"]["file"] else "gfpgan"
            given[key] = (hosted(place, networks[place]),)
        elif kind in LOADED:
            given[key] = (hosted(LOADED[kind], networks[LOADED[kind]]),)

    done = run(nodes, prompt, given)

    stages, whole = done[last][0], done["dub"][0]
    shown = done[find(prompt, "ReTalkFitLength")][0]
    assert stages.shape == whole.shape == (12, 160, 160, 3)
    assert "engine: retalk" in done["dub"][4]
    assert (whole - shown).abs().amax() > 0.05  # something was done
    assert (stages - whole).abs().amax() < 0.1 / 255  # Dub Frames works in 16 bit
