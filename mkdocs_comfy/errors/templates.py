"""Errors of workflow templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.errors.base import HeroError, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence


_SHOWN = 12
"""How many candidates a message lists."""


class TemplateError(HeroError):
    """A workflow template cannot be used.

    Attributes:
        template: Name of the template, without ``.json``.
    """

    kind = "bad_template"

    def __init__(self, *, template: str, problem: str, way_out: str = "") -> None:
        super().__init__(f"template {template!r}: {problem}", way_out=way_out)
        self.template = template
        self.problem = problem


class TemplateNotFoundError(TemplateError):
    """There is no template of that name, neither of the site nor built in."""

    kind = "no_such_template"


class NotAWorkflowError(TemplateError):
    """The file is no JSON, no ComfyUI graph, or a graph that cannot run."""

    kind = "not_api_format"


class UiFormatError(NotAWorkflowError):
    """The workflow was saved in the editor's own format, not exported in API format."""


class BrokenGraphError(NotAWorkflowError):
    """The graph is in API format and cannot run: a link to nowhere, a cycle, a missing class."""

    kind = "broken_graph"


class NoOutputError(NotAWorkflowError):
    """Nothing in the graph saves an image."""

    kind = "no_output"


class NoPromptError(TemplateError):
    """Nothing in the graph takes a prompt."""

    kind = "no_prompt"


class TemplateSettingsError(TemplateError):
    """The ``.toml`` beside a template has a key, a value or a reference that means nothing."""

    kind = "bad_settings"


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

    kind = "ambiguous_binding"

    def __init__(
        self, *, template: str, role: str, candidates: Sequence[Candidate], way_out: str
    ) -> None:
        listed = "; ".join(
            f"{each.node}.{each.input}"
            f' ({each.class_type} "{each.title}": {shorten(each.text, 40)!r})'
            for each in candidates[:_SHOWN]
        ) + (f"; and {len(candidates) - _SHOWN:,} more" if len(candidates) > _SHOWN else "")
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

    kind = "bad_value"

    def __init__(self, *, template: str, parameter: str, problem: str, way_out: str = "") -> None:
        super().__init__(template=template, problem=problem, way_out=way_out)
        self.parameter = parameter
