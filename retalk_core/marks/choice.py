"""Where a result may be marked."""

from __future__ import annotations

from typing import Literal

from ..media.codecs import Codec

MarkChoice = Literal["auto", "face", "frame", "off"]
MarkedPlace = Literal["face", "frame"]
FOR_VIEWERS = ("h264", "hevc")  # codecs of files that nobody works on any further


def wanted_place(choice: MarkChoice, codec: Codec | None) -> MarkedPlace | None:
    """Where a result is to be marked; None: nowhere.

    codec: of the file that is written; None where pictures stay in memory
    """
    if choice == "auto":
        return "face" if codec in FOR_VIEWERS else None
    return None if choice == "off" else choice
