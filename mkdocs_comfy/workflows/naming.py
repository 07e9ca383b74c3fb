"""What authors call the nodes and inputs of a graph, in a ``.toml`` and in front matter.

Nodes are named by title, class or id; a title wins over a class, a class over an id.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mkdocs_comfy.text import normalise_text
from mkdocs_comfy.workflows.graph import Graph, Target, title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def named_nodes(graph: Graph, reference: str) -> tuple[str, ...]:
    """Return the ids of the nodes that ``reference`` names by title, else by class, else by id."""
    wanted = normalise_text(reference)
    for names in _NAMINGS:
        if found := tuple(each for each in graph if wanted == names(graph, each)):
            return found
    return ()


def named_targets(graph: Graph, reference: str) -> tuple[Target, ...]:
    """Return the inputs that ``reference``, ``<node>.<input>``, can mean; one is as it should be.

    Titles and input names may have dots in them, so every dot may be the one between the two.
    """
    inputs = dict(_splits(normalise_text(reference)))
    for names in _NAMINGS:
        found = tuple(
            Target(node=each, input=name)
            for each in graph
            if (name := inputs.get(names(graph, each))) and name in graph[each]["inputs"]
        )
        if found:
            return found
    return ()


def reference_to(graph: Graph, target: Target) -> str:
    """Return a reference that means ``target`` and nothing else: by title, where that is so."""
    by_title = f"{title_of(graph[target.node])}.{target.input}"
    return by_title if named_targets(graph, by_title) == (target,) else str(target)


def toml_text(text: str) -> str:
    """Return ``text`` as a TOML string with its quotes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def settling_lines(graph: Graph, role: str, targets: Iterable[Target]) -> str:
    """Return the lines of a ``.toml`` that bind ``role`` to ``targets``."""
    references = ", ".join(toml_text(reference_to(graph, target)) for target in targets)
    return f"[parameters.{role}]\nto = [{references}]"


_NAMINGS: tuple[Callable[[Graph, str], str], ...] = (
    lambda graph, node_id: title_of(graph[node_id]),
    lambda graph, node_id: normalise_text(graph[node_id]["class_type"]),
    lambda _, node_id: normalise_text(node_id),
)


def _splits(reference: str) -> Iterator[tuple[str, str]]:
    for dot in re.finditer(r"\.", reference):
        yield reference[: dot.start()], reference[dot.end() :]
