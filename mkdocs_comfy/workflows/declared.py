"""Which inputs a ``.toml`` means, and what values they take there."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import brief, shorten
from mkdocs_comfy.workflows.explicit import NUMBER_ROLES, Declaration
from mkdocs_comfy.workflows.finding import in_order
from mkdocs_comfy.workflows.graph import PREFIX, Graph, LiveGraph, Target, link_of
from mkdocs_comfy.workflows.naming import named_targets
from mkdocs_comfy.workflows.parameters import NUMBER_KINDS, Kind, Parameter, UnfitError, kind_at
from mkdocs_comfy.workflows.rules import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mkdocs_comfy.workflows.explicit import Settings
    from mkdocs_comfy.workflows.rules import Role


def named_in(
    graph: Graph, live: LiveGraph, settings: Settings, name: str, references: Sequence[str]
) -> tuple[Target, ...]:
    """Return the inputs that ``parameters.<name>.to`` means, in the order of node ids.

    Raises:
        TemplateSettingsError: A reference means nothing, several inputs, or one that has no part
            in the image.
    """
    return in_order(_named(graph, live, settings, name, reference) for reference in references)


def resolve_parameters(
    graph: Graph,
    live: LiveGraph,
    settings: Settings,
    bindings: Mapping[Role, tuple[Target, ...]],
    ambiguous: Mapping[Role, tuple[Target, ...]],
) -> Mapping[str, Parameter]:
    """Return what pages may set by name: what the ``.toml`` declares, and steps and cfg if found.

    Args:
        graph: The whole graph.
        live: The part of it that leads to the output.
        settings: What the ``.toml`` says.
        bindings: Role → its targets.
        ambiguous: Role → what could be meant.

    Raises:
        TemplateSettingsError: A reference means nothing or not one thing, two parameters mean the
            same input, or a type, bound, choice or default does not fit what stands in the graph.
    """
    taken: dict[Target, str] = {
        target: role for role, targets in bindings.items() for target in targets
    }
    found: dict[str, Parameter] = {}
    for role in NUMBER_ROLES:
        if role in bindings:
            declaration = settings.parameters.get(role)
            found[role] = _parameter(live, settings, role, bindings[role], declaration)
        elif role in settings.parameters and role not in ambiguous:
            settings.refuse(
                f"parameters.{role}: nothing that leads to the output takes {role}",
                f'say where it stands: to = ["<node title>.<input>"] below [parameters.{role}]',
            )
    for name, declaration in settings.parameters.items():
        if name in ROLES:
            continue
        targets = named_in(graph, live, settings, name, declaration.to)
        for target in targets:
            if target in taken:
                settings.refuse(f"{target} is bound to both {taken[target]} and {name}")
        taken |= dict.fromkeys(targets, name)
        found[name] = _parameter(live, settings, name, targets, declaration)
    images = [name for name, each in found.items() if each.kind == "image"]
    if len(images) > 1:
        settings.refuse(
            f"parameters {' and '.join(images)} are both images, and a page gives one",
            "name all inputs that take it in one `to`",
        )
    return found


def _named(graph: Graph, live: LiveGraph, settings: Settings, name: str, reference: str) -> Target:
    where = f"parameters.{name}.to: {shorten(repr(reference))}"
    prefix = Target(node=live.output, input=PREFIX)
    found = tuple(each for each in named_targets(live.nodes, reference) if each != prefix)
    if len(found) > 1:
        settings.refuse(
            f"{where} could be any of {', '.join(map(str, found))}",
            "give one of them a title of its own, or name it by its id",
        )
    if not found:
        elsewhere = named_targets(graph, reference)
        problem = "does not lead to the output" if elsewhere else "names no input of the graph"
        settings.refuse(
            f"{where} {problem}", 'write "<node title, class or id>.<input>", as in "6.text"'
        )
    return found[0]


def _parameter(
    live: LiveGraph,
    settings: Settings,
    name: str,
    targets: tuple[Target, ...],
    declaration: Declaration | None,
) -> Parameter:
    declaration = declaration or Declaration(name=name)
    parameter = Parameter(
        name=name,
        targets=targets,
        kind=_kind(live, settings, targets, declaration),
        minimum=declaration.minimum,
        maximum=declaration.maximum,
        choices=declaration.choices,
        description=declaration.description,
    )
    is_bounded = (declaration.minimum, declaration.maximum) != (None, None)
    if is_bounded and parameter.kind not in NUMBER_KINDS:
        settings.refuse(f"parameters.{name}: only numbers have min and max")
    if declaration.default is None:
        return parameter
    if parameter.kind == "image":
        settings.refuse(f"parameters.{name}: an image has no default, each page names its own")
    try:
        return replace(parameter, default=parameter.fitted(declaration.default))
    except UnfitError as error:
        got = brief(declaration.default)
        settings.refuse(f"parameters.{name}.default must be {error.expected}, got {got}")


def _kind(
    live: LiveGraph, settings: Settings, targets: tuple[Target, ...], declaration: Declaration
) -> Kind:
    """Return the kind that is declared, or else that of what stands in the graph."""
    where = f"parameters.{declaration.name}"
    wanted = _value_kind(declaration)
    fallback = _ROLE_KINDS.get(declaration.name)
    if fallback and wanted not in (None, *NUMBER_KINDS):
        settings.refuse(f"{where} is a number, and cannot be declared as {wanted}")
    kinds: set[Kind] = set()
    for target in targets:
        kind, value = kind_at(live.nodes, target), live.value(target)
        if kind is not None:
            kinds.add(kind)
        elif link_of(value) is None and not fallback:
            settings.refuse(f"{where}: {target} holds {brief(value)}, which is no single value")
        elif wanted is None and not fallback:
            settings.refuse(
                f"{where}: {target} is linked, so its type must be said",
                f'write type = "text", "int", "float" or "bool" below [{where}]',
            )
        if kind and wanted and kind not in _ACCEPTED_BY[wanted]:
            settings.refuse(f"{where} is declared as {wanted}, but {target} holds {brief(value)}")
    if declaration.kind or wanted:
        return declaration.kind or "choice"
    if kinds <= set(NUMBER_KINDS):
        return "int" if "int" in kinds else (fallback or "float")
    if len(kinds) > 1:
        settings.refuse(f"{where}.to: its inputs hold values of different types")
    return kinds.pop()


def _value_kind(declaration: Declaration) -> Kind | None:
    """Return what a declaration alone says about the type of its values."""
    if declaration.choices:
        if isinstance(declaration.choices[0], str):
            return "text"
        return "int" if all(isinstance(each, int) for each in declaration.choices) else "float"
    return declaration.kind


_ACCEPTED_BY: Mapping[Kind, tuple[Kind, ...]] = MappingProxyType(
    {
        "int": ("int", "float"),
        "float": ("float",),
        "text": ("text",),
        "bool": ("bool",),
        "image": ("text",),
    }
)
"""Kind of a value → kinds of the literals in whose place it can stand."""

_ROLE_KINDS: Mapping[str, Kind] = MappingProxyType({"steps": "int", "cfg": "float"})
"""What the roles among the parameters are where the graph does not tell."""
