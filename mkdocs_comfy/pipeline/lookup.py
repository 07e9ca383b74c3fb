"""Where a hero's image is found here: pin → frozen → cache. The rest is asked for, or rendered.

One lookup is a look at one moment: what others freeze meanwhile is seen by the next one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import HeroError
from mkdocs_comfy.images.frozen import FrozenFolder
from mkdocs_comfy.images.sidecar import UnsoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.images.frozen import FrozenImage
    from mkdocs_comfy.pipeline.delivery import Delivery
    from mkdocs_comfy.pipeline.plan import PlannedHero
    from mkdocs_comfy.pipeline.production import SiteImage
    from mkdocs_comfy.workflows.key import CacheKey


class Lookup:
    """Finds the images of a plan's heroes, and makes the files of those that are only stored.

    Args:
        frozen_dir: The frozen directory.
        cache: The private cache.
        delivery: Makes the files for the site.

    Attributes:
        frozen: What the frozen directory holds.
        images: Key → image, of all that was found so far.
        frozen_keys: Keys whose image is a frozen one.
        failures: Key → why what is stored cannot be used.
    """

    def __init__(self, frozen_dir: Path, *, cache: HeroCache, delivery: Delivery) -> None:
        self.frozen = FrozenFolder(frozen_dir)
        self.images: dict[CacheKey, SiteImage] = {}
        self.frozen_keys: set[CacheKey] = set()
        self.failures: dict[CacheKey, HeroError] = {}
        self._cache = cache
        self._delivery = delivery

    def find(
        self,
        heroes: Mapping[CacheKey, PlannedHero],
        *,
        nowhere: Callable[[Iterable[PlannedHero]], None] | None = None,
    ) -> None:
        """Find what there is: first what nothing has to be done for, then the rest by threads.

        Args:
            heroes: What is looked for.
            nowhere: Takes what is not here at all, before the rest is made.
        """
        left: list[PlannedHero] = []
        for key, hero in heroes.items():
            frozen = self.frozen.find(hero.real_key)
            image = self._delivery.frozen_at_hand(frozen) if frozen else None
            if image is not None:
                self.frozen_keys.add(key)
            elif frozen is None:
                image = self._delivery.at_hand(key)
            if image is None:
                left.append(hero)
            else:
                self.images[key] = image
        if left:
            if nowhere:
                nowhere(hero for hero in left if not self._is_stored(hero))
            self._make(left)

    def former(self, hero: PlannedHero) -> SiteImage | None:
        """Return the image that the page showed before, or ``None``.

        A frozen one comes before what this machine happened to show last. What is wrong with it
        counts as none.
        """
        if (frozen := self.former_frozen(hero)) and (image := self._of_frozen(frozen)):
            return image
        key = self.former_cached(hero)
        if key is None:
            return None
        try:
            return self._delivery.at_hand(key) or self._delivery.from_original(key)
        except HeroError:
            return None

    def former_frozen(self, hero: PlannedHero) -> FrozenImage | None:
        """The page's former image in the frozen directory; none for a page that pins one."""
        found = None if hero.pinned else self.frozen.former(hero.spec.page)
        return found if found is not None and found.key != hero.real_key else None

    def former_cached(self, hero: PlannedHero) -> CacheKey | None:
        """Key of what the page showed last on this machine, where it is in the cache.

        Stand-ins and images are apart here too: neither was ever the former of the other.
        """
        if hero.pinned:
            return None
        key = self._cache.memory.pages(hero.key[:2]).get(hero.spec.page)
        return key if key not in {None, hero.key} and self._cache.original(key) else None

    def _is_stored(self, hero: PlannedHero) -> bool:
        return bool(self.frozen.find(hero.real_key) or self._cache.original(hero.key))

    def _make(self, heroes: Iterable[PlannedHero]) -> None:
        """Encode what is stored as an original but not as a file for the site."""
        with ThreadPoolExecutor(thread_name_prefix="comfy-images") as pool:
            futures = {hero.key: pool.submit(self._made, hero) for hero in heroes}
            for key, future in futures.items():
                try:
                    image = future.result()
                except HeroError as error:
                    self.failures[key] = error
                else:
                    if image is not None:
                        self.images[key] = image

    def _made(self, hero: PlannedHero) -> SiteImage | None:
        frozen = self.frozen.find(hero.real_key)
        if frozen and (image := self._of_frozen(frozen)):
            self.frozen_keys.add(hero.key)
            return image
        return self._delivery.at_hand(hero.key) or self._delivery.from_original(hero.key)

    def _of_frozen(self, frozen: FrozenImage) -> SiteImage | None:
        try:
            return self._delivery.from_frozen(frozen, self.frozen)
        except UnsoundError as error:
            self.frozen.faults[error.file] = error
            return None
