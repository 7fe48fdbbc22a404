"""Every network and every file of weights: the rows, and what follows from them by itself."""

from __future__ import annotations

from collections.abc import Mapping

from .network import STAGES, Entry, Loader, Network, Place, Stranger
from .rows.expression import EXPRESSION
from .rows.faces import FACES, STRANGERS
from .rows.judges import JUDGES
from .rows.lips import LIPS, OTHER_EDITIONS
from .rows.restorers import RESTORERS
from .rows.training import TRAINING


def _order(row: Entry) -> int:
    """As the paper's figure has the stages; plain data comes last."""
    return STAGES.index(row.stage) if isinstance(row, Network) else len(STAGES)


ROWS = tuple(sorted((*FACES, *EXPRESSION, *LIPS, *RESTORERS, *JUDGES, *TRAINING), key=_order))
NETWORKS: Mapping[str, Network] = {row.key: row for row in ROWS if isinstance(row, Network)}
# Whatever a file of weights can be recognised as
RECOGNISED: Mapping[str, Network | Stranger] = {
    **NETWORKS,
    **{each.key: each for each in (*STRANGERS, *OTHER_EDITIONS)},
}


def _places() -> dict[str, Place]:
    """The rows by the place that they fill."""
    keys = dict.fromkeys(row.place_key for row in ROWS)
    return {key: Place(key, tuple(row for row in ROWS if row.place_key == key)) for key in keys}


catalog: Mapping[str, Place] = _places()

# What a preset needs. Of several in one place any will do, the first by preference.
Need = tuple[str, ...]
_FAST: tuple[Need, ...] = (("face3d",), ("dnet",), ("lnet",), ("enet",))
_PAPER: tuple[Need, ...] = (*_FAST, ("gfpgan", "gpen"), ("parser",))
PRESETS: Mapping[str, tuple[Need, ...]] = {
    "fast": _FAST,
    "paper": _PAPER,
    "original": (*_PAPER, ("gpen",)),
}


def presets_with(key: str) -> tuple[str, ...]:
    """The presets that a place in the catalogue is needed for, or may serve."""
    return tuple(name for name, needs in PRESETS.items() if any(key in need for need in needs))


def title(name: str) -> str:
    """What a network is called in a sentence; a name we don't know stays as it is."""
    return RECOGNISED[name].title if name in RECOGNISED else name


def made_by(network: object) -> Network | None:
    """The row of a network that was built; None for a stranger."""
    name = type(network).__name__
    return next((row for row in NETWORKS.values() if row.build.make == name), None)


def lips() -> Mapping[str, tuple[str, ...]]:
    """By the word for what draws lips, the paper's first: the places of its networks, most often one."""
    found: dict[str, tuple[str, ...]] = {}
    for row in NETWORKS.values():
        if row.stage == "lips":
            word = row.word or row.place_key
            found[word] = (*found.get(word, ()), row.place_key)
    return found


def editions(key: str) -> tuple[str, ...]:
    """The keys of a network that was trained in several ways; of any other, the key alone."""
    first = NETWORKS[key].edition_of or key
    return (first, *(row.key for row in NETWORKS.values() if row.edition_of == first))


def loaders() -> dict[Loader, tuple[str, ...]]:
    """Every node that loads a network, with the places that its file may be for."""
    found: dict[Loader, tuple[str, ...]] = {}
    for row in NETWORKS.values():
        if row.loader is not None:
            found[row.loader] = tuple(dict.fromkeys((*found.get(row.loader, ()), row.place_key)))
    return found
