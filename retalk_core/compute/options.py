"""How the paper's networks compute on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..fields import check_options, option

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Resident = Literal["auto", "together", "one_by_one"]


@dataclass(frozen=True)
class Computing:
    """Where and how networks compute, and where their files are looked for."""

    device: str = option(
        "auto",
        tip="Where the networks compute: auto, cpu, cuda, cuda:1, mps, xpu. auto: the fastest there is.",
        widget="",  # ComfyUI decides
    )
    precision: Precision = option(
        "auto",
        choices=get_args(Precision),
        tip="Of the networks. auto: half precision where the device is made for it; ComfyUI's own switches "
        "are obeyed.",
        command_tip="Of the networks. auto: half precision where the device is made for it.",
        place=8,
    )
    resident: Resident = option(
        "auto",
        choices=get_args(Resident),
        tip="Keep all networks in memory, or one at a time. auto: by free memory.",
        widget="",  # ComfyUI decides
    )
    models: Path | None = option(
        None,
        kind="path",
        tip="Look for files of weights here and nowhere else.",
        metavar="FOLDER",
        widget="",  # ComfyUI has its own folders
    )

    def __post_init__(self) -> None:
        check_options(self)
