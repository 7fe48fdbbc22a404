"""The paper's engine: neutralise, sync, enhance, restore and paste back, a few output frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from ...models.faces.parsing import FaceParser
from ..compute.batches import device_of
from ..compute.memory import batch_size_for, free_memory
from ..compute.provider import NetworkProvider
from ..crops.affine import take_rows
from ..crops.cut import cut_crop, reframe, reframe_masks
from ..crops.framing import SIDES, frame_faces
from ..crops.masks import face_masks
from ..crops.patch import Patch
from ..crops.region import Region, close_region, open_region
from ..resume.store import Store
from ..stages.expression import EMOTIONS, action_units, edit_upper_face, neutralise_expression
from ..stages.lips.enet import enhance_identity
from ..stages.lips.lnet import sync_lips
from ..stages.options import Stages
from ..stages.restore import parse_regions, restore_faces
from ..stages.speech import cut_windows
from ..types import FaceTrack, Frame, Progress, silent
from .likeness import Likeness
from .references import ReferenceBank
from .steady_masks import SteadyMasks

CHUNK = 16  # output frames that go through the stages together; resuming counts in them
CHUNK_BYTES = 100_000_000  # of those frames; of larger pictures fewer go together
RESTORER_FRAMING = {"gfpgan": "ffhq", "gpen": "gpen"}
PARSED_SIDE = 512  # of the faces that are parsed; the parser may look at fewer pixels
UPPER_SIDES = (
    384,
    512,
    768,
    1024,
)  # of the crop whose upper half is edited: the face's own size keeps its detail

Timed = Callable[[str], AbstractContextManager[None]]
FramesAt = Callable[[Sequence[int]], Iterable[Frame]]


@dataclass(frozen=True, eq=False)
class LipsPlan:
    """What is shown and said in each of T output frames."""

    rows: np.ndarray  # (T,) the row of the track that is shown
    show: np.ndarray  # (T,) 0..1; how far the edit shows, 0 leaves the frame alone
    times: Sequence[Fraction]  # T seconds
    mel: Tensor  # (80, columns) log-mel spectrogram of the voice


@dataclass(frozen=True, eq=False)
class Part:
    """The n frames of a chunk that are edited."""

    frames: Sequence[Frame]
    outputs: np.ndarray  # (n,) their numbers in the output
    rows: np.ndarray  # (n,) the rows of the track that they show


def _untimed(stage: str) -> AbstractContextManager[None]:
    return nullcontext()


class RetalkEngine:
    """Edits a stream of frames with the paper's networks; memory doesn't grow with the clip."""

    def __init__(
        self,
        track: FaceTrack,
        plan: LipsPlan,
        likeness: Likeness | None,
        frames_at: FramesAt,
        networks: NetworkProvider,
        stages: Stages,
        *,
        restorer: str = "",
        batch: int | None = None,
        store: Store | None = None,
        face_boxes: np.ndarray | None = None,
        smooth_boxes: bool = True,
        timed: Timed = _untimed,
        progress: Progress = silent,
    ) -> None:
        """Get ready.

        likeness:     needed where `stages.neutralise`
        frames_at:    decodes the frames of the given rows of the track, which are in rising order
        restorer:     key of the network that restores the mouth, where `stages.restore` isn't off
        batch:        pictures that a network sees at a time; None: as memory allows
        store:          keeps finished chunks, and lends those of an earlier run
        face_boxes:   (T, 4) a detector's boxes of the track's faces; None: those of their meshes
        smooth_boxes: over time
        timed:        makes a context that notes the seconds spent in a stage
        progress:     told the frames done, again and again while networks run; may raise to stop the work
        """
        self._track, self._plan, self._likeness = track, plan, likeness
        self._frames_at, self._networks, self._stages = frames_at, networks, stages
        self._restorer, self._batch, self._kept, self._timed = restorer, batch, store, timed
        framings = ("portrait", "face", *RESTORER_FRAMING.values())
        self._crops = {
            framing: frame_faces(track, framing, boxes=face_boxes, smooth=smooth_boxes)
            for framing in framings
        }
        shown = [self._shows(output) for output in range(len(plan.rows))]
        self._bank = ReferenceBank(plan.rows[shown])
        self._steady: SteadyMasks | None = None
        if stages.mask_smoothing > 0 and stages.restore != "off":
            self._steady = SteadyMasks(stages.mask_smoothing, track, plan.rows, plan.times)
        self._first_faces: dict[int, Tensor] = {}  # of each shot, where one picture serves it all
        height, width = track.frame_size
        self._chunk = int(np.clip(CHUNK_BYTES // (3 * height * width), 2, CHUNK))
        self._progress = progress
        self._beat: Progress = silent
        self.resumed = 0  # output frames taken over from an earlier run

    def edits(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Patch | None]]:
        """Pair each output frame, in order, with the pixels to put into it (None: it stays as it is)."""
        stream, count = iter(frames), len(self._plan.rows)
        for number, start in enumerate(range(0, count, self._chunk)):
            outputs = np.arange(start, min(start + self._chunk, count))
            self._beat = _beat(self._progress, start, count)
            taken = list(islice(stream, len(outputs)))
            yield from zip(taken, self._patches(number, outputs, taken), strict=True)

    def _patches(self, number: int, outputs: np.ndarray, frames: Sequence[Frame]) -> list[Patch | None]:
        """The edits of one chunk, from an earlier run if it got so far."""
        shown = [i for i, output in enumerate(outputs) if self._shows(output)]
        part = Part([frames[i] for i in shown], outputs[shown], self._plan.rows[outputs[shown]])
        stored = self._stored(number)
        if stored is not None:
            for row in part.rows.tolist():
                self._bank.take(row)
            self.resumed += len(outputs)
            return stored
        patches: list[Patch | None] = [None] * len(outputs)
        if shown:
            for i, patch in zip(shown, self._edit(part), strict=True):
                patches[i] = patch
        self._store(number, patches)
        return patches

    def _stored(self, number: int) -> list[Patch | None] | None:
        """The edits of a chunk, where all is there that the next one goes on from."""
        patches = self._kept.read(number) if self._kept is not None else None
        if patches is None or self._kept is None or self._steady is None:
            return patches
        state = self._kept.read_state(f"mask_{number:06}")
        if state is None:
            return None
        self._steady.go_on_from(state)
        return patches

    def _store(self, number: int, patches: Sequence[Patch | None]) -> None:
        """Keep what the next chunk goes on from, then the chunk itself."""
        if self._kept is None:
            return
        if self._steady is not None:
            self._kept.write_state(f"mask_{number:06}", self._steady.state)
        self._kept.write(number, patches)

    def _shows(self, output: int) -> bool:
        return bool(self._plan.show[output] > 0 and self._track.present[self._plan.rows[output]])

    # The paper's figure, from left to right

    def _edit(self, part: Part) -> list[Patch | None]:
        """Give every face in a part its new mouth."""
        faces = self._cut("face", part.frames, part.rows)
        references = self._references(part, faces)
        synced = self._sync(part, faces, references)
        redrawn = self._enhance(synced, references) if self._stages.enhance else synced
        regions = [self._open(frame, row) for frame, row in zip(part.frames, part.rows, strict=True)]
        if self._stages.upper_face != "off":
            upper = self._edit_upper(part)
            self._paste(part, regions, upper, "face", self._faces_of(part, upper, keep_upper=False))
        # An edited upper face is not covered by the redrawn one.
        keep_upper = self._stages.keep_upper or self._stages.upper_face != "off"
        self._paste(part, regions, redrawn, "face", self._faces_of(part, redrawn, keep_upper))
        if self._stages.restore != "off":
            framing = RESTORER_FRAMING[self._restorer]
            restored, mouths = self._restore(part, regions, framing)
            self._paste(part, regions, restored, framing, mouths)
        return [
            close_region(region, frame.pixels) for region, frame in zip(regions, part.frames, strict=True)
        ]

    def _references(self, part: Part, faces: Tensor) -> Tensor:
        """What the faces look like while they say nothing, (n, 384, 384, 3) in the framing of `faces`."""
        found = {row: self._bank.take(row) for row in part.rows.tolist()}
        first = {row: i for i, row in reversed(list(enumerate(part.rows.tolist())))}
        lacking = [i for row, i in sorted(first.items(), key=lambda item: item[1]) if found[row] is None]
        if lacking:
            some = Part([part.frames[i] for i in lacking], part.outputs[lacking], part.rows[lacking])
            made = self._make_references(some, faces[lacking])
            found.update(zip(some.rows.tolist(), made, strict=True))
        for row, reference in found.items():
            assert reference is not None
            self._bank.keep(row, reference)
        return torch.stack([found[row] for row in part.rows.tolist()])  # type: ignore[misc]

    def _make_references(self, part: Part, faces: Tensor) -> Tensor:
        """The frames themselves, neutralised and restored as the stages say."""
        here = self._crops["face"]
        given, framed = faces, take_rows(here, part.rows)
        if self._stages.neutralise:
            given, framed = self._neutralise(part), take_rows(self._crops["portrait"], part.rows)
        if self._stages.restore_reference:
            wide = take_rows(self._crops["gpen"], part.rows)
            around = self._cut("gpen", part.frames, part.rows)
            sharp, _ = reframe(given, framed, wide, side=SIDES["gpen"], base=around)
            with self._using("gpen", "restore reference") as (gpen, batch):
                given = restore_faces(gpen, sharp, batch_size=batch, progress=self._beat)
            framed = wide
        if framed.framing == here.framing:
            return given
        return reframe(given, framed, take_rows(here, part.rows), side=SIDES["face"], base=faces)[0]

    def _neutralise(self, part: Part) -> Tensor:
        """The portraits with a calm expression, (n, 256, 256, 3)."""
        assert self._likeness is not None
        portraits = self._cut("portrait", part.frames, part.rows)
        if self._stages.one_shot:
            portraits = torch.stack([self._first_face(int(self._track.shot[row])) for row in part.rows])
        with self._using("dnet", "neutralise") as (dnet, batch):
            return neutralise_expression(
                dnet,
                portraits,
                self._likeness.coefficients,
                self._likeness.expression,
                shot=self._track.shot,
                rows=part.rows.tolist(),
                batch_size=batch,
                progress=self._beat,
            )

    def _first_face(self, shot: int) -> Tensor:
        """The portrait (256, 256, 3) of a shot's first face."""
        if shot not in self._first_faces:
            row = int(np.flatnonzero((self._track.present & (self._track.shot == shot)).numpy())[0])
            frame = next(iter(self._frames_at([row])))
            self._first_faces[shot] = self._cut("portrait", [frame], np.array([row]))[0]
        return self._first_faces[shot]

    def _sync(self, part: Part, faces: Tensor, references: Tensor) -> Tensor:
        """Small faces whose lips follow the voice, (n, 96, 96, 3)."""
        mel = cut_windows(self._plan.mel, [self._plan.times[output] for output in part.outputs])
        with self._using("lnet", "sync") as (lnet, batch):
            return sync_lips(lnet, faces, references, mel, batch_size=batch, progress=self._beat)

    def _enhance(self, synced: Tensor, references: Tensor) -> Tensor:
        """The same faces redrawn at four times the size, (n, 384, 384, 3)."""
        seed = self._stages.noise_seed
        with self._using("enet", "enhance") as (enet, batch):
            return enhance_identity(
                enet, synced, references, seed=seed, batch_size=batch, progress=self._beat
            )

    def _edit_upper(self, part: Part) -> Tensor:
        """The frames' own faces with other brows and eyes, (n, S, S, 3) at about their own size."""
        boxes = self._track.boxes[self._track.present]
        height = float((boxes[:, 3] - boxes[:, 1]).median())
        side = next((side for side in UPPER_SIDES if side >= height), UPPER_SIDES[-1])
        faces = self._cut("face", part.frames, part.rows, side)
        stages = self._stages
        wanted = stages.action_units if stages.upper_face == "units" else EMOTIONS[stages.upper_face]
        units = action_units(wanted)
        with self._using("ganimation", "upper face") as (ganimation, batch):
            return edit_upper_face(ganimation, faces, units, batch_size=batch, progress=self._beat)

    def _restore(self, part: Part, regions: Sequence[Region], framing: str) -> tuple[Tensor, Tensor]:
        """Faces restored with their new mouths (n, 512, 512, 3), and where these are (n, 512, 512)."""
        affines = self._crops[framing].frame_to_crop[part.rows]
        pairs = zip(regions, affines, strict=True)
        drawn = torch.stack([region.cut(affine, SIDES[framing]) for region, affine in pairs])
        strength = self._stages.restore_strength
        with self._using(self._restorer, "restore") as (network, batch):
            restored = restore_faces(network, drawn, strength=strength, batch_size=batch, progress=self._beat)
        return restored, self._parse_mouths(part, restored, framing)

    def _parse_mouths(self, part: Part, restored: Tensor, framing: str) -> Tensor:
        """Where the mouths are in restored faces, (n, 512, 512).

        The parser is shown what the original program shows it: the face from forehead to chin.
        """
        aligned, close = (take_rows(self._crops[each], part.rows) for each in (framing, "face"))
        faces, _ = reframe(restored, aligned, close, side=PARSED_SIDE)
        with self._using("parser", "parse") as (parser, batch):
            assert isinstance(parser, FaceParser)
            found = parse_regions(parser, faces, batch_size=batch, progress=self._beat)
        masks = reframe_masks(found, close, aligned, side=SIDES[framing])
        return masks if self._steady is None else self._steady.steady(masks, part.outputs)

    # Crops and regions

    def _cut(
        self, framing: str, frames: Sequence[Frame], rows: np.ndarray, side: int | None = None
    ) -> Tensor:
        """Crops of frames that show the given rows, (n, side, side, 3)."""
        affines = self._crops[framing].frame_to_crop[rows].numpy()
        with self._timed("crop and paste"):
            pairs = zip(frames, affines, strict=True)
            crops = [cut_crop(frame.pixels, affine, side or SIDES[framing]) for frame, affine in pairs]
            return torch.from_numpy(np.stack(crops))

    def _open(self, frame: Frame, row: int) -> Region:
        framings = ["face"] if self._stages.restore == "off" else ["face", RESTORER_FRAMING[self._restorer]]
        return open_region(frame.pixels, [self._crops[framing].frame_to_crop[row] for framing in framings])

    def _paste(
        self, part: Part, regions: Sequence[Region], crops: Tensor, framing: str, masks: Tensor
    ) -> None:
        """Blend crops (n, S, S, 3) into the regions under masks (n, S, S)."""
        affines = self._crops[framing].frame_to_crop[part.rows]
        with self._timed("crop and paste"):
            for i, region in enumerate(regions):
                weight = float(self._plan.show[part.outputs[i]])
                region.paste(
                    crops[i], affines[i], masks[i], weight=weight, colour_match=self._stages.colour_match
                )

    def _faces_of(self, part: Part, crops: Tensor, keep_upper: bool) -> Tensor:
        """Where redrawn faces (n, S, S, 3) show, (n, S, S)."""
        return face_masks(take_rows(self._crops["face"], part.rows), crops.shape[1], keep_upper=keep_upper)

    @contextmanager
    def _using(self, key: str, stage: str) -> Iterator[tuple[nn.Module, int]]:
        """Borrow a network for a stage: it comes with the number of pictures it may see at a time."""
        with self._timed(stage), self._networks.borrow(key) as network:
            device = device_of(network)
            yield network, self._batch or batch_size_for(key, free_memory(device), device)


def _beat(progress: Progress, begun: int, count: int) -> Progress:
    """A sign of life: whatever a stage has done, so many frames are finished."""

    def tell(done: int, total: int | None) -> None:
        progress(begun, count)

    return tell
