"""A template described: as the document that scripts read, and as lines for people."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.errors import brief, printable, shorten
from mkdocs_comfy.workflows.deciding import decided
from mkdocs_comfy.workflows.graph import LiveGraph, title_of
from mkdocs_comfy.workflows.linting import lint, needed_images, needed_models
from mkdocs_comfy.workflows.rules import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mkdocs_comfy.workflows.graph import Scalar, Target
    from mkdocs_comfy.workflows.linting import LintFinding
    from mkdocs_comfy.workflows.parameters import Parameter
    from mkdocs_comfy.workflows.template import WorkflowTemplate


def as_document(template: WorkflowTemplate, *, format: str) -> dict[str, Any]:  # noqa: A002  # the document's own key
    """Return what ``template show --json`` prints; the fields are described in docs/cli.md.

    Args:
        template: The template.
        format: What its file was: ``api``, ``wrapper``, ``image`` or ``ui``.
    """
    bindings: dict[str, list[str]] = {
        role: sorted(map(str, template.bindings.get(role, ()))) for role in ROLES
    }
    size = template.recommended_size or template.graph_size
    return {
        "name": template.name,
        "file": template.file,
        "format": format,
        "description": template.description,
        "licence": template.licence,
        "size": None if size is None else "{}x{}".format(*size),
        "negative": template.own_negative,
        "bindings": {**bindings, "output": [template.output]},
        "parameters": {
            name: _parameter(template, parameter) for name, parameter in template.declared.items()
        },
        "needs": {
            "classes": sorted({node["class_type"] for node in template.live.values()}),
            "models": list(needed_models(template)),
            "images": list(needed_images(template)),
        },
        "findings": [finding_document(finding) for finding in lint(template)],
    }


def finding_document(finding: LintFinding) -> dict[str, str | None]:
    """Return a finding as ``--json`` prints it."""
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "node": finding.node,
        "message": finding.message,
    }


def as_rows(template: WorkflowTemplate) -> Iterator[tuple[str, str, str]]:
    """Yield what can be given, where it goes, and what it is where a page says nothing."""
    size = template.recommended_size or template.graph_size
    own = {
        "negative": _shown(template.own_negative or None),
        "width": str(size[0]) if size else "",
        "height": str(size[1]) if size else "",
    }
    for role in ROLES:
        if role in template.declared:
            continue
        if targets := template.bindings.get(role):
            yield role, _places(template, targets), own.get(role, "")
        elif role in template.ambiguous:
            yield role, "not certain, see below", ""
    for name, parameter in template.declared.items():
        value = _own_value(template, parameter)
        yield name, _places(template, parameter.targets), _shown(value)
    yield "output", _node(template, template.output), ""


def drawn(template: WorkflowTemplate) -> Iterator[str]:
    """Yield lines that draw the shortest way from the prompt to the output, node by node."""
    live = LiveGraph.of(template.live, template.output)
    running = LiveGraph.of(decided(template.live), template.output)
    starts = template.bindings["prompt"]
    for start in starts[:_DRAWN]:
        yield f"prompt → {start.input}"
        way = _way(running if start.node in running.nodes else live, start)
        for depth, (node_id, entered) in enumerate(way):
            arrow = f"{entered} → " if entered else ""
            yield f"{'  ' * (depth + 1)}{arrow}{_node(template, node_id)}"
    if len(starts) > _DRAWN:
        yield f"and {len(starts) - _DRAWN} more ways"


_DRAWN = 4
"""How many ways are drawn; a template with two encoders has two."""

_CELL = 40
"""Characters of a value in a table."""

_LISTED = 6
"""How many places of one parameter are listed."""


def _parameter(template: WorkflowTemplate, parameter: Parameter) -> dict[str, Any]:
    return {
        "to": sorted(map(str, parameter.targets)),
        "type": parameter.kind,
        "default": _own_value(template, parameter),
        "min": parameter.minimum,
        "max": parameter.maximum,
        "choices": list(parameter.choices),
        "description": parameter.description,
    }


def _own_value(template: WorkflowTemplate, parameter: Parameter) -> Scalar | None:
    """Return the value where no page says one; ``None`` where nodes compute it."""
    if parameter.default is not None:
        return parameter.default
    target = parameter.targets[0]
    value = template.live[target.node]["inputs"][target.input]
    return value if isinstance(value, str | int | float) else None


def _shown(value: Scalar | None) -> str:
    return "" if value is None else shorten(brief(value), _CELL)


def _way(live: LiveGraph, start: Target) -> list[tuple[str, str]]:
    """Return the nodes of the shortest way to the output, each with the input it is entered by."""
    came: dict[str, tuple[str, str] | None] = {start.node: None}
    waiting = deque([start.node])
    while waiting and live.output not in came:
        node_id = waiting.popleft()
        for user in live.users[node_id]:
            if user.node not in came:
                came[user.node] = (node_id, user.input)
                waiting.append(user.node)
    way: list[tuple[str, str]] = []
    here = live.output
    while step := came[here]:
        way.append((here, step[1]))
        here = step[0]
    return [(start.node, ""), *reversed(way)]


def _places(template: WorkflowTemplate, targets: Sequence[Target]) -> str:
    listed = ", ".join(
        f"{target} ({_title(template, target.node)})" for target in targets[:_LISTED]
    )
    return listed + (f" and {len(targets) - _LISTED} more" if len(targets) > _LISTED else "")


def _node(template: WorkflowTemplate, node_id: str) -> str:
    class_type, title = template.graph[node_id]["class_type"], _title(template, node_id)
    named = f' "{title}"' if title != class_type else ""
    return f"{printable(node_id)} {printable(class_type)}{named}"


def _title(template: WorkflowTemplate, node_id: str) -> str:
    return shorten(printable(title_of(template.graph[node_id])), 40)
