"""A set of prepared clips: made by several processes, listed, split, told of, opened."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...files import write_file, write_picture
from ...stages.expression import read_templates
from ...types import Progress, silent
from ..judges import JudgeFiles
from .kept import KeptTalk
from .layouts import Video
from .offsets import found_offset
from .prepare import Filters, Prepared, Readers, prepare_video
from .talks import LEARNT_RATE, TalkSet

if TYPE_CHECKING:
    from ...compute.provider import LocalNetworks
    from ...faces.detect import FaceNetworks

LIST = "manifest.jsonl"
CLIPS = "clips"
REPORT, SHEET = "report.json", "sheet.png"
_HELD_SHARE = 0.1  # of the speakers
_COLUMNS, _THUMB = 8, 96  # of the contact sheet, and pixels of its pictures
MOST_THUMBS = 64


def prepare_set(
    videos: Sequence[Video],
    folder: Path,
    rights: str,
    filters: Filters | None = None,
    *,
    coefficients: bool = False,
    references: bool = False,
    models: Path | None = None,
    expert: Path | None = None,
    processes: int = 1,
    progress: Progress = silent,
) -> list[Prepared]:
    """Prepare videos, list them, and tell of them. What was prepared before is taken as it is.

    folder:       of the set
    rights:       licence or consent, as it was stated
    coefficients: whether D-Net shall learn from it
    references:   whether L-Net shall learn from D-Net's calm faces; coefficients are read for it
    models:       where weights lie; None: where they usually do
    expert:       a sync expert's file; clips whose sound is early or late are dropped
    processes:    that work side by side; systems without fork have one
    raises:       InputError where nothing can be learnt from, or the folder can't be written
    """
    if not rights.strip():
        raise InputError(
            "Nothing says that these videos may be learnt from: state the licence or whose consent there is "
            "with --rights."
        )
    filters = filters or Filters()
    clips = folder / CLIPS
    clips.mkdir(parents=True, exist_ok=True)
    more = "references" if references else "coefficients" if coefficients else ""
    work = partial(_prepare_one, clips, filters, rights, models, more)
    found: list[Prepared] = []
    for each in _side_by_side(work, videos, processes):
        found.append(each)
        progress(len(found), len(videos))
    if expert is not None:
        found = without_late(folder, found, expert, filters)
    listed = split_clips(found)
    write_file(folder / LIST, "".join(f"{each.line()}\n" for each in listed).encode())
    tell_set(folder, listed, {"filters": asdict(filters)})
    if all(each.dropped for each in listed):
        raise InputError(
            f"None of {len(listed)} videos can be learnt from; of the first one: {listed[0].dropped} "
            f"({folder / REPORT} tells of all)."
        )
    return listed


def _side_by_side(work: partial[Prepared], videos: Sequence[Video], processes: int) -> Iterator[Prepared]:
    if processes > 1 and "fork" in multiprocessing.get_all_start_methods():
        with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
            yield from pool.map(work, videos)
    else:
        yield from map(work, videos)


def _prepare_one(
    clips: Path, filters: Filters, rights: str, models: Path | None, more: str, video: Video
) -> Prepared:
    if not more:
        return prepare_video(video, clips, _face_networks(), filters, rights)
    provider = _provider(models)
    with ExitStack() as stack:
        regressor = stack.enter_context(provider.borrow("face3d"))
        readers = Readers(regressor)
        if more == "references":
            templates = provider.file("expression")
            neutral = None if templates is None else read_templates(templates)["neutral"]
            readers = Readers(regressor, stack.enter_context(provider.borrow("dnet")), neutral)
        return prepare_video(video, clips, _face_networks(), filters, rights, readers)


@cache
def _face_networks() -> FaceNetworks:
    """Those of this process, for all its videos."""
    from ...faces.detect import load_face_networks

    return load_face_networks()


@cache
def _provider(models: Path | None) -> LocalNetworks:
    """The same for what reads coefficients: a provider keeps what it has loaded."""
    from ...compute.provider import LocalNetworks
    from ...weights.files import ModelFiles

    return LocalNetworks(None if models is None else ModelFiles([models]), device="cpu")


def without_late(folder: Path, clips: Sequence[Prepared], expert: Path, filters: Filters) -> list[Prepared]:
    """Drop the clips whose lips and sound are apart, as an expert sees it. Raises CheckpointError."""
    network: Any = JudgeFiles().load("sync_expert", str(expert), "Telling whether sound is early or late")
    checked = []
    for each in clips:
        offset = 0 if each.dropped else found_offset(network, open_talk(folder, each), network.shape.side)
        late = f"lips and sound are {abs(offset)} frames apart" if abs(offset) > filters.most_offset else ""
        checked.append(replace(each, dropped=late) if late else each)
    return checked


# Who is learnt from


def split_clips(clips: Sequence[Prepared]) -> list[Prepared]:
    """Say of each clip whether it is learnt from or kept back: no face and no voice is in both.

    What the videos' layout says stands. Else a tenth of the speakers is kept back, one at least where there
    are two; a clip that shows one who is learnt from, with the voice of one who is kept back, is in neither.
    """
    used = [each for each in clips if not each.dropped]
    told = [each for each in used if each.split]
    if told and len(told) == len(used):
        return list(clips)
    people = sorted({each.speaker for each in used} | {each.voice for each in used}, key=_shuffled)
    count = max(1, round(_HELD_SHARE * len(people))) if len(people) > 1 else 0
    held = set(people[:count])
    return [each if each.dropped or each.split else replace(each, split=_split(each, held)) for each in clips]


def _shuffled(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _split(clip: Prepared, held: set[str]) -> str:
    kept_back = {clip.speaker in held, clip.voice in held}
    return "held" if kept_back == {True} else "train" if kept_back == {False} else "neither"


# What is told


def tell_set(folder: Path, clips: Sequence[Prepared], more: Mapping[str, Any]) -> None:
    """Write a report and a contact sheet of what was kept and what was dropped."""
    kept = [each for each in clips if not each.dropped]
    report = {
        "videos": len(clips),
        "kept": len(kept),
        "seconds": round(sum(each.usable for each in kept) / LEARNT_RATE, 1),
        "speakers": len({each.speaker for each in kept}),
        "split": Counter(each.split for each in kept),
        "rights": sorted({each.rights for each in clips}),
        **more,
        "dropped": {each.name: each.dropped for each in clips if each.dropped},
    }
    write_file(folder / REPORT, json.dumps(report, indent=2, ensure_ascii=False).encode())
    if kept:
        write_picture(folder / SHEET, contact_sheet(folder, kept))


def contact_sheet(folder: Path, kept: Sequence[Prepared]) -> np.ndarray:
    """The middle usable face of each clip, (H, W, 3) uint8; those kept back have a white edge."""
    cells = []
    for each in kept[:MOST_THUMBS]:
        talk = open_talk(folder, each)
        rows = np.flatnonzero(talk.usable)
        picture = (talk.faces([int(rows[len(rows) // 2])], _THUMB)[0].numpy() * 255).round().astype(np.uint8)
        if each.split == "held":
            picture[:3] = picture[-3:] = 255
            picture[:, :3] = picture[:, -3:] = 255
        cells.append(picture)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % min(_COLUMNS, len(cells)))
    columns = min(_COLUMNS, len(cells))
    lines = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(lines)


# Opening


def read_list(folder: Path) -> list[Prepared]:
    """The lines of a set's list. Raises InputError where there is none."""
    path = folder / LIST
    if not path.is_file():
        raise InputError(f"{folder} holds no prepared set ({LIST}): make one with `retalk train prepare`.")
    try:
        return [Prepared(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}): run `retalk train prepare` again.") from error


def open_set(folder: Path) -> TalkSet:
    """What is learnt from and what is kept back. Raises InputError where there is too little of either."""
    clips = [each for each in read_list(folder) if not each.dropped]
    parts = {split: [each for each in clips if each.split == split] for split in ("train", "held")}
    for split, words in (("train", "learn from"), ("held", "be judged by")):
        if not parts[split]:
            raise InputError(
                f"{folder} holds {len(clips)} usable clips, and none to {words}: give videos of two people "
                f"or more, or say in talks.csv which are kept back."
            )
    digest = hashlib.sha256("".join(each.sha256 for each in clips).encode()).hexdigest()
    made_with = sorted({each.made_with for each in clips if each.made_with})
    about = {
        "sets": [os.path.basename(os.path.abspath(folder))],  # noqa: PTH100, PTH119 - no links followed
        "licences": sorted({each.rights for each in clips}),
        "clips": len(parts["train"]),
        "held": len(parts["held"]),
        "sha256": digest,
        **({"made_with": made_with} if made_with else {}),
    }
    train, held = (tuple(open_talk(folder, each) for each in parts[split]) for split in ("train", "held"))
    return TalkSet(train, held, about)


def open_talk(folder: Path, clip: Prepared) -> KeptTalk:
    """A clip of a set."""
    return KeptTalk(folder / CLIPS / clip.file, clip.name, clip.speaker, clip.voice)
