"""How doors word what became of heroes, so that a build and a command say the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import HeroError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mkdocs_comfy.pipeline import PlannedHero
    from mkdocs_comfy.workflows.key import CacheKey

_INDENT = "\n    "


def error_text(error: HeroError) -> str:
    """Return an error with its way out below it, for a log."""
    return f"{error.what}{_way_out(error)}"


def missing_texts(
    heroes: Iterable[PlannedHero], failures: Mapping[CacheKey, HeroError]
) -> list[str]:
    """Return one text for each cause of missing heroes, with its count and its first page."""
    first: dict[str, tuple[HeroError, PlannedHero]] = {}
    count: Counter[str] = Counter()
    seen: set[CacheKey] = set()
    for hero in heroes:
        if (error := failures.get(hero.key)) and hero.key not in seen:
            seen.add(hero.key)
            first.setdefault(error.what, (error, hero))
            count[error.what] += 1
    return [
        f"{what}: {_missing(count[what], hero.spec.page)}{_way_out(error)}"
        for what, (error, hero) in first.items()
    ]


def counted(text: str, pages: Sequence[str]) -> str:
    """Return ``text`` with the first of the pages that it concerns, and how many more there are."""
    others = f" and {len(pages) - 1} more" if len(pages) > 1 else ""
    return f"{text}: {printable(pages[0])}{others}"


def heroes_text(count: int) -> str:
    """Return ``1 hero``, ``2 heroes``."""
    return "1 hero" if count == 1 else f"{count} heroes"


def seconds_text(seconds: float) -> str:
    """Return seconds as people read them: ``4.2 s``, ``12 s``."""
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"  # noqa: PLR2004  # rounding


def _missing(count: int, page: str) -> str:
    page = printable(page)
    return (
        f"1 hero is missing, {page}" if count == 1 else f"{count} heroes are missing, first {page}"
    )


def _way_out(error: HeroError) -> str:
    return _INDENT + error.way_out.replace("\n", _INDENT) if error.way_out else ""
