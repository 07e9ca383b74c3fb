"""Finding the prompt and the negative: from samplers through conditioning to the text itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.workflows.finding import Found
from mkdocs_comfy.workflows.graph import Link, LiveGraph, Target, link_of, links, title_of
from mkdocs_comfy.workflows.key import MODEL_SUFFIXES
from mkdocs_comfy.workflows.rules import (
    ASIDE,
    CONDITIONING_PREFIX,
    GUIDER_INPUTS,
    PAIRED,
    ROLE_TITLES,
    STRING_INPUTS,
    SWITCHES,
    TEXT_INPUTS,
    ZEROING,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A node that turns text into conditioning.

    Attributes:
        inputs: For each of its text inputs the places where literals stand that flow into it.
            Several encoder inputs (``text_g``, ``text_l``) are for one and the same prompt;
            several literals of one input are put together on the way.
    """

    inputs: tuple[tuple[Target, ...], ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """All places, input by input."""
        return tuple(target for held in self.inputs for target in held)

    def only(self, kept: Callable[[Target], bool]) -> Encoder:
        """Return the encoder with the places that ``kept`` keeps."""
        return Encoder(inputs=tuple(tuple(filter(kept, held)) for held in self.inputs))


def find_text(live: LiveGraph, samplers: Sequence[str], role: Role) -> Found:
    """Return where ``role``, the prompt or the negative, is written.

    Args:
        live: The graph that leads to the output.
        samplers: Ids of the nodes that denoise or guide.
        role: ``"prompt"`` or ``"negative"``.
    """
    encoders, doubtful = _trace(live, samplers, role)
    found = [target for encoder in encoders for target in encoder.targets]
    if not doubtful:
        for kept in (lambda _: True, lambda each: not _stands_aside(live, each)):
            if chosen := _one_text(live, [encoder.only(kept) for encoder in encoders]):
                return Found.sure(chosen)
    titled = [
        each for each in found if _is_text(live, each) and _title(live, each) in ROLE_TITLES[role]
    ]
    if chosen := _one_text(live, [Encoder(inputs=((each,),)) for each in dict.fromkeys(titled)]):
        return Found.sure(chosen)
    if found or doubtful or (role == "prompt" and samplers):
        return Found.unsure(found or _plausible(live))
    return _without_sampler(live) if role == "prompt" else Found()


def _trace(live: LiveGraph, samplers: Iterable[str], role: Role) -> tuple[list[Encoder], bool]:
    """Return the encoders that ``role`` comes from, and whether the way is in doubt."""
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
        if by_guider:
            further = [
                each for each in links(live.nodes[link.node]) if each[0] in GUIDER_INPUTS[role]
            ]
            doubtful |= not further and role == "prompt"
        elif encoder := _encoder(live, link.node, role):
            encoders.append(encoder)
            further = _conditioning(live, link.node)
        elif live.class_of(link.node) in ZEROING:
            further = []
        elif live.class_of(link.node) in PAIRED:
            wanted = ("positive", "negative")[link.slot : link.slot + 1]
            further = [each for each in links(live.nodes[link.node]) if each[0] in wanted]
        else:
            further = _conditioning(live, link.node)
            pair = [
                each for each in links(live.nodes[link.node]) if each[0] in {"positive", "negative"}
            ]
            doubtful |= bool(pair) or not further
            further += pair
        stack.extend(further)
    doubtful |= any(not _is_text(live, target) for each in encoders for target in each.targets)
    return encoders, doubtful


def _conditioning(live: LiveGraph, node_id: str) -> list[tuple[str, Link]]:
    return [each for each in links(live.nodes[node_id]) if each[0].startswith(CONDITIONING_PREFIX)]


def _encoder(live: LiveGraph, node_id: str, role: Role) -> Encoder | None:
    inputs = live.inputs(node_id)
    own = [name for name in TEXT_INPUTS[role] if name in inputs]
    names = own or [name for name in TEXT_INPUTS["prompt"] if name in inputs]
    if not names:
        return None
    return Encoder(inputs=tuple(tuple(_literals(live, node_id, name)) for name in names))


def _literals(live: LiveGraph, node_id: str, name: str) -> Iterator[Target]:
    """Yield where the text of an input is written, and links that could not be followed."""
    seen = set()
    stack = [Target(node=node_id, input=name)]
    while stack:
        target = stack.pop()
        if target in seen:
            continue
        seen.add(target)
        link = link_of(live.value(target))
        further = _string_inputs(live, link.node) if link else []
        if further:
            stack.extend(further)
        else:
            yield target


def _string_inputs(live: LiveGraph, node_id: str) -> list[Target]:
    inputs = live.inputs(node_id)
    names = STRING_INPUTS.get(live.class_of(node_id), ())
    if switch := SWITCHES.get(live.class_of(node_id)):
        decision = inputs.get(switch[0])
        names = switch[1:] if not isinstance(decision, bool) else switch[1 if decision else 2 :][:1]
    return [Target(node=node_id, input=name) for name in names if name in inputs]


def _one_text(live: LiveGraph, encoders: Sequence[Encoder]) -> tuple[Target, ...]:
    """Return all places where every encoder gets one text, and the same; else nothing."""
    used = [encoder for encoder in encoders if encoder.targets]
    together = any(len(held) > 1 for encoder in used for held in encoder.inputs)
    texts = {frozenset(str(live.value(each)) for each in encoder.targets) for encoder in used}
    if together or len(texts) != 1:
        return ()
    return tuple(target for encoder in used for target in encoder.targets)


def _without_sampler(live: LiveGraph) -> Found:
    """Return the prompt of a graph whose image is made elsewhere, say by a partner's node."""
    encoders = [
        encoder
        for node_id in live.nodes
        if live.class_of(node_id) not in STRING_INPUTS
        and (encoder := _encoder(live, node_id, "prompt"))
    ]
    found = [target for encoder in encoders for target in encoder.targets]
    sure = len(encoders) == 1 and all(_is_text(live, target) for target in found)
    chosen = _one_text(live, encoders) if sure else ()
    return Found.sure(chosen) if chosen else Found.unsure(found or _plausible(live))


def _plausible(live: LiveGraph) -> list[Target]:
    """Return the texts of a graph that could be prose, to name them in an error."""
    return [
        Target(node=node_id, input=name)
        for node_id in live.nodes
        for name, value in live.inputs(node_id).items()
        if isinstance(value, str)
        and not value.endswith(MODEL_SUFFIXES)
        and (name in TEXT_INPUTS["prompt"] or name in TEXT_INPUTS["negative"] or " " in value)
    ]


def _is_text(live: LiveGraph, target: Target) -> bool:
    return isinstance(live.value(target), str)


def _title(live: LiveGraph, target: Target) -> str:
    return title_of(live.nodes[target.node]).lower()


def _stands_aside(live: LiveGraph, target: Target) -> bool:
    return not ASIDE.isdisjoint(_title(live, target).split())
