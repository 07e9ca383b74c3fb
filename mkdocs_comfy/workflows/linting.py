"""What is worth knowing of a template before anybody renders with it. Offline, and only reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from mkdocs_comfy.errors import printable, shorten
from mkdocs_comfy.text import choice_in
from mkdocs_comfy.workflows.canonical import models_in
from mkdocs_comfy.workflows.graph import LiveGraph, Target, id_order, link_of, title_of
from mkdocs_comfy.workflows.parameters import UnfitError
from mkdocs_comfy.workflows.review import is_partner, reach_of
from mkdocs_comfy.workflows.rules import PREVIEWS, SEED_INPUTS, TEXT_ROLES
from mkdocs_comfy.workflows.texts import goes_aside
from mkdocs_comfy.workflows.tracing import adds_no_noise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs_comfy.workflows.template import WorkflowTemplate

Severity: TypeAlias = Literal["error", "warning", "note"]

IMAGE_LOADERS = frozenset({"LoadImage", "LoadImageMask", "LoadImageOutput"})
"""Classes whose ``image`` names a file in a folder of the server."""

BATCHES = frozenset({"amount", "batch_size"})
"""Inputs that ask for several images at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One thing about a template.

    Attributes:
        kind: Word for scripts, listed in docs/templates.md.
        severity: ``error``: it cannot be used; ``warning``: it will not do what it seems to;
            ``note``: for whoever reviews it.
        node: Id of the node, or ``None``.
        message: A sentence for its author.
    """

    kind: str
    severity: Severity
    node: str | None
    message: str


def lint(template: WorkflowTemplate) -> tuple[LintFinding, ...]:
    """Return what is to be said of a template that can be used, worst first.

    What makes a file unusable is raised when it is read, see :func:`parse_template`.
    """
    found = [
        *_output(template),
        *_prompt(template),
        *_unclear(template),
        *_seeds(template),
        *_nodes(template),
        *_settings(template),
    ]
    return tuple(sorted(found, key=lambda each: ("error", "warning", "note").index(each.severity)))


def needed_models(template: WorkflowTemplate) -> tuple[str, ...]:
    """Return the model files that the template names, sorted, each once."""
    return models_in(template.live)


def needed_images(template: WorkflowTemplate) -> tuple[str, ...]:
    """Return the files that the template takes from the server's own folders, sorted, each once."""
    return tuple(sorted({name for _, name in _loaded(template)}))


def _output(template: WorkflowTemplate) -> Iterator[LintFinding]:
    node = template.graph[template.output]
    if node["class_type"] in PREVIEWS:
        yield LintFinding(
            kind="preview_only",
            severity="warning",
            node=template.output,
            message=f"{_named(template, template.output)} only shows a preview, which the server "
            "forgets when it starts; add a Save Image node",
        )


def _prompt(template: WorkflowTemplate) -> Iterator[LintFinding]:
    for target in template.bindings["prompt"]:
        if goes_aside(template.live[target.node]):
            yield LintFinding(
                kind="prompt_in_system_text",
                severity="warning",
                node=target.node,
                message=f"the prompt is written to {_named(template, target.node)}, whose title "
                "says that its text only goes with the prompt",
            )
    for role in TEXT_ROLES:
        for target in template.bindings.get(role, ()):
            value = template.live[target.node]["inputs"][target.input]
            if role == "negative" and isinstance(value, str) and choice_in(value):
                yield LintFinding(
                    kind="dynamic_prompt",
                    severity="warning",
                    node=target.node,
                    message=f"{_at(template, target)} has {{one|another}} in it: ComfyUI's canvas "
                    "picks one of them, its server does not",
                )


def _unclear(template: WorkflowTemplate) -> Iterator[LintFinding]:
    for role, candidates in template.ambiguous.items():
        listed = ", ".join(_at(template, target) for target in candidates[:8])
        yield LintFinding(
            kind=f"uncertain_{role}",
            severity="note",
            node=None,
            message=f"{role} could be any of {listed}; it is asked for where it is set",
        )


def _seeds(template: WorkflowTemplate) -> Iterator[LintFinding]:
    bound = set(template.bindings.get("seed", ()))
    if not bound:
        yield LintFinding(
            kind="no_seed",
            severity="warning",
            node=None,
            message="nothing takes a seed: every hero of one prompt is the same image",
        )
    live = LiveGraph.of(template.live, template.output)
    for node_id in _ids(template):
        if adds_no_noise(live, node_id):
            continue
        for name, value in live.inputs(node_id).items():
            is_seed = name.rpartition(".")[2] in SEED_INPUTS and isinstance(value, int)
            if is_seed and not any((each.node, each.input) == (node_id, name) for each in bound):
                yield LintFinding(
                    kind="fixed_seed",
                    severity="note",
                    node=node_id,
                    message=f"{name} of {_named(template, node_id)} stays {value} in every image",
                )


def _nodes(template: WorkflowTemplate) -> Iterator[LintFinding]:
    reaches: dict[str, str] = {}
    for node_id in _ids(template):
        node = template.live[node_id]
        class_type = node["class_type"]
        for name in BATCHES & node["inputs"].keys():
            value = node["inputs"][name]
            if isinstance(value, int) and value > 1:
                yield LintFinding(
                    kind="batch",
                    severity="warning",
                    node=node_id,
                    message=f"{name} of {_named(template, node_id)} is {value}: only the first "
                    "image is used",
                )
        if is_partner(class_type):
            yield LintFinding(
                kind="partner_node",
                severity="note",
                node=node_id,
                message=f"{_named(template, node_id)} is a partner's node: every image costs "
                "money, and it needs partner_key",
            )
        if reach := reach_of(class_type):
            reaches.setdefault(class_type, reach)
    for node_id, name in _loaded(template):
        yield LintFinding(
            kind="needs_image",
            severity="warning",
            node=node_id,
            message=f"{_named(template, node_id)} needs the file {shorten(name)!r} on the server",
        )
    for class_type, reach in sorted(reaches.items()):
        yield LintFinding(
            kind="review",
            severity="note",
            node=None,
            message=f"{class_type} {reach}, by its name: know it before you trust this template",
        )


def _settings(template: WorkflowTemplate) -> Iterator[LintFinding]:
    for target in template.by_id:
        yield LintFinding(
            kind="named_by_id",
            severity="note",
            node=target.node,
            message=f'"{target}" names a node by its id, which the next export may change; '
            "give the node a title",
        )
    for parameter in template.declared.values():
        if parameter.default is None and parameter.kind != "image":
            value = template.live[parameter.targets[0].node]["inputs"][parameter.targets[0].input]
            try:
                if link_of(value) is None:
                    parameter.fitted(value)
            except UnfitError as error:
                yield LintFinding(
                    kind="own_value",
                    severity="warning",
                    node=parameter.targets[0].node,
                    message=f"parameter {parameter.name} must be {error.expected}, "
                    f"but the workflow itself has {shorten(repr(value))}",
                )


def _loaded(template: WorkflowTemplate) -> Iterator[tuple[str, str]]:
    for node_id in _ids(template):
        node = template.live[node_id]
        name = node["inputs"].get("image")
        target = Target(node=node_id, input="image")
        if (
            node["class_type"] in IMAGE_LOADERS
            and isinstance(name, str)
            and (template.image is None or target not in template.image.targets)
        ):
            yield node_id, name


def _ids(template: WorkflowTemplate) -> list[str]:
    return sorted(template.live, key=id_order)


def _named(template: WorkflowTemplate, node_id: str) -> str:
    return f'node {node_id} "{shorten(printable(title_of(template.graph[node_id])))}"'


def _at(template: WorkflowTemplate, target: Target) -> str:
    return f"{target} ({shorten(printable(title_of(template.graph[target.node])), 40)})"
