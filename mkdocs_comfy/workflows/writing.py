"""A graph as the text of a template file that is easy to compare with the one before it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mkdocs_comfy.workflows.graph import id_order, title_of

if TYPE_CHECKING:
    from mkdocs_comfy.workflows.graph import Graph


def graph_text(graph: Graph) -> str:
    """Return ``graph`` as JSON that is the same for the same workflow.

    Nodes stand in the order of their ids and inputs in that of their names, one to a line; of
    what the editor keeps beside a node, only the title is left. The key of the image is that of
    ``graph``.
    """
    document = {
        node_id: {
            "class_type": graph[node_id]["class_type"],
            "inputs": dict(sorted(graph[node_id]["inputs"].items())),
            "_meta": {"title": title_of(graph[node_id])},
        }
        for node_id in sorted(graph, key=lambda each: (id_order(each), each))
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
