"""How doors word what became of heroes, so that a build and a command say the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import HeroError, printable

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from mkdocs_comfy.pipeline import PlannedHero
    from mkdocs_comfy.workflows.key import CacheKey

_INDENT = "\n    "


def error_text(error: HeroError) -> str:
    """Return an error with its way out below it, for a log."""
    return f"{error.what}{_way_out(error)}"


def missing_texts(
    heroes: Iterable[PlannedHero],
    failures: Mapping[CacheKey, HeroError],
    former: Container[str] = (),
) -> list[str]:
    """Return one text for each cause of heroes without an image, with counts and first pages.

    Args:
        heroes: What was wanted.
        failures: Key → why there is no image.
        former: Pages that show their former image instead.
    """
    pages: dict[CacheKey, list[str]] = {}
    for hero in heroes:
        if hero.key in failures:
            pages.setdefault(hero.key, []).append(hero.spec.page)
    causes: dict[str, _Cause] = {}
    for key, theirs in pages.items():
        cause = causes.setdefault(failures[key].what, _Cause(error=failures[key]))
        stale = [page for page in theirs if page in former]
        (cause.stale if stale else cause.missing).append((stale or theirs)[0])
    return [str(cause) for cause in causes.values()]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """Why heroes cannot be had, and a page of each."""

    error: HeroError
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [_missing(self.missing)] if self.missing else []
        parts += [_stale(self.stale)] if self.stale else []
        return f"{self.error.what}: {'; '.join(parts)}{_way_out(self.error)}"


def _missing(pages: Sequence[str]) -> str:
    page, count = printable(pages[0]), len(pages)
    return (
        f"1 hero is missing, {page}" if count == 1 else f"{count} heroes are missing, first {page}"
    )


def _stale(pages: Sequence[str]) -> str:
    page, count = printable(pages[0]), len(pages)
    if count == 1:
        return f"1 hero is stale, {page}, which shows its former image"
    return f"{count} heroes are stale, first {page}, which show their former images"


def _way_out(error: HeroError) -> str:
    return _INDENT + error.way_out.replace("\n", _INDENT) if error.way_out else ""
