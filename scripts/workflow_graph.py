"""Describe a workflow once; get what the editor opens, what the server queues, and a blueprint."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from workflow_nodes import Interface, Slot

NOTES = ("MarkdownNote",)
COLOURS = {  # of groups
    "input": "#4a8db7",
    "face": "#b08d4c",
    "expression": "#b06aa0",
    "speech": "#4f9e77",
    "lips": "#c06a5d",
    "restore": "#7285d0",
    "blend": "#8ba04c",
    "output": "#8f96a3",
}
NAMESPACE = uuid.UUID("7a1f6f0e-7f0f-5d59-9a3c-5f1c7d0b6b11")  # of the ids that follow from names


@dataclass(frozen=True)
class Output:
    """One output of a node, to be wired."""

    node: Node
    slot: int

    @property
    def type(self) -> str:
        return self.node.outputs[self.slot].type


@dataclass(eq=False)
class Node:
    """A node in its place in a graph."""

    id: int
    interface: Interface | None  # None for a note
    values: dict[str, Any]  # of its widgets
    wires: dict[str, Output]  # what its inputs come from
    title: str = ""
    text: str = ""  # of a note
    api_values: dict[str, Any] = field(default_factory=dict)  # where programs are better served by others
    extra_height: int = 0

    @property
    def outputs(self) -> tuple[Slot, ...]:
        return self.interface.outputs if self.interface else ()

    @property
    def type(self) -> str:
        return self.interface.type if self.interface else NOTES[0]

    def __getitem__(self, name: str) -> Output:
        return Output(self, [each.name for each in self.outputs].index(name))


@dataclass
class Group:
    """A titled box: columns of nodes, from left to right."""

    title: str
    colour: str
    columns: list[list[Node]] = field(default_factory=lambda: [[]])


@dataclass
class Graph:
    """A workflow: lines of groups, read like text, from left to right and top to bottom."""

    name: str
    known: Mapping[str, Interface]
    engine: str = "retalk"  # that the server's form names, where the editor's says auto
    lines: list[list[Group]] = field(default_factory=lambda: [[]])
    nodes: list[Node] = field(default_factory=list)
    asked: list[tuple[Node, str]] = field(default_factory=list)  # widgets that stay where the graph is hidden
    shown: list[Node] = field(default_factory=list)  # whose results do

    # To describe it

    @contextmanager
    def group(self, title: str, colour: str) -> Iterator[None]:
        """Nodes that are added inside stand in one box."""
        self.lines[-1].append(Group(title, COLOURS[colour]))
        yield

    def column(self) -> None:
        """Go on to the right, in the same group."""
        self.lines[-1][-1].columns.append([])

    def line(self) -> None:
        """Go on below, at the left."""
        self.lines.append([])

    def add(self, kind: str, title: str = "", **inputs: Any) -> Node:  # noqa: ANN401 - values and outputs
        """Put a node below the last one; inputs are values of widgets, or outputs of other nodes."""
        interface = self.known[kind]
        values = {each.name: each.default for each in interface.widgets}
        node = Node(len(self.nodes) + 1, interface, values, {}, title)
        for name, given in inputs.items():
            self._connect(node, name, given)
        for each in interface.sockets:
            if not each.optional and each.name not in node.wires:
                raise ValueError(f"{kind} needs {each.name}")
        if node.values.get("engine") == "auto":
            node.api_values["engine"] = self.engine
        return self.place(node)

    def note(self, title: str, text: str) -> Node:
        """Put a note below the last node: Markdown, paragraphs with empty lines between them."""
        paragraphs = inspect.cleandoc(text).split("\n\n")
        unwrapped = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
        return self.place(Node(len(self.nodes) + 1, None, {}, {}, title, unwrapped))

    def _connect(self, node: Node, name: str, given: Any) -> None:  # noqa: ANN401 - value or output
        assert node.interface is not None
        if name not in node.interface.inputs:
            raise ValueError(f"{node.type} has no input {name}")
        if isinstance(given, Node):
            given = Output(given, 0)
        if not isinstance(given, Output):
            if name not in node.values:
                raise ValueError(f"{name} of {node.type} has to be wired")
            node.values[name] = given
            return
        wanted = input_type(node.interface, name).split(",")
        if given.type not in wanted and "*" not in wanted:
            raise ValueError(f"{given.type} doesn't fit {name} of {node.type}, which takes {wanted}")
        node.wires[name] = given

    def place(self, node: Node) -> Node:
        """Put a node that exists already below the last one."""
        self.nodes.append(node)
        self.lines[-1][-1].columns[-1].append(node)
        return node


def input_type(interface: Interface, name: str) -> str:
    """The type of an input."""
    found = {each.name: each.type for each in (*interface.sockets, *interface.widgets)}
    return found[name]


@dataclass(frozen=True)
class Link:
    """A wire, with its number."""

    id: int
    source: Output
    target: Node
    name: str  # of the target's input

    @property
    def slot(self) -> int:
        """The number of the target's input."""
        assert self.target.interface is not None
        return self.target.interface.inputs.index(self.name)


def links_of(graph: Graph) -> list[Link]:
    """All wires, numbered in the order of the nodes that they lead to."""
    wires = [(source, node, name) for node in graph.nodes for name, source in node.wires.items()]
    return [Link(number, *wire) for number, wire in enumerate(wires, start=1)]


# What the server queues


def api_form(graph: Graph) -> dict[str, Any]:
    """The workflow as programs queue it; it names the engine, so that a missing file is an error."""
    prompt = {}
    for node in graph.nodes:
        if node.interface is None:
            continue
        inputs: dict[str, Any] = {**node.values, **node.api_values}
        inputs |= {name: [str(source.node.id), source.slot] for name, source in node.wires.items()}
        prompt[str(node.id)] = {
            "inputs": inputs,
            "class_type": node.type,
            "_meta": {"title": node.title or node.interface.title},
        }
    return prompt


# What the editor opens


def node_form(
    node: Node, order: int, links: list[Link], place: tuple[float, float, float, float]
) -> dict[str, Any]:
    """A node as the editor stores it, at left, top, width and height."""
    left, top, width, height = place
    form: dict[str, Any] = {
        "id": node.id,
        "type": node.type,
        "pos": [left, top],
        "size": [width, height],
        "flags": {},
        "order": order,
        "mode": 0,
    }
    if node.interface is None:
        form |= {"inputs": [], "outputs": [], "title": node.title, "properties": {}}
        return {**form, "widgets_values": [node.text], "color": "#432", "bgcolor": "#653"}
    interface = node.interface
    into = {link.name: link.id for link in links if link.target is node}
    form["inputs"] = [_input_form(interface, name, into.get(name)) for name in interface.inputs]
    form["outputs"] = [
        {
            "name": each.name,
            "type": each.type,
            "links": [link.id for link in links if link.source.node is node and link.source.slot == slot],
        }
        for slot, each in enumerate(interface.outputs)
    ]
    if node.title:
        form["title"] = node.title
    form["properties"] = _properties(node)
    values = node.values
    form["widgets_values"] = dict(values) if interface.by_name else [*values.values(), *interface.stored]
    return form


def _input_form(interface: Interface, name: str, link: int | None) -> dict[str, Any]:
    form: dict[str, Any] = {"name": name, "type": input_type(interface, name), "link": link}
    if name in (each.name for each in interface.widgets):
        form["widget"] = {"name": name}
    elif next(each for each in interface.sockets if each.name == name).optional:
        form["shape"] = 7
    return form


def _properties(node: Node) -> dict[str, Any]:
    assert node.interface is not None
    found = {"Node name for S&R": node.type, "cnr_id": node.interface.pack, "ver": node.interface.version}
    return found


def in_order(graph: Graph) -> dict[int, int]:
    """When each node runs, by its id: after all that it is wired to."""
    order: dict[int, int] = {}

    def visit(node: Node) -> None:
        if node.id in order or node not in graph.nodes:
            return
        for source in node.wires.values():
            visit(source.node)
        order[node.id] = len(order)

    for node in graph.nodes:
        visit(node)
    return order


def stable_id(*names: str) -> str:
    """An id that stays the same as long as the names do."""
    return str(uuid.uuid5(NAMESPACE, "/".join(names)))
