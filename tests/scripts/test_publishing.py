"""What the ComfyUI registry and ComfyUI Manager read, and what the registry serves."""

from __future__ import annotations

import re
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

ADDRESS = "https://github.com/somebody/retalk"
FROM_COMFYUI = {"torch", "torchvision", "numpy", "pillow", "scipy", "av", "safetensors", "tqdm"}


@pytest.fixture(scope="module")
def filler(root: Path) -> ModuleType:
    """scripts/fill_in_registry.py."""
    spec = spec_from_file_location("fill_in_registry", root / "scripts" / "fill_in_registry.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "pyproject.toml").read_text("utf-8")


def read(text: str) -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 is the first that reads TOML")
    found: dict[str, Any] = tomllib.loads(text)
    return found


def test_there_is_one_version(text: str, root: Path) -> None:
    """ComfyUI Manager takes a pack for its own only where the version is written out in pyproject.toml."""
    project = read(text)["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    code = (root / "retalk_core" / "version.py").read_text("utf-8")
    assert f'__version__ = "{project["version"]}"' in code


def test_the_registry_finds_what_it_needs(text: str) -> None:
    found = read(text)
    name, comfy = found["project"]["name"], found["tool"]["comfy"]
    assert re.fullmatch(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*", name) and "comfyui" not in name
    assert comfy["PublisherId"] and comfy["DisplayName"]
    assert re.fullmatch(r">=\d+\.\d+\.\d+", comfy["requires-comfyui"])
    assert "web" not in comfy  # it would serve the help where the editor doesn't look


def test_the_managers_list_is_bare_names_of_what_comfyui_lacks(text: str, root: Path) -> None:
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    names = [line.partition(";")[0] for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names)
    wanted = {re.split("[<>=]", each)[0] for each in read(text)["project"]["dependencies"]}
    assert set(names) <= wanted
    assert wanted - set(names) - FROM_COMFYUI <= {"soxr"}  # which librosa brings


def test_addresses_are_filled_in_for_a_tag(filler: ModuleType, text: str) -> None:
    version = read(text)["project"]["version"]
    found = read(filler.filled_in(text, f"{ADDRESS}.git", f"v{version}"))
    assert found["project"]["urls"]["Repository"] == ADDRESS
    assert found["project"]["version"] == version
    raw = f"https://raw.githubusercontent.com/somebody/retalk/v{version}/docs/"
    assert found["tool"]["comfy"]["Icon"] == f"{raw}icon.png"
    assert found["tool"]["comfy"]["Banner"] == f"{raw}banner.png"
    assert found["tool"]["comfy"]["DisplayName"] == "ReTalk"


@pytest.mark.parametrize(
    ("address", "tag", "said"),
    [(ADDRESS, "v0.0.9", "the version is"), ("https://github.com", "v0.1.0", "no repository's address")],
)
def test_what_does_not_fit_is_not_filled_in(
    filler: ModuleType, text: str, address: str, tag: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        filler.filled_in(text, address, tag)


def test_icon_and_banner_have_the_registrys_shapes(root: Path) -> None:
    with Image.open(root / "docs" / "icon.png") as icon, Image.open(root / "docs" / "banner.png") as banner:
        assert icon.width == icon.height <= 400
        assert banner.width * 9 == banner.height * 21


def test_the_registry_serves_what_runs_and_no_more(root: Path) -> None:
    served = [name for name in listed(root) if name not in listed(root, "--ignored", "-X", ".comfyignore")]
    tops = {name.split("/")[0] for name in served}
    assert {"__init__.py", "__main__.py", "nodes", "retalk_core", "models", "web", "locales"} <= tops
    assert {"pyproject.toml", "requirements.txt", "LICENSE", "NOTICE", "README.md"} <= tops
    assert tops & {"tests", "benchmarks", ".github", ".ci", "Makefile"} == set()
    assert [name for name in served if name.startswith("scripts/")] == ["scripts/queue_dub.py"]
    assert [name for name in served if name.startswith("docs/") and not name.endswith(".md")] == []


def listed(root: Path, *words: str) -> list[str]:
    """Tracked files; skips where the project is no repository."""
    try:
        done = subprocess.run(
            ["git", "ls-files", "--cached", *words], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git doesn't know this folder, so nobody knows which files would be published")
    return done.stdout.splitlines()
