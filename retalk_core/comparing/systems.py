"""What is compared: every network that draws lips, the paper's method in parts, the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ...models.catalog import catalog
from ..dub.options import DubOptions
from ..errors import OptionError
from ..fields import option_named
from ..provenance.finish import Records
from ..stages.options import Preset, Stages

if TYPE_CHECKING:
    from ..compute.provider import NetworkProvider

# Which of the paper's tables or figures a system stands in; a reference is none of them.
SystemRole = Literal["method", "part", "restorer", "reference"]

PAPERS = "lnet"  # the network that draws the lips in the paper's own method
PREVIEW: Literal["embedded"] = "embedded"
# What the paper calls those that go by another name here.
_TITLES = {"lnet": "VideoReTalking", "wav2lip": "Wav2Lip", "wav2lip_gan": "Wav2Lip + GAN"}
WITHOUT_AND_WITH_D = ("part-le", f"{PAPERS}-common")  # names of systems, for the paper's figure 4
# Lossless, without a mark, without a signature and without an entry in anyone's ledger
_PLAIN = DubOptions(codec="ffv1", mark="off", check=False, shorter="end_with_voice", records=Records())
CROSS_ATTENTION = "needs an L-Net that was trained without cross-attention"


@dataclass(frozen=True)
class System:
    """One way of dubbing, as a comparison shows it."""

    name: str  # of its folder
    title: str  # in tables and pictures
    finish: str  # how its lips come into the frame, in words
    roles: tuple[SystemRole, ...]
    options: DubOptions | None  # None: it doesn't run here; its videos are given
    note: str = ""  # what flatters it or differs from the original
    repasted: bool = False  # its given videos lend their lower faces alone, under the common paste

    @property
    def is_whole(self) -> bool:
        """Whether it stands by itself: a method or something to hold it against, not a part of one."""
        return bool({"method", "reference"} & set(self.roles))

    @property
    def label(self) -> str:
        """Title and finish in one."""
        return f"{self.title}, {self.finish}" if self.finish else self.title


def known_systems() -> tuple[str, ...]:
    """What may be chosen: the networks that draw lips by their keys, and the preview."""
    return (*option_named(Stages, "lips").values, PREVIEW)


def choose_systems(wanted: Sequence[str] = (), *, parts: bool = True) -> list[System]:
    """The systems that were asked for; none: all. `parts` adds the paper's method in parts.

    Raises OptionError for a word that is none.
    """
    unknown = [word for word in wanted if word not in known_systems()]
    if unknown:
        raise OptionError(f"There is no system {unknown[0]}: choose from {', '.join(known_systems())}.")
    chosen = [word for word in known_systems() if not wanted or word in wanted]
    found = [system for word in chosen for system in _shown_as(word)]
    return [*found, *(_parts() if parts and PAPERS in chosen else ())]


def given_systems(title: str, number: int) -> tuple[System, System]:
    """A system whose finished videos are given: as they are, and with the common paste."""
    given = System(f"given{number}-own", title, "as it was given", ("method",), None, "not made here")
    return given, replace(given, name=f"given{number}-common", finish="common paste", repasted=True)


def restorer_systems() -> list[System]:
    """The paper's method with other networks in the place of E-Net, for its figure 6."""
    words = {"gfpgan": "GFPGAN", "gpen": "GPEN"}
    return [
        System(
            f"restored-{key}",
            f"D + L, {word}",
            "common paste",
            ("restorer",),
            _by(enhance=False, restore=key),
        )
        for key, word in words.items()
    ]


def why_lacking(system: System, networks: NetworkProvider) -> str:
    """Why a system can't run here; "" where it can."""
    if system.options is None or system.options.engine == PREVIEW:
        return ""
    lacking = networks.lacking(system.options.chosen_stages.needs.values())
    if not lacking:
        return ""
    titles = ", ".join(" or ".join(catalog[key].title for key in need) for need in lacking)
    return f"needs {titles}: `retalk models list` says where they are looked for"


def with_own_voice(system: System) -> System:
    """The same for clips that speak with their own voice, where no frame may lend its own mouth."""
    options = system.options
    if options is None or options.engine == PREVIEW:
        return replace(
            system, note="lends the clip's own mouths, the frame's own too: its figures flatter it"
        )
    stages = options.chosen_stages
    if not stages.neutralise:
        words = "its reference is the frame itself, whose mouth is the truth: its figures flatter it"
        return replace(system, note=words)
    return replace(system, options=replace(options, stages=replace(stages, one_shot=True)), note="")


def _shown_as(word: str) -> Iterator[System]:
    """A system with its own paste and with the common one; the preview has one."""
    from ..stages.lips.syncers import SYNCERS  # waits for torch

    if word == PREVIEW:
        options = replace(_PLAIN, engine=PREVIEW)
        yield System(PREVIEW, "Embedded engine", "", ("reference",), options, "a preview, no network")
        return
    title = _TITLES.get(word) or SYNCERS[word].wants.title
    if word == PAPERS:
        yield System(f"{word}-own", title, "mouth restored", ("method",), _by("paper"))
        yield System(f"{word}-common", title, "common paste", ("method", "part", "restorer"), _by())
        return
    alone: dict[str, Any] = {"lips": word, "neutralise": False, "enhance": False}
    yield System(f"{word}-own", title, "own paste", ("method",), _by(**alone, paste="box"))
    yield System(f"{word}-common", title, "common paste", ("method",), _by(**alone))


def _parts() -> list[System]:
    """The paper's table 3, beside the whole method."""
    return [
        System("part-l", "L-Net", "", ("part",), _by(neutralise=False, enhance=False)),
        System("part-le", "L-Net + E-Net (without D-Net)", "", ("part",), _by(neutralise=False)),
        System("part-dl", "D-Net + L-Net (without E-Net)", "", ("part", "restorer"), _by(enhance=False)),
    ]


def _by(preset: Preset = "fast", /, **changes: Any) -> DubOptions:  # noqa: ANN401, as `Stages.of` has it
    return replace(_PLAIN, engine="retalk", preset=preset, stages=Stages.of(preset, **changes))
