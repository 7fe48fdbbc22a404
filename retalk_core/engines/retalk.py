"""The paper's engine: neutralise, sync, enhance, restore and paste back, a few output frames at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...models.faces.parsing import FaceParser
from ...models.lips.enet import MOUTH_SIDE
from ..covers.hold import hidden_rows
from ..crops.cut import reframe, reframe_masks
from ..crops.framing import SIDES
from ..crops.masks import face_masks
from ..crops.patch import Patch
from ..crops.region import Region
from ..stages.expression import EMOTIONS, action_units, edit_upper_face, neutralise_expression
from ..stages.lips.enet import enhance_identity
from ..stages.lips.syncers import SYNCERS
from ..stages.options import Stages
from ..stages.restore import parse_regions, restore_faces
from ..types import FaceTrack, Progress
from .base import FramesAt, LipsPlan, Part
from .chunks import edited_outputs
from .cutter import Cutter
from .lender import Lender
from .likeness import Likeness
from .references import ReferenceBank
from .steady_masks import SteadyMasks

RESTORER_FRAMING = {"gfpgan": "ffhq", "gpen": "gpen"}
PARSED_SIDE = 512  # of the faces that are parsed; the parser may look at fewer pixels
# Of the crop whose upper half is edited: the face's own size keeps its detail.
UPPER_SIDES = (384, 512, 768, 1024)


class RetalkEngine:
    """Edits frames with the paper's networks; `chunks.ChunkedEngine` lets it work through a stream."""

    def __init__(
        self,
        track: FaceTrack,
        plan: LipsPlan,
        stages: Stages,
        chosen: Mapping[str, str],
        lender: Lender,
        cutter: Cutter,
        frames_at: FramesAt,
        likeness: Likeness | None = None,
    ) -> None:
        """Get ready.

        chosen:   the network's key in the catalogue for each place that the stages need
        likeness: needed where `stages.calms`
        """
        self._track, self._plan, self._stages, self._likeness = track, plan, stages, likeness
        self._chosen, self._lender, self._cutter, self._frames_at = chosen, lender, cutter, frames_at
        self._syncer = SYNCERS[stages.lips]
        wants = self._syncer.wants
        self._framing = wants.own_framing if stages.paste == "box" else wants.framing
        # Of the faces that E-Net, the references and the mask go by: their boxes
        self._close = "face" if wants.covers == "head" else self._framing
        self._bank = ReferenceBank(plan.rows[edited_outputs(track, plan)])
        self._steady: SteadyMasks | None = None
        if stages.mask_smoothing > 0 and stages.restore != "off":
            self._steady = SteadyMasks(stages.mask_smoothing, track, plan.rows, plan.times)
        self._first_faces: dict[int, Tensor] = {}  # of each shot, where one picture serves it all

    # What the next part goes on from

    def skip(self, part: Part) -> None:
        """Pass over frames whose edits are there already."""
        for row in part.rows.tolist():
            self._bank.take(row)

    def state(self) -> Mapping[str, np.ndarray] | None:
        """What the next part's masks depend on; None where they stand alone."""
        return None if self._steady is None else self._steady.state

    def go_on_from(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what an earlier run had come to."""
        assert self._steady is not None
        self._steady.go_on_from(state)

    # The paper's figure, from left to right

    def edit(self, part: Part, progress: Progress) -> list[Patch | None]:
        """Give every face in a part its new mouth."""
        stages, wants = self._stages, self._syncer.wants
        faces = self._cutter.cut(self._close, part)
        references = self._references(part, faces, progress) if stages.refers else faces
        drawn, framing = self._sync(part, faces, references, progress), self._framing
        if stages.enhance:
            small = self._reframed(drawn, framing, self._close, part, faces, MOUTH_SIDE)
            drawn, framing = self._enhance(small, references, progress), self._close
        regions = self._cutter.open(part, self._pasted)
        if stages.paste == "box":
            weights = self._plan.show[part.outputs]
            self._cutter.put(framing, part, regions, drawn, weights=weights, rounds=wants.rounds)
        else:
            self._paste_faces(part, regions, drawn, framing, progress)
        if stages.restore != "off":
            restored, mouths = self._restore(part, regions, progress)
            self._paste(part, regions, restored, self._restorer_framing, mouths)
        return self._cutter.close(part, regions)

    def _paste_faces(
        self, part: Part, regions: Sequence[Region], drawn: Tensor, framing: str, progress: Progress
    ) -> None:
        """Blend drawn faces into the regions, behind those whose upper half is edited."""
        edited = self._stages.upper_face != "off"
        if edited:
            upper = self._edit_upper(part, progress)
            masks = self._masks(part, upper.shape[1], self._close, keep_upper=False)
            self._paste(part, regions, upper, self._close, masks)
        # An edited upper face is not covered by the redrawn one.
        masks = self._masks(part, drawn.shape[1], framing, keep_upper=self._stages.keep_upper or edited)
        self._paste(part, regions, drawn, framing, masks)

    def _references(self, part: Part, faces: Tensor, progress: Progress) -> Tensor:
        """What the faces look like while they say nothing, (n, 384, 384, 3) in the framing of `faces`."""
        found = {row: self._bank.take(row) for row in part.rows.tolist()}
        lacking = [i for row, i in _first_places(part.rows).items() if found[row] is None]
        if lacking:
            some = part[lacking]
            made = self._make_references(some, faces[lacking], progress)
            found.update(zip(some.rows.tolist(), made, strict=True))
        kept = {row: reference for row, reference in found.items() if reference is not None}
        for row, reference in kept.items():
            self._bank.keep(row, reference)
        return torch.stack([kept[row] for row in part.rows.tolist()])

    def _make_references(self, part: Part, faces: Tensor, progress: Progress) -> Tensor:
        """The frames themselves, neutralised and restored as the stages say."""
        here = self._cutter.crops(self._close, part)
        given, framed = faces, here
        if self._stages.neutralise:
            given, framed = self._neutralise(part, progress), self._cutter.crops("portrait", part)
        if self._stages.restore_reference:
            wide, around = self._cutter.crops("gpen", part), self._cutter.cut("gpen", part)
            sharp, _ = reframe(given, framed, wide, side=SIDES["gpen"], base=around)
            with self._lender.using("gpen", "restore reference") as (gpen, batch):
                given = restore_faces(gpen, sharp, batch_size=batch, progress=progress)
            framed = wide
        if framed.framing == here.framing:
            return given
        return reframe(given, framed, here, side=SIDES[here.framing], base=faces)[0]

    def _neutralise(self, part: Part, progress: Progress) -> Tensor:
        """The portraits with a calm expression, (n, 256, 256, 3)."""
        assert self._likeness is not None
        portraits = self._cutter.cut("portrait", part)
        if self._stages.one_shot:
            portraits = torch.stack([self._first_face(int(self._track.shot[row])) for row in part.rows])
        with self._lender.using("dnet", "neutralise") as (dnet, batch):
            return neutralise_expression(
                dnet,
                portraits,
                self._likeness.coefficients,
                self._likeness.expression,
                shot=self._track.shot,
                rows=part.rows.tolist(),
                batch_size=batch,
                progress=progress,
            )

    def _first_face(self, shot: int) -> Tensor:
        """The portrait (256, 256, 3) of a shot's first face."""
        if shot not in self._first_faces:
            seen = self._track.present.numpy() & ~hidden_rows(self._track)
            row = int(np.flatnonzero(seen & (self._track.shot == shot).numpy())[0])
            frame = next(iter(self._frames_at([row])))
            self._first_faces[shot] = self._cutter.cut_one("portrait", frame, row)
        return self._first_faces[shot]

    def _sync(self, part: Part, faces: Tensor, references: Tensor, progress: Progress) -> Tensor:
        """Faces whose lips follow the voice, (n, S, S, 3) of the syncer's own side, in its framing."""
        wants, stages = self._syncer.wants, self._stages
        shown = faces
        if wants.plain:
            shown = self._cutter.cut_plain(self._framing, part, wants.seen)
        elif self._framing != self._close:
            shown = self._cutter.cut(self._framing, part, wants.seen)
        # The frame itself is shown twice, from one cut.
        own = wants.reference == "frame" or not (stages.neutralise or stages.restore_reference)
        windows = self._syncer.windows(
            self._plan.spectrogram, [self._plan.times[output] for output in part.outputs]
        )
        with self._lender.using_all(wants.networks, "sync") as (networks, batch):
            return self._syncer.sync(
                networks,
                shown,
                shown if own else self._reframed(references, self._close, self._framing, part, shown),
                windows,
                seed=stages.noise_seed if wants.noise else None,
                batch_size=batch,
                progress=progress,
            )

    def _reframed(
        self, pictures: Tensor, source: str, target: str, part: Part, base: Tensor, side: int | None = None
    ) -> Tensor:
        """Pictures (n, S, S, 3) in another framing, the base's (n, S', S', 3) where they don't reach."""
        if source == target:
            return pictures
        here, there = self._cutter.crops(source, part), self._cutter.crops(target, part)
        return reframe(pictures, here, there, side=side or base.shape[1], base=base)[0]

    def _enhance(self, synced: Tensor, references: Tensor, progress: Progress) -> Tensor:
        """The same faces redrawn at four times the size, (n, 384, 384, 3)."""
        seed = self._stages.noise_seed
        with self._lender.using("enet", "enhance") as (enet, batch):
            return enhance_identity(enet, synced, references, seed=seed, batch_size=batch, progress=progress)

    def _edit_upper(self, part: Part, progress: Progress) -> Tensor:
        """The frames' own faces with other brows and eyes, (n, S, S, 3) at about their own size."""
        stages = self._stages
        faces = self._cutter.cut(self._close, part, self._upper_side)
        wanted = stages.action_units if stages.upper_face == "units" else EMOTIONS[stages.upper_face]
        with self._lender.using("ganimation", "upper face") as (ganimation, batch):
            return edit_upper_face(
                ganimation, faces, action_units(wanted), batch_size=batch, progress=progress
            )

    def _restore(self, part: Part, regions: Sequence[Region], progress: Progress) -> tuple[Tensor, Tensor]:
        """Faces restored with their new mouths (n, 512, 512, 3), and where these are (n, 512, 512)."""
        drawn = self._cutter.cut_edited(self._restorer_framing, part, regions)
        strength = self._stages.restore_strength
        with self._lender.using(self._chosen["restorer"], "restore") as (network, batch):
            restored = restore_faces(network, drawn, strength=strength, batch_size=batch, progress=progress)
        return restored, self._parse_mouths(part, restored, progress)

    def _parse_mouths(self, part: Part, restored: Tensor, progress: Progress) -> Tensor:
        """Where the mouths are in restored faces, (n, 512, 512).

        The parser is shown what the original program shows it: the face from forehead to chin.
        """
        aligned, close = self._cutter.crops(self._restorer_framing, part), self._cutter.crops("face", part)
        faces, _ = reframe(restored, aligned, close, side=PARSED_SIDE)
        with self._lender.using("parser", "parse") as (parser, batch):
            assert isinstance(parser, FaceParser)
            found = parse_regions(parser, faces, batch_size=batch, progress=progress)
        masks = reframe_masks(found, close, aligned, side=SIDES[self._restorer_framing])
        return masks if self._steady is None else self._steady.steady(masks, part.outputs)

    # Where it shows

    def _paste(
        self, part: Part, regions: Sequence[Region], crops: Tensor, framing: str, masks: Tensor
    ) -> None:
        """Blend crops (n, S, S, 3) into the regions under masks (n, S, S)."""
        weights, match = self._plan.show[part.outputs], self._stages.colour_match
        self._cutter.paste(framing, part, regions, crops, masks, weights=weights, colour_match=match)

    def _masks(self, part: Part, side: int, framing: str, *, keep_upper: bool) -> Tensor:
        """Where redrawn faces (n, side, side, 3) show, (n, side, side); what is laid is the face's box."""
        close = self._cutter.crops(self._close, part)
        masks = face_masks(close, side, keep_upper=keep_upper)
        if framing == self._close:
            return masks
        return reframe_masks(masks, close, self._cutter.crops(framing, part), side=side)

    @property
    def _restorer_framing(self) -> str:
        return RESTORER_FRAMING[self._chosen["restorer"]]

    @property
    def _pasted(self) -> list[str]:
        """The framings that something is pasted in."""
        restored = [] if self._stages.restore == "off" else [self._restorer_framing]
        return list(dict.fromkeys((self._framing, self._close, *restored)))

    @property
    def _upper_side(self) -> int:
        """Of the crops whose upper face is edited, in pixels: at least the face's own height."""
        boxes = self._track.boxes[self._track.present]
        height = float((boxes[:, 3] - boxes[:, 1]).median())
        return next((side for side in UPPER_SIDES if side >= height), UPPER_SIDES[-1])


def _first_places(rows: np.ndarray) -> dict[int, int]:
    """Where each row (n,) stands first."""
    first: dict[int, int] = {}
    for place, row in enumerate(rows.tolist()):
        first.setdefault(row, place)
    return first
