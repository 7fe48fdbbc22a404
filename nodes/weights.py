"""Files of weights in ComfyUI's folders: which there are, and whether they changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import folder_paths

from .host import FOLDER

if TYPE_CHECKING:
    from ..retalk_core.weights.files import ModelFiles


def model_files() -> ModelFiles:
    """The files of weights in ComfyUI's folders."""
    from ..retalk_core.weights.files import ModelFiles

    return ModelFiles(weight_folders())


def weight_folders() -> tuple[Path, ...]:
    """Where files of weights are looked for: models/retalk and the folders of other packs."""
    from ..retalk_core.weights.files import SHARED

    known = folder_paths.folder_names_and_paths
    found = [Path(folder) for folder in known[FOLDER][0]]
    for name in SHARED:
        folders = known[name][0] if name in known else [str(Path(folder_paths.models_dir) / name)]
        found += [Path(folder) for folder in folders]
    return tuple(dict.fromkeys(found))


def weight_names(*keys: str) -> list[str]:
    """Files that may be for one of these places: those of a right name, then all in models/retalk."""
    from ..models.catalog import catalog
    from ..retalk_core.weights.files import SUFFIXES

    right = [name for key in keys for file in catalog[key].files for name in file.names]
    present = [path.name for folder in weight_folders() for path in _files_in(folder)]
    own = [
        path.name
        for folder in folder_paths.folder_names_and_paths[FOLDER][0]
        for path in _files_in(Path(folder))
    ]
    others = [name for name in own if Path(name).suffix in SUFFIXES and name not in _names_of_all()]
    return list(dict.fromkeys([name for name in right if name in present] + others))


def _names_of_all() -> set[str]:
    from ..models.catalog import catalog

    return {name for place in catalog.values() for file in place.files for name in file.names}


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def weight_path(name: str) -> Path | None:
    """The file of that name that is found first, or else the same official file under its other name."""
    present = [path for folder in weight_folders() for path in _files_in(folder)]
    wanted = [name, *_other_names(name)]
    return next((path for each in wanted for path in present if path.name == each), None)


def _other_names(name: str) -> tuple[str, ...]:
    """What else an official file is called: the paper's release has names of its own."""
    from ..models.catalog import catalog

    files = (file for place in catalog.values() for file in place.files)
    return next((file.names for file in files if name in file.names), ())


def state_of_files() -> list[object]:
    """Changes whenever a file of weights comes, goes or changes."""
    from ..retalk_core.weights.files import SUFFIXES

    folders = weight_folders()
    paths = [path for folder in folders for path in _files_in(folder) if path.suffix in (*SUFFIXES, ".mat")]
    return [_state(path) for path in paths]


def state_of_file(name: str | None) -> object:
    """Changes whenever the file of that name does; None is a name that isn't known yet."""
    path = None if name is None else weight_path(name)
    return None if path is None else _state(path)


def _state(path: Path) -> object:
    try:
        state = path.stat()
    except OSError:  # it went just now
        return str(path)
    return str(path), state.st_size, state.st_mtime_ns
