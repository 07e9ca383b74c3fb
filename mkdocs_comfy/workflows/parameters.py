"""What a page may set by name: kinds of values, their bounds, and whether a value fits."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard, get_args

from mkdocs_comfy.errors import shorten
from mkdocs_comfy.text import canonical_text
from mkdocs_comfy.workflows.rules import WHOLE_CLASSES, WHOLE_INPUTS

if TYPE_CHECKING:
    from mkdocs_comfy.workflows.graph import Graph, Scalar, Target

Kind: TypeAlias = Literal["int", "float", "text", "choice", "bool", "image"]
"""What values a parameter takes: ``type`` in a ``.toml``."""

KINDS: tuple[Kind, ...] = get_args(Kind)
NUMBER_KINDS: tuple[Kind, ...] = ("int", "float")

MAX_NUMBER = 2**64 - 1
"""The largest number that a parameter can be; ComfyUI's largest is a seed."""

_SHOWN = 8
"""How many choices an error lists."""


class UnfitError(Exception):
    """A value does not fit a parameter; never leaves this package.

    Attributes:
        expected: What the parameter takes, to follow "must be".
        suggestion: The choice that was probably meant, or ``None``.
    """

    def __init__(self, expected: str, *, suggestion: str | None = None) -> None:
        super().__init__(expected)
        self.expected, self.suggestion = expected, suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A named argument of a template beside those that have front-matter keys of their own.

    Attributes:
        name: What pages call it.
        targets: The inputs that its value is written to; at least one.
        kind: What values it takes.
        minimum: Least value of a number, or ``None`` for no bound.
        maximum: Greatest value of a number, or ``None`` for no bound.
        choices: The values of a ``choice``, all texts or all numbers.
        default: Value where no page sets it; ``None`` for what stands in the graph.
        description: What it does, in its author's words; may be empty.
    """

    name: str
    targets: tuple[Target, ...]
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int | float, ...] = ()
    default: Scalar | None = None
    description: str = ""

    def fitted(self, value: Scalar) -> Scalar:
        """Return ``value`` as it is written to the targets.

        Texts come back in NFC with LF line ends, whole floats as integers where only whole
        numbers fit.

        Raises:
            UnfitError: It is of another type, out of bounds, or none of the choices.
        """
        match self.kind:
            case "bool" if isinstance(value, bool):
                return value
            case "text" | "image" if isinstance(value, str):
                return canonical_text(value)
            case "choice":
                return self._chosen(value)
            case "float" if is_number(value) and self._within(value):
                return value
            case "int" if is_number(value) and value == int(value) and self._within(value):
                return int(value)
            case _:
                raise UnfitError(self.expected)

    @property
    def expected(self) -> str:
        """What it takes, in words: ``a whole number from 1 to 60``."""
        match self.kind:
            case "bool":
                return "true or false"
            case "text":
                return "a text (quote what looks like a number)"
            case "image":
                return "an image"
            case "choice":
                more = ", …" if len(self.choices) > _SHOWN else ""
                return "one of " + ", ".join(map(_quoted, self.choices[:_SHOWN])) + more
            case "int" | "float":
                return ("a whole number" if self.kind == "int" else "a number") + self._bounds()

    def _bounds(self) -> str:
        match self.minimum, self.maximum:
            case None, None:
                return ""
            case low, None:
                return f" of at least {low:g}"
            case None, high:
                return f" up to {high:g}"
            case low, high:
                return f" from {low:g} to {high:g}"

    def _within(self, value: float) -> bool:
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )

    def _chosen(self, value: Scalar) -> Scalar:
        wanted = canonical_text(value) if isinstance(value, str) else value
        for choice in self.choices:
            if choice == wanted and not isinstance(wanted, bool):
                return choice
        texts = [choice for choice in self.choices if isinstance(choice, str)]
        close = difflib.get_close_matches(str(wanted)[:200], texts, n=1)
        raise UnfitError(self.expected, suggestion=close[0] if close else None)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether ``value`` is a finite number that JSON and ComfyUI can hold, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= MAX_NUMBER


def kind_at(graph: Graph, target: Target) -> Kind | None:
    """Return the kind of the literal at ``target``; ``None`` for a link, a list or a mapping.

    Whole numbers are told by input and class: an exported file has ``1`` for ``1.0``.
    """
    node = graph[target.node]
    match node["inputs"][target.input]:
        case bool():
            return "bool"
        case str():
            return "text"
        case int() | float():
            is_whole = target.input in WHOLE_INPUTS or node["class_type"] in WHOLE_CLASSES
            return "int" if is_whole else "float"
        case _:
            return None


def _quoted(choice: str | float) -> str:
    return repr(shorten(choice, 60)) if isinstance(choice, str) else f"{choice:g}"
