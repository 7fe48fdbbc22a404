"""Frames go through an editor in chunks, and what an earlier run finished is taken over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.crops.patch import Patch
from retalk_nodes.retalk_core.engines import chunks
from retalk_nodes.retalk_core.engines.base import LipsPlan, Part
from retalk_nodes.retalk_core.engines.chunks import ChunkedEngine, edited_outputs
from retalk_nodes.retalk_core.types import FaceTrack, Frame, Progress, silent

COUNT, SIDE = 10, 8


def track_of(present: Sequence[bool]) -> FaceTrack:
    count = len(present)
    return FaceTrack(
        times=tuple(Fraction(i, 25) for i in range(count)),
        boxes=torch.zeros(count, 4),
        mesh=torch.zeros(count, 468, 3),
        scores=torch.ones(count),
        present=torch.tensor(present),
        shot=torch.zeros(count, dtype=torch.int64),
        weight=torch.ones(count),
        frame_size=(SIDE, SIDE),
    )


def plan_of(rows: Sequence[int], show: Sequence[float] | None = None) -> LipsPlan:
    times = [Fraction(i, 25) for i in range(len(rows))]
    shown = np.ones(len(rows)) if show is None else np.array(show)
    return LipsPlan(np.array(rows), shown, times, torch.zeros(80, 1))


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.chunks: dict[int, list[Patch | None]] = {}
        self.states: dict[str, dict[str, np.ndarray]] = {}

    def read(self, chunk: int) -> list[Patch | None] | None:
        return self.chunks.get(chunk)

    def write(self, chunk: int, patches: Sequence[Patch | None]) -> None:
        self.chunks[chunk] = list(patches)

    def read_state(self, name: str) -> dict[str, np.ndarray] | None:
        return self.states.get(name)

    def write_state(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.states[name] = dict(arrays)


class Counter:
    """An editor that writes how many outputs it has come to into its patches, and can be stopped."""

    def __init__(self, *, remembers: bool = False, stop_at: int = 1000) -> None:
        self.remembers, self.stop_at = remembers, stop_at
        self.seen = 0
        self.edited: list[int] = []
        self.skipped: list[int] = []

    def edit(self, part: Part, progress: Progress) -> list[Patch | None]:
        patches: list[Patch | None] = []
        for output in part.outputs.tolist():
            if output >= self.stop_at:
                raise KeyboardInterrupt
            progress(0, None)
            self.seen += 1
            self.edited.append(output)
            pixels = np.full((1, 1, 3), self.seen if self.remembers else output, np.uint8)
            patches.append(Patch(Box(0, 0, 1, 1), pixels, np.ones((1, 1), bool)))
        return patches

    def skip(self, part: Part) -> None:
        self.skipped += part.outputs.tolist()

    def state(self) -> Mapping[str, np.ndarray] | None:
        return {"seen": np.array(self.seen)} if self.remembers else None

    def go_on_from(self, state: Mapping[str, np.ndarray]) -> None:
        self.seen = int(state["seen"])


def frames_of(rows: Sequence[int]) -> list[Frame]:
    return [Frame(row, Fraction(row, 25), np.zeros((SIDE, SIDE, 3), np.uint8)) for row in rows]


def run(
    editor: Counter,
    store: Memory | None = None,
    rows: Sequence[int] = range(COUNT),
    show: Sequence[float] | None = None,
    progress: Progress = silent,
) -> tuple[list[int | None], ChunkedEngine]:
    engine = ChunkedEngine(
        editor, track_of([True] * COUNT), plan_of(rows, show), store=store, progress=progress
    )
    edits = list(engine.edits(frames_of(rows)))
    assert [frame.index for frame, _ in edits] == list(rows)
    return [None if patch is None else int(patch.pixels[0, 0, 0]) for _, patch in edits], engine


@pytest.fixture(autouse=True)
def three_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_FRAMES", 3)


def test_every_frame_is_edited_once_and_in_order() -> None:
    editor = Counter()
    values, engine = run(editor)
    assert values == editor.edited == list(range(COUNT)) and engine.resumed == 0


def test_frames_that_show_no_edit_never_reach_the_editor() -> None:
    editor = Counter()
    show = [1, 0, 1, 0, 0, 0, 1, 1, 1, 0.0]
    values, _ = run(editor, show=show)
    assert editor.edited == [0, 2, 6, 7, 8]
    assert [value is not None for value in values] == [each > 0 for each in show]


def test_frames_without_a_face_are_not_edited() -> None:
    plan = plan_of([0, 1, 2, 1], show=[1, 1, 0, 1])
    assert edited_outputs(track_of([True, False, True]), plan).tolist() == [True, False, False, False]


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("stop_at", [0, 3, 5, 9])
def test_a_stopped_run_goes_on_where_it_was(stop_at: int, remembers: bool) -> None:
    store = Memory()
    with pytest.raises(KeyboardInterrupt):
        run(Counter(remembers=remembers, stop_at=stop_at), store)
    editor = Counter(remembers=remembers)
    values, engine = run(editor, store)
    assert values == run(Counter(remembers=remembers))[0]
    assert engine.resumed == 3 * (stop_at // 3) and editor.skipped == list(range(engine.resumed))
    assert editor.edited == list(range(engine.resumed, COUNT))


def test_a_chunk_whose_state_was_lost_is_made_anew() -> None:
    store = Memory()
    run(Counter(remembers=True), store)
    del store.states["mask_000001"]
    values, engine = run(editor := Counter(remembers=True), store)
    assert values == list(range(1, COUNT + 1))
    assert editor.edited == [3, 4, 5] and engine.resumed == COUNT - 3


def test_progress_tells_what_is_finished_while_more_is_worked_on() -> None:
    told: list[tuple[int, int | None]] = []
    run(Counter(), progress=lambda done, total: told.append((done, total)))
    assert told == [(3 * (output // 3), COUNT) for output in range(COUNT)]


def test_of_larger_pictures_fewer_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_FRAMES", 16)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 5 * 3 * SIDE * SIDE)
    store = Memory()
    run(Counter(), store)
    assert [len(store.chunks[number]) for number in sorted(store.chunks)] == [5, 5]
