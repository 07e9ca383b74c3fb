"""Finding the prompt and the negative: from samplers to where each is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mkdocs_comfy.workflows.encoders import Encoder, encoder_of, encoders_of
from mkdocs_comfy.workflows.finding import Found
from mkdocs_comfy.workflows.graph import LiveGraph, Target, title_of
from mkdocs_comfy.workflows.key import MODEL_SUFFIXES
from mkdocs_comfy.workflows.rules import (
    ASIDE,
    ROLE_TITLES,
    STRING_INPUTS,
    TEXT_INPUTS,
    TITLE_KINDS,
    Role,
)
from mkdocs_comfy.workflows.tracing import adds_no_noise, takes_latent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

MAX_STAGES = 8
"""Of one denoising; people use two."""

_WORD = re.compile(r"[^\W_]+")


def find_text(live: LiveGraph, samplers: Sequence[str], role: Role) -> Found:
    """Return where ``role``, the prompt or the negative, is written.

    Args:
        live: The graph that leads to the output, as it runs.
        samplers: Ids of the nodes that denoise or guide.
        role: ``"prompt"`` or ``"negative"``.
    """
    encoders, doubtful = encoders_of(live, samplers, role)
    found = [target for encoder in encoders for target in encoder.targets]
    doubtful |= any(not _is_text(live, target) for target in found)
    if not doubtful and (
        chosen := _told_apart(live, encoders) or _one_for_each_stage(live, samplers, role)
    ):
        return Found.sure(chosen)
    if chosen := _titled(live, found, role):
        return Found.sure(chosen)
    if found or doubtful or (role == "prompt" and samplers):
        return Found.unsure(found or _plausible(live))
    return _without_sampler(live) if role == "prompt" else Found()


def goes_aside(node: Mapping[str, Any]) -> bool:
    """Whether the title of ``node`` says that its text goes with a prompt and is none."""
    return not ASIDE.isdisjoint(_WORD.findall(title_of(node).lower()))


def _told_apart(live: LiveGraph, encoders: Sequence[Encoder]) -> tuple[Target, ...]:
    """Return the one text of all encoders, if need be without those that only go with it.

    A template that the text is put into is never the text.
    """
    whole = [encoder.without_templates() for encoder in encoders]
    main = [encoder.only(lambda each: not goes_aside(live.nodes[each.node])) for encoder in whole]
    return _one_text(live, whole) or _one_text(live, main)


def _one_text(live: LiveGraph, encoders: Sequence[Encoder]) -> tuple[Target, ...]:
    """Return all places where every encoder gets one text, and the same; else nothing."""
    used = [encoder for encoder in encoders if encoder.targets]
    together = any(len(held) > 1 for encoder in used for held in encoder.inputs)
    texts = {frozenset(str(live.value(each)) for each in encoder.targets) for encoder in used}
    if together or len(texts) != 1:
        return ()
    return tuple(target for encoder in used for target in encoder.targets)


def _one_for_each_stage(live: LiveGraph, samplers: Sequence[str], role: Role) -> tuple[Target, ...]:
    """Return the texts of stages that denoise one and the same picture, one for each of them.

    A stage that adds no noise goes on where the stage before it stopped: a base model and its
    refiner. Both are told what to paint, in words of their own.
    """
    stages = [each for each in samplers if takes_latent(live.nodes[each])]
    starts = [each for each in stages if not adds_no_noise(live, each)]
    if len(starts) != 1 or len(stages) > MAX_STAGES:
        return ()
    texts = [_told_apart(live, encoders_of(live, [each], role)[0]) for each in stages]
    return tuple(target for each in texts for target in each) if all(texts) else ()


def _titled(live: LiveGraph, found: Sequence[Target], role: Role) -> tuple[Target, ...]:
    """Return the one text whose title says that it is meant."""
    titled = [
        Encoder(inputs=((each,),))
        for each in dict.fromkeys(found)
        if _is_text(live, each) and _says(live, each, role)
    ]
    return _one_text(live, titled)


def _says(live: LiveGraph, target: Target, role: Role) -> bool:
    title = _title(live, target)
    if title in ROLE_TITLES[role]:
        return True
    # What the editor calls an encoder by itself ends in "(Prompt)", whatever its text is for.
    words = [word for word in _WORD.findall(title) if word not in TITLE_KINDS]
    return live.class_of(target.node) in STRING_INPUTS and " ".join(words) in ROLE_TITLES[role]


def _without_sampler(live: LiveGraph) -> Found:
    """Return the prompt of a graph whose image is made elsewhere, say by a partner's node."""
    encoders = [
        encoder
        for node_id in live.nodes
        if live.class_of(node_id) not in STRING_INPUTS
        and (encoder := encoder_of(live, node_id, "prompt"))
    ]
    found = [target for encoder in encoders for target in encoder.targets]
    sure = len(encoders) == 1 and all(_is_text(live, target) for target in found)
    chosen = _told_apart(live, encoders) if sure else ()
    chosen = chosen or _titled(live, found, "prompt")
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
