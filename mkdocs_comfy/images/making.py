"""How an image was made: what the cache and the sidecars of the frozen directory remember.

Imports nothing heavy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from mkdocs_comfy.workflows.binding import BoundWorkflow
from mkdocs_comfy.workflows.canonical import canonical_workflow, models_in, output_of
from mkdocs_comfy.workflows.graph import link_of

if TYPE_CHECKING:
    from mkdocs_comfy.images.records import JSON
    from mkdocs_comfy.workflows.graph import Graph
    from mkdocs_comfy.workflows.key import CacheKey

FIELDS: Final = frozenset(
    {
        "prompt",
        "negative",
        "seed",
        "size",
        "template",
        "style",
        "models",
        "workflow",
        "comfyui",
        "seconds",
    }
)
"""Names in ``Making.row``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How an image was made. It decides nothing: the key alone says which image it is.

    Attributes:
        prompt: The prompt in the workflow.
        negative: The negative in the workflow; ``None`` without one.
        seed: The seed in the workflow; ``None`` where it is not known.
        size: Pixels that were asked for, width and height; ``None`` where the workflow leaves
            them to its nodes.
        template: Name of the template.
        style: Names of the styles, in their order.
        models: Model files that the workflow names, sorted.
        workflow: The bound workflow, see ``canonical_workflow``; empty where it is not known.
        comfyui: Version of the ComfyUI that rendered it; ``""`` where it is not known.
        seconds: How long that took; 0 where it is not known.
    """

    prompt: str
    negative: str | None = None
    seed: int | None
    size: tuple[int, int] | None = None
    template: str
    style: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    workflow: Graph
    comfyui: str = ""
    seconds: float = 0.0

    @classmethod
    def of_bound(
        cls,
        bound: BoundWorkflow,
        *,
        style: tuple[str, ...] = (),
        comfyui: str = "",
        seconds: float = 0.0,
    ) -> Self:
        """Return how the image of ``bound`` is made.

        Args:
            bound: The workflow.
            style: Names of the styles that went into it.
            comfyui: Version of the server.
            seconds: How long it took; kept in milliseconds.
        """
        words = {bound.prompt, bound.negative}
        return cls(
            prompt=bound.prompt,
            negative=bound.negative,
            seed=bound.seed,
            size=bound.size,
            template=bound.template,
            style=style,
            models=tuple(name for name in models_in(bound.graph) if name not in words),
            workflow=canonical_workflow(bound.graph, bound.output),
            comfyui=comfyui,
            seconds=round(seconds, 3),
        )

    @classmethod
    def of_row(cls, row: object) -> Self | None:
        """Read a record, with or without the fields that early versions did not write.

        Returns:
            ``None`` where it is no record, such as the empty one of an image that was taken up
            after its record was lost, or where its workflow is none.
        """
        match row:
            case {
                "prompt": str(prompt),
                "seed": int() | None as seed,
                "template": str(template),
                **more,
            } if (workflow := _graph(more.get("workflow", {}))) is not None:
                return cls(
                    prompt=prompt,
                    negative=_text(more.get("negative")),
                    seed=seed,
                    size=_size(more.get("size")),
                    template=template,
                    style=_texts(more.get("style")),
                    models=_texts(more.get("models")),
                    workflow=workflow,
                    comfyui=_text(more.get("comfyui")) or "",
                    seconds=_seconds(more.get("seconds")),
                )
        return None

    def row(self) -> dict[str, JSON]:
        """The record that ``of_row`` reads back."""
        return {
            "prompt": self.prompt,
            "negative": self.negative,
            "seed": self.seed,
            "size": "{}x{}".format(*self.size) if self.size else None,
            "template": self.template,
            "style": self.style,
            "models": self.models,
            "workflow": self.workflow,
            "comfyui": self.comfyui,
            "seconds": self.seconds,
        }

    def bound(self, key: CacheKey) -> BoundWorkflow:
        """The workflow as it was bound, to be compared with another one; not to be rendered.

        Args:
            key: Key of the image.
        """
        return BoundWorkflow(
            template=self.template,
            graph=self.workflow,
            key=key,
            output=output_of(self.workflow),
            size=self.size,
            prompt=self.prompt,
            seed=self.seed or 0,
            negative=self.negative,
            findings=(),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return ()
    return tuple(each for each in value if isinstance(each, str))


def _size(value: object) -> tuple[int, int] | None:
    """Two numbers, or ``1344x768``; early versions wrote the former."""
    match value.split("x") if isinstance(value, str) else value:
        case [str(width), str(height)] if width.isdecimal() and height.isdecimal():
            return int(width), int(height)
        case [int(across), int(down)]:
            return across, down
    return None


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < math.inf else 0.0


def _graph(value: object) -> Graph | None:
    """The workflow if it is written as ``canonical_workflow`` does.

    Records come from disks and from repositories that others write to: no link may lead nowhere
    or round in a circle.
    """
    if not isinstance(value, dict) or value.keys() != {str(n + 1) for n in range(len(value))}:
        return None
    for node_id, node in value.items():
        match node:
            case {"class_type": str(), "inputs": dict(inputs)}:
                sources = [link.node for each in inputs.values() if (link := link_of(each))]
                if all(each in value and int(each) < int(node_id) for each in sources):
                    continue
        return None
    return value
