"""Whether a value fits where a template would put it."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import BindingError, shorten
from mkdocs_comfy.text import canonical_text, normalise_text
from mkdocs_comfy.workflows.explicit import NUMBER_ROLES
from mkdocs_comfy.workflows.parameters import MAX_NUMBER, Kind, Parameter, UnfitError, kind_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs_comfy.workflows.graph import Scalar, Target
    from mkdocs_comfy.workflows.rules import Role
    from mkdocs_comfy.workflows.template import WorkflowTemplate

MAX_SEED = MAX_NUMBER
"""The largest seed that ComfyUI's samplers accept."""

OWN_KEYS: tuple[tuple[Role, str], ...] = (
    ("prompt", "hero_prompt"),
    ("negative", "hero_negative"),
    ("seed", "hero_seed"),
    ("width", "hero_size"),
    ("height", "hero_size"),
)
"""Roles with a front-matter key of their own: what they go to is no parameter."""

SHOWN, COMPARED = 16, 2_000
"""How many parameters an error lists, and with how many it compares a name that is not there."""


def text_value(template: WorkflowTemplate, parameter: str, text: str) -> str:
    """Return ``text`` in NFC and with LF line ends.

    Raises:
        BindingError: It holds half a surrogate pair, which no server could be sent.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BindingError(
            template=template.name,
            parameter=parameter,
            problem=f"{parameter} has half a character in it (a surrogate)",
            way_out="write the character itself in place of its escapes",
        ) from error
    return canonical_text(text)


def seed_value(template: WorkflowTemplate, seed: int) -> int:
    """Return ``seed``.

    Raises:
        BindingError: It is not a whole number from 0 to 2**64 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise BindingError(
            template=template.name,
            parameter="seed",
            problem=f"seed must be a whole number from 0 to 2**64 - 1, got {_shown(seed)}",
        )
    return seed


def param_values(
    template: WorkflowTemplate, params: Mapping[str, Scalar]
) -> Iterator[tuple[Target, Scalar]]:
    """Yield where each of ``params`` goes, with its value as it may stand there.

    Raises:
        BindingError: There is no such parameter, it has a key of its own in the front matter,
            two parameters set the same, or the value is of another type than what it replaces,
            out of its bounds or none of its choices.
        AmbiguousTemplateError: ``steps`` or ``cfg`` could mean several inputs.
    """
    written: dict[Target, str] = {}
    for name, value in params.items():
        parameter = _parameter(template, name)
        fitting = _fitting(template, parameter, value)
        for target in parameter.targets:
            if target in written:
                raise _refused(
                    template,
                    name,
                    f"sets the same as {written[target]!r}",
                    "remove one of them; to win over a style, use the name that it uses",
                )
            written[target] = name
            yield target, fitting


def _parameter(template: WorkflowTemplate, name: str) -> Parameter:
    if declared := template.declared.get(name):
        if declared.kind == "image":
            raise _refused(template, name, "is what hero_image_from sets", "use hero_image_from")
        return declared
    for role in NUMBER_ROLES:
        if role == name and role in template.ambiguous:
            template.ask(role)
    targets = template.parameters.get(normalise_text(name), ())
    if len(targets) > 1:
        raise _refused(
            template,
            name,
            f"is ambiguous: nodes {', '.join(each.node for each in targets)} share that title",
            "give them titles of their own in ComfyUI and export the workflow again",
        )
    kind = kind_at(template.live, targets[0]) if targets else None
    if kind is None:
        raise _unknown(template, name)
    return _by_reference(template, name, targets[0], kind)


def _by_reference(template: WorkflowTemplate, name: str, target: Target, kind: Kind) -> Parameter:
    """Return the one input that a page names itself, within the bounds declared for it."""
    for own, key in OWN_KEYS:
        if target in template.bindings.get(own, ()):
            raise _refused(template, name, f"is what {key} sets", f"use {key}")
    for each in template.declared.values():
        if target in each.targets and each.kind == "image":
            raise _refused(template, name, "is what hero_image_from sets", "use hero_image_from")
        if target in each.targets:
            return replace(each, name=name, targets=(target,))
    return Parameter(name=name, targets=(target,), kind=kind)


def _fitting(template: WorkflowTemplate, parameter: Parameter, value: Scalar) -> Scalar:
    """Return ``value`` as it may stand where ``parameter`` goes."""
    if isinstance(value, str):
        text_value(template, parameter.name, value)
    try:
        return parameter.fitted(value)
    except UnfitError as error:
        hint = f"did you mean {error.suggestion!r}?" if error.suggestion else ""
        raise _refused(
            template, parameter.name, f"must be {error.expected}, got {_shown(value)}", hint
        ) from error


def _shown(value: object) -> str:
    is_huge = isinstance(value, int) and abs(value) > MAX_NUMBER
    return "a number of more than 64 bits" if is_huge else shorten(repr(value))


def _refused(template: WorkflowTemplate, name: str, problem: str, way_out: str) -> BindingError:
    return BindingError(
        template=template.name,
        parameter=name,
        problem=f"parameter {shorten(name)!r} {problem}",
        way_out=way_out,
    )


def _unknown(template: WorkflowTemplate, name: str) -> BindingError:
    own = {target for role, _ in OWN_KEYS for target in template.bindings.get(role, ())}
    own |= set(template.image.targets if template.image else ())
    known: list[str] = [each.name for each in template.declared.values() if each.kind != "image"]
    known += [
        reference
        for reference, targets in template.parameters.items()
        if len(targets) == 1 and own.isdisjoint(targets)
    ]
    listed = ", ".join(known[:SHOWN]) + (", …" if len(known) > SHOWN else "")
    close = difflib.get_close_matches(name, known[:COMPARED], n=1)
    return _refused(
        template,
        name,
        "does not exist" + (f"; did you mean {close[0]!r}?" if close else ""),
        f"this template takes: {listed}" if known else "this template takes no parameters",
    )
