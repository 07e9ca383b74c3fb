"""Finding what a template can be given, by tracing its graph back from the output node.

A role is found only where the graph leaves no doubt. Otherwise the tracer returns all that could
be meant, and the caller asks: a wrong guess would be a wrong picture that nobody notices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.workflows.finding import Found
from mkdocs_comfy.workflows.graph import (
    PREFIX,
    Graph,
    Link,
    LiveGraph,
    Target,
    id_order,
    link_of,
    links,
)
from mkdocs_comfy.workflows.key import canonical_literal, digests_of
from mkdocs_comfy.workflows.rules import (
    IMAGE_INPUTS,
    LATENT_PREFIXES,
    NUMBER_SOURCES,
    PREVIEWS,
    SAMPLERS,
    SEED_INPUTS,
    SIDES,
    SIGMAS_PREFIX,
    SILENT_NOISE,
    SIZE_PAIRS,
    VIDEO_SAVERS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any


def find_outputs(graph: Graph) -> tuple[str, ...]:
    """Return the ids of the nodes that could be the output, one for each different image.

    Nodes that keep their file come before nodes that only show a preview; savers of the very same
    image count as one. None means that nothing in the graph saves an image.
    """
    for is_output in (_saves, _previews):
        found = sorted((each for each in graph if is_output(graph[each])), key=id_order)
        if len(found) > 1:
            digests = digests_of(graph, dict.fromkeys(found))
            different = {digests[each]: each for each in reversed(found)}
            return tuple(sorted(different.values(), key=id_order))
        if found:
            return tuple(found)
    return ()


def find_samplers(live: LiveGraph) -> tuple[str, ...]:
    """Return the ids of the nodes that denoise or guide, in the order of their ids."""
    return tuple(sorted((each for each in live.nodes if _samples(live.nodes[each])), key=id_order))


def find_seeds(live: LiveGraph) -> Found:
    """Return every seed that has a part in the image; all of them get the page's seed.

    A stage that adds no noise of its own is left alone.
    """
    targets = []
    for node_id in live.nodes:
        for name, value in live.inputs(node_id).items():
            if name in SEED_INPUTS and not isinstance(value, bool):
                source = link_of(value)
                if source and not SEED_INPUTS.isdisjoint(live.inputs(source.node)):
                    continue  # a node that makes seeds: its own is among those found
                if not adds_no_noise(live, node_id):
                    target = Target(node=node_id, input=name)
                    targets.append(_held(live, target, SEED_INPUTS.__contains__))
    return Found.sure(targets)


def find_steps(live: LiveGraph, samplers: Iterable[str]) -> Found:
    """Return where the number of steps stands: on samplers, or on what makes their schedule."""
    return _agreeing(
        live,
        [
            _held(live, Target(node=holder, input="steps"), "steps".__eq__)
            for holder in _holders(live, samplers, "steps", SIGMAS_PREFIX)
        ],
    )


def find_cfg(live: LiveGraph, samplers: Iterable[str]) -> Found:
    """Return where the guidance scale stands: on samplers and guiders."""
    return _agreeing(
        live,
        [
            _held(live, Target(node=node_id, input="cfg"), "cfg".__eq__)
            for node_id in samplers
            if "cfg" in live.inputs(node_id)
        ],
    )


def find_size(live: LiveGraph, samplers: Iterable[str]) -> tuple[Found, Found]:
    """Return where width and height stand: on the empty latent, and on nodes that repeat them.

    A link there (from a selector of ratios, from arithmetic) is a target too: a literal replaces
    it. A node that only holds a number is written to itself, so that all its users follow.
    """
    pairs = [
        _size_pair(live, node_id, ("width", "height"))
        for node_id in _holders(live, samplers, "width", LATENT_PREFIXES)
        if "height" in live.inputs(node_id)
    ]
    meanings = {_meanings(live, pair) for pair in pairs}
    if len(meanings) > 1:
        return Found.unsure(pair[0] for pair in pairs), Found.unsure(pair[1] for pair in pairs)
    pairs += [
        pair
        for node_id in live.nodes
        for names in SIDES
        if all(name in live.inputs(node_id) for name in names)
        and _meanings(live, pair := _size_pair(live, node_id, names)) in meanings
        and (_both_linked(live, pair) or names in SIZE_PAIRS.get(live.class_of(node_id), ()))
    ]
    return Found.sure(pair[0] for pair in pairs), Found.sure(pair[1] for pair in pairs)


def adds_no_noise(live: LiveGraph, node_id: str) -> bool:
    """Whether a sampler goes on with the noise that the stage before it left."""
    inputs = live.inputs(node_id)
    noise = link_of(inputs.get("noise"))
    return inputs.get("add_noise") in ("disable", False) or (
        noise is not None and live.class_of(noise.node) in SILENT_NOISE
    )


def takes_latent(node: Mapping[str, Any]) -> bool:
    """Whether ``node`` is given a latent."""
    return any(_is_latent(name) for name, _ in links(node))


def _saves(node: Mapping[str, Any]) -> bool:
    inputs = node["inputs"]
    return (
        PREFIX in inputs
        and node["class_type"] not in VIDEO_SAVERS
        and any(link_of(inputs.get(name)) for name in IMAGE_INPUTS)
    )


def _previews(node: Mapping[str, Any]) -> bool:
    return node["class_type"] in PREVIEWS and link_of(node["inputs"].get("images")) is not None


def _samples(node: Mapping[str, Any]) -> bool:
    if node["class_type"] in SAMPLERS:
        return True
    linked = {name for name, _ in links(node)}
    guided = not linked.isdisjoint({"positive", "guider"})
    return guided and ("model" in linked or takes_latent(node))


def _is_latent(name: str) -> bool:
    return name.startswith(LATENT_PREFIXES)


def _holders(
    live: LiveGraph, starts: Iterable[str], wanted: str, passing: str | tuple[str, ...]
) -> Iterator[str]:
    """Yield the nodes at the far end of ``passing`` inputs that have an input ``wanted``.

    A node with links to pass through is on the way: what it has itself is another matter, such as
    the width that a latent is scaled to later. A node without any is the end, ``starts`` included.
    """
    seen = set()
    stack = list(starts)
    while stack:
        node_id = stack.pop()
        if node_id in seen:
            continue
        seen.add(node_id)
        node = live.nodes[node_id]
        further = [link.node for name, link in links(node) if name.startswith(passing)]
        stack.extend(further)
        if not further and wanted in live.inputs(node_id):
            yield node_id


def _held(live: LiveGraph, target: Target, accepted: Callable[[str], bool]) -> Target:
    """Return the node that holds the number for ``target`` and nothing else, or ``target``."""
    link = link_of(live.value(target))
    held = NUMBER_SOURCES.get(live.class_of(link.node)) if link else None
    if link is None or held is None:
        return target
    value = live.inputs(link.node).get(held)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    shared = not all(accepted(user.input) for user in live.users[link.node])
    return target if shared or not is_number else Target(node=link.node, input=held)


def _size_pair(live: LiveGraph, node_id: str, names: tuple[str, str]) -> tuple[Target, Target]:
    wide, high = (Target(node=node_id, input=name) for name in names)
    return (
        _held(live, wide, lambda name: "width" in name),
        _held(live, high, lambda name: "height" in name),
    )


def _meaning(live: LiveGraph, target: Target) -> Link | str:
    value = live.value(target)
    return link_of(value) or repr(canonical_literal(value))


def _meanings(live: LiveGraph, pair: tuple[Target, Target]) -> tuple[Link | str, Link | str]:
    return _meaning(live, pair[0]), _meaning(live, pair[1])


def _both_linked(live: LiveGraph, pair: tuple[Target, Target]) -> bool:
    return all(link_of(live.value(target)) for target in pair)


def _agreeing(live: LiveGraph, targets: Sequence[Target]) -> Found:
    if len({_meaning(live, target) for target in targets}) > 1:
        return Found.unsure(targets)
    return Found.sure(targets)
