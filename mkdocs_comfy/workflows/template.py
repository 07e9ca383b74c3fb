"""A workflow template: a graph, and where in it the arguments go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.text import normalise_text
from mkdocs_comfy.workflows.declared import resolve_parameters
from mkdocs_comfy.workflows.explicit import Settings, read_settings, toml_beside
from mkdocs_comfy.workflows.graph import (
    PREFIX,
    Graph,
    LiveGraph,
    Scalar,
    Target,
    id_order,
    link_of,
    links,
    title_of,
)
from mkdocs_comfy.workflows.key import KeyPlan
from mkdocs_comfy.workflows.naming import named_targets
from mkdocs_comfy.workflows.reading import read_graph
from mkdocs_comfy.workflows.resolving import ask, resolve_output, resolve_roles
from mkdocs_comfy.workflows.rules import TEXT_ROLES, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import NoReturn

    from mkdocs_comfy.workflows.parameters import Parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowTemplate:
    """A workflow that takes arguments. Read and traced once, bound once for every page.

    Attributes:
        name: Name, without ``.json``.
        file: The file as its author knows it.
        graph: The whole graph in API format, as it stands in the file. Not to be changed.
        output: Id of the node whose image is meant.
        bindings: Role → the inputs that its value is written to; roles that the graph has no
            place for are absent.
        ambiguous: Role → what could be meant, where only its author can say; never the prompt.
        recommended_size: Width and height in pixels from the ``.toml``, or ``None``.
        graph_size: Width and height in pixels that the graph asks for by itself, or ``None``
            where it does not say them as literals.
        own_negative: The template's own negative, from the ``.toml`` or else from the graph, or
            ``None``.
        parameters: Every literal that a page may set by ``<node title>.<input>``, and where it
            stands; more than one place where nodes share a title.
        declared: What a page may set by name: steps and cfg where they are found, and what the
            ``.toml`` declares.
        image: The parameter that takes a source image, which each page must name; or ``None``.
        defaults: What the ``.toml`` puts in the place of the graph's own values where a page
            says nothing: node id → input → value.
        by_id: Inputs whose nodes the ``.toml`` names by their ids, which may not last.
        description: What it is for, in its author's words; may be empty.
        licence: Under what terms its models are used; may be empty.
        live: The part of the graph that leads to the output.
        linked: Inputs of ``bindings`` that are links in the graph.
        plan: The key of the template as a function of what is bound.
    """

    name: str
    file: str
    graph: Graph
    output: str
    bindings: Mapping[Role, tuple[Target, ...]]
    ambiguous: Mapping[Role, tuple[Target, ...]]
    recommended_size: tuple[int, int] | None
    graph_size: tuple[int, int] | None
    own_negative: str | None
    parameters: Mapping[str, tuple[Target, ...]]
    declared: Mapping[str, Parameter]
    image: Parameter | None
    defaults: Mapping[str, Mapping[str, Scalar]]
    by_id: tuple[Target, ...]
    description: str
    licence: str
    live: Graph
    linked: frozenset[Target]
    plan: KeyPlan

    def ask(self, role: Role) -> NoReturn:
        """Raise what says that ``role`` is ambiguous, and how its author settles it.

        Raises:
            AmbiguousTemplateError: Always.
        """
        ask(self.name, self.file, self.graph, role, self.ambiguous)


def parse_template(
    name: str, text: str, *, toml: str | None = None, file: str = ""
) -> WorkflowTemplate:
    """Return the template that ``text`` holds.

    Args:
        name: Name of the template, without ``.json``.
        text: Content of the ``.json`` file, a workflow in API format.
        toml: Content of the ``.toml`` beside it, or ``None``.
        file: The ``.json`` as its author knows it, for errors; ``<name>.json`` by default.

    Raises:
        NotAWorkflowError: The file is no JSON, no graph, a graph that cannot run, one that saves
            no image, or was saved in the editor's own format.
        AmbiguousTemplateError: More than one node could be the output, or hold the prompt.
        NoPromptError: Nothing in the graph takes a prompt.
        TemplateSettingsError: The ``.toml`` has a key, a value or a reference that means nothing.
    """
    file = file or f"{name}.json"
    return template_of(name, read_graph(name, text, file=file), toml=toml, file=file)


def template_of(name: str, graph: Graph, *, toml: str | None, file: str) -> WorkflowTemplate:
    """Return the template that a graph is; see :func:`parse_template`.

    Args:
        name: Name of the template.
        graph: A graph as :func:`read_graph` returns it.
        toml: Content of the ``.toml`` beside its file, or ``None``.
        file: Its ``.json`` as its author knows it, for errors.

    Raises:
        TemplateError: As :func:`parse_template` does, but for what makes it no graph.
    """
    settings = read_settings(name, toml, file=toml_beside(file))
    output = resolve_output(graph, settings, file)
    live = LiveGraph.of(graph, output)
    bindings, ambiguous = resolve_roles(graph, live, settings, file)
    if settings.size and "width" in ambiguous:
        ask(name, file, graph, "width", ambiguous)
    if settings.size and "width" not in bindings:
        settings.refuse("size is set, but the graph has no place for one")
    if settings.negative is not None and "negative" in ambiguous:
        ask(name, file, graph, "negative", ambiguous)
    if settings.negative is not None and "negative" not in bindings:
        settings.refuse("negative is set, but the graph has no place for one")
    declared = resolve_parameters(graph, live, settings, bindings, ambiguous)
    prose = {target for role in TEXT_ROLES for target in bindings.get(role, ())}
    bound = {target for targets in bindings.values() for target in targets}
    bound |= {target for parameter in declared.values() for target in parameter.targets}
    return WorkflowTemplate(
        name=name,
        file=file,
        graph=graph,
        output=output,
        bindings=bindings,
        ambiguous=ambiguous,
        recommended_size=settings.size,
        graph_size=_graph_size(live, bindings),
        own_negative=_only_text(live, bindings.get("negative", ()))
        if settings.negative is None
        else settings.negative,
        parameters=_parameters(live),
        declared=declared,
        image=next((each for each in declared.values() if each.kind == "image"), None),
        defaults=_defaults(settings, bindings, declared),
        by_id=_by_id(live, settings),
        description=settings.description,
        licence=settings.licence,
        live=_without_linked_prefix(live),
        linked=frozenset(target for target in bound if link_of(live.value(target))),
        plan=KeyPlan.of(graph, output, prose=prose),
    )


def _graph_size(
    live: LiveGraph, bindings: Mapping[Role, tuple[Target, ...]]
) -> tuple[int, int] | None:
    sides = []
    for role in ("width", "height"):
        values = {repr(live.value(target)): live.value(target) for target in bindings.get(role, ())}
        value = next(iter(values.values()), None) if len(values) == 1 else None
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        sides.append(value)
    return sides[0], sides[1]


def _only_text(live: LiveGraph, targets: Iterable[Target]) -> str | None:
    texts = {value for target in targets if isinstance(value := live.value(target), str)}
    return texts.pop() if len(texts) == 1 else None


def _defaults(
    settings: Settings,
    bindings: Mapping[Role, tuple[Target, ...]],
    declared: Mapping[str, Parameter],
) -> dict[str, dict[str, Scalar]]:
    defaults: dict[str, dict[str, Scalar]] = {}
    if settings.negative is not None:
        for target in bindings["negative"]:
            defaults.setdefault(target.node, {})[target.input] = settings.negative
    for parameter in declared.values():
        if parameter.default is not None:
            for target in parameter.targets:
                defaults.setdefault(target.node, {})[target.input] = parameter.default
    return defaults


def _by_id(live: LiveGraph, settings: Settings) -> tuple[Target, ...]:
    return tuple(
        target
        for declaration in settings.parameters.values()
        for reference in declaration.to
        for target in named_targets(live.nodes, reference)
        if reference == str(target) != f"{title_of(live.nodes[target.node])}.{target.input}"
    )


def _parameters(live: LiveGraph) -> dict[str, tuple[Target, ...]]:
    found: dict[str, list[Target]] = {}
    for node_id in sorted(live.nodes, key=id_order):
        for name, value in live.inputs(node_id).items():
            is_prefix = node_id == live.output and name == PREFIX
            if isinstance(value, str | int | float) and not is_prefix:
                title = title_of(live.nodes[node_id])
                reference = normalise_text(f"{title}.{name}")
                found.setdefault(reference, []).append(Target(node=node_id, input=name))
    return {reference: tuple(targets) for reference, targets in found.items()}


def _without_linked_prefix(live: LiveGraph) -> Graph:
    """Return the nodes of ``live`` without a link to a prefix, whose source is not among them."""
    node: Mapping[str, Any] = live.nodes[live.output]
    if not any(name == PREFIX for name, _ in links(node)):
        return live.nodes
    inputs = {**node["inputs"], PREFIX: "mkdocs-comfy"}
    return {**live.nodes, live.output: {**node, "inputs": inputs}}
