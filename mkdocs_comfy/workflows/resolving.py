"""Which nodes a template's roles mean: what its author says first, then what tracing finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.errors import (
    AmbiguousTemplateError,
    Candidate,
    NoOutputError,
    NoPromptError,
    brief,
    shorten,
)
from mkdocs_comfy.workflows.deciding import decided
from mkdocs_comfy.workflows.declared import named_in
from mkdocs_comfy.workflows.explicit import (
    Settings,
    toml_beside,
)
from mkdocs_comfy.workflows.finding import Found
from mkdocs_comfy.workflows.graph import Graph, LiveGraph, Target, link_of, links, title_of
from mkdocs_comfy.workflows.naming import named_nodes, settling_lines, toml_text
from mkdocs_comfy.workflows.rules import ROLES, TEXT_ROLES, Role
from mkdocs_comfy.workflows.texts import find_text
from mkdocs_comfy.workflows.tracing import (
    find_cfg,
    find_outputs,
    find_samplers,
    find_seeds,
    find_size,
    find_steps,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    Targets = Mapping[Role, tuple[Target, ...]]


def resolve_output(graph: Graph, settings: Settings, file: str) -> str:
    """Return the id of the node whose image is meant.

    Raises:
        TemplateSettingsError: The node named in the ``.toml`` does not exist, or several do.
        NoOutputError: Nothing saves an image.
        AmbiguousTemplateError: Several nodes save different ones.
    """
    if settings.output is not None:
        found: tuple[str, ...] = named_nodes(graph, settings.output)
        if not found:
            settings.refuse(f"output: the graph has no node {settings.output!r}")
        if len(found) > 1:
            settings.refuse(
                f"output: nodes {', '.join(found)} are all called {settings.output!r}",
                "give one of them a title of its own, or name it by its id",
            )
        return found[0]
    found = find_outputs(graph)
    if not found:
        raise NoOutputError(
            template=settings.name,
            problem=f"{file}: no node saves an image",
            way_out='add a "Save Image" node in ComfyUI and export the workflow again',
        )
    if len(found) > 1:
        named = title_of(graph[found[0]])
        name = named if named_nodes(graph, named) == found[:1] else found[0]
        raise AmbiguousTemplateError(
            template=settings.name,
            role="output",
            candidates=[
                _candidate(
                    graph, Target(node=each, input=next(name for name, _ in links(graph[each])))
                )
                for each in found
            ],
            way_out=f"say which at the top of {settings.file}, for example:\n"
            f"output = {toml_text(name)}",
        )
    return found[0]


def resolve_roles(
    graph: Graph, live: LiveGraph, settings: Settings, file: str
) -> tuple[Targets, Targets]:
    """Return the targets of each role that has any, and the candidates of each that is unclear.

    Raises:
        AmbiguousTemplateError: Several texts could be the prompt.
        NoPromptError: Nothing takes a prompt.
        TemplateSettingsError: A reference in the ``.toml`` means nothing, or not one thing.
    """
    named = {role: _named(graph, live, settings, role) for role in settings.targets}
    found = _trace(live) | {role: Found.sure(targets) for role, targets in named.items()}
    if found["prompt"].candidates:
        ask(settings.name, file, graph, "prompt", {"prompt": found["prompt"].candidates})
    if not found["prompt"].targets:
        raise NoPromptError(
            template=settings.name,
            problem=f"{file}: nothing that leads to the output takes a prompt",
            way_out="a template needs a text that is encoded, such as a CLIP Text Encode node",
        )
    if "negative" not in named:
        # One text for both is the prompt: written as the negative, it would erase it.
        found["negative"] = found["negative"].without(found["prompt"].targets)
    roles: dict[Target, Role] = {}
    for role in ROLES:
        for target in found[role].targets:
            if target in roles:
                settings.refuse(f"{target} is bound to both {roles[target]} and {role}")
            roles[target] = role
    return (
        {role: found[role].targets for role in ROLES if found[role].targets},
        {role: found[role].candidates for role in ROLES if found[role].candidates},
    )


def ask(name: str, file: str, graph: Graph, role: Role, candidates: Targets) -> NoReturn:
    """Raise what lists the candidates of ``role`` and shows the lines that settle it.

    Args:
        name: Name of the template.
        file: Its ``.json``.
        graph: Its graph.
        role: What is needed and unclear.
        candidates: Role → what could be meant; width and height are settled together.

    Raises:
        AmbiguousTemplateError: Always.
    """
    roles: tuple[Role, ...] = ("width", "height") if role in {"width", "height"} else (role,)
    lines = "\n".join(settling_lines(graph, each, candidates[each][:1]) for each in roles)
    raise AmbiguousTemplateError(
        template=name,
        role=role,
        candidates=[_candidate(graph, target) for target in candidates[role]],
        way_out=f"say which in {toml_beside(file)}, for example:\n{lines}",
    )


def _trace(live: LiveGraph) -> dict[Role, Found]:
    nodes = decided(live.nodes)
    running = live if nodes is live.nodes else LiveGraph.of(nodes, live.output)
    samplers = find_samplers(running)
    width, height = find_size(running, samplers)
    return {
        "prompt": find_text(running, samplers, "prompt"),
        "negative": find_text(running, samplers, "negative"),
        "seed": find_seeds(live),
        "width": width,
        "height": height,
        "steps": find_steps(running, samplers),
        "cfg": find_cfg(running, samplers),
    }


def _named(graph: Graph, live: LiveGraph, settings: Settings, role: Role) -> tuple[Target, ...]:
    targets = named_in(graph, live, settings, role, settings.targets[role])
    kinds: tuple[type, ...] = (str,) if role in TEXT_ROLES else (int, float)
    for target in targets:
        value = live.value(target)
        if link_of(value) is None and (isinstance(value, bool) or not isinstance(value, kinds)):
            kind = "a text" if role in TEXT_ROLES else "a number"
            settings.refuse(f"parameters.{role}.to: {target} is not {kind} but {brief(value)}")
    return targets


def _candidate(graph: Graph, target: Target) -> Candidate:
    node = graph[target.node]
    value = node["inputs"][target.input]
    link = link_of(value)
    return Candidate(
        node=target.node,
        input=target.input,
        class_type=node["class_type"],
        title=title_of(node),
        text=f"from node {link.node}" if link else shorten(" ".join(str(value).split())),
    )
