"""Errors of workflow templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.errors.base import HeroError, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence


class TemplateError(HeroError):
    """A workflow template cannot be used.

    Attributes:
        template: Name of the template, without ``.json``.
    """

    def __init__(self, *, template: str, problem: str, way_out: str = "") -> None:
        super().__init__(f"template {template!r}: {problem}", way_out=way_out)
        self.template = template
        self.problem = problem


class TemplateNotFoundError(TemplateError):
    """There is no template of that name, neither of the site nor built in."""


class NotAWorkflowError(TemplateError):
    """The file is no JSON, no ComfyUI graph, or a graph that cannot run."""


class UiFormatError(NotAWorkflowError):
    """The workflow was saved in the editor's own format, not exported in API format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One of several nodes that an argument of a template could mean.

    Attributes:
        node: Node id, as in the template file.
        input: Input name on that node.
        class_type: The node's class.
        title: The node's title in the editor, or the class where it has none.
        text: First words of the value found there.
    """

    node: str
    input: str
    class_type: str
    title: str
    text: str


class AmbiguousTemplateError(TemplateError):
    """More than one node could be meant, and guessing would be silent harm.

    Attributes:
        role: What was looked for, for example ``"prompt"``.
        candidates: The nodes found, in the order of their ids.
    """

    def __init__(
        self, *, template: str, role: str, candidates: Sequence[Candidate], way_out: str
    ) -> None:
        listed = "; ".join(
            f"{each.node}.{each.input}"
            f' ({each.class_type} "{each.title}": {shorten(each.text, 40)!r})'
            for each in candidates
        )
        super().__init__(
            template=template, problem=f"{role} could be any of {listed}", way_out=way_out
        )
        self.role = role
        self.candidates = tuple(candidates)


class BindingError(TemplateError):
    """The template has no place for a value that was asked for.

    Attributes:
        parameter: What was asked for: ``"negative"``, ``"size"``, or a parameter's name.
    """

    def __init__(self, *, template: str, parameter: str, problem: str, way_out: str = "") -> None:
        super().__init__(template=template, problem=problem, way_out=way_out)
        self.parameter = parameter
