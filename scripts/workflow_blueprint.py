"""A workflow's middle as one node: the blueprint that ComfyUI offers in its node library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflow_graph import Graph, Link, Node, Output, in_order, links_of, node_form, stable_id
from workflow_layout import Planner, corners_of, groups_form
from workflow_nodes import PACK, Interface, Slot

INSIDE, OUTSIDE = -10, -20  # what the editor calls a subgraph's ends
TAKES = (Slot("images", "IMAGE"), Slot("voice", "AUDIO"), Slot("fps", "FLOAT"))
END_WIDTH = 130
DESCRIPTION = "VideoReTalking as one node: frames and a voice in, frames whose lips follow that voice out."
ALIASES = ("lipsync", "dub", "wav2lip", "talking head", "video retalking")


def blueprint_form(
    name: str, describe: Callable[[Graph, Node], Output], known: Mapping[str, Interface]
) -> dict[str, Any]:
    """One node that takes frames, a voice and a rate, and gives the same back.

    describe: adds the stages behind Fit Length, and returns the finished frames
    """
    graph = Graph(name, known)
    ends = Interface("", "", (), (), TAKES, PACK, known["ReTalkFitLength"].version)
    start = Node(INSIDE, ends, {}, {})
    with graph.group("1 · One length for both", "input"):
        fitted = graph.add("ReTalkFitLength", images=start["images"], voice=start["voice"], fps=start["fps"])
    given = {"images": describe(graph, fitted), "voice": fitted["voice"], "fps": fitted["fps"]}
    gives = tuple(Slot(label, source.type) for label, source in given.items())
    with graph.group("", "output"):
        graph.place(Node(OUTSIDE, Interface("", "", gives, (), (), PACK, ends.version), {}, given))
    inner = _subgraph(graph, gives)
    node = {
        "id": 1,
        "type": inner["id"],
        "pos": [0, 0],
        "size": [360, 106],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [{"name": each.name, "type": each.type, "link": None} for each in TAKES],
        "outputs": [{"name": each.name, "type": each.type, "links": []} for each in gives],
        "title": name,
        "properties": {"cnr_id": PACK, "ver": ends.version},
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
        "extra": {"BlueprintDescription": DESCRIPTION, "BlueprintSearchAliases": list(ALIASES)},
        "version": 0.4,
        "definitions": {"subgraphs": [inner]},
    }


def _subgraph(graph: Graph, gives: tuple[Slot, ...]) -> dict[str, Any]:
    """What is inside the node; the graph's last node and group are only where the wires leave."""
    planner, order, links = Planner(graph), in_order(graph), links_of(graph)
    layout = planner.plan()
    reroutes, corners = corners_of(links, layout)
    places, nodes = layout.nodes, graph.nodes[:-1]
    begin, end = places[nodes[0].id], places[OUTSIDE]
    layout.groups.pop()
    starts = {each.name: [link.id for link in links if _from_start(link.source, each.name)] for each in TAKES}
    stops = {each.name: [link.id for link in links if _to_end(link, each.name)] for each in gives}
    left = begin[0] - END_WIDTH - 90
    return {
        "id": stable_id("subgraph", graph.name),
        "version": 1,
        "state": {
            "lastGroupId": len(layout.groups),
            "lastNodeId": len(nodes),
            "lastLinkId": len(links),
            "lastRerouteId": len(reroutes),
        },
        "revision": 0,
        "config": {},
        "name": graph.name,
        "inputNode": {"id": INSIDE, "bounding": [left, begin[1], END_WIDTH, 100]},
        "outputNode": {"id": OUTSIDE, "bounding": [end[0], end[1], END_WIDTH, 100]},
        "inputs": [
            _end(graph, "in", each, starts[each.name], (left + END_WIDTH - 20, begin[1] + 20 * row))
            for row, each in enumerate(TAKES, start=1)
        ],
        "outputs": [
            _end(graph, "out", each, stops[each.name], (end[0] + 20, end[1] + 20 * row))
            for row, each in enumerate(gives, start=1)
        ],
        "widgets": [],
        "nodes": [node_form(node, order[node.id], links, places[node.id]) for node in nodes],
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
        ],
        "reroutes": reroutes,
        "extra": {"BlueprintDescription": DESCRIPTION, "BlueprintSearchAliases": list(ALIASES)},
    }


def _from_start(source: Output, name: str) -> bool:
    return source.node.id == INSIDE and TAKES[source.slot].name == name


def _to_end(link: Link, name: str) -> bool:
    return link.target.id == OUTSIDE and link.name == name


def _end(graph: Graph, way: str, slot: Slot, links: list[int], place: tuple[float, float]) -> dict[str, Any]:
    """A slot of a subgraph's end."""
    found = {"id": stable_id("slot", graph.name, way, slot.name), "name": slot.name, "type": slot.type}
    return {**found, "linkIds": links, "pos": list(place)}
