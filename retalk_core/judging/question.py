"""What is asked about a video, what there is to answer it from, and why not where there isn't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...models.catalog import catalog
from ..compute.provider import NetworkProvider
from ..errors import OptionError
from ..faces.choice import FaceChoice
from ..media.clip import Clip
from ..media.sound import SoundSource
from ..metrics.pictures.niqe import why_no_niqe
from ..metrics.registry import metrics
from ..visemes.text.languages import AUTO
from ..weights.files import command

NETWORK_OF = {
    "sync_distances": "syncnet",
    "identities": "arcface",
    "lower_lpips": "lpips",
}
OF_A_FOLDER = ("features", "real_features", "mouth_features", "real_mouth_features")
OF_THE_SOURCE = (
    *("source_sharpness", "source_flicker", "warping", "source_warping", "errors_outside"),
    *("likeness_outside", "seams", "identities"),
)
OF_THE_TRUTH = ("mouth_steps", "lower_l1", "lower_ssim", "lower_lpips")
OF_THE_VOICE = ("loudness", "sync_distances")
OF_THE_WORDS = ("closure_gaps", "vowel_gaps", "bite_gaps", "rounded_widths", "spread_widths")
BY_SCIKIT_IMAGE = ("cpbd", "lower_ssim", "likeness_outside")


def plain_metrics() -> tuple[str, ...]:
    """The metrics that need no weights, and no folder of real pictures."""
    apart = {*NETWORK_OF, *OF_A_FOLDER}
    return tuple(name for name, each in metrics().items() if not apart & set(each.needs))


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What is to be judged, and against what."""

    result: Clip
    source: Clip | None = None  # what it was made from
    voice: SoundSource | None = None  # what is said; None: the result's own sound
    transcript: str = ""  # the words of that voice: plain text, SRT or VTT
    language: str = AUTO  # of the transcript
    truth: bool = False  # the source shows what the result should look like: it was dubbed with its own voice
    faces_only: bool = False  # the pictures are faces already, as in LRS: SyncNet is shown them whole
    names: tuple[str, ...] = ()  # of metrics; none: all
    face: FaceChoice | None = None
    # (T or 1, h, w) above 0 where pixels may have changed, of any size; None: the pixels tell
    support: np.ndarray | None = None
    references: bool = False  # judge the source too, with its own voice and others

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in metrics()]
        if unknown:
            raise OptionError(f"There is no metric {unknown[0]}. Choose from {', '.join(metrics())}.")

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the metrics that are asked for."""
        return asked_for(self.names)

    def wants(self, *needs: str) -> bool:
        """Whether any metric that is asked for looks at any of these."""
        return any(need in metrics()[name].needs for name in self.asked for need in needs)


def asked_for(names: Sequence[str]) -> tuple[str, ...]:
    """The names of metrics in their own order; of none, all."""
    return tuple(name for name in metrics() if not names or name in names)


def absences(question: Question, networks: NetworkProvider) -> Iterator[tuple[str, str]]:
    """What can't be looked at, by the names that metrics use, and why.

    The last reason for a name is the one that counts.
    """
    why = "one video has too few pictures: judge a folder, with real videos to compare with"
    yield from ((need, why) for need in OF_A_FOLDER)
    if question.source is None:
        yield from ((need, "no source was given to compare with") for need in OF_THE_SOURCE)
    if question.source is None or not question.truth:
        yield from ((need, "the source was not said to be the truth") for need in OF_THE_TRUTH)
    if not question.transcript:
        yield from ((need, "no transcript was given") for need in OF_THE_WORDS)
    if question.voice is None and not question.result.has_sound:
        silent_needs = (*OF_THE_VOICE, *OF_THE_WORDS)
        yield from ((need, "there is no voice: give one") for need in silent_needs)
    yield from lacking_judges(question.asked, networks)


def lacking_judges(names: Sequence[str], networks: NetworkProvider) -> Iterator[tuple[str, str]]:
    """The same of what this machine lacks, whatever the video, for the metrics of some names."""
    if find_spec("skimage") is None:
        yield from (
            (need, "scikit-image isn't installed: pip install scikit-image") for need in BY_SCIKIT_IMAGE
        )
    wanted = {need for name in names for need in metrics()[name].needs}
    if "naturalness" in wanted and (why := why_no_niqe()):
        yield "naturalness", why
    if find_spec("lpips") is None:
        yield "lower_lpips", "the package lpips isn't installed: pip install lpips"
    for need, key in NETWORK_OF.items():
        if networks.lacking([(key,)]):
            get = command("models", "download", key)
            yield need, f"needs {catalog[key].files[0].name}: `{get}`"


def why_not(name: str, seen: Mapping[str, Any], absent: Mapping[str, str]) -> str:
    """Why a metric has no value."""
    for need in metrics()[name].needs:
        if need in absent:
            return absent[need]
    if "seams" in metrics()[name].needs and "seams" not in seen:
        return "no edit was found that has a border in the picture"
    if any(need in OF_THE_WORDS for need in metrics()[name].needs):
        return "the transcript doesn't fit the voice, or has no such sound"
    if any(need not in seen for need in metrics()[name].needs):
        return "the clip is too short, or shows no face for long enough"
    return "it can't be told from what is seen"


def taken_over(name: str, seen: Mapping[str, Any], question: Question) -> str:
    """Over how much a metric was taken, and by which protocol."""
    needs = metrics()[name].needs
    if "sync_distances" in needs:
        shown = (
            "whole frames (the LRS protocol)"
            if question.faces_only
            else "crops about our boxes (the protocol for real videos)"
        )
        return f"SyncNet at 25 frames a second, {shown}, no JPEG pass"
    count = min(len(seen[need]) for need in needs)
    if set(needs) & set(OF_THE_WORDS):
        return f"{sum(len(seen[need]) for need in needs)} sounds of the transcript"
    if name == "loss_outside" and not np.any(seen["errors_outside"]):
        return f"exact in {count} frames"
    region = {
        **dict.fromkeys(("errors_outside", "likeness_outside"), "beyond the face"),
        **dict.fromkeys(("cpbd", "naturalness"), "whole frame"),
        "seams": "the edit's border",
        "identities": "face",
    }
    if question.support is not None:
        region |= dict.fromkeys(("errors_outside", "likeness_outside"), "outside the support")
    where = next((region[need] for need in needs if need in region), "mouth")
    return f"{count} frames, {where}"
