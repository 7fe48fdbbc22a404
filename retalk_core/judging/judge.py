"""Judge one video by every metric that there is enough for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
import torch

from ...models.catalog import catalog
from ...models.judges.syncnet import SyncNet
from ..compute.provider import FACE_NETWORKS, NetworkProvider
from ..dub.session import StageProgress, quiet
from ..errors import OptionError
from ..faces.choice import FaceChoice
from ..faces.detect import FaceNetworks
from ..faces.follow import track_faces
from ..media.clip import Clip
from ..media.reader import prefetch
from ..media.sound import SoundSource
from ..media.voice import Voice
from ..metrics.pictures.frechet import FEWEST_PICTURES
from ..metrics.registry import measure, metrics
from ..stages.speech import SAMPLE_RATE
from ..types import Samples
from ..visemes.drive import mouth_drive, sample_drive
from ..weights.files import command
from .look import Judges, Subject, Watcher
from .sync import SyncWatch

NETWORK_OF = {"sync_distances": "syncnet", "identities": "arcface", "features": "inception"}
OF_THE_SOURCE = (
    *("source_sharpness", "source_flicker", "warping", "source_warping", "errors_outside", "identities"),
)
OF_THE_TRUTH = ("mouth_steps", "lower_l1", "lower_ssim")
BY_SCIKIT_IMAGE = ("cpbd", "lower_ssim")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be judged, and against what."""

    result: Clip
    source: Clip | None = None  # what it was made from
    voice: SoundSource | None = None  # what is said; None: the result's own sound
    truth: bool = False  # the source shows what the result should look like: it was dubbed with its own voice
    faces_only: bool = False  # the pictures are faces already, as in LRS: SyncNet is shown them whole
    names: tuple[str, ...] = ()  # of metrics; none: all
    face: FaceChoice | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in metrics()]
        if unknown:
            raise OptionError(f"There is no metric {unknown[0]}. Choose from {', '.join(metrics())}.")

    def wants(self, need: str) -> bool:
        """Whether any metric that is asked for looks at something."""
        asked = [each for name, each in metrics().items() if not self.names or name in self.names]
        return any(need in each.needs for each in asked)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found."""

    values: Mapping[str, float | int]
    unavailable: Mapping[str, str]  # by a metric's name: why it has no value
    details: Mapping[str, str]  # by a metric's name: over how much it was taken, and how
    times: np.ndarray  # (T,) seconds
    opening: np.ndarray  # (T,) eye distances; NaN without a face
    loudness: np.ndarray | None  # (T,) 0..1
    networks: Mapping[str, Any] = field(default_factory=dict)  # device, precision, files and their hashes
    features: np.ndarray | None = None  # (n, 2048) of sampled frames, for a folder's FID

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "metrics": dict(self.values),
            "unavailable": dict(self.unavailable),
            "details": dict(self.details),
            "networks": dict(self.networks),
        }


def judge(question: Question, networks: NetworkProvider, progress: StageProgress = quiet) -> Judgement:
    """Judge a video.

    networks: lends what finds faces, and judges as far as there are weights for them
    progress: called with a stage's name, gives what is told how far the stage is
    raises:   InputError, NoFaceError, OptionError
    """
    absent = dict(_absent(question, networks))
    with _heard(question) as voice, ExitStack() as stack:
        result = _follow(question.result, question.face, networks, progress)
        source = None
        if question.source is not None:
            source = _follow(question.source, question.face, networks, progress)
        judges = _borrow(question, absent, networks, voice, stack)
        look = Watcher(
            result,
            source,
            judges,
            faces_only=question.faces_only,
            truth=question.truth,
            blur="cpbd" not in absent,
        )
        with torch.inference_mode():
            look.watch(progress("judge"))
        loudness = _loudness(voice, question.result) if voice is not None else None
    return _told(question, look, loudness, absent, networks)


def _absent(question: Question, networks: NetworkProvider) -> Iterator[tuple[str, str]]:
    """What can't be looked at, and why."""
    if question.source is None:
        yield from ((need, "no source was given to compare with") for need in OF_THE_SOURCE)
    if question.source is None or not question.truth:
        yield from ((need, "the source was not said to be the truth") for need in OF_THE_TRUTH)
    if question.voice is None and not question.result.has_sound:
        yield from ((need, "there is no voice: give one") for need in ("loudness", "sync_distances"))
    if find_spec("skimage") is None:
        yield from (
            (need, "scikit-image isn't installed: pip install scikit-image") for need in BY_SCIKIT_IMAGE
        )
    for need, key in NETWORK_OF.items():
        if networks.lacking([(key,)]):
            get = command("models", "download", key)
            yield need, f"needs {catalog[key].files[0].name}: `{get}`"
    yield "real_features", "real pictures to compare with belong to a folder's judgement"


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


def _follow(
    clip: Clip, face: FaceChoice | None, networks: NetworkProvider, progress: StageProgress
) -> Subject:
    with ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(networks.borrow(key)) for key in FACE_NETWORKS]
        tracked = track_faces(
            prefetch(clip.frames()),
            FaceNetworks(*borrowed),
            choice=face,
            frame_count=len(clip),
            progress=progress("track"),
        )
    return Subject(clip, tracked.track)


def _borrow(
    question: Question,
    absent: Mapping[str, str],
    networks: NetworkProvider,
    voice: Voice | None,
    stack: ExitStack,
) -> Judges:
    """The judges that are there and are wanted."""
    judges = Judges()
    if question.wants("sync_distances") and "sync_distances" not in absent and voice is not None:
        network = cast(SyncNet, stack.enter_context(networks.borrow("syncnet")))
        frames = int(question.result.end * 25)
        judges = replace(judges, sync=SyncWatch(network, voice, frames))
    if question.wants("identities") and "identities" not in absent:
        judges = replace(judges, arcface=stack.enter_context(networks.borrow("arcface")))
    if question.wants("features") and "features" not in absent:
        judges = replace(judges, inception=stack.enter_context(networks.borrow("inception")))
    return judges


def _loudness(voice: Samples, clip: Clip) -> np.ndarray:
    drive = mouth_drive(voice, phones=False)
    return sample_drive(drive, clip.times)[2]


def _told(
    question: Question,
    look: Watcher,
    loudness: np.ndarray | None,
    absent: Mapping[str, str],
    networks: NetworkProvider,
) -> Judgement:
    seen: dict[str, Any] = {
        name: values for name, values in look.gathered.arrays().items() if name not in absent
    }
    if loudness is not None:
        seen["loudness"] = loudness
    found = measure(seen)
    asked = [name for name in metrics() if not question.names or name in question.names]
    values = {name: value for name in asked if (value := found.get(name)) is not None}
    return Judgement(
        values=values,
        unavailable={name: _why(name, seen, absent) for name in asked if name not in values},
        details={name: _detail(name, seen, question) for name in values},
        times=np.array([float(time) for time in question.result.times]),
        opening=look.gathered.opening,
        loudness=loudness,
        networks=networks.describe(),
        features=seen.get("features"),
    )


def _why(name: str, seen: Mapping[str, Any], absent: Mapping[str, str]) -> str:
    """Why a metric has no value."""
    for need in metrics()[name].needs:
        if need in absent:
            return absent[need]
        if need not in seen:
            return "the clip is too short, or shows no face for long enough"
    if metrics()[name].unknown:
        return metrics()[name].unknown
    if name == "fid":
        return f"fewer than {FEWEST_PICTURES} pictures"
    return "it can't be told from what is seen"


def _detail(name: str, seen: Mapping[str, Any], question: Question) -> str:
    """Over how much a metric was taken, and by which protocol."""
    needs = metrics()[name].needs
    if "sync_distances" in needs:
        shown = "whole frames" if question.faces_only else "our boxes"
        return f"SyncNet at 25 frames a second, {shown}, no JPEG pass"
    count = min(int(np.isfinite(np.asarray(seen[need], float)).shape[0]) for need in needs)
    region = {"errors_outside": "beyond the face", "cpbd": "whole frame", "identities": "face"}
    where = next((region[need] for need in needs if need in region), "mouth")
    return f"{count} frames, {where}"
