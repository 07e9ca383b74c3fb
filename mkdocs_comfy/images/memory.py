"""What the cache remembers beyond its files: how images were made, what pages showed, and when.

It decides nothing: where it is lost, a page has no former image, and an unused file counts as used
since it was written.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.images.database import ForeignRowError
from mkdocs_comfy.images.making import Making
from mkdocs_comfy.workflows.key import CacheKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Set as AbstractSet

    from mkdocs_comfy.images.index import Index
    from mkdocs_comfy.images.records import JSON

DAY: Final = 86_400
"""Seconds of a day."""

_KEY: Final = re.compile(r"[a-z][0-9]+-[0-9a-f]{64}")
_DAYS: Final = "days"


class Memory:
    """Three sorts of rows in the cache's index.

    Args:
        index: Where they are.
        report: Takes one line for each thing found wrong.
    """

    def __init__(self, index: Index, *, report: Callable[[str], None]) -> None:
        self._index = index
        self._report = report

    def keep(self, key: CacheKey, made: Mapping[str, JSON]) -> None:
        """Remember how an image was made."""
        self._index.put(_made(key), made)

    def made(self, key: CacheKey) -> Making | None:
        """How an image was made, or ``None``."""
        return Making.of_row(self._row(_made(key)))

    def pages(self, kind: str) -> dict[str, CacheKey]:
        """Page → the image that it showed last.

        Args:
            kind: How the keys begin: ``k1`` for images, ``e1`` for stand-ins.
        """
        return _pages(self._row(f"pages:{kind}"))

    def days(self) -> dict[str, int]:
        """Name → the day on which a build last showed it, counted from 1970-01-01."""
        return _days(self._row(_DAYS))

    def note(
        self, kind: str, pages: Mapping[str, CacheKey], names: Iterable[str], day: int
    ) -> None:
        """Remember what a build shows. Writes only what is new: nothing in most builds.

        Args:
            kind: As for ``pages``.
            pages: Page → the image that it shows.
            names: What is shown: keys and names of variants.
            day: Today, counted from 1970-01-01.
        """
        known, days = self.pages(kind), self.days()
        if any(known.get(page) != key for page, key in pages.items()):
            self._revise(f"pages:{kind}", lambda row: {**_pages(row), **pages})
        today = dict.fromkeys(names, day)
        if any(days.get(name) != day for name in today):
            self._revise(_DAYS, lambda row: {**_days(row), **today})

    def forget(self, names: Iterable[str]) -> None:
        """Forget what is known of files that are gone."""
        gone = set(names)
        self._index.delete(row for name in gone for row in (name, f"made:{name}"))
        for kind in ("k1", "e1"):
            if not gone.isdisjoint(self.pages(kind).values()):
                self._revise(f"pages:{kind}", lambda row: _without_keys(_pages(row), gone))
        if not gone.isdisjoint(self.days()):
            self._revise(_DAYS, lambda row: _without(_days(row), gone))

    def _row(self, name: str) -> JSON:
        try:
            return self._index.get(name)
        except ForeignRowError as error:
            self._report(f"row {name} of the index is not ours and is not read: {error}")
            return None

    def _revise(self, name: str, change: Callable[[JSON], JSON]) -> None:
        try:
            self._index.revise(name, change)
        except ForeignRowError:
            self._index.put(name, change(None))


def today() -> int:
    """Return the day, counted from 1970-01-01, UTC."""
    return int(time.time() // DAY)


def _made(key: CacheKey) -> str:
    return f"made:{key}"


def _pages(row: JSON) -> dict[str, CacheKey]:
    if not isinstance(row, dict):
        return {}
    return {
        page: CacheKey(key)
        for page, key in row.items()
        if isinstance(key, str) and _KEY.fullmatch(key)
    }


def _without_keys(pages: Mapping[str, CacheKey], gone: AbstractSet[str]) -> dict[str, JSON]:
    return {page: key for page, key in pages.items() if key not in gone}


def _without(days: Mapping[str, int], gone: AbstractSet[str]) -> dict[str, JSON]:
    return {name: day for name, day in days.items() if name not in gone}


def _days(row: JSON) -> dict[str, int]:
    if not isinstance(row, dict):
        return {}
    return {name: day for name, day in row.items() if isinstance(day, int)}
