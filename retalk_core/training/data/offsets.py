"""How well a sync expert tells what belongs together, and by how much lips and sound are apart."""

from __future__ import annotations

import numpy as np
import torch

from ....models.training.sync_expert import FRAMES, SyncExpert
from ...compute.batches import device_of
from ..losses import lower_halves
from .talks import FAR, Talk, first_rows, five_in_a_row, spread_rows

MOST_LOOKED_AT = 200  # places of a clip
_REACH = 15  # frames, within which the right offset is looked for
_AT_ONCE = 32


def judge_sync(expert: SyncExpert, talk: Talk, side: int, heard: Talk | None = None) -> dict[str, float]:
    """How well an expert tells what belongs together in a clip.

    heard:   another clip whose sound is taken in the place of its own
    returns: `auc` of matching pairs against pairs 5 frames apart or more, 0.5 by chance; `found`: 1 where the
             offset at which lips and speech agree best is right within a frame; `right` and `wrong`: the mean
             similarity of either
    """
    rows, alike = _compared(expert, talk, side, heard)
    right, wrong = np.diag(alike), alike[np.abs(rows[:, None] - rows[None]) >= FAR]
    return {
        "auc": area_under_curve(right, wrong),
        "found": float(abs(_best_offset(rows, alike)) <= 1),
        "right": float(right.mean()),
        "wrong": float(wrong.mean()) if len(wrong) else 0.0,
    }


def found_offset(expert: SyncExpert, talk: Talk, side: int) -> int:
    """Frames by which sound is later than lips, as an expert sees it; 0 for a clip that is too short."""
    if len(first_rows(talk)) < 2 * FRAMES:
        return 0
    return _best_offset(*_compared(expert, talk, side, None))


def _compared(expert: SyncExpert, talk: Talk, side: int, heard: Talk | None) -> tuple[np.ndarray, np.ndarray]:
    """Places (n,) of a clip, and how much the lips at each are like the speech at each."""
    rows = first_rows(talk)
    if heard is not None:
        rows = rows[rows + FRAMES <= len(heard.usable)]
    rows = rows[:MOST_LOOKED_AT] if len(rows) > MOST_LOOKED_AT else spread_rows(rows, MOST_LOOKED_AT)
    device = device_of(expert)
    with torch.no_grad():
        parts = np.array_split(rows, max(1, len(rows) // _AT_ONCE))
        shown = (lower_halves(five_in_a_row(talk, part.tolist(), side)).to(device) for part in parts)
        lips = torch.cat([expert.read_lips(part) for part in shown])
        speech = expert.read_speech((heard or talk).mels(rows.tolist()).to(device))
    return rows, (lips @ speech.mT).cpu().numpy()


def _best_offset(rows: np.ndarray, alike: np.ndarray) -> int:
    offsets = rows[None] - rows[:, None]
    found = [(alike[offsets == k].mean(), k) for k in range(-_REACH, _REACH + 1) if (offsets == k).any()]
    return int(max(found)[1])


def area_under_curve(right: np.ndarray, wrong: np.ndarray) -> float:
    """How often one of the former is larger than one of the latter; ties count half."""
    order = np.sort(wrong)
    below = np.searchsorted(order, right, "left") + np.searchsorted(order, right, "right")
    return float(below.mean() / 2 / max(len(order), 1))
