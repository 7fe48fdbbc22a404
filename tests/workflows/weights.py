"""Networks for a real ComfyUI: weights by the recipe under the official files' names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import scipy.io
from recipe import add_other_lips, recipe_folder


def weight_files(folder: Path, made: Path) -> None:
    """Put all networks, and the templates of expressions, into a folder.

    RETALK_TEST_WEIGHTS names a folder that has them; else they are made in `made`, which takes a minute
    and 2 GB.
    """
    given = os.environ.get("RETALK_TEST_WEIGHTS")
    source = Path(given) if given else recipe_folder(folder.with_name("recipe"), made=made)
    folder.mkdir(parents=True)
    for path in source.iterdir():
        if path.suffix in (".pth", ".pt", ".safetensors", ".mat"):
            (folder / path.name).symlink_to(path.resolve())
    add_other_lips(folder, made)
    if not (folder / "expression.mat").exists():
        write_templates(folder / "expression.mat")


def write_templates(path: Path) -> None:
    """A neutral and a smiling expression that are nobody's."""
    numbers = np.random.default_rng(7)
    templates = {
        name: numbers.normal(size=(1, 64)) * 0.3 for name in ("expression_center", "expression_mouth")
    }
    scipy.io.savemat(path, templates)
