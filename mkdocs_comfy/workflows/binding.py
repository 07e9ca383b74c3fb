"""One page's values and one template make the workflow of an image, and the image's key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.errors import BindingError
from mkdocs_comfy.workflows.explicit import toml_beside
from mkdocs_comfy.workflows.graph import PREFIX, Graph, Scalar, upstream
from mkdocs_comfy.workflows.sizes import size_problem
from mkdocs_comfy.workflows.values import param_values, seed_value, text_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.workflows.key import CacheKey
    from mkdocs_comfy.workflows.rules import Role
    from mkdocs_comfy.workflows.template import WorkflowTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The arguments of a template, complete: nothing else shapes the image.

    Attributes:
        prompt: What to render (NFC, LF, no white space around it).
        seed: Noise seed, 0 <= seed < 2**64.
        negative: What to keep out; ``""`` for nothing; ``None`` for the template's own.
        negative_required: True where a page set the negative, so that a template without one is
            worth a finding and one that is ambiguous an error; False where a style did, for which
            the one is nothing and the other a finding.
        size: Width and height in pixels, multiples of 8; ``None`` for the template's own.
        image: What stands for the source image, :func:`image_literal`; ``None`` for none.
        params: Name of a parameter or ``<node title>.<input>`` → value.
    """

    prompt: str
    seed: int
    negative: str | None = None
    negative_required: bool = False
    size: tuple[int, int] | None = None
    image: str | None = None
    params: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundWorkflow:
    """A workflow as it is submitted, but for the ``filename_prefix`` of the job.

    Attributes:
        template: Name of the template.
        graph: The nodes that lead to the output. Shares values with the template and with other
            pages: not to be changed.
        key: Key of the image.
        output: Id of the output node.
        size: Width and height in pixels that are asked of the latent; ``None`` where the graph
            leaves them to its nodes. The image may be larger: a template may upscale.
        prompt: The prompt in the graph.
        seed: The seed in the graph.
        negative: The negative in the graph, bound or the template's own; ``None`` without one.
        findings: Sentences about values that have no effect, for a warning.
    """

    template: str
    graph: Graph
    key: CacheKey
    output: str
    size: tuple[int, int] | None
    prompt: str
    seed: int
    negative: str | None
    findings: tuple[str, ...]


def bind(template: WorkflowTemplate, inputs: Inputs) -> BoundWorkflow:
    """Return ``template`` with ``inputs`` written into it. Nothing else is changed.

    Raises:
        BindingError: The template has no place for a size or a parameter that is set, or a
            value does not fit where it would go.
        AmbiguousTemplateError: A value is set whose place only the template's author can say.
    """
    changes = {node: dict(values) for node, values in template.defaults.items()}
    prompt = text_value(template, "prompt", inputs.prompt)
    _write(template, changes, "prompt", prompt)
    _write(template, changes, "seed", seed_value(template, inputs.seed))
    negative = template.own_negative
    findings: tuple[str, ...] = ()
    if inputs.negative is not None:
        wanted = text_value(template, "negative", inputs.negative)
        if "negative" in template.ambiguous and not inputs.negative_required:
            findings = (_uncertain_negative(template),)
        elif _write(template, changes, "negative", wanted):
            negative = wanted
        elif inputs.negative_required:
            findings = (
                f"template {template.name!r} has no negative prompt; hero_negative has no effect",
            )
    size = inputs.size or template.recommended_size
    if size is not None:
        _write_size(template, changes, size)
    _write_image(template, changes, inputs.image)
    for target, value in param_values(template, inputs.params):
        changes.setdefault(target.node, {})[target.input] = value
    return BoundWorkflow(
        template=template.name,
        graph=_graph_with(template, changes),
        key=template.plan.key(changes),
        output=template.output,
        size=size or template.graph_size,
        prompt=prompt,
        seed=inputs.seed,
        negative=negative,
        findings=findings,
    )


def image_literal(digest: str) -> str:
    """Return what stands for a source image in a bound workflow, so that its bytes count.

    Whoever submits the workflow puts the name of the uploaded file in its place.

    Args:
        digest: SHA-256 of the image's bytes, 64 hex digits.
    """
    return f"sha256:{digest}"


def with_prefix(graph: Graph, output: str, prefix: str) -> Graph:
    """Return a copy of ``graph`` whose ``output`` saves its files under ``prefix``.

    An output that names no files, such as a preview, stays as it is. ``graph`` is not changed.
    """
    node = graph[output]
    if PREFIX not in node["inputs"]:
        return dict(graph)
    return {**graph, output: {**node, "inputs": {**node["inputs"], PREFIX: prefix}}}


def _uncertain_negative(template: WorkflowTemplate) -> str:
    return (
        f"template {template.name!r}: more than one text could be its negative prompt, so that of"
        " a style has no effect; name it under [parameters.negative] in"
        f" {toml_beside(template.file)}"
    )


def _write(
    template: WorkflowTemplate, changes: dict[str, dict[str, Scalar]], role: Role, value: Scalar
) -> bool:
    """Note ``value`` for all targets of ``role``; False where the template has none."""
    targets = template.bindings.get(role)
    if targets is None:
        if role in template.ambiguous:
            template.ask(role)
        return False
    for target in targets:
        changes.setdefault(target.node, {})[target.input] = value
    return True


def _write_size(
    template: WorkflowTemplate, changes: dict[str, dict[str, Scalar]], size: tuple[int, int]
) -> None:
    if problem := size_problem(size):
        raise BindingError(
            template=template.name,
            parameter="size",
            problem=f"it cannot be {size[0]}x{size[1]} pixels: {problem}",
        )
    sides: tuple[tuple[Role, int], ...] = (("width", size[0]), ("height", size[1]))
    for role, side in sides:
        if not _write(template, changes, role, side):
            raise BindingError(
                template=template.name,
                parameter="size",
                problem=f"it cannot be given a size, {size[0]}x{size[1]} was asked for",
                way_out="remove the size, or use a template that starts from an empty latent",
            )


def _write_image(
    template: WorkflowTemplate, changes: dict[str, dict[str, Scalar]], image: str | None
) -> None:
    if template.image is None and image is None:
        return
    if template.image is None or image is None:
        raise BindingError(
            template=template.name,
            parameter="image",
            problem="it takes no source image" if image else "it needs a source image",
            way_out='a template that does declares it in its .toml: type = "image"'
            if image
            else "name one in the page: hero_image_from: harbour.jpg",
        )
    for target in template.image.targets:
        changes.setdefault(target.node, {})[target.input] = image


def _graph_with(template: WorkflowTemplate, changes: Mapping[str, Mapping[str, Scalar]]) -> Graph:
    graph: dict[str, Any] = dict(template.live)
    for node_id, changed in changes.items():
        node = graph[node_id]
        graph[node_id] = {**node, "inputs": {**node["inputs"], **changed}}
    if template.linked and any(
        target.node in changes and target.input in changes[target.node]
        for target in template.linked
    ):
        # A literal in the place of a link: what only led there leads nowhere any more.
        leading = set(upstream(graph, template.output))
        return {node_id: node for node_id, node in graph.items() if node_id in leading}
    return graph
