"""``prune``: what no page uses any more goes, and how much room the rest takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from mkdocs_comfy.images.frozen import remove
from mkdocs_comfy.images.memory import DAY
from mkdocs_comfy.images.sidecar import stem_of
from mkdocs_comfy.pipeline.delivery import variant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.images.folder import CachedFile
    from mkdocs_comfy.pipeline.lookup import Lookup
    from mkdocs_comfy.pipeline.plan import Plan, PlannedHero
    from mkdocs_comfy.workflows.key import CacheKey

GRACE: Final = 30.0 * DAY
"""Seconds that an image stays in the cache after a build last showed it: social networks show cards
for weeks, and a page that comes back within a month costs no render."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A file that is gone, or would be.

    Attributes:
        where: ``frozen`` or ``cache``.
        file: Its path.
        bytes: Its length.
    """

    where: Literal["frozen", "cache"]
    file: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Room that is taken, in bytes, after pruning.

    Attributes:
        frozen: Our files in the frozen directory.
        cache: Images in the cache; its index is not counted.
        site: Images in the built site; ``None`` where nobody asked for it.
    """

    frozen: int
    cache: int
    site: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What came of ``prune``.

    Attributes:
        removed: The files, those of the frozen directory first, by name.
        sizes: What is left.
    """

    removed: tuple[Removed, ...]
    sizes: Sizes


class Pruner:
    """Removes what no page of some plans uses.

    Args:
        lookup: A fresh look at what there is.
        cache: The private cache.
        frozen_dir: The frozen directory.
        now: Seconds since the epoch.
        grace: Seconds, see ``GRACE``.
    """

    def __init__(
        self, lookup: Lookup, *, cache: HeroCache, frozen_dir: Path, now: float, grace: float
    ) -> None:
        self._lookup = lookup
        self._cache = cache
        self._directory = frozen_dir
        self._now = now
        self._grace = grace

    def prune(
        self, plans: Sequence[Plan], *, dry_run: bool, site_images: Path | None = None
    ) -> Pruning:
        """Remove it.

        Former images of pages whose own is not at hand count as used.

        Args:
            plans: All plans that count, without errors: languages, versions.
            dry_run: Only tell.
            site_images: Folder of the images in the built site, to be measured.

        Raises:
            CacheError: A file cannot be removed.
        """
        heroes = [hero for plan in plans for hero in plan.heroes.values()]
        frozen = sorted(self._unused_frozen(heroes), key=lambda file: file.file)
        cached = sorted(self._unused_cached(heroes), key=lambda file: file.path)
        frozen_left = self._lookup.frozen.size() - sum(each.bytes for each in frozen)
        if not dry_run:
            for each in frozen:
                remove(self._directory, os.path.basename(each.file))  # noqa: PTH119  # text
            self._cache.remove(cached)
        removed = (
            *frozen,
            *(Removed(where="cache", file=each.path, bytes=each.bytes) for each in cached),
        )
        gone = {each.file for each in removed}
        return Pruning(
            removed=removed,
            sizes=Sizes(
                frozen=frozen_left,
                cache=sum(each.bytes for each in self._cache.files() if each.path not in gone),
                site=None if site_images is None else _size(site_images),
            ),
        )

    def _unused_frozen(self, heroes: Iterable[PlannedHero]) -> Iterator[Removed]:
        folder = self._lookup.frozen
        used: set[str] = set()
        for hero in heroes:
            used.add(stem_of(hero.real_key))
            if folder.find(hero.real_key) is None and (former := self._lookup.former_frozen(hero)):
                used.add(stem_of(former.key))
        files = [
            file
            for stem in folder.stems()
            if stem not in used and not folder.somebody_elses(stem)
            for file in folder.files_of(stem)
        ]
        files += [fault.file for fault in folder.strays()]
        for file in files:
            yield Removed(where="frozen", file=folder.path(file), bytes=folder.bytes_of(file))

    def _unused_cached(self, heroes: Iterable[PlannedHero]) -> Iterator[CachedFile]:
        used: set[str] = set()
        for hero in heroes:
            keys = {hero.key, hero.real_key, self._lookup.former_cached(hero)} - {None}
            for key in keys:
                used |= set(self._names(key))
            if former := self._lookup.former_frozen(hero):
                used |= set(self._names(former.key))
        days = self._cache.memory.days()
        for file in self._cache.files():
            last_used = max(file.written, DAY * (days.get(file.name, 0) + 1))
            if file.name not in used and last_used + self._grace < self._now:
                yield file

    def _names(self, key: CacheKey | None) -> Iterator[str]:
        """Names in the cache of an image and of what is encoded from it."""
        if key is None:
            return
        yield key
        if original := self._cache.original(key):
            yield variant_of(
                original.record.pixels, (original.record.width, original.record.height)
            )
        if frozen := self._lookup.frozen.find(key):
            sidecar = frozen.sidecar
            yield variant_of(sidecar.pixels, (sidecar.width, sidecar.height))


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where it does not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
