"""``freeze``: from the private cache, where images come and go, into the committed directory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.errors import BadImageError
from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.frozen import FrozenFolder, freeze_image, write_sidecar
from mkdocs_comfy.images.making import Making
from mkdocs_comfy.images.sidecar import UnsoundError, stem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Set as AbstractSet
    from pathlib import Path

    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.images.records import ImageInfo
    from mkdocs_comfy.images.sidecar import Sidecar
    from mkdocs_comfy.pipeline.plan import Plan, PlannedHero
    from mkdocs_comfy.workflows.key import CacheKey

QUALITY: Final = 95
"""WebP quality of a frozen image: about a fifth of ComfyUI's PNG, and no loss that one sees once it
is encoded for the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freezing:
    """What came of ``freeze``.

    Attributes:
        written: Names of the images that were written, sorted; each has its sidecar.
        kept: How many were frozen already.
        missing: Page → key of an image that is neither frozen nor in the cache.
        bytes: Length of the images that were written.
    """

    written: tuple[str, ...]
    kept: int
    missing: Mapping[str, CacheKey]
    bytes: int


class Freezer:
    """Copies the heroes of a plan into the frozen directory.

    Args:
        directory: The frozen directory; made where there is something to freeze.
        cache: Where the images come from.
        max_pixels: Width times height that is allowed.
        lossless: Keep every pixel; about four times as large.
    """

    def __init__(
        self, directory: Path, *, cache: HeroCache, max_pixels: int, lossless: bool
    ) -> None:
        self._directory = directory
        self._folder = FrozenFolder(directory)
        self._cache = cache
        self._max_pixels = max_pixels
        self._lossless = lossless

    def freeze(self, plan: Plan) -> Freezing:
        """Freeze what the pages of a plan show.

        What is whole already is left as it is, but for the pages in sidecars: a page is taken out
        of all but that of the image it shows now. Nor is anything written over that Git LFS or a
        later version of us looks after.

        Raises:
            CacheError: Something cannot be written, or an image of the cache cannot be read.
            BadImageError: An image of the cache is damaged.
        """
        heroes: dict[CacheKey, list[PlannedHero]] = {}
        for hero in plan.heroes.values():
            heroes.setdefault(hero.real_key, []).append(hero)
        blobs.sweep(str(self._directory))
        with ThreadPoolExecutor(thread_name_prefix="comfy-freeze") as pool:
            lengths = dict(zip(heroes, pool.map(self._frozen, heroes.values()), strict=True))
        missing = {
            hero.spec.page: key
            for key, length in lengths.items()
            if length is None
            for hero in heroes[key]
        }
        shown: dict[str, set[CacheKey]] = {}
        for hero in plan.heroes.values():
            if lengths[hero.real_key] is not None:
                shown.setdefault(hero.spec.page, set()).add(hero.real_key)
        self._name_pages(shown)
        written = {stem_of(key): length for key, length in lengths.items() if length}
        return Freezing(
            written=tuple(sorted(f"{stem}.webp" for stem in written)),
            kept=sum(length == 0 for length in lengths.values()),
            missing=missing,
            bytes=sum(written.values()),
        )

    def _frozen(self, heroes: Sequence[PlannedHero]) -> int | None:
        """Bytes that were written: 0 where nothing was needed; ``None`` where there is nothing."""
        key = heroes[0].real_key
        if self._folder.somebody_elses(stem_of(key)):
            return 0
        original = self._cache.original(key)
        if original is None:
            return 0 if self._whole(key) else self._settled(key)
        from mkdocs_comfy.images.decode import decode  # noqa: PLC0415  # Pillow
        from mkdocs_comfy.images.encode import Source  # noqa: PLC0415  # Pillow
        from mkdocs_comfy.images.inspect import inspect_image  # noqa: PLC0415  # Pillow

        whole = self._whole(key, inspect=partial(inspect_image, max_pixels=self._max_pixels))
        if whole and not (self._lossless and original.record.pixels != whole.pixels):
            return 0
        decoded = decode(self._cache.read(original), max_pixels=self._max_pixels)
        data = Source.of_decoded(decoded).webp(quality=QUALITY, lossless=self._lossless)
        info = inspect_image(data, max_pixels=self._max_pixels)
        made = making_of(key, heroes, cache=self._cache)
        freeze_image(self._directory, key, data, info, pages=_pages(heroes), made=made)
        return len(data)

    def _whole(
        self, key: CacheKey, *, inspect: Callable[[bytes], ImageInfo] | None = None
    ) -> Sidecar | None:
        """The sidecar of an image that is frozen and whole, also when it is decoded."""
        found = self._folder.find(key)
        if found is None or found.sidecar.made is None:
            return None
        try:
            data = self._folder.data(found)
            if inspect is not None:
                self._folder.verify(found, inspect(data))
        except (UnsoundError, BadImageError):
            return None
        return found.sidecar

    def _settled(self, key: CacheKey) -> int | None:
        """Take the side of a merge conflict that the image belongs to, where there is one."""
        sidecar = self._folder.settled(key)
        if sidecar is None:
            return None
        write_sidecar(self._directory, sidecar)
        return 0

    def _name_pages(self, shown: Mapping[str, AbstractSet[CacheKey]]) -> None:
        """Let each page stand in the sidecars of what it shows, and in no other.

        That is one image, unless the languages of a site make several of one page.
        """
        folder = FrozenFolder(self._directory)
        for stem in folder.stems():
            image = folder.image(stem)
            if image is None:
                continue
            kept = {page for page in image.sidecar.pages if page not in shown}
            kept |= {page for page, keys in shown.items() if image.key in keys}
            pages = tuple(sorted(kept))
            if pages != image.sidecar.pages:
                write_sidecar(self._directory, replace(image.sidecar, pages=pages))


def making_of(key: CacheKey, heroes: Sequence[PlannedHero], *, cache: HeroCache) -> Making:
    """Return how an image was made; what an early version did not note is known from the pages.

    Args:
        key: Which image.
        heroes: The heroes that show it, at least one.
        cache: Where the image is.
    """
    made = cache.made(key)
    hero = next((hero for hero in heroes if hero.bound.graph and hero.bound.key == key), None)
    if hero is None:
        return made or Making(prompt="", seed=None, template="", workflow={})
    if made is None or not made.workflow:
        seconds, version = (made.seconds, made.comfyui) if made else (0.0, "")
        return Making.of_bound(hero.bound, style=hero.style, comfyui=version, seconds=seconds)
    return made


def _pages(heroes: Sequence[PlannedHero]) -> tuple[str, ...]:
    return tuple(sorted({hero.spec.page for hero in heroes}))
