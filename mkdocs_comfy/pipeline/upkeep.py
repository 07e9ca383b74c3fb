"""What is done to images between builds: look at them, freeze, check and prune them. No socket."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.pipeline.checking import Checker
from mkdocs_comfy.pipeline.delivery import Delivery, inspect
from mkdocs_comfy.pipeline.fixes import Commands
from mkdocs_comfy.pipeline.freezing import Freezer
from mkdocs_comfy.pipeline.lookup import Lookup
from mkdocs_comfy.pipeline.plan import Plan
from mkdocs_comfy.pipeline.pruning import GRACE, Pruner
from mkdocs_comfy.pipeline.survey import survey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mkdocs_comfy.pipeline.checking import Finding
    from mkdocs_comfy.pipeline.freezing import Freezing
    from mkdocs_comfy.pipeline.plan import PlannedHero
    from mkdocs_comfy.pipeline.pruning import Pruning
    from mkdocs_comfy.pipeline.survey import HeroState
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.key import CacheKey


class Upkeep:
    """The frozen directory and the cache of one site.

    Every call looks anew at what there is. Plans come from ``Pipeline.plan``, of the same settings.

    Args:
        settings: The configuration.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = HeroCache(
            settings.cache_dir, inspect=partial(inspect, max_pixels=settings.max_pixels)
        )
        self._delivery = Delivery(self._cache, settings)

    def survey(self, plan: Plan, *, asked: bool = False) -> Mapping[str, HeroState]:
        """Say what there is of each hero, by page, and why there is none. Opens no socket.

        Args:
            plan: The heroes.
            asked: Whether the shared cache was asked for them: then what is not here is missing.
        """
        shared = self._settings.shared is not None and not asked
        return survey(plan, self._look(), self._cache, shared=shared)

    def current(self, hero: PlannedHero) -> CacheKey | None:
        """Key of the image that a page shows now, its own or its former one; ``None``: none.

        Written into the page as ``hero_pin``, it keeps that image whatever becomes of the prompt.
        """
        plan = Plan(heroes={hero.spec.page: hero}, errors=(), findings={}, notes={})
        (state,) = self.survey(plan).values()
        return hero.real_key if state.image else state.former

    def freeze(self, plan: Plan, *, lossless: bool = False) -> Freezing:
        """Copy the images that pages use from the cache into the frozen directory.

        Args:
            plan: A plan without errors.
            lossless: Keep every pixel, where a loss that nobody sees makes the files a quarter.

        Raises:
            CacheError: Something cannot be read or written.
            BadImageError: An image of the cache is damaged.
        """
        freezer = Freezer(
            self._settings.frozen_dir,
            cache=self._cache,
            max_pixels=self._settings.max_pixels,
            lossless=lossless,
        )
        return freezer.freeze(plan)

    def check(
        self,
        plan: Plan,
        *,
        root: Path,
        quick: bool = False,
        require_alt: bool = False,
        commands: Commands | None = None,
    ) -> tuple[Finding, ...]:
        """Return what is wrong with the images that pages use, each with its way out.

        Where there is a frozen directory, images have to be in it; without one, it is enough that
        they are in the cache, and no more than a note where the shared cache may have them.

        Args:
            plan: A plan without errors.
            root: Folder of mkdocs.yml, from which findings name files.
            quick: Compare the digests of files and decode nothing.
            require_alt: A missing ``hero_alt`` is an error, not a note.
            commands: How the commands that mend things are called.
        """
        checker = Checker(
            self._look(),
            cache=self._cache,
            frozen_dir=self._settings.frozen_dir,
            root=root,
            max_pixels=self._settings.max_pixels,
            commands=commands or Commands(),
            shared=self._settings.shared is not None,
        )
        return checker.check(plan, quick=quick, require_alt=require_alt)

    def prune(
        self,
        plans: Sequence[Plan],
        *,
        dry_run: bool = False,
        grace: float = GRACE,
        site_dir: Path | None = None,
    ) -> Pruning:
        """Remove images that no page uses: frozen ones at once, for git keeps them.

        Args:
            plans: All plans that count, without errors: this build's, other languages', versions'.
            dry_run: Only tell.
            grace: Seconds that an image stays in the cache after a build last showed it.
            site_dir: The built site, whose images are to be measured.

        Raises:
            CacheError: A file cannot be removed.
        """
        pruner = Pruner(
            self._look(),
            cache=self._cache,
            frozen_dir=self._settings.frozen_dir,
            now=time.time(),
            grace=grace,
        )
        images = None if site_dir is None else site_dir / self._settings.assets_dir
        return pruner.prune(plans, dry_run=dry_run, site_images=images)

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()

    def _look(self) -> Lookup:
        return Lookup(self._settings.frozen_dir, cache=self._cache, delivery=self._delivery)
