"""Which engine dubs: the paper's, as far as its files are there, or the embedded one."""

from __future__ import annotations

from dataclasses import dataclass
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
    borrowed: tuple[str, ...] = ()  # keys in the catalogue
    restorer: str = ""  # the key among them that restores the mouth
    lacking: tuple[str, ...] = ()  # files that would have made a better engine possible


def choose_engine(options: DubOptions, networks: NetworkProvider) -> EngineChoice:
    """Find the engine that was asked for, or the best there is with `auto`.

    raises: CheckpointError where `retalk` was asked for and a file is missing
    """
    if options.engine == "embedded":
        return EngineChoice("embedded", EmbeddedEngine.note)
    stages = options.chosen_stages
    lacking = networks.lacking(stages.needs)
    if not lacking:
        return _retalk(options.preset, stages, networks)
    if options.engine == "retalk":
        raise CheckpointError(missing_files(options.preset, lacking))
    titles = tuple(_titles(need) for need in lacking)
    plain = Stages.of("fast")
    if options.stages is None and not networks.lacking(plain.needs):
        return _retalk("fast", plain, networks, titles)
    return EngineChoice("embedded", EmbeddedEngine.note, lacking=titles)


def _retalk(
    preset: Preset, stages: Stages, networks: NetworkProvider, lacking: tuple[str, ...] = ()
) -> EngineChoice:
    keys = tuple(next(key for key in need if not networks.lacking([(key,)])) for need in stages.needs)
    networks.expect(*keys)
    restorer = ""
    if stages.restore != "off":
        restorer = keys[-2]  # before the parser
    words = ["frame by S3FD"] if stages.face_boxes == "s3fd" else []
    words += [word for word, on in (("neutralise", stages.neutralise), ("sync", True)) if on]
    words += ["restore reference"] if stages.restore_reference else []
    words += ["enhance"] if stages.enhance else []
    words += [f"upper face {stages.upper_face}"] if stages.upper_face != "off" else []
    words += [f"restore mouth ({catalog[restorer].title})"] if restorer else []
    smoothed = restorer and stages.mask_smoothing > 0
    words += [f"smooth its mask over {stages.mask_smoothing:g} s"] if smoothed else []
    note = f"VideoReTalking's networks, preset {preset}: {', '.join(words)}"
    return EngineChoice("retalk", note, preset, stages, tuple(dict.fromkeys(keys)), restorer, lacking)


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
