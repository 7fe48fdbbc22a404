"""Which engine dubs: the paper's, as far as its files are there, or the embedded one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ...models.catalog import Need, catalog
from ...models.errors import CheckpointError
from ..compute.provider import NetworkProvider
from ..engines.embedded.engine import EmbeddedEngine
from ..stages.lips.syncers import SYNCERS
from ..stages.options import Preset, Stages
from ..weights.files import command, edition_words, other_editions
from .options import DubOptions


@dataclass(frozen=True)
class EngineChoice:
    """What will dub, and what it will borrow."""

    engine: Literal["retalk", "embedded"]
    note: str  # a few words for a person
    preset: Preset | None = None
    stages: Stages | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)  # by place: the network's key in the catalogue
    lacking: tuple[str, ...] = ()  # files that would have made a better engine possible
    # By what is lacking: what is wrong with the files that are there for it
    refused: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[str, ...] = ()  # sentences: what is there in the place of what is lacking

    @property
    def borrowed(self) -> tuple[str, ...]:
        """The keys of all networks that will be borrowed, each once."""
        return tuple(dict.fromkeys(self.chosen.values()))


def choose_engine(options: DubOptions, networks: NetworkProvider) -> EngineChoice:
    """Find the engine that was asked for, or the best there is with `auto`.

    raises: CheckpointError where `retalk` was asked for and a file is missing
    """
    if options.engine == "embedded":
        return EngineChoice("embedded", EmbeddedEngine.note)
    stages = options.chosen_stages
    lacking = networks.lacking(stages.needs.values())
    if not lacking:
        return _retalk(options.preset, stages, networks)
    refused, hints = _refused(lacking, networks), tuple(_hints(lacking, networks))
    if options.engine == "retalk":
        raise CheckpointError(" ".join([missing_files(options.preset, lacking, refused), *hints]))
    titles = tuple(_titles(need) for need in lacking)
    plain = Stages.of("fast")
    chosen = EngineChoice("embedded", EmbeddedEngine.note)
    if options.stages is None and not networks.lacking(plain.needs.values()):
        chosen = _retalk("fast", plain, networks)
    return replace(chosen, lacking=titles, refused=refused, hints=hints)


def _refused(lacking: list[Need], networks: NetworkProvider) -> dict[str, str]:
    """By what is lacking: why the files that are there for it can't be used."""
    problems = {_titles(need): [each for key in need for each in networks.refused(key)] for need in lacking}
    return {title: " ".join(found) for title, found in problems.items() if found}


def _hints(lacking: list[Need], networks: NetworkProvider) -> Iterator[str]:
    """The same network, trained in another way, may be there."""
    for other in (each for need in lacking for key in need for each in other_editions(key)):
        if not networks.lacking([(other,)]):
            yield edition_words(other)


def _retalk(preset: Preset, stages: Stages, networks: NetworkProvider) -> EngineChoice:
    chosen = {
        place: next(key for key in need if not networks.lacking([(key,)]))
        for place, need in stages.needs.items()
    }
    networks.expect(*chosen.values())
    note = f"VideoReTalking's networks, preset {preset}: {', '.join(_stage_words(stages, chosen))}"
    return EngineChoice("retalk", note, preset, stages, chosen)


def _stage_words(stages: Stages, chosen: Mapping[str, str]) -> Iterator[str]:
    """What the stages do, in their order."""
    if stages.face_boxes == "s3fd":
        yield "frame by S3FD"
    if stages.calms:
        yield "neutralise"
    yield "sync" if stages.lips == "lnet" else f"sync by {SYNCERS[stages.lips].wants.title}"
    if stages.restore_reference:
        yield "restore reference"
    if stages.enhance:
        yield "enhance"
    if stages.upper_face != "off":
        yield f"upper face {stages.upper_face}"
    if stages.paste == "box":
        yield "paste whole boxes"
    if "restorer" in chosen:
        yield f"restore mouth ({catalog[chosen['restorer']].title})"
        if stages.mask_smoothing > 0:
            yield f"smooth its mask over {stages.mask_smoothing:g} s"


def missing_files(preset: str, lacking: list[Need], refused: Mapping[str, str]) -> str:
    """What is wrong with the files that a preset needs, and how to get what it lacks."""
    absent = [title for title in map(_titles, lacking) if title not in refused]
    wanted = [f"files that were not found: {', '.join(absent)}"] if absent else []
    wanted += [f"files that can't be used: {', '.join(refused)}"] if refused else []
    problems = "".join(f" {words}" for words in refused.values())
    return (
        f"The engine retalk with the preset {preset} needs {', and '.join(wanted)}.{problems} "
        f"Run `{command('models', 'list')}` to see where they "
        f"are looked for, or `{command('models', 'download', '--preset', preset)}` to fetch them, or choose "
        "the engine embedded, which needs none."
    )


def _titles(need: Need) -> str:
    return " or ".join(catalog[key].title for key in need)
