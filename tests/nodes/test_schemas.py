"""What workflows store is for ever: ids, the order of inputs, types."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parent / "schemas.json"
NEW_KEYWORDS = {"advanced", "search_aliases", "essentials_category", "has_intermediate_output"}


def described(schema: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a workflow depends on."""
    return {
        "name": schema.display_name,
        "category": schema.category,
        "inputs": [
            f"{each.id}: {each.io_type}{' (optional)' if each.optional else ''}" for each in schema.inputs
        ],
        "outputs": [f"{each.display_name}: {each.io_type}" for each in schema.outputs],
    }


def test_nothing_that_workflows_store_has_changed(nodes: dict[str, Any]) -> None:
    """A deliberate change: run this with RETALK_WRITE_SCHEMAS=1. New inputs belong at the end."""
    found = {name: described(node.GET_SCHEMA()) for name, node in nodes.items()}
    if os.environ.get("RETALK_WRITE_SCHEMAS"):
        SNAPSHOT.write_text(f"{json.dumps(found, indent=1)}\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_everything_explains_itself(nodes: dict[str, Any]) -> None:
    for name, node in nodes.items():
        schema = node.GET_SCHEMA()
        assert name.startswith("ReTalk") and schema.category.startswith("ReTalk/")
        assert schema.description.endswith(".") and schema.display_name
        for each in (*schema.inputs, *schema.outputs):
            what = f"{name}: {getattr(each, 'id', '') or each.display_name}"
            assert each.tooltip and each.tooltip[-1] in ".", what
        assert all(each.display_name for each in schema.outputs), name
        node_words = inspect.signature(node.execute).parameters
        if not any(word.kind is inspect.Parameter.VAR_KEYWORD for word in node_words.values()):
            assert [each.id for each in schema.inputs] == list(node_words), name


def test_optional_inputs_have_defaults_and_stand_behind_the_others(nodes: dict[str, Any]) -> None:
    for name, node in nodes.items():
        optional = [each.optional for each in node.GET_SCHEMA().inputs]
        assert optional == sorted(optional), name
        for each in node.GET_SCHEMA().inputs:
            if each.optional:
                taken = inspect.signature(node.execute).parameters
                anything = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values())
                own = taken.get(each.id)
                assert own.default is not inspect.Parameter.empty if own else anything, (name, each.id)


def test_every_choice_offers_its_default(nodes: dict[str, Any]) -> None:
    for name, node in nodes.items():
        for each in node.GET_SCHEMA().inputs:
            if each.io_type == "COMBO":
                assert each.options, (name, each.id)
                assert getattr(each, "default", each.options[0]) in each.options, (name, each.id)


def test_the_editor_changes_no_number_by_itself(nodes: dict[str, Any]) -> None:
    """It would after each run, where a number is called a seed and says nothing of it."""
    for name, node in nodes.items():
        for each in node.GET_SCHEMA().inputs:
            if each.id in ("seed", "noise_seed"):
                assert each.control_after_generate is False, name


def test_keywords_that_a_version_lacks_are_left_out(nodes: dict[str, Any]) -> None:
    from retalk_nodes.nodes.schema import known

    def old(default: int) -> None: ...

    def new(default: int, advanced: bool) -> None: ...

    assert known(old, default=1, advanced=True) == {"default": 1}
    assert known(new, default=1, advanced=True) == {"default": 1, "advanced": True}


def test_the_pack_without_its_nodes_imports_neither_comfyui_nor_anything_heavy(root: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(root.parent)!r}); import importlib; "
        f"importlib.import_module({root.name!r}); "
        "print([name for name in ('comfy', 'comfy_api', 'torch', 'numpy', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_the_nodes_imports_no_library_that_may_be_missing(root: Path) -> None:
    script = (
        f"import sys; sys.path[:0] = [{str(root / 'tests' / 'nodes')!r}]; "
        "sys.modules.update(dict.fromkeys(['cv2', 'scipy', 'librosa', 'av', 'safetensors', 'spandrel'])); "
        "import stand_in, pathlib, asyncio; stand_in.install(pathlib.Path('.')); "
        "from importlib.util import module_from_spec, spec_from_file_location as spec; "
        f"s = spec('pack', {str(root / '__init__.py')!r}, submodule_search_locations=[{str(root)!r}]); "
        "sys.modules['pack'] = p = module_from_spec(s); s.loader.exec_module(p); "
        "nodes = asyncio.run(asyncio.run(p.comfy_entrypoint()).get_node_list()); "
        "print(len([node.GET_SCHEMA() for node in nodes]) > 20)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr
