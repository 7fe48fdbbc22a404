"""What all tests share: the pack under the name `retalk_nodes`, real and drawn clips, recordings."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # pictures are small here: threads would only wait
os.environ["RETALK_RECORDS"] = tempfile.mkdtemp(prefix="retalk-records-")  # tests write in no one's ledger

import numpy as np
import pytest

if TYPE_CHECKING:
    from retalk_nodes.retalk_core.compute.provider import LocalNetworks

atexit.register(shutil.rmtree, os.environ["RETALK_RECORDS"], ignore_errors=True)
ROOT = Path(__file__).resolve().parents[1]
MEDIA = Path(os.environ.get("RETALK_TEST_MEDIA", ROOT.parent / "shared" / "media"))
RECORDINGS = Path(os.environ.get("RETALK_TEST_RECORDINGS", ROOT.parent / "shared" / "reference" / "goldens"))


def _load_pack() -> None:
    """Import this folder as `retalk_nodes`, installed or not, and keep it off the path.

    On the path its `nodes` would hide ComfyUI's module of that name.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
    spec = spec_from_file_location(
        "retalk_nodes", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    sys.modules["retalk_nodes"] = pack = module_from_spec(spec)
    spec.loader.exec_module(pack)


_load_pack()
sys.path += [str(ROOT / "tests" / "helpers")]  # `scenes`, `recipe` and the like


# Modules and rooms in which networks compute: those of the paper, or those that find faces in whole dubs.
# `make fast` leaves them out.
NETWORKS_COMPUTE = (
    *("models/expression", "models/lips", "models/restorers", "models/faces", "models/training"),
    *("engines", "workflows", "training/test_losses", "training/test_loop"),
    *("training/data/test_prepare", "training/tasks/test_learning", "training/test_personalise"),
    *(
        "dub/test_bad_input",
        "dub/test_covered",
        "dub/test_pipeline",
        "dub/test_program",
        "dub/test_retalk_dub",
        "dub/test_signed",
        "dub/test_stream",
    ),
    *(
        "cli/test_batch",
        "cli/test_commands",
        "comparing/test_compare",
        "jobs/test_dubbing",
        "jobs/test_on_ray",
        "crops/test_cut",
        "faces/test_detect",
        "faces/test_edits",
        "faces/test_follow",
    ),
    *("faces/test_mesh", "faces/test_s3fd", "nodes/test_dub", "nodes/test_execution", "reports/test_check"),
    *(
        "faces/people/test_seek",
        *("judging/test_doubting", "judging/test_judge", "judging/test_references", "judging/test_selfcheck"),
        *("judging/corpus/test_folder", "nodes/test_judge", "provenance/test_origin"),
        "reports/test_faces",
        "reports/test_track",
        "stages/test_coefficients",
        "stages/test_expression",
        "test_documents",
    ),
    *("marks/test_picture", "test_original_parity", "weights/test_commands", "weights/test_offline"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of those modules."""
    for item in items:
        where = item.path.relative_to(ROOT / "tests").with_suffix("").as_posix()
        if any(where == each or where.startswith(f"{each}/") for each in NETWORKS_COMPUTE):
            item.add_marker(pytest.mark.networks)


@pytest.fixture(scope="session")
def root() -> Path:
    """The pack's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips; skips the test where there is none."""
    if not MEDIA.is_dir():
        pytest.skip(f"no real clips in {MEDIA}; RETALK_TEST_MEDIA names the folder that holds them")
    return MEDIA


@pytest.fixture(scope="session")
def recording() -> Callable[[str], dict[str, np.ndarray]]:
    """What the original program gave, by the file's name without its ending; skips where it isn't there."""

    def load(name: str) -> dict[str, np.ndarray]:
        path = RECORDINGS / f"{name}.npz"
        if not path.exists():
            pytest.skip(f"no recording {path}; RETALK_TEST_RECORDINGS names the folder that holds them")
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)

    return load


@pytest.fixture(scope="session")
def networks_on_disk() -> LocalNetworks:
    """The face networks, loaded once."""
    from retalk_nodes.retalk_core.compute.provider import LocalNetworks

    return LocalNetworks()


@pytest.fixture(scope="session")
def made_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where networks by the recipe lie: one folder for all workers, since they are made in minutes and GB."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "weights"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def talking_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lossless clip of 18 frames at 25 a second, 160 pixels square: a portrait that moves head and jaw."""
    import scenes

    return scenes.write_clip(tmp_path_factory.mktemp("clips") / "talking.mkv", scenes.talking(18))


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in 6 frames of 96 pixels, lossy, for tests that only count."""
    import scenes

    path = tmp_path_factory.mktemp("clips") / "small.mp4"
    return scenes.write_clip(path, scenes.talking(6, 96), codec="libx264")


@pytest.fixture(scope="session")
def voice_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.6 s of babble."""
    import scenes

    return scenes.write_voice(tmp_path_factory.mktemp("voices") / "voice.wav", scenes.babble(0.6))
