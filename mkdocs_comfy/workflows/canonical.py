"""A workflow written down so that it says the same for ever, whoever exported it.

Sidecars hold it: two authors who freeze the same image write the same text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mkdocs_comfy.text import canonical_text
from mkdocs_comfy.workflows.graph import PREFIX, Graph, links
from mkdocs_comfy.workflows.key import MODEL_SUFFIXES, KeyPlan, canonical_literal

if TYPE_CHECKING:
    from collections.abc import Mapping


def canonical_workflow(graph: Graph, output: str) -> dict[str, Any]:
    """Return what leads to ``output``, without all that does not shape the image.

    Equal keys give equal workflows: nodes are numbered from ``1`` on, sources before their users,
    those of an input before those of the input that follows it in code-point order; nodes that
    are the same count once; titles, and the output's ``filename_prefix``, are left out. The last
    number is the output's.

    Args:
        graph: Graph in API format, without cycles and links to missing nodes.
        output: Id of the node whose image is meant.

    Raises:
        ValueError: A literal has no key, see ``key.workflow_key``.
    """
    digests = {plan.id: plan.digest for plan in KeyPlan.of(graph, output).nodes}
    numbers: dict[str, str] = {}
    nodes: dict[str, Any] = {}
    stack = [(output, False)]
    while stack:
        node_id, sources_placed = stack.pop()
        digest = digests[node_id]
        if digest in numbers:
            continue
        left_out = PREFIX if node_id == output else None
        if not sources_placed:
            stack.append((node_id, True))
            stack.extend((source, False) for source in reversed(_sources(graph[node_id], left_out)))
            continue
        number = numbers[digest] = str(len(numbers) + 1)
        nodes[number] = _written(graph[node_id], left_out, numbers, digests)
    return nodes


def output_of(workflow: Graph) -> str:
    """Return the id of the output of a workflow that :func:`canonical_workflow` wrote."""
    return str(len(workflow))


def models_in(graph: Graph) -> tuple[str, ...]:
    """Return the model files that a graph names, sorted, each once."""
    values = (value for node in graph.values() for value in node["inputs"].values())
    return tuple(
        sorted({each for each in values if isinstance(each, str) and each.endswith(MODEL_SUFFIXES)})
    )


def _sources(node: Mapping[str, Any], left_out: str | None) -> list[str]:
    named = sorted((canonical_text(name), link.node) for name, link in links(node))
    return [source for name, source in named if name != left_out]


def _written(
    node: Mapping[str, Any],
    left_out: str | None,
    numbers: Mapping[str, str],
    digests: Mapping[str, str],
) -> dict[str, Any]:
    sources = {
        name: [numbers[digests[link.node]], link.slot]
        for name, link in links(node)
        if name != left_out
    }
    return {
        "class_type": canonical_text(node["class_type"]),
        "inputs": {
            canonical_text(name): sources.get(name) or canonical_literal(value)
            for name, value in sorted(node["inputs"].items())
            if name != left_out
        },
    }
