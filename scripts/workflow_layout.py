"""Where nodes stand and wires run: columns in groups, groups in lines, long wires in lanes between lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from workflow_graph import Graph, Group, Link, Node, Output, in_order, links_of, node_form, stable_id
from workflow_words import words_form

WIDTH = 330  # of nodes, in the editor's pixels
WIDE = 440  # of those that show a clip, which the editor makes so wide; their column is as wide
SHOW_CLIPS = {
    *("ReTalkDubVideo", "ReTalkDetectFaces", "ReTalkPreviewTrack", "ReTalkDemoClip", "ReTalkSaveDub"),
    *("LoadVideo", "SaveVideo"),
}
RESULTS = {"ReTalkDubVideo": 220}  # pixels of height that a result takes beyond the node's own
TITLE = 30  # a node's title stands above its place
BETWEEN = 20  # nodes of one column
MARGIN = 30  # from a group's edge to its nodes
GROUP_TITLE = 50
GAP = 130  # between columns, where wires go up and down
LANE = 24  # between wires that run side by side
CLEAR = 44  # from a line of groups to the lanes beside it
NOTE_ROW = 19  # height of a note's line of text
NOTE_LETTERS = 50  # that a note's line holds

Place = tuple[float, float, float, float]  # left, top, width, height
Point = tuple[float, float]


@dataclass
class Layout:
    """The places of everything in a graph."""

    nodes: dict[int, Place] = field(default_factory=dict)  # by the node's id
    groups: list[tuple[Group, Place]] = field(default_factory=list)
    paths: dict[int, list[Point]] = field(default_factory=dict)  # of long wires, by the link's id


@dataclass(frozen=True)
class Cell:
    """A column's place in the reading order."""

    line: int
    column: int


class Planner:
    """Lays a graph out."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.links = graph, links_of(graph)
        self.columns = [[column for group in line for column in group.columns] for line in graph.lines]
        self.cells = {
            node.id: Cell(i, j)
            for i, line in enumerate(self.columns)
            for j, column in enumerate(line)
            for node in column
        }
        self.lanes: list[list[Output]] = [[] for _ in range(len(self.columns) + 1)]  # above each line
        self.shafts: dict[Cell, list[Output]] = {}  # wires that go up or down in the gap after a column
        self.lefts: dict[Cell, float] = {}
        self.lane_tops: list[float] = []
        self.rows: list[dict[Output, int]] = []  # of each line's lanes
        self._book()

    # Which wires run where

    def _book(self) -> None:
        """Give every long wire its lanes and shafts; wires from one output share them."""
        for link in self.links:
            if self._direct(link):
                continue
            here, there = self._ends(link)
            if there.line < here.line or (there.line == here.line and there.column <= here.column):
                raise ValueError(f"{self.graph.name}: a wire leads back to {link.target.type}")
            self._take(self.shafts.setdefault(here, []), link.source)
            self._take(self.shafts.setdefault(_before(there), []), link.source)
            for lane in self._crossed(here, there):
                self._take(self.lanes[lane], link.source)

    def _direct(self, link: Link) -> bool:
        if link.source.node.id not in self.cells:  # from a subgraph's end
            return True
        here, there = self._ends(link)
        return here.line == there.line and here.column + 1 == there.column

    def _ends(self, link: Link) -> tuple[Cell, Cell]:
        return self.cells[link.source.node.id], self.cells[link.target.id]

    @staticmethod
    def _crossed(here: Cell, there: Cell) -> tuple[int, ...]:
        """The lanes of a long wire: above its line, or below it and above the line of its end."""
        if here.line == there.line:
            return (here.line,)
        return tuple(dict.fromkeys((here.line + 1, there.line)))

    @staticmethod
    def _take(booked: list[Output], source: Output) -> None:
        if source not in booked:
            booked.append(source)

    # Where things stand

    def plan(self) -> Layout:
        """The places of nodes, groups and wires."""
        for i, line in enumerate(self.columns):
            left = float(self._gap(Cell(i, -1)))
            for j in range(len(line)):
                self.lefts[Cell(i, j)] = left
                left += self._width(Cell(i, j)) + self._gap(Cell(i, j))
        self._share_lanes()
        layout, top = Layout(), 0.0
        for i, line in enumerate(self.graph.lines):
            self.lane_tops.append(top)
            rows = 1 + max(self.rows[i].values(), default=-1)
            top = self._place_line(layout, i, line, top + rows * LANE + CLEAR) + CLEAR
        for link in self.links:
            if not self._direct(link):
                layout.paths[link.id] = self._path(link)
        return layout

    def _place_line(self, layout: Layout, i: int, line: list[Group], top: float) -> float:
        """Place a line of groups; returns where it ends below."""
        column, ends = 0, [top]
        for group in line:
            left, bottom = self.lefts[Cell(i, column)], top
            for nodes in group.columns:
                below = top + GROUP_TITLE + TITLE
                for node in nodes:
                    height = node_height(node)
                    cell = Cell(i, column)
                    layout.nodes[node.id] = (self.lefts[cell], below, self._width(cell), height)
                    bottom = max(bottom, below + height + growth(node) + MARGIN)
                    below += height + growth(node) + TITLE + BETWEEN
                column += 1
            last = Cell(i, column - 1)
            width = self.lefts[last] + self._width(last) - left + 2 * MARGIN
            layout.groups.append((group, (left - MARGIN, top, width, bottom - top)))
            ends.append(bottom)
        return max(ends)

    def _gap(self, cell: Cell) -> int:
        """How wide the gap after a column is."""
        return GAP + LANE * len(self.shafts.get(cell, ()))

    def _width(self, cell: Cell) -> int:
        """How wide the nodes of a column are."""
        return (
            WIDE if any(each.type in SHOW_CLIPS for each in self.columns[cell.line][cell.column]) else WIDTH
        )

    # Wires

    def _share_lanes(self) -> None:
        """Number the rows of lanes: wires that don't meet share one."""
        spans: list[dict[Output, list[float]]] = [{} for _ in self.lanes]
        for link in self.links:
            if not self._direct(link):
                for lane, start, end in self._runs(link):
                    spans[lane].setdefault(link.source, []).extend((start, end))
        for spanned in spans:
            ends: list[float] = []  # of each row, how far right it is taken
            found: dict[Output, int] = {}
            for source, reach in sorted(spanned.items(), key=lambda item: min(item[1])):
                free = (row for row, end in enumerate(ends) if end + LANE < min(reach))
                row = next(free, len(ends))
                ends[row:] = [max(reach), *ends[row + 1 :]]
                found[source] = row
            self.rows.append(found)

    def _runs(self, link: Link) -> list[tuple[int, float, float]]:
        """A long wire's way from left to right or back: the lane, where it enters it and where it leaves."""
        here, there = self._ends(link)
        enters, runs = self._shaft(here, link.source), []
        lanes = self._crossed(here, there)
        for lane in lanes:
            aside = -LANE * (1.0 + self.lanes[lane].index(link.source))
            leaves = self._shaft(_before(there), link.source) if lane == lanes[-1] else aside
            runs.append((lane, enters, leaves))
            enters = leaves
        return runs

    def _path(self, link: Link) -> list[Point]:
        """The corners of a long wire."""
        corners: list[Point] = []
        for lane, enters, leaves in self._runs(link):
            y = self.lane_tops[lane] + self.rows[lane][link.source] * LANE
            corners += [(enters, y), (leaves, y)]
        return list(dict.fromkeys(corners))

    def _shaft(self, cell: Cell, source: Output) -> float:
        """How far right a wire goes up or down in the gap after a column."""
        right = self.lefts[cell] + self._width(cell) if cell.column >= 0 else 0.0
        return right + GAP / 2 + self.shafts[cell].index(source) * LANE


def _before(cell: Cell) -> Cell:
    return Cell(cell.line, cell.column - 1)


def node_height(node: Node) -> int:
    """Of a node's body."""
    if node.interface is not None:
        return node.interface.height
    rows = sum(max(1, -(-len(line) // NOTE_LETTERS)) for line in node.text.split("\n"))
    return rows * NOTE_ROW + 40


def growth(node: Node) -> int:
    """How much taller a node gets, by its result and where the editor draws it as a part of the page."""
    return 28 + 4 * len(node.interface.widgets) + RESULTS.get(node.type, 0) if node.interface else 0


# The editor's form


def _app_form(graph: Graph) -> dict[str, Any]:
    """What the editor needs to show a workflow without its graph."""
    if not graph.shown:
        return {}
    asked = [[node.id, name] for node, name in graph.asked]
    return {"linearData": {"inputs": asked, "outputs": [node.id for node in graph.shown]}}


def editor_form(graph: Graph) -> dict[str, Any]:
    """The workflow as the editor opens it."""
    planner = Planner(graph)
    layout = planner.plan()
    order = in_order(graph)
    links = planner.links
    reroutes, ends = corners_of(links, layout)
    return {
        "id": stable_id("workflow", graph.name),
        "revision": 0,
        "last_node_id": len(graph.nodes),
        "last_link_id": len(links),
        "nodes": [node_form(node, order[node.id], links, layout.nodes[node.id]) for node in graph.nodes],
        "links": [
            [
                *(link.id, link.source.node.id, link.source.slot),
                *(link.target.id, link.slot, link.source.type),
            ]
            for link in links
        ],
        "groups": groups_form(layout),
        "config": {},
        "extra": {
            "ds": {"scale": 0.5, "offset": [120, 160]},
            "reroutes": reroutes,
            "linkExtensions": [{"id": link, "parentId": corner} for link, corner in ends.items()],
            **_app_form(graph),
            "retalk": words_form(graph),
        },
        "version": 0.4,
    }


def groups_form(layout: Layout) -> list[dict[str, Any]]:
    """The boxes, as the editor stores them."""
    return [
        {
            "id": number,
            "title": group.title,
            "bounding": list(place),
            "color": group.colour,
            "font_size": 24,
            "flags": {},
        }
        for number, (group, place) in enumerate(layout.groups, start=1)
    ]


def corners_of(links: list[Link], layout: Layout) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """The corners of wires as the editor's reroutes, and by the link's id the corner that it ends at.

    Wires of one output that run together share their corners: they are a tree.
    """
    made: list[dict[str, Any]] = []
    numbers: dict[tuple[int, int, Point], int] = {}
    ends = {}
    for source in dict.fromkeys(link.source for link in links if link.id in layout.paths):
        mine = [link for link in links if link.source == source and link.id in layout.paths]
        for link in mine:
            parent = None
            for point in _with_branches(layout.paths[link.id], mine, layout):
                key = (source.node.id, source.slot, point)
                if key not in numbers:
                    numbers[key] = len(made) + 1
                    made.append({"id": len(made) + 1, "pos": list(point), "linkIds": []})
                    if parent is not None:
                        made[-1]["parentId"] = parent
                parent = numbers[key]
                made[parent - 1]["linkIds"].append(link.id)
            assert parent is not None
            ends[link.id] = parent
    return made, ends


def _with_branches(path: list[Point], links: Iterable[Link], layout: Layout) -> list[Point]:
    """A path, and on it the corners where wires of the same output turn off."""
    corners = {point for link in links for point in layout.paths[link.id]}
    full = [path[0]]
    for (x0, y0), (x1, y1) in pairwise(path):
        low, high = sorted((x0, x1))
        between = [point for point in corners if point[1] == y0 == y1 and low < point[0] < high]
        full += sorted(between, reverse=x1 < x0)
        full.append((x1, y1))
    return full
