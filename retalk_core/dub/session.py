"""One dub's inputs and choices, and those who lend it networks, keep its parts and are told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..compute.provider import FACE_NETWORKS, NetworkProvider
from ..engines.lender import Batches
from ..faces.detect import FaceNetworks
from ..media.clip import Clip
from ..media.sound import SoundSource
from ..media.voice import Voice
from ..resume.store import Store
from ..stages.speech import SAMPLE_RATE
from ..types import Progress, silent
from .choose import EngineChoice, choose_engine
from .options import DubOptions
from .remember import open_store

StageProgress = Callable[[str], Progress]


def quiet(stage: str) -> Progress:
    """Tell nobody how far a stage is."""
    return silent


@dataclass(frozen=True, eq=False)
class Session:
    """What both passes of a dub work with."""

    clip: Clip
    voice: SoundSource
    options: DubOptions
    choice: EngineChoice
    networks: NetworkProvider
    faces: FaceNetworks
    heard: Voice  # the voice, as the engines hear it
    progress: StageProgress = quiet
    store: Store | None = None  # remembers finished parts, and gives back those of an earlier run
    spent: dict[str, float] = field(default_factory=dict)  # seconds in each stage so far
    batches: Batches = field(default_factory=Batches)  # that the networks saw so far

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time inside the block to a stage's."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] = self.spent.get(stage, 0.0) + time.perf_counter() - begun


@contextmanager
def begin_session(
    clip: Clip,
    voice: SoundSource,
    options: DubOptions,
    networks: NetworkProvider,
    progress: StageProgress = quiet,
) -> Iterator[Session]:
    """Choose the engine, borrow what finds faces, and open the store, for as long as the block lasts.

    raises: CheckpointError where the engine that was asked for lacks a file
    """
    choice = choose_engine(options, networks)
    if options.deinterlace:
        clip = clip.deinterlaced()
    with (
        _borrow_faces(networks) as faces,
        open_store(clip, voice, options, choice, networks) as store,
        Voice(voice, SAMPLE_RATE) as heard,
    ):
        yield Session(clip, voice, options, choice, networks, faces, heard, progress, store)


@contextmanager
def _borrow_faces(networks: NetworkProvider) -> Iterator[FaceNetworks]:
    """The networks that find and follow faces."""
    with ExitStack() as stack:
        borrowed: list[Any] = [stack.enter_context(networks.borrow(key)) for key in FACE_NETWORKS]
        yield FaceNetworks(*borrowed)
