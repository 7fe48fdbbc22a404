"""What ComfyUI decides: how progress shows, when to stop, where folders lie."""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import comfy.model_management as manager
import comfy.utils
import folder_paths
from comfy_api.latest import io

from .vocabulary import on_canvas

if TYPE_CHECKING:
    from torch import nn

    from ..retalk_core.types import Pixels, Progress


P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("ReTalk")
FOLDER = "retalk"  # ComfyUI's word for models/retalk
STEPS = 1000  # of every progress bar
PREVIEW_SECONDS = 1.0  # between two pictures of work in progress
PREVIEW_SIDE = 512  # pixels
BADGE_COLOURS = (255, 190, 60), (0, 0, 0)  # of words on a picture, and of their rim
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


# When the pack is loaded


def register_folder() -> None:
    """Make models/retalk known, so that extra_model_paths.yaml can add to it."""
    from ..retalk_core.weights.files import SUFFIXES

    folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir) / FOLDER))
    folders, _ = folder_paths.folder_names_and_paths[FOLDER]
    folder_paths.folder_names_and_paths[FOLDER] = (folders, {*SUFFIXES, ".mat"})


def warn_of_two_opencvs() -> None:
    """Two distributions of OpenCV overwrite each other's files: the one installed last wins, in part."""
    found = {}
    for name in OPENCV:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if len(set(found.values())) > 1:
        have = ", ".join(f"{name} {number}" for name, number in found.items())
        log.warning(
            f'ReTalk: several OpenCVs are installed ({have}) and overwrite each other. "{sys.executable}" -m '
            "pip uninstall all but one, then install that one again."
        )


def in_words(execute: Callable[P, R]) -> Callable[P, R]:
    """Say mistakes in the canvas's words, and how to get a library that a node needs and that isn't there."""

    @functools.wraps(execute)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        from ..models.errors import RetalkError

        try:
            return execute(*args, **kwargs)
        except RetalkError as error:
            error.args = (on_canvas(str(error)),)
            raise
        except ImportError as error:
            from ..retalk_core.places import PACK

            lacking = (
                f'This node needs a library that can\'t be imported ({error}). Run "{sys.executable}" -m pip '
                f'install -r "{PACK / "requirements.txt"}", then start ComfyUI again.'
            )
            raise RetalkError(on_canvas(lacking)) from error

    return explained


# Stopping, and telling how far the work is


def stop_if_asked() -> None:
    """Raise what ends the run if the user wants it to end."""
    manager.throw_exception_if_processing_interrupted()


@contextmanager
def stoppable(network: nn.Module) -> Iterator[None]:
    """Let the user stop a network between any two of its layers."""
    leaves = [module for module in network.modules() if not any(module.children())]
    hooks = [leaf.register_forward_pre_hook(lambda *_: stop_if_asked()) for leaf in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def say(node: type[io.ComfyNode], text: str) -> str:
    """Show text on the face of a node that runs, where the editor is open. The node's schema shows text.

    returns: it as it is shown, in the canvas's words and the editor's language
    """
    shown = on_canvas(text)
    server = sys.modules.get("server")
    instance: Any = getattr(getattr(server, "PromptServer", None), "instance", None)
    node_id = getattr(getattr(node, "hidden", None), "unique_id", None)
    if node_id is not None and hasattr(instance, "send_progress_text"):
        instance.send_progress_text(shown, node_id, instance.client_id)
    return shown


class Bar:
    """The progress bar of the running node. Stages share it; telling it anything ends a stopped run."""

    def __init__(
        self, shares: Mapping[str, float] | None = None, begins: Callable[[str], object] | None = None
    ) -> None:
        """Begin at 0.

        shares: of the stages, in their order, adding up to 1; None: there is only one, ''
        begins: is told each stage that begins
        """
        self._bar = comfy.utils.ProgressBar(STEPS)
        self._shares = shares or {"": 1.0}
        self._shown = 0
        self._last_picture = 0.0
        self._begins = begins

    def __call__(self, stage: str = "") -> Progress:
        """What is told how far a stage is. A stage without a share only lets the run be stopped."""
        names = list(self._shares)
        share = self._shares.get(stage, 0.0)
        if self._begins is not None:
            self._begins(stage)
        before = sum(self._shares[name] for name in names[: names.index(stage)]) if share else 0.0

        def tell(done: int, total: int | None) -> None:
            stop_if_asked()
            if total and share:
                self._show(before + share * min(done / total, 1.0))

        return tell

    def picture(self, pixels: Pixels, badge: str = "", *, now: bool = False) -> None:
        """Show a frame (H, W, 3), uint8 or uint16, on the node, if the last one was shown a while ago.

        badge: words in its corner; now: show it anyway
        """
        moment = time.monotonic()
        if moment - self._last_picture < PREVIEW_SECONDS and not now:
            return
        self._last_picture = moment
        from PIL import Image

        from ..retalk_core.images import eight_bit
        from ..retalk_core.reports.lettering import write_words

        step = max(max(pixels.shape[:2]) // (2 * PREVIEW_SIDE), 1)
        small = eight_bit(pixels[::step, ::step]).copy()
        letters = max(10, max(small.shape[:2]) // 24)
        write_words(small, badge, (letters // 2, letters // 2), letters, *BADGE_COLOURS)
        self._bar.update_absolute(self._shown, STEPS, ("JPEG", Image.fromarray(small), PREVIEW_SIDE))

    def _show(self, share: float) -> None:
        self._shown = max(self._shown, round(STEPS * share))
        self._bar.update_absolute(self._shown, STEPS)


# Folders


def jobs_folder() -> Path:
    """Where finished parts of a dub are kept: not among the temporary files, which a restart removes."""
    folder = Path(folder_paths.get_user_directory()) / "retalk" / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def records_folder() -> Path:
    """Where dubs are remembered, and where a certificate of this machine lies."""
    import os

    from ..retalk_core.provenance.folder import RECORDS_VARIABLE

    named = os.environ.get(RECORDS_VARIABLE)
    return Path(named) if named else Path(folder_paths.get_user_directory()) / "retalk"


def temporary_file(suffix: str) -> Path:
    """A new name in ComfyUI's folder for files that are thrown away when it starts or ends."""
    import secrets

    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"retalk_{secrets.token_hex(8)}{suffix}"
