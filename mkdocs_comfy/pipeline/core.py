"""The pipeline: plan → render → deliver, for one configuration in one process."""

from __future__ import annotations

import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from mkdocs_comfy.builtin import builtin_templates, folder_templates
from mkdocs_comfy.errors import CacheError, HeroError, RenderError
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.memory import today
from mkdocs_comfy.pipeline.advice import advised, why_nothing_is_rendered
from mkdocs_comfy.pipeline.delivery import Delivery, inspect
from mkdocs_comfy.pipeline.lookup import Lookup
from mkdocs_comfy.pipeline.plan import plan_pages
from mkdocs_comfy.pipeline.production import Notice, Production
from mkdocs_comfy.pipeline.sharing import Sharing
from mkdocs_comfy.settings import OnMissing
from mkdocs_comfy.workflows.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mkdocs_comfy.comfyui.server import Pace
    from mkdocs_comfy.pipeline.errands import Deadlines
    from mkdocs_comfy.pipeline.plan import PageSource, Plan, PlannedHero
    from mkdocs_comfy.pipeline.production import Event, SiteImage
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.key import CacheKey

_SERVER_REST = 20.0  # a server that failed as a whole is left alone for so many times the seconds
_SERVER_REST_AT_MOST = 60.0  # that this took; a refused connection costs nothing to try again
_HERO_REST = 600.0  # seconds for which a hero that failed is not rendered again


class Pipeline:
    """Turns the heroes that pages ask for into images of the site.

    One lives as long as its configuration: rebuilds of ``mkdocs serve`` and the languages of an
    i18n build share its cache and its memory of failures.

    Args:
        settings: The configuration.
        clock: Monotonic seconds.
        pace: Other waiting times than the usual ones.
        deadlines: Likewise, for the shared cache.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.settings = settings
        self._clock, self._pace = clock, pace
        self._cache = HeroCache(
            settings.cache_dir, inspect=partial(inspect, max_pixels=settings.max_pixels)
        )
        self._delivery = Delivery(self._cache, settings)
        self._sharing = Sharing(
            settings,
            cache=self._cache,
            delivery=self._delivery,
            clock=clock,
            deadlines=deadlines,
        )
        self._failed: dict[CacheKey, tuple[float, HeroError]] = {}

    def plan(self, pages: Iterable[PageSource]) -> Plan:
        """Say what the pages ask for. Opens no socket and looks nothing up.

        Template files are read anew, so that an edit is seen by the next build.
        """
        return plan_pages(pages, library=self._library(), settings=self.settings)

    def produce(
        self,
        plan: Plan,
        *,
        report: Callable[[Event], None],
        anew: bool = False,
        remember: bool = True,
        share: bool = False,
    ) -> Production:
        """Have an image for every hero of the plan, as far as the configuration lets us.

        Args:
            plan: A plan without errors.
            report: Takes events while images are rendered; called in this thread.
            anew: Render what is at hand too; the new image replaces that of the cache.
            remember: Note which page shows which image; False for images that none shows.
            share: Write what is in the cache to the shared cache, not only what is rendered now.

        Returns:
            What became of each hero. Nothing is raised for a hero that cannot be had.
        """
        try:
            return self._produced(plan, report, anew=anew, remember=remember, share=share)
        finally:
            self._sharing.abandon()

    def _produced(
        self,
        plan: Plan,
        report: Callable[[Event], None],
        *,
        anew: bool,
        remember: bool,
        share: bool,
    ) -> Production:
        wanted = _by_key(plan)
        lookup = self._lookup()
        sought = {key: hero for key, hero in wanted.items() if not (anew and hero.renderable)}
        lookup.find(sought, nowhere=self._sharing.ask)
        images, failures = lookup.images, lookup.failures
        at_hand, frozen, seconds = len(images), len(lookup.frozen_keys), 0.0
        for key in images.keys() - lookup.frozen_keys if share else ():
            self._sharing.offer(wanted[key])
        known = images.keys() | failures.keys()
        lost = [hero for key, hero in sought.items() if key not in known]
        self._sharing.collect(lost, images, failures, report=report)
        shared = len(images) - at_hand
        known = images.keys() | failures.keys()
        missing = [hero for key, hero in wanted.items() if key not in known]
        failures.update({hero.key: _pin_not_found() for hero in missing if not hero.renderable})
        if missing := [hero for hero in missing if hero.renderable]:
            started = self._clock()
            self._render(missing, images, failures, report, anew=anew)
            seconds = self._clock() - started
        rendered = len(images) - at_hand - shared
        former = self._former(plan, lookup)
        if remember:
            self._remember(plan, lookup)
        if self.settings.on_missing is OnMissing.PLACEHOLDER:
            bare = {hero.key for page, hero in plan.heroes.items() if page not in former}
            self._fill([wanted[key] for key in failures if key in bare], images, failures)
        told = (self._frozen_notices(lookup), self._cache_notices(), self._sharing.finish())
        for notice in chain.from_iterable(told):
            report(notice)
        return Production(
            images=images,
            frozen=frozen,
            cached=at_hand - frozen,
            shared=shared,
            rendered=rendered,
            failures=failures,
            former=former,
            seconds=seconds,
        )

    def close(self) -> None:
        """Close the cache. The pipeline can be used again afterwards."""
        self._cache.close()

    def _library(self) -> Library:
        return Library([folder_templates(self.settings.templates_dir), builtin_templates()])

    def _lookup(self) -> Lookup:
        return Lookup(self.settings.frozen_dir, cache=self._cache, delivery=self._delivery)

    def _former(self, plan: Plan, lookup: Lookup) -> Mapping[str, SiteImage]:
        """What pages show whose own image is missing: a reworded prompt makes no hole."""
        if not lookup.failures or self.settings.on_missing is OnMissing.ERROR:
            return {}
        return {
            page: image
            for page, hero in plan.heroes.items()
            if hero.key in lookup.failures and (image := lookup.former(hero))
        }

    def _remember(self, plan: Plan, lookup: Lookup) -> None:
        """Note which page shows which image, and what is in use today."""
        shown = {page: hero.key for page, hero in plan.heroes.items() if hero.key in lookup.images}
        for kind in {key[:2] for key in shown.values()}:
            pages = {page: key for page, key in shown.items() if key.startswith(kind)}
            files = (lookup.images[key].name for key in pages.values())
            self._cache.memory.note(kind, pages, {*pages.values(), *files}, today())

    def _frozen_notices(self, lookup: Lookup) -> Iterator[Notice]:
        """One warning for the files that Git LFS has, and one for all else that is wrong."""
        faults = lookup.frozen.faults.values()
        name = self.settings.frozen_dir.name
        for is_pointer, way_out in ((True, "git lfs pull"), (False, "mkdocs-comfy check")):
            found = [each for each in faults if (each.fault == "lfs_pointer") is is_pointer]
            if found:
                more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
                text = f"{name}/{found[0].file} {found[0].problem} and counts as not there{more}"
                yield Notice(text=f"{text}\n    {way_out}", warning=True)

    def _cache_notices(self) -> Iterator[Notice]:
        if findings := self._cache.drain():
            more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
            yield Notice(text=f"cache: {findings[0]}{more}", warning=True)

    def _render(
        self,
        heroes: Sequence[PlannedHero],
        images: dict[CacheKey, SiteImage],
        failures: dict[CacheKey, HeroError],
        report: Callable[[Event], None],
        *,
        anew: bool,
    ) -> None:
        if reason := why_nothing_is_rendered(self.settings):
            failures.update({hero.key: reason for hero in heroes})
            return
        failures.update(self._remembered([hero.key for hero in heroes]))
        stop_early = self.settings.on_missing is OnMissing.ERROR
        left = [hero for hero in heroes if hero.key not in failures]
        if not left or (stop_early and failures):
            return
        from mkdocs_comfy.pipeline.rendering import Rendering  # noqa: PLC0415  # cold builds only

        rendering = Rendering(
            settings=self.settings,
            cache=self._cache,
            delivery=self._delivery,
            report=report,
            stored=self._sharing.offer,
            stop_early=stop_early,
            anew=anew,
            clock=self._clock,
            pace=self._pace,
        )
        started = self._clock()
        try:
            rendering.run(left)
        finally:
            now, library, folder = self._clock(), self._library(), self.settings.templates_dir.name
            for key, error in rendering.failures.items():
                if isinstance(error, RenderError):
                    rendering.failures[key] = advised(error, library=library, folder=folder)
            rest = min(_SERVER_REST * (now - started), _SERVER_REST_AT_MOST)
            for key, why in rendering.failures.items():
                self._failed[key] = (now + (rest if _of_all(why) else _HERO_REST), why)
            images.update(rendering.images)
            failures.update(rendering.failures)

    def _remembered(self, keys: Sequence[CacheKey]) -> Mapping[CacheKey, HeroError]:
        """Failures that are too fresh to try again, so that a rebuild costs nothing."""
        now = self._clock()
        fresh: dict[CacheKey, HeroError] = {}
        for key in keys:
            until, error = self._failed.get(key, (0.0, None))
            if error is None or isinstance(error, CacheError):
                continue
            if now < until:
                fresh[key] = error
        if len(fresh) < len(keys):
            # The server is asked anyway, and may be there by now.
            return {key: error for key, error in fresh.items() if not _of_all(error)}
        return fresh

    def _fill(
        self,
        heroes: Sequence[PlannedHero],
        images: dict[CacheKey, SiteImage],
        failures: dict[CacheKey, HeroError],
    ) -> None:
        for hero in heroes:
            try:
                images[hero.key] = self._delivery.placeholder(hero)
            except CacheError as error:
                failures[hero.key] = error


def _by_key(plan: Plan) -> dict[CacheKey, PlannedHero]:
    """One hero for each key; of several, one that can be rendered."""
    wanted: dict[CacheKey, PlannedHero] = {}
    for hero in plan.heroes.values():
        if not wanted.setdefault(hero.key, hero).renderable:
            wanted[hero.key] = hero
    return wanted


def _pin_not_found() -> HeroError:
    return HeroError(
        "a pinned image is neither in the frozen directory nor in a cache",
        way_out="bring it back from git, or remove hero_pin from the page, which then renders its"
        " prompt",
    )


def _of_all(error: HeroError) -> bool:
    """Whether it is no fault of one hero, but of the server or the way to it."""
    return not isinstance(error, RenderError) or error.fatal
