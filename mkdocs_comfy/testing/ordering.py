"""In which order nodes run, and which results of the last prompt still count. Pure.

The order decides which frames a client sees, so it follows that of ComfyUI 0.3.64: nodes are
staged depth first from the outputs; of those that are ready, outputs come first, then what feeds
an output, then what feeds that, then the one staged earliest.
"""

from __future__ import annotations

import hashlib
import json
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.testing.tracing import is_link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set as AbstractSet


def links_of(graph: Mapping[str, Any], node: str) -> list[str]:
    """Return the ids that the inputs of ``node`` are linked to, in the order of the inputs.

    A link to nowhere can only stand in an input that the node's class does not have.
    """
    links = [value for value in graph[node].get("inputs", {}).values() if is_link(value)]
    return [link[0] for link in links if link[0] in graph]


def reachable(graph: Mapping[str, Any], outputs: Sequence[str]) -> list[str]:
    """Return the nodes that lead to ``outputs``, in the order of the graph."""
    seen: set[str] = set()
    ahead = list(outputs)
    while ahead:
        node = ahead.pop()
        if node not in seen:
            seen.add(node)
            ahead += links_of(graph, node)
    return [node for node in graph if node in seen]


def signatures(
    graph: Mapping[str, Any], nodes: Sequence[str], *, salt: Mapping[str, str]
) -> dict[str, str]:
    """Return for each of ``nodes`` what its result depends on: class, literals, sources.

    Args:
        graph: A validated graph.
        nodes: Nodes that lead to its outputs.
        salt: For a node class whose results are never used again, something new.

    Raises:
        graphlib.CycleError: Links in inputs that validation does not know make a cycle.
    """
    known: dict[str, str] = {}
    sorter = TopologicalSorter({node: links_of(graph, node) for node in nodes})
    for node in sorter.static_order():
        kind, inputs = graph[node]["class_type"], graph[node].get("inputs", {})
        said = {
            name: [known.get(value[0]), value[1]] if is_link(value) else {"literal": value}
            for name, value in inputs.items()
        }
        text = json.dumps([kind, said, salt.get(kind, "")], sort_keys=True)
        known[node] = hashlib.sha256(text.encode()).hexdigest()
    return known


def execution_order(
    graph: Mapping[str, Any],
    outputs: Sequence[str],
    *,
    cached: AbstractSet[str],
    sinks: AbstractSet[str],
) -> Iterator[str]:
    """Yield the nodes to run, in order; ``outputs`` are among them even where they are cached.

    Args:
        graph: A validated graph.
        outputs: The nodes to reach.
        cached: Nodes whose results are known: nothing beyond them is staged.
        sinks: Nodes of classes that are outputs.
    """
    waiting_for, feeds = _stage(graph, outputs, cached)
    while waiting_for:
        ready = [node for node, sources in waiting_for.items() if not sources]
        node = _pick(ready, feeds, sinks)
        yield node
        del waiting_for[node]
        for reader in feeds[node]:
            waiting_for[reader].discard(node)


def _stage(
    graph: Mapping[str, Any], outputs: Sequence[str], cached: AbstractSet[str]
) -> tuple[dict[str, set[str]], dict[str, list[str]]]:
    """Return what each staged node waits for, and whom it feeds."""
    waiting_for: dict[str, set[str]] = {}
    feeds: dict[str, list[str]] = {}
    for output in outputs:
        ahead = [output]
        while ahead:
            node = ahead.pop()
            if node in waiting_for:
                continue
            sources = [] if node in cached else links_of(graph, node)
            waiting_for[node] = {source for source in sources if source not in cached}
            feeds.setdefault(node, [])
            for source in waiting_for[node]:
                feeds.setdefault(source, []).append(node)
            ahead += [source for source in sources if source not in cached]
    # A cached output may feed another one; it is staged, so it is waited for.
    for node in waiting_for:
        waiting_for[node] &= waiting_for.keys()
    return waiting_for, feeds


def _pick(ready: Sequence[str], feeds: Mapping[str, Sequence[str]], sinks: AbstractSet[str]) -> str:
    def distance(node: str) -> int:
        if node in sinks:
            return 0
        if any(reader in sinks for reader in feeds[node]):
            return 1
        if any(second in sinks for reader in feeds[node] for second in feeds[reader]):
            return 2
        return 3

    return min(ready, key=distance)
