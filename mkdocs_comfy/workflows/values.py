"""Whether a value fits where a template would put it."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import BindingError, shorten
from mkdocs_comfy.text import canonical_text, normalise_text
from mkdocs_comfy.workflows.rules import WHOLE_CLASSES, WHOLE_INPUTS, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs_comfy.workflows.graph import Scalar, Target
    from mkdocs_comfy.workflows.template import WorkflowTemplate

MAX_SEED = 2**64 - 1
"""The largest seed that ComfyUI's samplers accept, and the largest number at all."""

OWN_KEYS: tuple[tuple[Role, str], ...] = (
    ("prompt", "hero_prompt"),
    ("negative", "hero_negative"),
    ("seed", "hero_seed"),
    ("width", "hero_size"),
    ("height", "hero_size"),
)
"""Roles with a front-matter key of their own: what they go to is no parameter."""

NUMBER_ROLES: tuple[Role, ...] = ("steps", "cfg")
"""Roles that are set as parameters, by their own names."""

SHOWN = 16
"""How many parameters an error lists."""


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
            two parameters set the same, or the value is of another type than what it replaces.
        AmbiguousTemplateError: ``steps`` or ``cfg`` could mean several inputs.
    """
    written: dict[Target, str] = {}
    for name, value in params.items():
        for target in _param_targets(template, name):
            if target in written:
                raise _refused(
                    template, name, f"sets the same as {written[target]!r}", "remove one of them"
                )
            written[target] = name
            yield target, _fitting(template, name, target, value)


def _param_targets(template: WorkflowTemplate, name: str) -> tuple[Target, ...]:
    if role := next((each for each in NUMBER_ROLES if each == name), None):
        if role in template.ambiguous:
            template.ask(role)
        targets = template.bindings.get(role, ())
    else:
        targets = template.parameters.get(normalise_text(name), ())
        if len(targets) > 1:
            raise _refused(
                template,
                name,
                f"is ambiguous: nodes {', '.join(each.node for each in targets)} share that title",
                "give them titles of their own in ComfyUI and export the workflow again",
            )
    if not targets:
        raise _unknown(template, name)
    for own, key in OWN_KEYS:
        if not set(targets).isdisjoint(template.bindings.get(own, ())):
            raise _refused(template, name, f"is what {key} sets", f"use {key}")
    return targets


def _fitting(template: WorkflowTemplate, name: str, target: Target, value: Scalar) -> Scalar:
    """Return ``value`` as it may stand at ``target``, of the type of what stands there.

    Whole numbers are told by input and class: an exported file has ``1`` for ``1.0``.
    """
    node = template.live[target.node]
    old = node["inputs"][target.input]
    if isinstance(old, bool):
        if isinstance(value, bool):
            return value
        expected = "true or false"
    elif isinstance(old, str):
        if isinstance(value, str):
            return text_value(template, name, value)
        expected = "a text (quote what looks like a number)"
    else:
        is_whole = target.input in WHOLE_INPUTS or node["class_type"] in WHOLE_CLASSES
        if _is_number(value) and not (is_whole and isinstance(value, float)):
            return value
        if _is_number(value) and isinstance(value, float) and value.is_integer():
            return int(value)
        expected = "a whole number" if is_whole else "a number"
    raise _refused(template, name, f"must be {expected}, got {_shown(value)}", "")


def _is_number(value: Scalar) -> bool:
    if isinstance(value, bool | str):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= MAX_SEED


def _shown(value: object) -> str:
    is_huge = isinstance(value, int) and abs(value) > MAX_SEED
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
    known: list[str] = [role for role in NUMBER_ROLES if role in template.bindings]
    known += [
        reference
        for reference, targets in template.parameters.items()
        if len(targets) == 1 and own.isdisjoint(targets)
    ]
    listed = ", ".join(known[:SHOWN]) + (", …" if len(known) > SHOWN else "")
    close = difflib.get_close_matches(name, known, n=1)
    return _refused(
        template,
        name,
        "does not exist" + (f"; did you mean {close[0]!r}?" if close else ""),
        f"this template takes: {listed}" if known else "this template takes no parameters",
    )
