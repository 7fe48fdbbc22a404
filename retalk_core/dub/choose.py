"""Which engine dubs: the paper's, as far as its files are there, or the embedded one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ...models.catalog import Need, catalog
from ...models.errors import CheckpointError
from ..compute.provider import NetworkProvider
from ..engines.embedded.engine import EmbeddedEngine
from ..stages.options import Preset, Stages
from ..weights.files import command
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
    if options.engine == "retalk":
        raise CheckpointError(missing_files(options.preset, lacking))
    titles = tuple(_titles(need) for need in lacking)
    plain = Stages.of("fast")
    if options.stages is None and not networks.lacking(plain.needs.values()):
        return _retalk("fast", plain, networks, titles)
    return EngineChoice("embedded", EmbeddedEngine.note, lacking=titles)


def _retalk(
    preset: Preset, stages: Stages, networks: NetworkProvider, lacking: tuple[str, ...] = ()
) -> EngineChoice:
    chosen = {
        place: next(key for key in need if not networks.lacking([(key,)]))
        for place, need in stages.needs.items()
    }
    networks.expect(*chosen.values())
    note = f"VideoReTalking's networks, preset {preset}: {', '.join(_stage_words(stages, chosen))}"
    return EngineChoice("retalk", note, preset, stages, chosen, lacking)


def _stage_words(stages: Stages, chosen: Mapping[str, str]) -> Iterator[str]:
    """What the stages do, in their order."""
    if stages.face_boxes == "s3fd":
        yield "frame by S3FD"
    if stages.neutralise:
        yield "neutralise"
    yield "sync"
    if stages.restore_reference:
        yield "restore reference"
    if stages.enhance:
        yield "enhance"
    if stages.upper_face != "off":
        yield f"upper face {stages.upper_face}"
    if "restorer" in chosen:
        yield f"restore mouth ({catalog[chosen['restorer']].title})"
        if stages.mask_smoothing > 0:
            yield f"smooth its mask over {stages.mask_smoothing:g} s"


def missing_files(preset: str, lacking: list[Need]) -> str:
    """How to get what a preset lacks."""
    return (
        f"The engine retalk with the preset {preset} needs files that were not found: "
        f"{', '.join(map(_titles, lacking))}. Run `{command('models', 'list')}` to see where they "
        f"are looked for, or `{command('models', 'download', '--preset', preset)}` to fetch them, or choose "
        "the engine embedded, which needs none."
    )


def _titles(need: Need) -> str:
    return " or ".join(catalog[key].title for key in need)
