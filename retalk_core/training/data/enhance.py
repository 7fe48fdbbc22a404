"""Make E-Net's set of sharp faces: GPEN restores the faces of a prepared set, as the paper does with LRS2.

A sharp clip's frames are its faces themselves, 384 pixels wide, so what is learnt from is what was restored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...compute.batches import device_of
from ...compute.memory import batch_size_for, total_memory
from ...compute.provider import LocalNetworks
from ...crops.affine import apply_affine
from ...crops.cut import reframe
from ...crops.framing import SIDES
from ...errors import InputError
from ...files import sha256_of, write_file
from ...stages.restore import restore_faces
from ...types import Progress, silent
from ...weights.files import ModelFiles
from .kept import FRAMINGS, FacePart, KeptTalk, write_talk
from .prepare import Prepared, read_line
from .sets import CLIPS, LIST, open_talk, read_list, tell_set

RESTORER = "gpen"
SHARP_SIDE = SIDES["face"]
_VERSION = 1  # of sharp clips; other ones are made anew
_AT_ONCE = 8  # faces that are in memory together
_KEPT = ("usable", "shot", "voice")  # arrays that stay as they are


def enhance_set(
    source: Path,
    output: Path,
    *,
    models: Path | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> list[Prepared]:
    """Make a set of sharp faces of a prepared one. Clips that were made before are taken as they are.

    source:   a prepared set's folder
    output:   the folder of the new one
    models:   where weights lie; None: where they usually do
    progress: told the frames done
    raises:   InputError where there is no set or the folder can't be written, CheckpointError where GPEN's
              file isn't there, which names it
    """
    listed = read_list(source)
    if output.resolve() == source.resolve():
        raise InputError(f"{output} is the set itself: name another folder for the sharp one.")
    clips = [each for each in listed if not each.dropped]
    files = ModelFiles(None if models is None else [models])
    path, found = files.require(RESTORER)
    made_with = f"{path.name}, {found.sha256[:12]}"
    (output / CLIPS).mkdir(parents=True, exist_ok=True)
    before = accumulate((each.frames for each in clips), initial=0)
    total, made = sum(each.frames for each in clips), []
    provider = LocalNetworks(files, device=device)
    for clip, begun in zip(clips, before, strict=False):
        known = _known(output, clip, made_with)
        if known is None:
            with provider.borrow(RESTORER) as network:
                tell = _counted(progress, begun, total)
                known = _enhanced(open_talk(source, clip), output, clip, made_with, network, tell)
        made.append(known)
        progress(begun + clip.frames, total)
    write_file(output / LIST, "".join(f"{each.line()}\n" for each in made).encode())
    tell_set(output, made, {"made_of": source.name, "made_with": made_with})
    return made


def _counted(progress: Progress, begun: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(begun + done, total)


def _stamp(clip: Prepared, made_with: str) -> str:
    facts = (_VERSION, clip.sha256, clip.split, clip.speaker, clip.voice, clip.rights, made_with)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _known(folder: Path, clip: Prepared, made_with: str) -> Prepared | None:
    """What was made of a clip before; None where it has to be made."""
    known = read_line(folder / CLIPS / f"{clip.id}.json")
    if known is None or known.stamp != _stamp(clip, made_with):
        return None
    return known if (folder / CLIPS / known.file).is_file() else None


def _enhanced(
    talk: KeptTalk,
    folder: Path,
    clip: Prepared,
    made_with: str,
    network: nn.Module,
    tell: Callable[[int], None],
) -> Prepared:
    """Make one clip, and the line beside it."""
    path = folder / CLIPS / f"{clip.id}.zip"
    about: dict[str, Any] = {"name": clip.name, "sharp": True, "made_with": made_with}
    arrays = _sharp_arrays(talk)
    parts = (FacePart(face, (0, 0)) for face in sharp_faces(talk, network, tell))
    write_talk(path, parts, arrays, {**about, "arrays": sorted(arrays)})
    made = replace(
        clip, file=path.name, sha256=sha256_of(path), stamp=_stamp(clip, made_with), made_with=made_with
    )
    write_file(path.with_suffix(".json"), made.line().encode())
    return made


def _sharp_arrays(talk: KeptTalk) -> dict[str, np.ndarray]:
    """The clip's arrays, in pixels of the faces that are its frames now."""
    count = len(talk.usable)
    to_pixels = np.array([(SHARP_SIDE, 0, 0), (0, SHARP_SIDE, 0)], float)
    to_unit = np.array([(1 / SHARP_SIDE, 0, 0), (0, 1 / SHARP_SIDE, 0)])
    five = [apply_affine(to_pixels, points) for points in talk.points(range(count)).double().numpy()]
    return {
        **{name: talk.array(name) for name in _KEPT},
        "frame_size": np.array((SHARP_SIDE, SHARP_SIDE)),
        "five": np.stack(five),
        **{framing: np.repeat(to_unit[None], count, axis=0) for framing in FRAMINGS},
    }


def sharp_faces(
    talk: KeptTalk, network: nn.Module, tell: Callable[[int], None] = lambda done: None
) -> Iterator[np.ndarray]:
    """Every face (384, 384, 3) uint8 as GPEN restores it, in its own framing; unusable ones as they are.

    network: GPEN
    tell:    told the faces done

    It is cut, restored and brought back as a dub restores its reference.
    """
    device = device_of(network)
    size = batch_size_for(RESTORER, total_memory(device), device)
    for first in range(0, len(talk.usable), _AT_ONCE):
        rows = range(first, min(first + _AT_ONCE, len(talk.usable)))
        faces = torch.from_numpy(np.stack([talk.crop("face", row) for row in rows]))
        chosen = [row for row in rows if talk.usable[row]]
        if chosen:
            wide = torch.from_numpy(np.stack([talk.crop("gpen", row) for row in chosen]))
            restored = restore_faces(network, wide, batch_size=size)
            here, there = talk.crops_of("gpen", chosen), talk.crops_of("face", chosen)
            places = [row - first for row in chosen]
            faces[places] = reframe(restored, here, there, side=SHARP_SIDE, base=faces[places])[0]
        yield from (faces.clamp(0, 1) * 255).round().byte().numpy()
        tell(rows[-1] + 1)
