"""Who asked for what cannot be had: a line of a page, a style, or the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.errors import (
    AmbiguousTemplateError,
    BindingError,
    HeroError,
    StyleNotFoundError,
    TemplateError,
)
from mkdocs_comfy.pages.front_matter import INHERITED, KeyLines
from mkdocs_comfy.pages.styles import setter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mkdocs_comfy.pages.spec import HeroSpec
    from mkdocs_comfy.pages.styles import Style
    from mkdocs_comfy.pipeline.plan import PageSource


def placed(
    error: StyleNotFoundError | TemplateError,
    *,
    page: PageSource,
    spec: HeroSpec,
    names: Sequence[str],
    styles: Mapping[str, Style],
) -> HeroError:
    """Return the same error with the line of the page, or the style, that is to be changed.

    What the configuration asks for comes back as it is: no page's fault, and one error for all.

    Args:
        error: What went wrong for the page.
        page: The page.
        spec: What it asks for.
        names: The styles that it has.
        styles: All styles by name.
    """
    match error:
        case StyleNotFoundError():
            return _on_page(error, page, "style")
        case BindingError(parameter=asked):
            key = _KEYS.get(asked, "template")
        case AmbiguousTemplateError(role=asked) if asked not in {"prompt", "output"}:
            key = _KEYS.get(asked, "template")
        case _:
            asked, key = "", "template"
    if asked in spec.params:
        return _on_page(error, page, "params", asked)
    if asked and (style := setter(names, styles, "params", asked)):
        return _of_style(error, style, "params")
    for each in (key, "template"):
        if getattr(spec, each) is not None:
            return _on_page(error, page, each)
        if each != _PAGES_ONLY and (style := setter(names, styles, each)):
            return _of_style(error, style, each)
    return error


def _on_page(error: HeroError, page: PageSource, key: str, entry: str | None = None) -> HeroError:
    line = KeyLines(page.source()).line(f"hero_{key}", entry)
    hints = [error.way_out, "" if line else INHERITED]
    return HeroError(
        f"{page.path}:{line or 1}: hero_{key}: {error.what}",
        way_out="\n".join(hint for hint in hints if hint),
    )


def _of_style(error: HeroError, style: str, key: str) -> HeroError:
    return HeroError(f"styles.{style}.{key}: {error.what}", way_out=error.way_out)


_PAGES_ONLY = "image_from"
"""The one of the keys that no style has."""

_KEYS = {
    "prompt": "prompt",
    "negative": "negative",
    "seed": "seed",
    "size": "size",
    "width": "size",
    "height": "size",
    "image": "image_from",
}
"""What a template is asked for → the key that asks for it, without ``hero_``."""
