"""The paper's engine with stand-ins for its networks: what reaches them, and what reaches the frame."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.cut import cut_crop, reframe
from retalk_nodes.retalk_core.crops.framing import frame_faces
from retalk_nodes.retalk_core.crops.patch import Patch, paste_patch
from retalk_nodes.retalk_core.engines import chunks
from retalk_nodes.retalk_core.engines.base import LipsPlan
from retalk_nodes.retalk_core.engines.chunks import ChunkedEngine
from retalk_nodes.retalk_core.engines.cutter import Cutter
from retalk_nodes.retalk_core.engines.lender import Lender
from retalk_nodes.retalk_core.engines.likeness import Likeness, fit_track
from retalk_nodes.retalk_core.engines.references import ReferenceBank
from retalk_nodes.retalk_core.engines.retalk import RetalkEngine
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.track import TrackedFace
from retalk_nodes.retalk_core.stages.expression import resolve_expression
from retalk_nodes.retalk_core.stages.options import Stages
from retalk_nodes.retalk_core.stages.speech import log_mel
from retalk_nodes.retalk_core.types import Expression, Frame, Progress, silent
from scenes import FPS, babble, portrait, talking
from standins import (
    DarkeningRestorer,
    DNetStandIn,
    ENetStandIn,
    Face3DStandIn,
    LNetStandIn,
    ParserStandIn,
    PulsingParser,
    RestorerStandIn,
    stand_ins,
)
from torch import Tensor, nn

COUNT = 5
Edits = list[tuple[Frame, Patch | None]]


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """A portrait that moves head and jaw, 200 pixels square."""
    pictures = talking(COUNT, 200, portrait(200))
    return [Frame(i, Fraction(i, FPS), pixels) for i, pixels in enumerate(pictures)]


@pytest.fixture(scope="module")
def tracked(frames: list[Frame]) -> TrackedFace:
    return track_faces(frames, load_face_networks())


@pytest.fixture(scope="module")
def likeness(frames: list[Frame], tracked: TrackedFace) -> Likeness:
    coefficients = fit_track(frames, tracked.track, Face3DStandIn())
    return Likeness(coefficients, resolve_expression(Expression(), coefficients, tracked.track.present))


@pytest.fixture(scope="module")
def mel() -> Tensor:
    return log_mel(torch.from_numpy(babble(COUNT / FPS + 0.3)))


@pytest.fixture
def edit(tracked: TrackedFace, likeness: Likeness, frames: list[Frame], mel: Tensor) -> Callable[..., Edits]:
    """Run the engine over frames of the clip."""

    def run(
        networks: dict[str, nn.Module],
        stages: Stages,
        *,
        shown: Sequence[Frame] = frames,
        rows: Sequence[int] | None = None,
        spoken: Tensor = mel,
        batch: int = 2,
        progress: Progress = silent,
        face_boxes: np.ndarray | None = None,
        smooth_boxes: bool = True,
    ) -> Edits:
        chosen = np.arange(len(shown)) if rows is None else np.array(rows)
        times = [Fraction(i, FPS) for i in range(len(chosen))]
        show = tracked.track.weight.numpy()[chosen]

        def frames_at(wanted: Sequence[int]) -> Iterable[Frame]:
            return [shown[row] for row in wanted]

        lent = LocalNetworks(device="cpu", precision="fp32", resident="together", lent=networks)
        plan = LipsPlan(chosen, show, times, spoken)
        places = {place: need[0] for place, need in stages.needs.items()}
        lender, cutter = (
            Lender(lent, batch=batch),
            Cutter(tracked.track, face_boxes=face_boxes, smooth=smooth_boxes),
        )
        editor = RetalkEngine(tracked.track, plan, stages, places, lender, cutter, frames_at, likeness)
        engine = ChunkedEngine(editor, tracked.track, plan, progress=progress)
        return list(engine.edits(shown[row] for row in chosen))

    return run


def pasted(edits: Edits) -> list[np.ndarray]:
    results = []
    for frame, patch in edits:
        pixels = frame.pixels.copy()
        if patch is not None:
            paste_patch(pixels, patch)
        results.append(pixels)
    return results


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = float(((one.astype(np.float64) - other) ** 2).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


# Networks that give back what they get must give back the clip


@pytest.mark.parametrize("preset", ["fast", "paper", "original"])
def test_networks_that_change_nothing_leave_the_face_as_it_was(
    edit: Callable[..., Edits], frames: list[Frame], preset: str
) -> None:
    edits = edit(stand_ins(), Stages.of(preset))  # type: ignore[arg-type]
    for (frame, patch), result in zip(edits, pasted(edits), strict=True):
        assert patch is not None and patch.support.sum() > 500
        # D-Net's portrait has 256 pixels for the whole head, so a little sharpness goes
        inside = patch.box.slices
        assert psnr(result[inside], frame.pixels[inside]) > 33


@pytest.mark.parametrize(
    ("neutralise", "enhance", "restore", "upper_face", "reference", "keep_upper"),
    [
        combination
        for i, combination in enumerate(
            itertools.product(
                (True, False),
                (True, False),
                ("off", "gfpgan", "gpen"),
                ("off", "angry"),
                (True, False),
                (True, False),
            )
        )
    ],
)
def test_every_combination_of_stages_runs(
    edit: Callable[..., Edits],
    frames: list[Frame],
    neutralise: bool,
    enhance: bool,
    restore: str,
    upper_face: str,
    reference: bool,
    keep_upper: bool,
) -> None:
    stages = Stages(
        neutralise=neutralise,
        enhance=enhance,
        restore=restore,  # type: ignore[arg-type]
        upper_face=upper_face,  # type: ignore[arg-type]
        restore_reference=reference,
        keep_upper=keep_upper,
    )
    lent = stand_ins(lnet=LNetStandIn(0.03))
    edits = edit(lent, stages, shown=frames[:2])
    assert [frame.index for frame, _ in edits] == [0, 1]
    assert lent["lnet"].pictures == 2
    assert lent["dnet"].pictures == (2 if neutralise else 0)
    assert lent["enet"].pictures == (2 if enhance else 0)
    assert lent["gfpgan"].pictures == (2 if restore == "gfpgan" else 0)
    assert lent["gpen"].pictures == 2 * ((restore == "gpen") + reference)
    assert lent["ganimation"].pictures == (2 if upper_face == "angry" else 0)
    assert lent["parser"].pictures == (2 if restore != "off" else 0)
    for frame, patch in edits:
        assert patch is not None
        inside = frame.pixels[patch.box.slices]
        assert (patch.pixels != inside)[patch.support].mean() > 0.2


# What reaches which network


def test_an_old_mouth_does_not_reach_the_new_one(
    edit: Callable[..., Edits], frames: list[Frame], tracked: TrackedFace
) -> None:
    """The point of D-Net: with one picture as the looks of all, no frame's old lips leak into new ones."""
    chin = float(tracked.track.mesh[2, 152, 1])
    nose = float(tracked.track.mesh[2, 1, 1])
    middle = float(tracked.track.boxes[2, [1, 3]].mean()) + 4
    changed = [replace(frame, picture=frame.pixels.copy()) for frame in frames]
    left, right = (int(x) for x in tracked.track.boxes[2, [0, 2]])
    lower = slice(int(max(nose, middle)) + 2, int(chin)), slice(left, right)
    noise = np.random.default_rng(0).integers(0, 255, changed[2].pixels[lower].shape)
    changed[2].pixels[lower] = noise

    made = []
    for clip in (frames, changed):
        lent = stand_ins(lnet=LNetStandIn(0.05), enet=ENetStandIn())
        edit(lent, Stages(one_shot=True, restore="off"), shown=clip)
        made.append(lent["enet"].outputs)
    assert torch.equal(made[0], made[1])

    lent = stand_ins()  # without D-Net the frame's own mouth is what L-Net takes its looks from
    edit(lent, Stages(neutralise=False, restore="off"), shown=changed)
    assert not torch.equal(lent["enet"].outputs[2], made[0][2])


def test_speech_moves_the_frames_that_hear_it_and_no_others(edit: Callable[..., Edits], mel: Tensor) -> None:
    spoken = mel.clone()
    first = 80 * 3 // FPS + 15  # the last column that frame 3 hears; frame 2 ends before it
    spoken[:, first] += 1.0
    spoken[:, first + 1 :] = spoken[:, first + 1 :]
    made = []
    for each in (mel, spoken):
        lent = stand_ins(lnet=LNetStandIn(0.05))
        edit(lent, Stages(restore="off"), spoken=each)
        made.append(lent["enet"].outputs)
    same = [torch.equal(one, other) for one, other in zip(*made, strict=True)]
    assert same[:3] == [True, True, True] and not same[3]


def test_lnet_sees_no_lower_half_and_enet_sees_the_reference(
    edit: Callable[..., Edits], frames: list[Frame]
) -> None:
    lent = stand_ins()
    edit(lent, Stages(restore="off"))
    _, faces = lent["lnet"].inputs
    assert (faces[:, :3, 48:] == 0).all()
    assert faces[:, :3, :48].std() > 0.05
    _, looks = lent["enet"].inputs
    assert looks.shape == (COUNT, 3, 384, 384)
    small = nn.functional.interpolate(looks, size=(96, 96), mode="bilinear")
    torch.testing.assert_close(small, faces[:, 3:])


def test_one_shot_shows_dnet_the_first_face_in_every_pose(
    edit: Callable[..., Edits], likeness: Likeness
) -> None:
    lent = stand_ins()
    edit(lent, Stages(one_shot=True, restore="off"))
    pictures, windows = lent["dnet"].inputs
    assert all(torch.equal(picture, pictures[0]) for picture in pictures)
    assert not torch.equal(windows[0], windows[4])


class WatchedParser(ParserStandIn):
    """Keeps what it is shown, and sees no mouth, so that it is shown each face once."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Tensor] = []

    def forward(self, picture: Tensor) -> Tensor:
        self.shown.append(picture.clone())
        logits = super().forward(picture)
        logits[:, 2] = -9.0
        return logits


@pytest.mark.parametrize("smooth", [True, False])
def test_a_detectors_boxes_frame_the_face_for_lips_and_parser(
    edit: Callable[..., Edits], frames: list[Frame], tracked: TrackedFace, smooth: bool
) -> None:
    trembling = np.random.default_rng(0).normal((-9, -3, 5, 8), 2, (COUNT, 4))
    boxes = tracked.track.boxes.numpy() + trembling
    lent = stand_ins(parser=WatchedParser())
    edit(lent, Stages(neutralise=False), face_boxes=boxes, smooth_boxes=smooth)

    framed = frame_faces(tracked.track, "face", boxes=boxes, smooth=smooth)
    cut = [cut_crop(f.pixels, affine, 384) for f, affine in zip(frames, framed.frame_to_crop, strict=True)]
    faces = torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2)
    torch.testing.assert_close(lent["enet"].inputs[1], faces.flip(1))
    restored = lent["gfpgan"].outputs.permute(0, 2, 3, 1).add(1).div(2)
    parsed, _ = reframe(restored, frame_faces(tracked.track, "ffhq"), framed, side=512)
    seen = torch.cat(lent["parser"].shown).permute(0, 2, 3, 1).add(1).div(2)
    torch.testing.assert_close(seen, parsed)


# No network runs twice on the same picture


def test_a_frame_that_is_shown_again_is_neutralised_once(edit: Callable[..., Edits]) -> None:
    rows = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2]
    lent = stand_ins(gpen=RestorerStandIn())
    again = edit(lent, Stages.of("original"), rows=rows)
    assert lent["dnet"].pictures == 5
    assert lent["gpen"].pictures == 5
    assert lent["gfpgan"].pictures == len(rows)  # each with a mouth of its own
    once = edit(stand_ins(), Stages.of("original"), rows=[2, 2])
    assert psnr(pasted(again)[2], pasted(once)[0]) > 60  # the voice differs, these stand-ins do not hear it


def test_a_still_picture_is_neutralised_once(edit: Callable[..., Edits]) -> None:
    lent = stand_ins(dnet=DNetStandIn())
    edit(lent, Stages.of("fast"), rows=[0] * 20)
    assert lent["dnet"].pictures == 1
    assert lent["lnet"].pictures == 20


def test_the_bank_keeps_what_is_needed_soonest() -> None:
    bank = ReferenceBank(np.array([0, 1, 2, 2, 1, 0]), most=2)
    for row in (0, 1, 2):
        assert bank.take(row) is None
        bank.keep(row, torch.tensor([row]))
    assert bank.take(2) is not None and bank.take(1) is not None
    assert bank.take(0) is None  # it would have been needed last


# The same whatever the batch


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_the_number_of_pictures_at_a_time_changes_nothing(edit: Callable[..., Edits], batch: int) -> None:
    stages = Stages.of("original", upper_face="sad")
    for one, other in zip(
        pasted(edit(stand_ins(lnet=LNetStandIn(0.05)), stages, batch=batch)),
        pasted(edit(stand_ins(lnet=LNetStandIn(0.05)), stages, batch=2)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("batch", "chunk"), [(1, 16), (3, 2), (16, 3)])
def test_masks_are_smoothed_the_same_wherever_batches_and_chunks_begin(
    edit: Callable[..., Edits], monkeypatch: pytest.MonkeyPatch, batch: int, chunk: int
) -> None:
    def run(seconds: float, **more: int) -> list[np.ndarray]:
        lent = stand_ins(gfpgan=DarkeningRestorer(), parser=PulsingParser())
        return pasted(edit(lent, Stages(neutralise=False, mask_smoothing=seconds), **more))

    plain, smooth = run(0.0), run(0.2)
    assert [np.array_equal(*pair) for pair in zip(plain, smooth, strict=True)] == [True, *[False] * 4]
    monkeypatch.setattr(chunks, "CHUNK_FRAMES", chunk)
    for one, other in zip(run(0.2, batch=batch), smooth, strict=True):
        np.testing.assert_array_equal(one, other)


def test_progress_is_told_while_networks_run_and_may_stop_them(edit: Callable[..., Edits]) -> None:
    told: list[tuple[int, int | None]] = []

    def tell(done: int, total: int | None) -> None:
        told.append((done, total))
        if len(told) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edit(stand_ins(), Stages.of("paper"), progress=tell)
    assert set(told) == {(0, COUNT)}


def test_of_whole_frames_only_one_is_kept_while_coefficients_are_fitted(
    frames: list[Frame], tracked: TrackedFace
) -> None:
    alive: list[weakref.ref[Frame]] = []

    def stream() -> Iterator[Frame]:
        for given in frames:
            assert sum(ref() is not None for ref in alive) <= 1
            frame = replace(given, picture=given.pixels.copy())
            alive.append(weakref.ref(frame))
            yield frame
            del frame

    fit_track(stream(), tracked.track, Face3DStandIn())
    assert len(alive) == COUNT


# Pictures that are shown again


def test_a_picture_that_is_shown_again_is_fitted_neutralised_and_restored_once(
    frames: list[Frame], mel: Tensor
) -> None:
    shown = [Frame(i, Fraction(i, FPS), frames[row].picture) for i, row in enumerate((0, 0, 0, 1, 1, 2))]
    tracked = track_faces(shown, load_face_networks())
    seen: list[int] = []

    class Regressor(Face3DStandIn):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return super().forward(x)

    coefficients = fit_track(shown, tracked.track, Regressor())
    assert sum(seen) == 3
    assert torch.equal(coefficients.expression[0], coefficients.expression[2])
    likeness = Likeness(coefficients, resolve_expression(Expression(), coefficients, tracked.track.present))

    def run(rows: Sequence[int]) -> tuple[dict[str, nn.Module], list[np.ndarray]]:
        lent, stages = stand_ins(lnet=LNetStandIn(0.0)), Stages.of("original", upper_face="off")
        plan = LipsPlan(np.array(rows), np.ones(len(rows), np.float32), [Fraction(0)] * len(rows), mel)
        provider = LocalNetworks(device="cpu", precision="fp32", resident="together", lent=lent)
        places = {place: need[0] for place, need in stages.needs.items()}
        editor = RetalkEngine(
            tracked.track,
            plan,
            stages,
            places,
            Lender(provider, batch=2),
            Cutter(tracked.track),
            lambda wanted: [shown[row] for row in wanted],
            likeness,
        )
        edits = ChunkedEngine(editor, tracked.track, plan).edits(shown[row] for row in rows)
        return lent, pasted(list(edits))

    lent, made = run(range(6))
    assert lent["dnet"].pictures == 3 and lent["gpen"].pictures == 3
    assert lent["lnet"].pictures == 6  # each frame says something else
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[2], made[3])
    backwards, again = run(range(5, -1, -1))
    assert backwards["dnet"].pictures == 3
    for one, other in zip(made, again[::-1], strict=True):
        np.testing.assert_array_equal(one, other)
