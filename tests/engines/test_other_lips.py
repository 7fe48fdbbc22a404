"""Whatever draws the lips, with every choice around it: the frame keeps all that isn't pasted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.compute.batches import in_batches
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.originals import cut_plain, mean_ahead, padded_boxes
from retalk_nodes.retalk_core.crops.patch import Patch
from retalk_nodes.retalk_core.engines import retalk
from retalk_nodes.retalk_core.engines.base import LipsPlan
from retalk_nodes.retalk_core.engines.chunks import ChunkedEngine
from retalk_nodes.retalk_core.engines.cutter import Cutter
from retalk_nodes.retalk_core.engines.lender import Lender
from retalk_nodes.retalk_core.engines.likeness import Likeness, fit_track
from retalk_nodes.retalk_core.engines.retalk import RetalkEngine
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.mesh import oval_boxes
from retalk_nodes.retalk_core.faces.track import TrackedFace
from retalk_nodes.retalk_core.images import resize
from retalk_nodes.retalk_core.stages.expression import resolve_expression
from retalk_nodes.retalk_core.stages.lips.base import LipSyncer, SpeechWanted, Wants
from retalk_nodes.retalk_core.stages.lips.syncers import SYNCERS
from retalk_nodes.retalk_core.stages.options import Stages
from retalk_nodes.retalk_core.types import Expression, Frame, Progress, Samples
from scenes import FPS, babble, portrait, talking
from standins import (
    Face3DStandIn,
    HeadStandIn,
    LipGANStandIn,
    LNetStandIn,
    StandIn,
    stand_ins,
)
from torch import Tensor, nn

SIDE = 160
Edits = list[tuple[Frame, Patch | None]]


def frames_of(count: int) -> list[Frame]:
    pictures = talking(count, SIDE, portrait(SIDE))
    return [Frame(i, Fraction(i, FPS), pixels) for i, pixels in enumerate(pictures)]


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return frames_of(3)


@pytest.fixture(scope="module")
def tracked(frames: list[Frame]) -> TrackedFace:
    return track_faces(frames, load_face_networks())


@pytest.fixture(scope="module")
def likeness(frames: list[Frame], tracked: TrackedFace) -> Likeness:
    coefficients = fit_track(frames, tracked.track, Face3DStandIn())
    return Likeness(coefficients, resolve_expression(Expression(), coefficients, tracked.track.present))


def run(
    frames: Sequence[Frame],
    tracked: TrackedFace,
    stages: Stages,
    networks: dict[str, nn.Module],
    likeness: Likeness | None = None,
) -> Edits:
    """The engine over frames of a clip, with a voice that lasts as long."""
    syncer: LipSyncer = retalk.SYNCERS[stages.lips]
    rows = np.arange(len(frames))
    lent = LocalNetworks(device="cpu", precision="fp32", resident="together", lent=networks)
    plan = LipsPlan(
        rows,
        tracked.track.weight.numpy(),
        [frame.time for frame in frames],
        syncer.spectrogram(torch.from_numpy(babble(len(frames) / FPS + 0.5))),
    )
    editor = RetalkEngine(
        tracked.track,
        plan,
        stages,
        {place: need[0] for place, need in stages.needs.items()},
        Lender(lent, batch=2),
        Cutter(tracked.track),
        lambda wanted: [frames[row] for row in wanted],
        likeness,
    )
    engine = ChunkedEngine(editor, tracked.track, plan, together=syncer.wants.together)
    return list(engine.edits(iter(frames)))


def speaking() -> dict[str, nn.Module]:
    """Stand-ins that let the mouth follow the speech."""
    return stand_ins(
        lnet=LNetStandIn(0.05),
        wav2lip=LNetStandIn(0.05),
        wav2lip_gan=LNetStandIn(0.05),
        lipgan=LipGANStandIn(0.05),
        pcavs_g=HeadStandIn(0.3),
    )


@pytest.mark.parametrize("word", SYNCERS)
@pytest.mark.parametrize(
    ("neutralise", "enhance", "restore", "paste"),
    list(itertools.product((True, False), (True, False), ("gfpgan", "off"), ("face", "box"))),
)
def test_every_choice_around_every_network_edits_and_keeps_what_lies_outside(
    word: str,
    neutralise: bool,
    enhance: bool,
    restore: str,
    paste: str,
    frames: list[Frame],
    tracked: TrackedFace,
    likeness: Likeness,
) -> None:
    stages = Stages(
        lips=word,
        neutralise=neutralise,
        enhance=enhance,
        restore=restore,  # type: ignore[arg-type]
        paste=paste,  # type: ignore[arg-type]
    )
    networks = speaking()
    used = {key for need in stages.needs.values() for key in need}
    edits = run(frames, tracked, stages, {key: networks[key] for key in used}, likeness)
    assert [frame.index for frame, _ in edits] == [frame.index for frame in frames]
    for frame, patch in edits:
        assert patch is not None and patch.support.sum() > 300
        changed = (patch.pixels != frame.pixels[patch.box.slices]).any(axis=2)
        assert changed.any() and not (changed & ~patch.support).any()
    looked = {key for key, network in networks.items() if isinstance(network, StandIn) and network.pictures}
    unlooked = {"parser", "face3d"}  # they count otherwise, or were looked at before
    assert looked == used - unlooked


@pytest.mark.parametrize("word", SYNCERS)
def test_faces_come_back_to_where_they_were_cut(word: str, frames: list[Frame], tracked: TrackedFace) -> None:
    """Networks that give back what they see leave the frame as it was, but for their own pixels."""
    stages = Stages(lips=word, neutralise=False, enhance=False, restore="off")
    for frame, patch in run(frames, tracked, stages, stand_ins()):
        assert patch is not None
        off = patch.pixels.astype(float) - frame.pixels[patch.box.slices]
        assert np.sqrt((off[patch.support] ** 2).mean()) < 8
        assert abs(off[patch.support].mean()) < 2


@pytest.mark.parametrize("word", ["wav2lip", "lipgan"])
def test_a_whole_box_is_laid_shown_and_written_as_its_own_program_does_it(
    word: str, frames: list[Frame], tracked: TrackedFace
) -> None:
    networks = speaking()
    stages = Stages(lips=word, neutralise=False, enhance=False, restore="off", paste="box")
    edits = run(frames, tracked, stages, networks)
    boxes = padded_boxes(oval_boxes(tracked.track), (SIDE, SIDE), below=10 if word == "wav2lip" else 0)
    boxes = mean_ahead(boxes) if word == "wav2lip" else boxes
    shown = networks[word]
    assert isinstance(shown, StandIn)
    _, pairs = shown.inputs
    whole = pairs[:, 3:] if word == "wav2lip" else pairs[:, :3]
    for i, (frame, patch) in enumerate(edits):
        assert patch is not None
        box = patch.box
        assert [box.left, box.top, box.right, box.bottom] == boxes[i].tolist() and patch.support.all()
        affine = Cutter(tracked.track).framed(word).frame_to_crop[i].double().numpy()
        cut = cut_plain(frame.pixels, affine, word, 96)[..., ::-1].transpose(2, 0, 1)
        np.testing.assert_array_equal(whole[i], cut)


def test_a_whole_box_and_an_edited_upper_face_exclude_each_other() -> None:
    from retalk_nodes.retalk_core.errors import OptionError

    with pytest.raises(OptionError, match="covers the upper face"):
        Stages(paste="box", upper_face="sad")


def test_heads_need_no_calm_reference_of_their_own() -> None:
    alone = Stages(lips="pcavs", enhance=False, restore="off")
    assert not alone.calms and set(alone.needs) == {
        f"lips {key}" for key in ("pcavs_v", "pcavs_e", "pcavs_a_sync", "pcavs_g")
    }
    assert Stages(lips="pcavs", restore="off").calms and Stages(lips="lipgan", enhance=False).calms


# A network of another kind: it hears words, not a spectrogram, and draws sixteen frames together


class Embedded:
    """A feature of 24 numbers, 50 a second."""

    def __init__(self, samples: Samples | Tensor) -> None:
        self.samples = samples

    @property
    def shape(self) -> tuple[int, int]:
        return 24, len(self.samples) // 320


class Windowed(nn.Module):
    """Notes how many frames it sees at a time, and draws them all as bright as the first's speech."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.together: list[int] = []

    def forward(self, features: Tensor, faces: Tensor) -> Tensor:
        self.together.append(len(faces))
        return faces * 0.9 + 0.05 * features[:1, :, :1, :1]


class SixteenTogether:
    """A syncer of that kind: windows of frames, its own feature, larger pictures than others."""

    wants = Wants(
        "Sixteen together",
        ("lnet",),
        SpeechWanted("words", 24, 10, 50, Fraction(-2, 25)),
        side=256,
        seen=256,
        hidden="nothing",
        pictures=("whole", "whole"),
        reference="frame",
        together=16,
        noise=True,
    )

    def __init__(self) -> None:
        self.seeds: list[int | None] = []

    def spectrogram(self, samples: Samples | Tensor) -> Embedded:
        return Embedded(samples)

    def windows(self, heard: object, times: Sequence[Fraction]) -> Tensor:
        assert isinstance(heard, Embedded)
        return torch.stack([torch.full((1, 24, 10), float(time)) for time in times])

    def sync(
        self,
        networks: Mapping[str, nn.Module],
        faces: Tensor,
        references: Tensor,
        windows: Tensor,
        *,
        seed: int | None = None,
        batch_size: int,
        progress: Progress,
    ) -> Tensor:
        self.seeds.append(seed)
        small = resize(faces, self.wants.side)

        def draw(rows: slice) -> Tensor:
            shown, heard = (_filled(each[rows], self.wants.together) for each in (small, windows))
            return networks["lnet"](heard, shown.movedim(-1, 1)).movedim(1, -1)[: len(small[rows])]

        return in_batches(draw, len(windows), self.wants.together, progress)


def _filled(given: Tensor, count: int) -> Tensor:
    """As many as are drawn together: the last one again and again."""
    return torch.cat([given, given[-1:].expand(count - len(given), *given.shape[1:])])


@pytest.mark.parametrize("large", [False, True], ids=["small frames", "frames of which few go together"])
def test_networks_that_draw_sixteen_frames_together_and_hear_something_else_fit_in(
    large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, network = SixteenTogether(), Windowed()
    monkeypatch.setattr(retalk, "SYNCERS", {**SYNCERS, "lnet": toy})
    monkeypatch.setitem(SYNCERS, "lnet", toy)  # type: ignore[misc]  # what the options ask
    if large:
        monkeypatch.setattr("retalk_nodes.retalk_core.engines.chunks.CHUNK_BYTES", 4 * 3 * SIDE**2)
    shown = frames_of(20)
    track = track_faces(shown, load_face_networks())
    stages = Stages(enhance=False, restore="off", noise_seed=7)
    assert set(stages.needs) == {"lips lnet"}
    edits = run(shown, track, stages, {"lnet": network})
    assert network.together == [16, 16] and toy.seeds == [7, 7]
    assert len(edits) == 20 and all(patch is not None for _, patch in edits)
