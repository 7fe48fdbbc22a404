"""A workflow's middle as one node: the blueprint that ComfyUI offers in its node library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflow_graph import Graph, Node, Output, in_order, links_of, node_form, stable_id
from workflow_layout import Layout, Planner, corners_of, groups_form
from workflow_nodes import PACK, Interface, Slot

INSIDE, OUTSIDE = -10, -20  # what the editor calls a subgraph's ends
TAKES = (Slot("images", "IMAGE"), Slot("voice", "AUDIO"), Slot("fps", "FLOAT"))
END_WIDTH = 130


def blueprint_form(
    name: str, describe: Callable[[Graph, Node], Output], known: Mapping[str, Interface]
) -> dict[str, Any]:
    """One node that takes frames, a voice and a rate, and gives the same back.

    describe: adds the stages behind Fit Length, and returns the finished frames
    """
    graph = Graph(name, known)
    ends = Node(INSIDE, Interface("", "", (), (), TAKES, PACK, known["ReTalkFitLength"].version), {}, {})
    with graph.group("1 · One length for both", "input"):
        fitted = graph.add("ReTalkFitLength", images=ends["images"], voice=ends["voice"], fps=ends["fps"])
    given = {"images": describe(graph, fitted), "voice": fitted["voice"], "fps": fitted["fps"]}
    inner = _subgraph(graph, given)
    node = {
        "id": 1,
        "type": inner["id"],
        "pos": [0, 0],
        "size": [360, 106],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [{"name": each.name, "type": each.type, "link": None} for each in TAKES],
        "outputs": [{"name": label, "type": source.type, "links": []} for label, source in given.items()],
        "title": name,
        "properties": {"cnr_id": PACK, "ver": ends.interface.version if ends.interface else ""},
        "widgets_values": [],
    }
    return {
        "id": stable_id("blueprint", name),
        "revision": 0,
        "last_node_id": 1,
        "last_link_id": 0,
        "nodes": [node],
        "links": [],
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
        "definitions": {"subgraphs": [inner]},
    }


def _subgraph(graph: Graph, given: Mapping[str, Output]) -> dict[str, Any]:
    """What is inside the node."""
    planner, order, links = Planner(graph), in_order(graph), links_of(graph)
    layout = planner.plan()
    reroutes, corners = corners_of(links, layout)
    left, right, top = _edges(layout)
    last = len(links)
    outward = {last + i: source for i, source in enumerate(given.values(), start=1)}
    nodes = [node_form(node, order[node.id], links, layout.nodes[node.id]) for node in graph.nodes]
    for number, source in outward.items():
        form = next(form for form in nodes if form["id"] == source.node.id)
        form["outputs"][source.slot]["links"].append(number)
    inward = {
        each.name: [link.id for link in links if _from_inside(link.source, each.name)] for each in TAKES
    }
    return {
        "id": stable_id("subgraph", graph.name),
        "version": 1,
        "state": {
            "lastGroupId": len(layout.groups),
            "lastNodeId": len(graph.nodes),
            "lastLinkId": last + len(given),
            "lastRerouteId": len(reroutes),
        },
        "revision": 0,
        "config": {},
        "name": graph.name,
        "inputNode": {"id": INSIDE, "bounding": [left - END_WIDTH - 60, top, END_WIDTH, 100]},
        "outputNode": {"id": OUTSIDE, "bounding": [right + 60, top, END_WIDTH, 100]},
        "inputs": [
            _end(graph, "in", each.name, each.type, inward[each.name], (left - 80, top + 20 * row))
            for row, each in enumerate(TAKES, start=1)
        ],
        "outputs": [
            _end(graph, "out", label, source.type, [last + row], (right + 80, top + 20 * row))
            for row, (label, source) in enumerate(given.items(), start=1)
        ],
        "widgets": [],
        "nodes": nodes,
        "groups": groups_form(layout),
        "links": [
            {
                "id": link.id,
                "origin_id": link.source.node.id,
                "origin_slot": link.source.slot,
                "target_id": link.target.id,
                "target_slot": link.slot,
                "type": link.source.type,
                **({"parentId": corners[link.id]} if link.id in corners else {}),
            }
            for link in links
        ]
        + [
            {
                "id": number,
                "origin_id": source.node.id,
                "origin_slot": source.slot,
                "target_id": OUTSIDE,
                "target_slot": number - last - 1,
                "type": source.type,
            }
            for number, source in outward.items()
        ],
        "reroutes": reroutes,
        "extra": {},
    }


def _from_inside(source: Output, name: str) -> bool:
    return source.node.id == INSIDE and TAKES[source.slot].name == name


def _end(
    graph: Graph, way: str, name: str, kind: str, links: list[int], place: tuple[float, float]
) -> dict[str, Any]:
    """A slot of a subgraph's end."""
    found = {"id": stable_id("slot", graph.name, way, name), "name": name, "type": kind, "linkIds": links}
    return {**found, "pos": list(place)}


def _edges(layout: Layout) -> tuple[float, float, float]:
    """Left, right and top of what is laid out."""
    places = [place for _, place in layout.groups]
    return (
        min(left for left, _, _, _ in places),
        max(left + width for left, _, width, _ in places),
        min(top for _, top, _, _ in places),
    )
