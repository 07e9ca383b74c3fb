"""From samplers through conditioning to encoders, and from those to the texts that flow in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mkdocs_comfy.workflows.graph import Link, LiveGraph, Target, link_of, links
from mkdocs_comfy.workflows.rules import (
    CONDITIONING_PREFIX,
    GUIDER_INPUTS,
    PAIRED,
    REPLACERS,
    STRING_INPUTS,
    STRING_NAMES,
    STRING_PREFIXES,
    SWITCHES,
    TEXT_INPUTS,
    UNSEEN,
    ZEROING,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A node that turns text into conditioning.

    Attributes:
        inputs: For each of its text inputs the places where literals stand that flow into it.
            Several encoder inputs (``text_g``, ``text_l``) are for one and the same prompt;
            several literals of one input are put together on the way.
        aside: Those of the places that hold a template, into which the prompt is put.
    """

    inputs: tuple[tuple[Target, ...], ...]
    aside: frozenset[Target] = frozenset()

    @property
    def targets(self) -> tuple[Target, ...]:
        """All places, input by input."""
        return tuple(target for held in self.inputs for target in held)

    def without_templates(self) -> Encoder:
        """Return the encoder without the places that are only a frame for the text."""
        return self.only(lambda target: target not in self.aside)

    def only(self, kept: Callable[[Target], bool]) -> Encoder:
        """Return the encoder with the places that ``kept`` keeps."""
        return Encoder(
            inputs=tuple(tuple(filter(kept, held)) for held in self.inputs), aside=self.aside
        )


def encoders_of(live: LiveGraph, samplers: Iterable[str], role: Role) -> tuple[list[Encoder], bool]:
    """Return the encoders that ``role`` comes from, and whether the way there is in doubt.

    Args:
        live: The graph that leads to the output, as it runs.
        samplers: Ids of the nodes that denoise or guide.
        role: ``"prompt"`` or ``"negative"``.
    """
    start = "positive" if role == "prompt" else "negative"
    stack = [
        (name, link)
        for node_id in samplers
        for name, link in links(live.nodes[node_id])
        if name in {start, "guider"}
    ]
    seen: set[tuple[bool, Link]] = set()
    encoders: list[Encoder] = []
    doubtful = False
    while stack:
        name, link = stack.pop()
        by_guider = name == "guider"
        if (by_guider, link) in seen:
            continue
        seen.add((by_guider, link))
        node = live.nodes[link.node]
        if by_guider:
            further = [each for each in links(node) if each[0] in GUIDER_INPUTS[role]]
            doubtful |= not further and role == "prompt"
        elif encoder := encoder_of(live, link.node, role):
            encoders.append(encoder)
            further = _conditioning(node)
        elif node["class_type"] in ZEROING:
            further = []
        elif node["class_type"] in PAIRED:
            wanted = ("positive", "negative")[link.slot : link.slot + 1]
            further = [each for each in links(node) if each[0] in wanted]
        elif node["class_type"] in SWITCHES:
            further = [each for each in links(node) if each[0] in SWITCHES[node["class_type"]][1:]]
            doubtful |= not further
        else:
            further = _conditioning(node) or _sole(node)
            pair = [each for each in links(node) if each[0] in {"positive", "negative"}]
            doubtful |= bool(pair) or not further
            further += pair
        stack.extend(further)
    return encoders, doubtful


def encoder_of(live: LiveGraph, node_id: str, role: Role) -> Encoder | None:
    """Return what the node encodes for ``role``, or ``None`` where it takes no text."""
    inputs = live.inputs(node_id)
    start = "positive" if role == "prompt" else "negative"
    if isinstance(inputs.get(start), str):  # a loader that encodes too
        names = [start]
    else:
        names = _text_inputs(inputs, role) or _text_inputs(inputs, "prompt")
    if not names:
        return None
    aside: set[Target] = set()
    held = tuple(tuple(_literals(live, node_id, name, aside)) for name in names)
    return Encoder(inputs=held, aside=frozenset(aside))


def _text_inputs(inputs: Mapping[str, Any], role: Role) -> list[str]:
    """Return the inputs that take a text; one that belongs to a choice is ``model.prompt``."""
    plain = [name for name in TEXT_INPUTS[role] if name in inputs]
    return plain or [name for name in inputs if name.rpartition(".")[2] in TEXT_INPUTS[role]]


def _conditioning(node: Mapping[str, Any]) -> list[tuple[str, Link]]:
    return [each for each in links(node) if each[0].startswith(CONDITIONING_PREFIX)]


def _sole(node: Mapping[str, Any]) -> list[tuple[str, Link]]:
    """Return the link by which alone conditioning can come into a node that nobody knows."""
    possible = [each for each in links(node) if each[0] not in UNSEEN]
    return possible if len(possible) == 1 and possible[0][0] not in {"positive", "negative"} else []


def _literals(live: LiveGraph, node_id: str, name: str, aside: set[Target]) -> Iterator[Target]:
    """Yield where the text of an input is written, and links that could not be followed.

    What is a template for the text is added to ``aside``.
    """
    seen = set()
    stack = [_Way(target=Target(node=node_id, input=name))]
    while stack:
        way = stack.pop()
        target, value = way.target, live.value(way.target)
        if target in seen:
            continue
        seen.add(target)
        link = link_of(value)
        further = _ways(live, link.node, way) if link else None
        if further is not None:
            stack.extend(further)
        elif isinstance(value, str) or not way.filling:
            if isinstance(value, str) and any(blank in value for blank in way.blanks):
                aside.add(target)
            yield target


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Where a text may come from: ``blanks`` are replaced in it, ``filling`` replaces one."""

    target: Target
    blanks: tuple[str, ...] = ()
    filling: bool = False


def _ways(live: LiveGraph, node_id: str, way: _Way) -> list[_Way] | None:
    """Return the inputs that a node makes its text of, or ``None`` where that is not known."""
    inputs, class_type = live.inputs(node_id), live.class_of(node_id)
    names = STRING_INPUTS.get(class_type) or SWITCHES.get(class_type, ())[1:]
    known = bool(names)
    names = names or tuple(name for name in inputs if _may_hold_text(name, inputs[name]))
    ways = [
        _Way(target=Target(node=node_id, input=name), blanks=way.blanks, filling=way.filling)
        for name in names
        if name in inputs
    ]
    find = inputs.get("find")
    if (
        class_type in REPLACERS
        and link_of(inputs.get("replace"))
        and isinstance(find, str)
        and find
    ):
        ways = [replace(each, blanks=(*each.blanks, find)) for each in ways]
        ways.append(_Way(target=Target(node=node_id, input="replace"), filling=True))
    return ways if ways or known else None


def _may_hold_text(name: str, value: object) -> bool:
    is_named = name in STRING_NAMES or name.startswith(STRING_PREFIXES)
    return is_named and (isinstance(value, str) or link_of(value) is not None)
