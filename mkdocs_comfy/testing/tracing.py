"""What picture a graph asks for: prompt, negative, seed, steps and size, found from an output back.

Only as much of execution as a stand-in needs. Graphs come here without cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_STEPS = 20
DEFAULT_SIZE = (512, 512)

# Where the pixels come from, on decoders, samplers, scalers and savers.
_PICTURE_INPUTS = ("images", "image", "samples", "latent_image", "latent", "pixels")
_TEXT_INPUTS = ("text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "prompt", "value")
_SEED_INPUTS = ("seed", "noise_seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What one output node is asked to show.

    Attributes:
        prompt: Text that reaches the sampler as positive; ``""`` where there is none.
        negative: Text that reaches it as negative.
        seed: Noise seed of the sampler next to the output that adds noise.
        steps: Steps of the sampler next to the output, at least 1.
        size: Pixels, width and height, each at least 1.
        count: Pictures in the batch, at least 1.
        colour: 0xRRGGBB of a plain picture, ``None`` where a sampler makes it.
    """

    prompt: str = ""
    negative: str = ""
    seed: int = 0
    steps: int = DEFAULT_STEPS
    size: tuple[int, int] = DEFAULT_SIZE
    count: int = 1
    colour: int | None = None


def is_link(value: object) -> bool:
    """Whether an input's value is a link, ``[node id, output slot]``."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)  # noqa: PLR2004  # a pair


def takes_picture(inputs: Mapping[str, Any]) -> bool:
    """Whether a node with these inputs is given pixels or a latent."""
    return any(is_link(inputs.get(name)) for name in _PICTURE_INPUTS)


def is_sampler(inputs: Mapping[str, Any]) -> bool:
    """Whether a node with these inputs denoises a latent, step by step."""
    return is_link(inputs.get("latent_image")) and ("positive" in inputs or "guider" in inputs)


def picture_of(graph: Mapping[str, Any], output: str) -> Picture:
    """Return the picture that the node ``output`` of ``graph`` receives."""
    chain = [graph[node]["inputs"] for node in _towards_source(graph, output)]
    makers = [inputs for inputs in chain if is_sampler(inputs)]
    maker = next(iter(makers), None)
    source = chain[-1]
    size = next((size for inputs in chain if (size := _size(graph, inputs))), DEFAULT_SIZE)
    count = max(1, _number(graph, source.get("batch_size")) or 1)
    if maker is None:
        colour = _number(graph, source.get("color"))
        return Picture(
            prompt=text_of(graph, source.get("prompt")),
            seed=_seed(graph, source),
            size=size,
            count=count,
            colour=None if colour is None else colour & 0xFFFFFF,
        )
    guide = _inputs(graph, maker.get("guider")) or maker
    return Picture(
        prompt=text_of(graph, guide.get("positive", guide.get("conditioning"))),
        negative=text_of(graph, guide.get("negative")),
        seed=_seed(graph, next(filter(_adds_noise, makers), maker)),
        steps=steps_of(graph, maker),
        size=size,
        count=count,
    )


def steps_of(graph: Mapping[str, Any], sampler: Mapping[str, Any]) -> int:
    """Return the steps of the sampler with these inputs, its own or its scheduler's."""
    own = sampler.get("steps", _inputs(graph, sampler.get("sigmas")).get("steps"))
    return max(1, _number(graph, own) or DEFAULT_STEPS)


def text_of(graph: Mapping[str, Any], value: object) -> str:
    """Return the text at ``value``: the literal, or what stands upstream of the link."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not is_link(value):
        return ""
    if graph.get(value[0], {}).get("class_type") == "ConditioningZeroOut":
        return ""
    inputs = _inputs(graph, value)
    texts = [text_of(graph, inputs[name]) for name in _TEXT_INPUTS if name in inputs]
    texts += [
        text_of(graph, link)
        for name, link in inputs.items()
        if name.startswith(("conditioning", "positive", "string"))
    ]
    # Several encoders of one node often hold the same text: say it once.
    return ", ".join(dict.fromkeys(text for text in texts if text))


def _towards_source(graph: Mapping[str, Any], output: str) -> Iterator[str]:
    """Walk from an output to the node that the pixels start from."""
    node: str | None = output
    while node is not None:
        yield node
        inputs = graph[node]["inputs"]
        node = next(
            (
                inputs[name][0]
                for name in _PICTURE_INPUTS
                if is_link(inputs.get(name)) and inputs[name][0] in graph
            ),
            None,
        )


def _size(graph: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[int, int] | None:
    width = _number(graph, inputs.get("width"))
    height = _number(graph, inputs.get("height"))
    return (width, height) if width and height else None


def _seed(graph: Mapping[str, Any], inputs: Mapping[str, Any]) -> int:
    """Return the seed of a node or of the node that makes its noise; 0 where there is none."""
    for place in (inputs, _inputs(graph, inputs.get("noise"))):
        for name in _SEED_INPUTS:
            if (seed := _number(graph, place.get(name))) is not None:
                return seed
    return 0


def _adds_noise(sampler: Mapping[str, Any]) -> bool:
    """Whether a sampler adds noise; a second stage may go on with what is left of the first."""
    return sampler.get("add_noise") not in {"disable", False}


def _number(graph: Mapping[str, Any], value: object) -> int | None:
    """Return a literal number, or the ``value`` of the node that a link leads to."""
    if isinstance(value, list):
        return _number(graph, _inputs(graph, value).get("value"))
    # Whatever lies outside is no size, seed or number of steps, NaN included.
    return int(value) if isinstance(value, int | float) and abs(value) < 2**64 else None


def _inputs(graph: Mapping[str, Any], link: object) -> Mapping[str, Any]:
    """Return the inputs of the node that ``link`` leads to; empty where it is no link."""
    if not isinstance(link, list) or not is_link(link):
        return {}
    inputs: Mapping[str, Any] = graph.get(link[0], {}).get("inputs", {})
    return inputs
