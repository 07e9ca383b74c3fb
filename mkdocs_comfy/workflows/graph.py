"""What a graph in ComfyUI's API format is, and how to walk it.

A graph is a mapping of node id to ``{"class_type": str, "inputs": {…}, "_meta": {"title": str}}``.
Ids are text (``"6"``, ``"57:27"`` inside a subgraph) and never numbers. An input is a literal or
a link, ``[source node id, output slot]``. Facts of the format: ComfyUI's
``comfy_execution/graph_utils.py`` (``is_link``) and ``execution.py`` (``validate_inputs``).

Graphs come from files, so they can be large and deep: nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mkdocs_comfy.text import normalise_text

if TYPE_CHECKING:
    from collections.abc import Iterator

Graph: TypeAlias = Mapping[str, Any]
Scalar: TypeAlias = str | int | float | bool

PREFIX = "filename_prefix"
"""The input by which an output node names its files on the server; never part of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where an input that is no literal gets its value.

    Attributes:
        node: Id of the source node.
        slot: Number of the source's output, counted from 0.
    """

    node: str
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Target:
    """One input of one node, as a place that a value can be written to.

    Attributes:
        node: Node id.
        input: Name of an input that exists on that node, literal or link.
    """

    node: str
    input: str

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


def link_of(value: object) -> Link | None:
    """Return ``value`` as a link, or ``None`` where it is a literal.

    A link is what ComfyUI takes for one: a list of a text and a number. Two texts or two numbers
    are a literal. Slots may be written as floats (``0.0``), as some JSON writers do.
    """
    match value:
        case [str() as node, int() | float() as slot] if not isinstance(slot, bool):
            return Link(node=node, slot=int(slot))
        case _:
            return None


def links(node: Mapping[str, Any]) -> Iterator[tuple[str, Link]]:
    """Yield the input names of ``node`` that are links, each with its link."""
    for name, value in node["inputs"].items():
        if link := link_of(value):
            yield name, link


def title_of(node: Mapping[str, Any]) -> str:
    """Return the title that the author sees on ``node``, or its class where it has none."""
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    shown = normalise_text(title) if isinstance(title, str) else ""
    return shown or normalise_text(node["class_type"])


def id_order(node_id: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key for node ids: numbers by value, ``"9"`` before ``"10"`` and ``"57:9"`` after."""
    return tuple(
        (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part)
        for part in (piece[:18] for piece in node_id.split(":"))
    )


def upstream(graph: Graph, *outputs: str) -> tuple[str, ...]:
    """Return the ids of all nodes that lead to ``outputs``, sources before their users.

    A single output itself comes last. A link in its ``filename_prefix`` leads nowhere, as the
    prefix is replaced for every job. The graph must have neither cycles nor links to missing
    nodes.
    """
    placed: dict[str, None] = {}
    ends = frozenset(outputs)
    stack = [(output, False) for output in outputs]
    while stack:
        node_id, sources_placed = stack.pop()
        if node_id in placed:
            continue
        if sources_placed:
            placed[node_id] = None
            continue
        stack.append((node_id, True))
        stack.extend(
            (link.node, False)
            for name, link in links(graph[node_id])
            if link.node not in placed and not (name == PREFIX and node_id in ends)
        )
    return tuple(placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGraph:
    """The part of a graph that leads to its output.

    Attributes:
        output: Id of the output node.
        nodes: The nodes that lead to it, by id, in the order of the file.
        users: Node id → the inputs of those nodes that it feeds.
    """

    output: str
    nodes: Graph
    users: Mapping[str, tuple[Target, ...]]

    @classmethod
    def of(cls, graph: Graph, output: str) -> LiveGraph:
        """Return what leads to ``output``; ``graph`` as :func:`upstream` wants it."""
        leading = set(upstream(graph, output))
        nodes = {node_id: node for node_id, node in graph.items() if node_id in leading}
        users: dict[str, list[Target]] = {node_id: [] for node_id in nodes}
        for node_id, node in nodes.items():
            for name, link in links(node):
                if link.node in users:
                    users[link.node].append(Target(node=node_id, input=name))
        return cls(
            output=output,
            nodes=nodes,
            users={node_id: tuple(targets) for node_id, targets in users.items()},
        )

    def inputs(self, node_id: str) -> Mapping[str, Any]:
        """Return the inputs of a node."""
        inputs: Mapping[str, Any] = self.nodes[node_id]["inputs"]
        return inputs

    def class_of(self, node_id: str) -> str:
        """Return the class of a node."""
        class_type: str = self.nodes[node_id]["class_type"]
        return class_type

    def value(self, target: Target) -> Any:
        """Return the literal or the raw link at ``target``."""
        return self.inputs(target.node)[target.input]
