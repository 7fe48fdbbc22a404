"""How the pack is found, loaded and installed, whatever its folder is called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")  # Python 3.10 has no reader of its own; pytest brings this one


@pytest.fixture
def foreign(root: Path, tmp_path: Path) -> Path:
    """The pack's code in a folder whose name is not even an identifier."""
    folder = tmp_path / "my re-talk (2)"
    folder.mkdir()
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(root / name, folder)
    for name in ("nodes", "models", "retalk_core"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _python(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_folder_is_the_command_whatever_it_is_called(foreign: Path, tmp_path: Path) -> None:
    finished = _python(foreign, "--version", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("retalk ")


def test_the_command_works_from_inside_the_folder(foreign: Path) -> None:
    finished = _python(".", "--help", cwd=foreign)
    assert finished.returncode == 0, finished.stderr
    assert "dub" in finished.stdout


def test_wrong_words_give_the_commands_own_exit_code(foreign: Path, tmp_path: Path) -> None:
    assert _python(foreign, "no-such-command", cwd=tmp_path).returncode == 2


def test_the_folder_is_loaded_and_not_an_installed_pack(foreign: Path, tmp_path: Path) -> None:
    (foreign / "retalk_core" / "version.py").write_text('__version__ = "9.9.9"\n')
    assert _python(foreign, "--version", cwd=tmp_path).stdout.strip() == "retalk 9.9.9"


def test_the_packs_nodes_and_models_hide_nobody_elses(foreign: Path, tmp_path: Path) -> None:
    command = foreign / "retalk_core" / "cli" / "main.py"
    command.write_text(
        "import importlib.util\n"
        "def main():\n"
        "    print([importlib.util.find_spec(name) for name in ('nodes', 'models', 'retalk_core')])\n"
        "    return 3\n"
    )
    finished = _python(foreign, cwd=tmp_path)
    assert finished.stdout.strip() == "[None, None, None]"
    assert finished.returncode == 3


def test_importing_the_pack_is_light(foreign: Path) -> None:
    code = (
        "import importlib.util as util, sys, time\n"
        "began = time.perf_counter()\n"
        f"spec = util.spec_from_file_location('pack', {str(foreign / '__init__.py')!r}, "
        f"submodule_search_locations=[{str(foreign)!r}])\n"
        "sys.modules['pack'] = pack = util.module_from_spec(spec); spec.loader.exec_module(pack)\n"
        "heavy = {'torch', 'cv2', 'librosa', 'numpy', 'scipy', 'av'} & set(sys.modules)\n"
        "print(sorted(heavy), time.perf_counter() - began < 0.5)"
    )
    assert _python("-c", code).stdout.strip() == "[] True"


def test_the_tests_keep_the_packs_folder_off_the_path(root: Path) -> None:
    assert root not in {Path(entry).resolve() for entry in sys.path}


def test_dependencies_have_floors_and_no_ceilings(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        demand = line.split(";")[0]
        assert re.fullmatch(r"[A-Za-z0-9_.-]+>=[0-9.]+", demand.strip()), line


def test_the_managers_list_names_only_what_the_project_needs_and_demands_no_version(root: Path) -> None:
    lines = (root / "requirements.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    dependencies = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(names) <= {re.sub(r">=[^; ]*", "", line) for line in dependencies}
    assert not {"torch", "torchvision", "numpy", "av", "scipy", "safetensors"} & set(names)


def test_the_shipped_voice_can_be_read_and_is_small(root: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = root / "retalk_core" / "cli" / "demo_voice.flac"
    info = soundfile.info(str(path))
    assert (info.samplerate, info.channels) == (16_000, 1)
    assert 5 < info.duration < 8
    assert path.stat().st_size < 150_000
