"""One look for many pages: what a style holds, and how several go together with a prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from mkdocs_comfy.errors import ConfigurationError, StyleNotFoundError, brief
from mkdocs_comfy.pages import values
from mkdocs_comfy.pages.values import (
    MAX_PROMPT,
    MAX_SIDE,
    NAME,
    NAME_IN_WORDS,
    NO_STYLE,
    Scalar,
    UnusableError,
)
from mkdocs_comfy.text import normalise_text

ENDS: Final = frozenset(".,;:!?…-–—。、，；：！？．｡､،؛؟")  # noqa: RUF001  # all scripts' own
"""Punctuation that stands for the comma between two parts of a prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A look that pages share. Whatever a page says itself wins.

    Attributes:
        prefix: Text before the prompt; may be empty.
        suffix: Text after the prompt; may be empty.
        negative: What to keep out; ``""`` keeps nothing out; ``None``: the style does not say.
        template: Name of a workflow template, or ``None``.
        seed: Noise seed, 0 <= seed < 2**64, or ``None``.
        size: Width and height in pixels, multiples of 8 from 64 to 16384, or ``None``.
        params: Template parameters by name; finite.
    """

    prefix: str = ""
    suffix: str = ""
    negative: str | None = None
    template: str | None = None
    seed: int | None = None
    size: tuple[int, int] | None = None
    params: Mapping[str, Scalar] = field(default_factory=dict)


def chosen(names: Iterable[str], styles: Mapping[str, Style]) -> Style:
    """Return what the styles called ``names`` come to.

    Raises:
        StyleNotFoundError: There is no style of one of the names.
    """
    found = []
    for name in names:
        if name not in styles:
            raise StyleNotFoundError(style=name, known=tuple(styles))
        found.append(styles[name])
    return found[0] if len(found) == 1 else merged(found)


def merged(styles: Iterable[Style]) -> Style:
    """Return what ``styles`` come to, as one style; without any, a style that says nothing.

    Of what they say both, the later one's counts; texts follow each other; parameters are
    merged one by one.
    """
    result = Style()
    for each in styles:
        result = Style(
            prefix=joined(result.prefix, each.prefix),
            suffix=joined(result.suffix, each.suffix),
            negative=result.negative if each.negative is None else each.negative,
            template=each.template or result.template,
            seed=result.seed if each.seed is None else each.seed,
            size=each.size or result.size,
            params={**result.params, **each.params},
        )
    return result


def joined(*parts: str) -> str:
    """Return the parts as one text (NFC, LF, no white space around it); empty ones vanish.

    ``", "`` stands between two, but only a space where the first ends in one of :data:`ENDS`.
    """
    text = ""
    for part in map(normalise_text, parts):
        if text and part:
            text += " " if text[-1] in ENDS else ", "
        text += part
    return text


def setter(names: Sequence[str], styles: Mapping[str, Style], key: str, entry: str = "") -> str:
    """Return the name of the style whose ``key`` counts; ``""`` where none of them says it.

    Args:
        names: The styles in use, all of them known.
        styles: All styles by name.
        key: ``"template"``, ``"size"`` or another key whose absence is ``None``; or ``"params"``.
        entry: Name of the parameter that is meant.
    """
    for name in reversed(names):
        value = getattr(styles[name], key)
        if value is not None and (not entry or entry in value):
            return name
    return ""


def read_styles(value: object) -> tuple[dict[str, Style], tuple[ConfigurationError, ...]]:
    """Read ``styles:`` of the configuration; everything that is wrong with it comes at once.

    A key without a value counts as absent, and a style without any as one that says nothing.

    Args:
        value: A mapping of names to mappings, as YAML gave it; ``None`` for no styles.

    Returns:
        Styles by name, in their order, and the errors, each with its path (``styles.brand.seed``).
    """
    reader = _Reader()
    return reader.styles(value), tuple(reader.errors)


class _Reader:
    """Takes styles out of the configuration and notes what is wrong with them."""

    def __init__(self) -> None:
        self.errors: list[ConfigurationError] = []

    def styles(self, value: object) -> dict[str, Style]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._refuse("styles", "expected a mapping of name to style", value)
            return {}
        return {
            name: self._style(f"styles.{name}", given)
            for name, given in value.items()
            if self._is_name(name)
        }

    def _is_name(self, name: object) -> bool:
        if name == NO_STYLE:
            problem = f"{NO_STYLE!r} stands for no style at all; choose another name"
        elif isinstance(name, str) and NAME.fullmatch(name):
            return True
        else:
            quotes = "" if isinstance(name, str) else "; put it in quotes if it is meant to be one"
            problem = f"{brief(name)} is no name of a style {NAME_IN_WORDS}{quotes}"
        self.errors.append(ConfigurationError(key="styles", problem=problem))
        return False

    def _style(self, path: str, given: object) -> Style:
        if given is None:
            return Style()
        if not isinstance(given, Mapping):
            self._refuse(path, f"expected a mapping that takes {', '.join(_KEYS)}", given)
            return Style()
        found: dict[str, Any] = {}
        for key, value in given.items():
            if not isinstance(key, str) or key not in _KEYS:
                self.errors.append(ConfigurationError(key=path, problem=_unknown(key)))
            elif value is not None:
                try:
                    found[key] = _KEYS[key](value)
                except UnusableError as error:
                    self._refuse(f"{path}.{key}", f"expected {error.expected}", value, error)
        return Style(**found)

    def _refuse(
        self, path: str, problem: str, got: object, error: UnusableError | None = None
    ) -> None:
        way_out = error.way_out if error else ""
        self.errors.append(
            ConfigurationError(key=path, problem=f"{problem}, got {brief(got)}", way_out=way_out)
        )


def _text(value: object) -> str:
    return values.text(value, limit=MAX_PROMPT)


def _unknown(key: object) -> str:
    close = get_close_matches(brief(key), list(_KEYS), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"a style takes {', '.join(_KEYS)}"
    return f"unknown key {brief(key)}; {hint}"


_KEYS: Mapping[str, Callable[[object], object]] = MappingProxyType(
    {
        "prefix": _text,
        "suffix": _text,
        "negative": values.negative,
        "template": values.template,
        "seed": values.seed,
        "size": lambda value: values.size(value, max_pixels=MAX_SIDE**2),
        "params": values.params,
    }
)
"""What a style may hold → how it is read."""
