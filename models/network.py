"""What is known of a network, as one row of the catalogue. Nothing here waits for torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from torch import Tensor, nn

Shape = tuple[int, ...]

# What networks are for, in the order of the paper's figure; the last ones find the faces that all others see,
# and judge results.
Stage = Literal[
    "coefficients", "expression", "lips", "enhance", "upper face", "parse", "restore", "face boxes", "judge"
]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class File:
    """One official file. Its tensors must fit; its name proves nothing."""

    name: str  # what it is called where it is published
    sources: tuple[str, ...] = ()  # addresses; none: to be fetched by hand
    sha256: str = ""  # where publicly stated
    size: int = 0  # bytes, where publicly stated
    also: tuple[str, ...] = ()  # other names in use
    known: str = ""  # what else is known of it

    @property
    def names(self) -> tuple[str, ...]:
        """Names to look for, converted files too."""
        published = (self.name, *self.also)
        return (*published, *(f"{name.rpartition('.')[0]}.safetensors" for name in published))


@dataclass(frozen=True)
class Layout:
    """How a network's tensors lie in its official file, and what they are called there.

    `ignored` and `dead` are matched with the names that the file uses, once `strip` is removed.
    """

    containers: tuple[str, ...] = ()  # keys to unwrap, the first one present
    strip: str = ""  # text removed wherever a key has it, such as "module."
    ignored: tuple[str, ...] = ()  # regexes: tensors of other networks in the same file, or for training only
    dead: tuple[str, ...] = ()  # regexes: our own tensors without influence; dropped where present
    renames: tuple[tuple[str, str], ...] = ()  # regex substitutions to our names, applied in order


@dataclass(frozen=True)
class Builder:
    """Where a network is written: imported when it is loaded."""

    module: str
    make: str  # its class
    layout: str = "LAYOUT"
    sample: str = "sample"

    def create(self) -> nn.Module:
        """The network with whatever weights it starts with."""
        made: nn.Module = self._find(self.make)()
        return made

    def find_layout(self) -> Layout:
        """How its official file is laid out."""
        layout: Layout = self._find(self.layout)
        return layout

    def draw_sample(self) -> tuple[Tensor, ...]:
        """One input of each shape that the network takes, the same on every machine."""
        inputs: tuple[Tensor, ...] = self._find(self.sample)()
        return inputs

    def _find(self, name: str) -> Any:  # noqa: ANN401, whatever the module has
        return getattr(import_module(f".{self.module}", __package__), name)


@dataclass(frozen=True)
class Cost:
    """What computing takes beyond the weights, in fp32 on a CPU; see benchmarks/README.md."""

    once: int  # MB, whatever the batch
    picture: int  # MB for each picture of a batch
    most: int  # pictures, beyond which a batch was not measured to be faster


@dataclass(frozen=True)
class Loader:
    """The node that loads a network from a file. Networks that do the same may share one."""

    kind: str  # what it loads, as in the node ReTalkLoadDNet and its socket RETALK_DNET
    title: str
    purpose: str  # a sentence
    aliases: tuple[str, ...]  # other words that people search for

    @property
    def node_id(self) -> str:
        return f"ReTalkLoad{self.kind}"

    @property
    def socket(self) -> str:
        return f"RETALK_{self.kind.upper()}"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Files that a stage needs, and what is known of them; a network's is a Network, others are plain data.

    What is left out of a row is found by a test, not when it is missed.
    """

    key: str
    title: str
    role: str = ""  # what it does, as the end of a sentence
    tip: str = ""  # of its input on Load ReTalk Models; none: it is not chosen there
    licence: str = ""
    files: tuple[File, ...] = ()  # the first is the one the paper's program uses
    place: str = ""  # where others would do as well; none: a place of its own
    place_title: str = ""  # on the first row of such a place

    @property
    def place_key(self) -> str:
        """The catalogue's key for what any of some rows may fill."""
        return self.place or self.key


@dataclass(frozen=True, kw_only=True)
class Network(Entry):
    """All that is known of a network but for the network itself."""

    stage: Stage
    build: Builder
    telltales: Mapping[str, Shape] = field(default_factory=dict)  # tensors that no other network has
    cost: Cost | None = None
    word: str = ""  # of those that draw lips: what they are called where one is chosen; none: the key
    # The key of the same network, trained in another way: its tensors can't tell which one a file holds
    edition_of: str = ""
    measures: bool = False  # its answers are numbers, not pictures: it computes in fp32 always
    loader: Loader | None = None  # none: it is found in the folders, and no node takes it by itself


@dataclass(frozen=True)
class Stranger:
    """A network that is not used here, known only to say what was given."""

    key: str
    title: str
    telltales: Mapping[str, Shape]  # * in a name stands for anything
    instead: str = ""  # a sentence: what to choose in its place; none: nothing


@dataclass(frozen=True)
class Place:
    """What one stage needs: any one of the files of some rows."""

    key: str
    rows: tuple[Entry, ...]  # the first by preference; its words stand for all

    @property
    def title(self) -> str:
        return self.rows[0].place_title or self.rows[0].title

    @property
    def role(self) -> str:
        return self.rows[0].role

    @property
    def tip(self) -> str:
        return self.rows[0].tip

    @property
    def licence(self) -> str:
        return "; ".join(dict.fromkeys(row.licence for row in self.rows))

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(file for row in self.rows for file in row.files)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that may fill this place; none for plain data."""
        return tuple(row for row in self.rows if isinstance(row, Network))

    @property
    def cost(self) -> Cost | None:
        """Of the network that takes most; None for plain data."""
        costs = [row.cost for row in self.networks if row.cost]
        return max(costs, key=lambda cost: cost.picture, default=None)
