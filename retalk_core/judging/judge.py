"""Judge one video by every metric that there is enough for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch

from ...models.judges.syncnet import SyncNet
from ..compute.provider import FACE_NETWORKS, NetworkProvider
from ..dub.session import StageProgress, quiet
from ..faces.choice import FaceChoice
from ..faces.detect import FaceNetworks
from ..faces.follow import track_faces
from ..media.clip import Clip
from ..media.reader import prefetch
from ..media.voice import Voice
from ..metrics.articulation import articulated
from ..metrics.lse import FRAME_RATE
from ..metrics.registry import measure
from ..reports.doubts import Doubt
from ..stages.speech import SAMPLE_RATE
from ..visemes.text.source import spoken_phones
from .doubting import Doubting
from .look import Ground, Judges, Subject, Watcher, pairing
from .question import BY_SCIKIT_IMAGE, OF_THE_WORDS, Question, absences, taken_over, why_not
from .references import References, loudness_at, reference_rows
from .sync import SyncWatch

EXACT = 100.0  # dB that are told where nothing was lost


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found."""

    values: Mapping[str, float | int]
    unavailable: Mapping[str, str]  # by a metric's name: why it has no value
    details: Mapping[str, str]  # by a metric's name: over how much it was taken, and how
    times: np.ndarray  # (T,) seconds
    opening: np.ndarray  # (T,) eye distances; NaN without a face
    loudness: np.ndarray | None  # (T,) 0..1
    cuts: np.ndarray  # frames that begin a shot
    doubts: tuple[Doubt, ...] = ()  # what looks wrong, the most serious first
    references: References = field(default_factory=dict)  # the source with several voices
    notes: tuple[str, ...] = ()
    networks: Mapping[str, Any] = field(default_factory=dict)  # device, precision, files and their hashes

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "metrics": dict(self.values),
            "unavailable": dict(self.unavailable),
            "details": dict(self.details),
            "doubts": [vars(doubt) for doubt in self.doubts],
            "references": {row: dict(values) for row, values in self.references.items()},
            "notes": list(self.notes),
            "networks": dict(self.networks),
        }


def judge(question: Question, networks: NetworkProvider, progress: StageProgress = quiet) -> Judgement:
    """Judge a video.

    networks: lends what finds faces, and judges as far as there are weights for them
    progress: called with a stage's name, gives what is told how far the stage is
    raises:   InputError, NoFaceError, OptionError
    """
    absent = dict(absences(question, networks))
    with _heard(question) as voice, ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(networks.borrow(key)) for key in FACE_NETWORKS]
        faces = FaceNetworks(*borrowed)
        result = _follow(question.result, question.face, faces, progress)
        source = None
        if question.source is not None:
            source = _follow(question.source, question.face, faces, progress)
        doubting = _doubting(result, source, faces)
        with ExitStack() as lent:
            judges = _borrow(question, absent, networks, voice, lent)
            ground = Ground(faces_only=question.faces_only, truth=question.truth, support=question.support)
            look = Watcher(result, source, judges, doubting, ground)
            with torch.inference_mode():
                look.watch(progress("judge"))
        return _told(question, look, doubting, result, source, voice, absent, networks, progress)


@contextmanager
def _heard(question: Question) -> Iterator[Voice | None]:
    """The voice as it is heard, or None without any."""
    sound = question.voice
    if sound is None and question.result.has_sound:
        sound = question.result.path
    if sound is None:
        yield None
        return
    with Voice(sound, SAMPLE_RATE) as voice:
        yield voice


def _follow(clip: Clip, face: FaceChoice | None, faces: FaceNetworks, progress: StageProgress) -> Subject:
    tracked = track_faces(
        prefetch(clip.frames()), faces, choice=face, frame_count=len(clip), progress=progress("track")
    )
    return Subject(clip, tracked.track)


def _doubting(result: Subject, source: Subject | None, faces: FaceNetworks) -> Doubting:
    """Beside the source where both are of one size, else of the result alone."""
    if source is not None and source.clip.size == result.clip.size:
        return Doubting(result.clip, source.track, pairing(result.clip, source.clip), faces)
    return Doubting(result.clip, result.track, np.arange(len(result.clip)), faces)


def _borrow(
    question: Question,
    absent: Mapping[str, str],
    networks: NetworkProvider,
    voice: Voice | None,
    stack: ExitStack,
) -> Judges:
    """The judges that are there and are wanted."""

    def looks(need: str) -> bool:
        return question.wants(need) and need not in absent

    scikit = "cpbd" not in absent and question.wants(*BY_SCIKIT_IMAGE)
    judges = Judges(scikit=scikit, nature=looks("naturalness"))
    if looks("sync_distances") and voice is not None:
        network = cast(SyncNet, stack.enter_context(networks.borrow("syncnet")))
        frames = int(question.result.end * FRAME_RATE)
        judges = replace(judges, sync=SyncWatch(network, frames, voice))
    if looks("identities"):
        judges = replace(judges, arcface=stack.enter_context(networks.borrow("arcface")))
    if looks("lower_lpips"):
        judges = replace(judges, lpips=stack.enter_context(networks.borrow("lpips")))
    return judges


def _told(
    question: Question,
    look: Watcher,
    doubting: Doubting,
    result: Subject,
    source: Subject | None,
    voice: Voice | None,
    absent: Mapping[str, str],
    networks: NetworkProvider,
    progress: StageProgress,
) -> Judgement:
    """Put together what was seen and heard."""
    seen: dict[str, Any] = dict(look.gathered.arrays())
    loudness = None if voice is None else loudness_at(voice, question.result)
    notes: tuple[str, ...] = ()
    if loudness is not None:
        seen["loudness"] = loudness
    if voice is not None and not set(OF_THE_WORDS) & set(absent) and question.wants(*OF_THE_WORDS):
        said, notes = _articulation(question, look, voice, progress)
        seen |= said
    seen = {name: found for name, found in seen.items() if name not in absent}
    values = _values(question, seen)
    references: References = {}
    if question.references and source is not None:
        references = reference_rows(
            source,
            None if question.truth else voice,
            networks,
            with_syncnet="sync_distances" not in absent and question.wants("sync_distances"),
            faces_only=question.faces_only,
            progress=progress("source"),
        )
    return Judgement(
        values=values,
        unavailable={name: why_not(name, seen, absent) for name in question.asked if name not in values},
        details={name: taken_over(name, seen, question) for name in values},
        times=np.array([float(time) for time in question.result.times]),
        opening=look.gathered.opening,
        loudness=loudness,
        cuts=np.flatnonzero(np.diff(result.track.shot.numpy())) + 1,
        doubts=doubting.doubts(look.gathered.opening, loudness, values),
        references=references,
        notes=notes,
        networks=networks.describe(),
    )


def _articulation(
    question: Question, look: Watcher, voice: Voice, progress: StageProgress
) -> tuple[Mapping[str, np.ndarray], tuple[str, ...]]:
    """What the mouth does in the sounds that the transcript tells of."""
    phones, notes = spoken_phones(voice, question.transcript, question.language, progress("listen"))
    starts = np.array([float(time) for time in question.result.times])
    ends = np.append(starts[1:], float(question.result.end))
    middles = starts + np.minimum(ends - starts, 0.08) / 2
    if not phones:
        return {}, notes or ("the transcript doesn't fit the voice: check that it is this voice's",)
    return articulated(phones, middles, look.gathered.opening, look.gathered.width), notes


def _values(question: Question, seen: Mapping[str, Any]) -> dict[str, float | int]:
    """The figures that are asked for and can be told."""
    found = measure(seen)
    if "errors_outside" in seen and len(seen["errors_outside"]) and not np.any(seen["errors_outside"]):
        found["loss_outside"] = EXACT
    return {name: value for name in question.asked if (value := found.get(name)) is not None}
