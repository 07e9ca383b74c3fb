"""A graph as it runs: switches whose position is written in the graph lead one way only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mkdocs_comfy.workflows.graph import Graph, Link, link_of
from mkdocs_comfy.workflows.rules import BOOLEAN_SOURCES, SWITCHES

if TYPE_CHECKING:
    from collections.abc import Mapping


def decided(graph: Graph) -> Graph:
    """Return ``graph`` with its links past every switch that is set for good.

    A switch that hands on a literal keeps that input and no other. A switch whose position is
    computed stays as it is: both its ways are open. Nodes and links that no switch concerns are
    those of ``graph``, which is not changed.

    Args:
        graph: Graph in API format, without cycles and links to missing nodes.
    """
    chosen = {node_id: way for node_id, node in graph.items() if (way := _chosen(graph, node))}
    if not chosen:
        return graph
    return {
        node_id: {**node, "inputs": _inputs(graph, node_id, chosen)}
        for node_id, node in graph.items()
    }


def _chosen(graph: Graph, node: Mapping[str, Any]) -> str | None:
    """Return the input that a switch hands on, or ``None``."""
    switch = SWITCHES.get(node["class_type"])
    if switch is None:
        return None
    position = node["inputs"].get(switch[0])
    if link := link_of(position):
        source = graph[link.node]
        held = BOOLEAN_SOURCES.get(source["class_type"])
        position = source["inputs"].get(held) if held else None
    return switch[1 if position else 2] if isinstance(position, bool) else None


def _inputs(graph: Graph, node_id: str, chosen: Mapping[str, str]) -> Mapping[str, Any]:
    inputs: Mapping[str, Any] = graph[node_id]["inputs"]
    if way := chosen.get(node_id):
        inputs = {way: inputs[way]} if way in inputs else {}
    return {
        name: value if link is None else _past(graph, link, chosen)
        for name, value in inputs.items()
        for link in [link_of(value)]
    }


def _past(graph: Graph, link: Link, chosen: Mapping[str, str]) -> list[str | int]:
    while way := chosen.get(link.node):
        further = link_of(graph[link.node]["inputs"].get(way))
        if further is None:
            break
        link = further
    return [link.node, link.slot]
