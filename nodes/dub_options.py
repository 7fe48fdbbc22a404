"""Everything of a dub that is not on the dub nodes' face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from comfy_api.latest import io

from ..retalk_core.compute.options import Computing
from ..retalk_core.dub.options import DubOptions
from ..retalk_core.stages.options import Stages
from . import host, sockets, widgets
from .schema import node_schema


@dataclass(frozen=True)
class MoreOptions:
    """What Dub Options hands on: the values of the core's options that it asks for, by their names."""

    dub: Mapping[str, Any] = field(default_factory=dict)  # of DubOptions; `work_dir` only says whether
    stages: Mapping[str, Any] = field(default_factory=dict)  # of Stages, where the user chose
    computing: Mapping[str, Any] = field(default_factory=dict)  # of Computing


class DubOptionsNode(io.ComfyNode):
    """Everything of a dub that is not on the dub nodes' face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDubOptions",
            "Dub Options (for Lip Sync Nodes)",
            "dub",
            "Further options for Dub Video and Dub Frames: how the result is written, how the networks "
            "compute, which stages run.",
            aliases=["settings", "encoder", "codec", "prores", "resume", "precision"],
            inputs=[widgets.widget_of(each) for each in widgets.further_options()],
            outputs=[
                sockets.DubOptions.Output(display_name="options", tooltip="For Dub Video and Dub Frames.")
            ],
        )

    @classmethod
    @host.in_words
    def execute(cls, **given: Any) -> io.NodeOutput:  # noqa: ANN401 - one for each input
        more = MoreOptions(
            dub=widgets.values_of(DubOptions, given),
            stages=widgets.values_of(Stages, given),
            computing=widgets.values_of(Computing, given),
        )
        return io.NodeOutput(more)
