"""Every workflow on disk is whole: known nodes, fitting values, sound links, a twin, nothing over another."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from build_workflows import BLUEPRINT, WORKFLOWS, files
from PIL import Image
from workflow_nodes import Interface, interfaces

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
KNOWN = interfaces()
TITLE = 30  # a node's title stands above its place
SLOT = 20  # from slot to slot
Box = tuple[float, float, float, float]  # left, top, right, bottom


def read(path: Path) -> dict[str, Any]:
    form: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return form


@pytest.fixture(params=[*NAMES, BLUEPRINT])
def graph(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A workflow, or what is inside the blueprint, with its links as lists."""
    if request.param != BLUEPRINT:
        return read(FOLDER / f"{request.param}.json")
    inner: dict[str, Any] = read(ROOT / "subgraphs" / f"{BLUEPRINT}.json")["definitions"]["subgraphs"][0]
    fields = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    ends = [{"id": link["id"], "parentId": link["parentId"]} for link in inner["links"] if "parentId" in link]
    extra = {"reroutes": inner["reroutes"], "linkExtensions": ends}
    links = [[link[name] for name in fields] for link in inner["links"]]
    return {**inner, "links": links, "extra": extra}


def nodes_of(graph: dict[str, Any]) -> list[tuple[dict[str, Any], Interface]]:
    """The nodes that do something."""
    return [(node, KNOWN[node["type"]]) for node in graph["nodes"] if node["type"] != "MarkdownNote"]


def test_the_files_are_what_is_described() -> None:
    built = files()
    different = [
        str(path) for path, text in built.items() if (ROOT / path).read_text(encoding="utf-8") != text
    ]
    assert not different, "run python scripts/build_workflows.py"
    there = {
        path.relative_to(ROOT)
        for folder in ("workflows", "subgraphs")
        for path in (ROOT / folder).rglob("*.json")
    }
    assert there == set(built)


def test_the_template_browser_can_show_them() -> None:
    """It opens names of these letters only, and takes every JSON in that folder for a workflow."""
    assert set(NAMES) == set(WORKFLOWS)
    assert all(re.fullmatch(r"[a-z0-9_-]+", name) for name in NAMES)
    assert {path.suffix for path in FOLDER.iterdir() if path.is_file()} <= {".json", ".jpg"}
    assert not any(
        (ROOT / name).exists() for name in ("example", "examples", "workflow", "example_workflows")
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_thumbnail_shows_each(name: str) -> None:
    path = FOLDER / f"{name}.jpg"
    assert path.stat().st_size < 60_000, "run python scripts/draw_thumbnails.py"
    with Image.open(path) as picture:
        assert picture.format == "JPEG" and picture.size == (640, 400)


def test_nodes_are_known_and_their_values_fit(graph: dict[str, Any]) -> None:
    for node, interface in nodes_of(graph):
        assert [each["name"] for each in node["inputs"]] == list(interface.inputs), node["type"]
        assert [each["name"] for each in node["outputs"]] == [each.name for each in interface.outputs]
        assert node["properties"]["cnr_id"] == interface.pack and node["properties"]["ver"]
        values = node["widgets_values"]
        if interface.by_name:
            assert list(values) == [each.name for each in interface.widgets]
        else:
            assert len(values) == len(interface.widgets) + len(interface.stored), node["type"]
        for widget, value in zip(
            interface.widgets, values.values() if interface.by_name else values, strict=False
        ):
            assert type(value) is type(widget.default), (node["type"], widget.name)


def test_choices_and_numbers_are_allowed(graph: dict[str, Any], nodes: dict[str, Any]) -> None:
    for node, interface in nodes_of(graph):
        if interface.type not in nodes:
            continue
        given = {each.id: each for each in nodes[interface.type].GET_SCHEMA().inputs}
        for widget, value in zip(interface.widgets, node["widgets_values"], strict=False):
            wanted = given[widget.name]
            if widget.type == "COMBO" and not interface.type.startswith("ReTalkLoad"):
                assert value in wanted.options, (node["type"], widget.name)
            if widget.type in ("INT", "FLOAT"):
                assert wanted.min <= value <= wanted.max, (node["type"], widget.name)


def test_links_hold_at_both_ends(graph: dict[str, Any]) -> None:
    nodes = {node["id"]: node for node in graph["nodes"]}
    links = {link[0]: link for link in graph["links"]}
    assert len(links) == len(graph["links"])
    for number, origin, origin_slot, target, target_slot, kind in graph["links"]:
        if origin > 0:
            source = nodes[origin]["outputs"][origin_slot]
            assert source["type"] == kind and number in source["links"]
        if target > 0:
            sink = nodes[target]["inputs"][target_slot]
            assert sink["link"] == number
            assert kind in sink["type"].split(",") or "*" in sink["type"].split(",")
    for node in graph["nodes"]:
        held = [each["link"] for each in node["inputs"] if each["link"] is not None]
        held += [number for each in node["outputs"] for number in each["links"]]
        assert set(held) <= set(links), node["type"]


def test_what_must_be_wired_is_and_all_ends_in_something(graph: dict[str, Any]) -> None:
    for node, interface in nodes_of(graph):
        wired = {each["name"] for each in node["inputs"] if each["link"] is not None}
        assert {each.name for each in interface.sockets if not each.optional} <= wired, node["type"]
        assert interface.ends or any(each["links"] for each in node["outputs"]), node["type"]


def as_prompt(graph: dict[str, Any]) -> dict[str, Any]:
    """What the editor would queue."""
    sources = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}
    prompt = {}
    for node, interface in nodes_of(graph):
        values = node["widgets_values"]
        inputs = (
            dict(values)
            if interface.by_name
            else dict(zip((w.name for w in interface.widgets), values, strict=False))
        )
        inputs |= {each["name"]: sources[each["link"]] for each in node["inputs"] if each["link"] is not None}
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_for_programs_says_the_same_and_names_the_engine(name: str) -> None:
    drawn, twin = as_prompt(read(FOLDER / f"{name}.json")), read(FOLDER / "api" / f"{name}.json")
    for key, node in twin.items():
        engine = node["inputs"].get("engine")
        assert engine != "auto"
        if engine is not None:
            assert drawn[key]["inputs"]["engine"] == "auto"
            drawn[key]["inputs"]["engine"] = engine
        assert node["_meta"]["title"]
    assert {key: {k: v for k, v in node.items() if k != "_meta"} for key, node in twin.items()} == drawn


# The picture


def box_of(node: dict[str, Any]) -> Box:
    (left, top), (width, height) = node["pos"], node["size"]
    return left, top - TITLE, left + width, top + height


def box_of_group(group: dict[str, Any]) -> Box:
    left, top, width, height = group["bounding"]
    return left, top, left + width, top + height


def apart(a: Box, b: Box, gap: float = 0) -> bool:
    return a[2] + gap <= b[0] or b[2] + gap <= a[0] or a[3] + gap <= b[1] or b[3] + gap <= a[1]


def test_nothing_stands_on_anything_else(graph: dict[str, Any]) -> None:
    boxes = {node["id"]: box_of(node) for node in graph["nodes"]}
    groups = [box_of_group(group) for group in graph["groups"]]
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert apart(a, b, gap=15), (one, other)
    for a, b in itertools.combinations(groups, 2):
        assert apart(a, b, gap=30)
    for number, box in boxes.items():
        around = [group for group in groups if not apart(box, group)]
        assert len(around) == 1, number
        left, top, right, bottom = around[0]
        assert left < box[0] and top + 40 < box[1] and right > box[2] and bottom > box[3], number


def test_every_group_has_a_title_that_wires_leave_free(graph: dict[str, Any]) -> None:
    """Wires go up and down between columns: a title may be as long as its first column is wide."""
    for group in graph["groups"]:
        inside = {node["pos"][0] for node in graph["nodes"] if not apart(box_of(node), box_of_group(group))}
        assert 3 < len(group["title"]) <= (28 if len(inside) > 1 else 36), group["title"]


def test_wires_run_beside_the_boxes(graph: dict[str, Any]) -> None:
    nodes = {node["id"]: node for node in graph["nodes"]}
    corners = {each["id"]: each for each in graph["extra"]["reroutes"]}
    ends = {each["id"]: each["parentId"] for each in graph["extra"]["linkExtensions"]}
    for number, origin, origin_slot, target, target_slot, _ in graph["links"]:
        if origin < 0 or target < 0:
            continue
        path = [_input_place(nodes[target], target_slot)]
        corner = ends.get(number)
        while corner is not None:
            assert number in corners[corner]["linkIds"]
            path.append(tuple(corners[corner]["pos"]))
            corner = corners[corner].get("parentId")
        path.append(_output_place(nodes[origin], origin_slot))
        assert path[0][0] > path[1][0], "a wire comes from the left"
        for a, b in itertools.pairwise(path):
            for box in (box_of(node) for node in nodes.values()):
                assert not _crosses(a, b, box), (number, nodes[origin]["type"], nodes[target]["type"])


def _output_place(node: dict[str, Any], slot: int) -> tuple[float, float]:
    return node["pos"][0] + node["size"][0], node["pos"][1] + (slot + 0.7) * SLOT


def _input_place(node: dict[str, Any], slot: int) -> tuple[float, float]:
    name = node["inputs"][slot]["name"]
    return node["pos"][0], node["pos"][1] + KNOWN[node["type"]].slot_height(name)


def _crosses(a: tuple[float, float], b: tuple[float, float], box: Box) -> bool:
    """Tell whether a straight wire is seen on a box; it may begin and end at its edge."""
    left, top, right, bottom = box
    steps = (i / 200 for i in range(201))
    points = ((a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for t in steps)
    return any(left + 1 < x < right - 1 and top < y < bottom for x, y in points)


def test_loaders_take_whatever_file_fits(graph: dict[str, Any]) -> None:
    """People have GFPGAN 1.3 or 1.4, and the parser under one of its two names."""
    for node, _ in nodes_of(graph):
        if node["type"].startswith("ReTalkLoad") and "file" in [each["name"] for each in node["inputs"]]:
            assert node["widgets_values"][-1] == "auto"


def test_the_blueprint_is_one_node_with_the_same_ends_inside_and_outside() -> None:
    form = read(ROOT / "subgraphs" / f"{BLUEPRINT}.json")
    (node,), (inner,) = form["nodes"], form["definitions"]["subgraphs"]
    assert node["type"] == inner["id"] and form["links"] == []
    for side, end in (("inputs", -10), ("outputs", -20)):
        assert [(each["name"], each["type"]) for each in node[side]] == [
            (each["name"], each["type"]) for each in inner[side]
        ]
        for slot, each in enumerate(inner[side]):
            for link in (link for link in inner["links"] if link["id"] in each["linkIds"]):
                place = ("origin_id", "origin_slot") if end == -10 else ("target_id", "target_slot")
                assert (link[place[0]], link[place[1]]) == (end, slot)
            assert each["linkIds"]
