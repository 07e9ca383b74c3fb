"""Why one workflow has another key than another: what differs, in an author's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mkdocs_comfy.workflows.graph import PREFIX, Graph, link_of, title_of
from mkdocs_comfy.workflows.key import canonical_literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs_comfy.workflows.binding import BoundWorkflow

Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that two workflows do not have in common.

    Attributes:
        what: ``prompt``, ``negative``, ``seed`` or ``size`` where it is that; else
            ``<node title>.<input>``, with the title that the later workflow has; ``<node title>``
            alone where a whole node was put in the place of another.
        before: What was there: a value as it stands in the graph, width and height, the class of
            a node, or ``None`` for an input that was not there.
        after: What is there now, likewise.
    """

    what: str
    before: Any
    after: Any


def differences(before: BoundWorkflow, after: BoundWorkflow) -> tuple[Difference, ...]:
    """Return what makes the keys of two workflows differ; nothing where they are the same.

    Both are walked from their outputs back, side by side: ids, order and titles of nodes are no
    difference. Where a node of another class stands, what leads to it is not compared further.
    What the page or its configuration decides comes first, each once however many inputs it is
    written to.

    Args:
        before: The workflow of the former image.
        after: The workflow as it is now.
    """
    if before.key == after.key:
        return ()
    named = {
        "prompt": (before.prompt, after.prompt),
        "negative": (before.negative, after.negative),
        "seed": (before.seed, after.seed),
    }
    found: dict[str, Difference] = {
        what: Difference(what=what, before=old, after=new)
        for what, (old, new) in named.items()
        if old != new
    }
    if before.size != after.size:
        found["size"] = Difference(what="size", before=before.size, after=after.size)
    explained = [(each.before, each.after) for each in found.values() if each.what != "size"]
    if before.size and after.size:
        explained += zip(before.size, after.size, strict=True)
    for difference in _walk(before.graph, after.graph, (before.output, after.output)):
        if (difference.before, difference.after) not in explained:
            found.setdefault(difference.what, difference)
    return tuple(found.values())


def _walk(before: Graph, after: Graph, outputs: Pair) -> Iterator[Difference]:
    seen: set[Pair] = set()
    stack = [outputs]
    while stack:
        pair = stack.pop()
        if pair in seen:
            continue
        seen.add(pair)
        old, new = before[pair[0]], after[pair[1]]
        if old["class_type"] != new["class_type"]:
            yield Difference(what=title_of(new), before=old["class_type"], after=new["class_type"])
            continue
        further: list[Pair] = []
        for name in dict.fromkeys((*new["inputs"], *old["inputs"])):
            if name != PREFIX or pair != outputs:
                yield from _compare(name, old["inputs"], new, further)
        stack.extend(reversed(further))


def _compare(
    name: str, old: Mapping[str, Any], node: Mapping[str, Any], further: list[Pair]
) -> Iterator[Difference]:
    """Yield the difference of one input; two links are noted to be followed."""
    new = node["inputs"]
    left, right = link_of(old.get(name)), link_of(new.get(name))
    if left and right:
        further.append((left.node, right.node))
        same = left.slot == right.slot
    else:
        is_literal = not left and not right and (name in old) == (name in new)
        same = is_literal and _same(old.get(name), new.get(name))
    if same:
        return
    yield Difference(
        what=f"{title_of(node)}.{name}",
        before=f"output {left.slot} of a node" if left else old.get(name),
        after=f"output {right.slot} of a node" if right else new.get(name),
    )


def _same(old: Any, new: Any) -> bool:
    return repr(canonical_literal(old)) == repr(canonical_literal(new))
