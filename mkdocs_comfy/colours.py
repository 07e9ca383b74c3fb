"""A theme's colours, as far as its configuration tells them: what pictures of ours go with."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs.theme import Theme

THEMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "material": ("#4051b5",),
        "mkdocs": ("#033c73", "#2fa4e7"),
        "readthedocs": ("#2980b9",),
    }
)
"""Theme → its colours where the configuration names none."""

NAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "red": "#ef5552",
        "pink": "#e92063",
        "purple": "#ab47bd",
        "deep-purple": "#7e56c2",
        "indigo": "#4051b5",
        "blue": "#2094f3",
        "light-blue": "#02a6f2",
        "cyan": "#00bdd6",
        "teal": "#009485",
        "green": "#4cae4f",
        "light-green": "#8bc34b",
        "lime": "#cbdc38",
        "yellow": "#ffec3d",
        "amber": "#ffc105",
        "orange": "#ffa724",
        "deep-orange": "#ff6e42",
        "brown": "#795649",
        "grey": "#757575",
        "blue-grey": "#546d78",
        "black": "#141519",
        "white": "#ffffff",
    }
)
"""Names that Material takes for ``primary`` and ``accent`` → the primary colour of that name.
Accents of the same name are brighter, and of the same hue."""


def theme_colours(theme: Theme) -> tuple[str, ...]:
    """Return a theme's main colour and, where it has one, its accent, as ``#rrggbb``.

    Of a Material palette with several schemes the first one counts, which is what readers see who
    have not chosen. Nothing is returned for colours that stand in a style sheet (``custom``), and
    for themes that we do not know.
    """
    own = THEMES.get(theme.name or "", ())
    match theme.get("palette"):
        case [{**palette}, *_] | {**palette}:
            named = [palette.get(key) for key in ("primary", "accent")]
            found = tuple(NAMED[each] for each in map(_name, named) if each in NAMED)
            return found if any(named) else own
    return own


def _name(value: object) -> str:
    return value.replace(" ", "-") if isinstance(value, str) else ""
