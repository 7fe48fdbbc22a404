"""The paper's engine: neutralise, sync, enhance, restore and paste back, a few output frames at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from ...models.faces.parsing import FaceParser
from ...models.lips.enet import MOUTH_SIDE, SIDE
from ...models.stylegan.tiles import Area
from ..covers.hold import hidden_rows
from ..crops.cut import reframe, reframe_masks
from ..crops.framing import SIDES
from ..crops.masks import face_masks
from ..crops.patch import Patch
from ..crops.region import Region
from ..stages.expression import EMOTIONS, action_units, edit_upper_face, neutralise_expression
from ..stages.lips.enet import enhance_identity, read_styles
from ..stages.lips.syncers import SYNCERS
from ..stages.options import Stages
from ..stages.restore import parse_regions, restore_faces
from ..types import FaceTrack, Progress
from .base import FramesAt, LipsPlan, Part
from .chunks import edited_outputs
from .cutter import Cutter
from .lender import Lender
from .likeness import Likeness
from .references import Reference, ReferenceBank
from .shown import crop_area, face_area, mouth_area, reached
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
        self._bank = ReferenceBank(cutter.first[plan.rows[edited_outputs(track, plan)]])
        self._steady: SteadyMasks | None = None
        if stages.mask_smoothing > 0 and stages.restore != "off":
            self._steady = SteadyMasks(stages.mask_smoothing, track, plan.rows, plan.times)
        self._first_faces: dict[int, Tensor] = {}  # of each shot, where one picture serves it all

    # What the next part goes on from

    def skip(self, part: Part) -> None:
        """Pass over frames whose edits are there already."""
        for row in self._cutter.first[part.rows].tolist():
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
        stages, faces = self._stages, self._cutter.cut(self._close, part)
        if stages.refers:
            references = self._references(part, faces, progress)
        else:
            references = [Reference(face) for face in faces]
        drawn, framing = self._sync(part, faces, references, progress), self._framing
        if stages.enhance:
            small = self._reframed(drawn, framing, self._close, part, faces, MOUTH_SIDE)
            framing = self._close
        masks = self._shown(part, SIDE if stages.enhance else drawn.shape[1], framing)
        if stages.enhance:
            drawn = self._enhance(small, references, masks, progress)
        regions = self._cutter.open(part, self._pasted)
        if stages.paste == "box":
            weights, rounds = self._plan.show[part.outputs], self._syncer.wants.rounds
            self._cutter.put(framing, part, regions, drawn, weights=weights, rounds=rounds)
        else:
            if stages.upper_face != "off":
                upper = self._edit_upper(part, progress)
                whole = self._masks(part, upper.shape[1], self._close, keep_upper=False)
                self._paste(part, regions, upper, self._close, whole)
            self._paste(part, regions, drawn, framing, masks)
        if stages.restore != "off":
            restored, mouths = self._restore(part, regions, progress)
            self._paste(part, regions, restored, self._restorer_framing, mouths)
        return self._cutter.close(part, regions)

    def _references(self, part: Part, faces: Tensor, progress: Progress) -> list[Reference]:
        """What the n faces look like while they say nothing, in the framing of `faces`."""
        part = replace(part, rows=self._cutter.first[part.rows])
        found = {row: self._bank.take(row) for row in part.rows.tolist()}
        lacking = [i for row, i in _first_places(part.rows).items() if found[row] is None]
        if lacking:
            some = part[lacking]
            made = self._make_references(some, faces[lacking], progress)
            found.update(zip(some.rows.tolist(), map(Reference, made), strict=True))
        kept = {row: reference for row, reference in found.items() if reference is not None}
        for row, reference in kept.items():
            self._bank.keep(row, reference)
        return [kept[row] for row in part.rows.tolist()]

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
                area = crop_area(here, wide, SIDES["gpen"])
                given = restore_faces(gpen, sharp, area=area, batch_size=batch, progress=progress)
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

    def _sync(self, part: Part, faces: Tensor, references: Sequence[Reference], progress: Progress) -> Tensor:
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
        looks = shown
        if not own:
            pictures = torch.stack([reference.picture for reference in references])
            looks = self._reframed(pictures, self._close, self._framing, part, shown)
        with self._lender.using_all(wants.networks, "sync") as (networks, batch):
            return self._syncer.sync(
                networks,
                shown,
                looks,
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

    def _enhance(
        self, synced: Tensor, references: Sequence[Reference], masks: Tensor, progress: Progress
    ) -> Tensor:
        """The same faces redrawn at four times the size where masks show them, (n, 384, 384, 3)."""
        seed, area = self._stages.noise_seed, face_area(masks)
        with self._lender.using("enet", "enhance") as (enet, batch):
            styles = _styles(enet, references, batch, progress)
            return enhance_identity(
                enet, synced, styles, seed=seed, area=area, batch_size=batch, progress=progress
            )

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
        areas = [self._mouth_area] * len(drawn)
        restored = self._restore_area(drawn, self._mouth_area, progress)
        masks = self._parse_mouths(part, restored, progress)
        for i, area in enumerate(areas):  # few mouths reach so far that more of the face has to be made
            while (needed := reached(masks[i], area)) != area:
                restored[i] = self._restore_area(drawn[i : i + 1], needed, progress)[0]
                masks[i] = self._parse_mouths(part[[i]], restored[i : i + 1], progress)[0]
                areas[i] = area = needed
        if self._steady is None:
            return restored, masks
        masks = self._steady.steady(masks, part.outputs)
        for i, area in enumerate(areas):  # mouths of earlier frames fade
            if (needed := reached(masks[i], area)) != area:
                restored[i] = self._restore_area(drawn[i : i + 1], needed, progress)[0]
        return restored, masks

    @cached_property
    def _mouth_area(self) -> Area:
        framing = self._restorer_framing
        return mouth_area(self._track, self._cutter.framed(framing), SIDES[framing])

    def _restore_area(self, drawn: Tensor, area: Area, progress: Progress) -> Tensor:
        strength = self._stages.restore_strength
        with self._lender.using(self._chosen["restorer"], "restore") as (network, batch):
            return restore_faces(
                network, drawn, strength=strength, area=area, batch_size=batch, progress=progress
            )

    def _parse_mouths(self, part: Part, restored: Tensor, progress: Progress) -> Tensor:
        """Where the mouths are in restored faces, (n, 512, 512).

        The parser is shown what the original program shows it: the face from forehead to chin.
        """
        aligned, close = self._cutter.crops(self._restorer_framing, part), self._cutter.crops("face", part)
        faces, _ = reframe(restored, aligned, close, side=PARSED_SIDE)
        with self._lender.using("parser", "parse") as (parser, batch):
            assert isinstance(parser, FaceParser)
            found = parse_regions(parser, faces, batch_size=batch, progress=progress)
        return reframe_masks(found, close, aligned, side=SIDES[self._restorer_framing])

    # Where it shows

    def _paste(
        self, part: Part, regions: Sequence[Region], crops: Tensor, framing: str, masks: Tensor
    ) -> None:
        """Blend crops (n, S, S, 3) into the regions under masks (n, S, S)."""
        weights, match = self._plan.show[part.outputs], self._stages.colour_match
        self._cutter.paste(framing, part, regions, crops, masks, weights=weights, colour_match=match)

    def _shown(self, part: Part, side: int, framing: str) -> Tensor:
        """Where drawn faces of `side` pixels show, (n, side, side)."""
        if self._stages.paste == "box":
            return torch.ones(len(part.rows), side, side)
        # An edited upper face is not covered by the redrawn one.
        keep_upper = self._stages.keep_upper or self._stages.upper_face != "off"
        return self._masks(part, side, framing, keep_upper=keep_upper)

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


def _styles(enet: nn.Module, references: Sequence[Reference], batch: int, progress: Progress) -> Tensor:
    """The looks of references as E-Net reads them, (n, 512); each is read once."""
    lacking = list({id(each): each for each in references if each.style is None}.values())
    if lacking:
        pictures = torch.stack([each.picture for each in lacking])
        styles = read_styles(enet, pictures, batch_size=batch, progress=progress)
        for each, style in zip(lacking, styles, strict=True):
            each.style = style
    return torch.stack([each.style for each in references if each.style is not None])
