"""The folder that remembers: the ledger of dubs, and the certificate that was made on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..places import PACK, data_folder

RECORDS_VARIABLE = "RETALK_RECORDS"


def records_folder(
    pack: Path = PACK, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """Where dubs are remembered: ComfyUI's user folder, else the platform's. It need not be there yet.

    RETALK_RECORDS names another. ComfyUI can be told to keep its user folder elsewhere; on the canvas that
    one is used, and the command must be told of it.
    raises: InputError where the user's home folder is not known
    """
    if named := environment.get(RECORDS_VARIABLE):
        return Path(named)
    if pack.parent.name == "custom_nodes":
        return pack.parent.parent / "user" / "retalk"
    kept = f"dubs can't be remembered. Set HOME, or name a folder for that in {RECORDS_VARIABLE}"
    return data_folder(kept, environment, platform)


def make_folder(folder: Path) -> Path:
    """The same folder, made where it isn't there; others of this machine may not look into it.

    Raises InputError where it can't be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The folder {folder} can't be made ({error.strerror}), so nothing is remembered there. Name "
            f"another in {RECORDS_VARIABLE}."
        ) from error
    return folder
