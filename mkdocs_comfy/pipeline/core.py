"""The pipeline: plan → render → deliver, for one configuration in one process."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from mkdocs_comfy.builtin import builtin_templates, folder_templates
from mkdocs_comfy.errors import CacheError, HeroError, RenderError
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.pipeline.advice import advised
from mkdocs_comfy.pipeline.delivery import Delivery, inspect
from mkdocs_comfy.pipeline.plan import plan_pages
from mkdocs_comfy.pipeline.production import Notice, Production
from mkdocs_comfy.settings import Mode, OnMissing
from mkdocs_comfy.workflows.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mkdocs_comfy.comfyui.server import Pace
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
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
    ) -> None:
        self.settings = settings
        self._clock, self._pace = clock, pace
        self._cache = HeroCache(
            settings.cache_dir, inspect=partial(inspect, max_pixels=settings.max_pixels)
        )
        self._delivery = Delivery(self._cache, settings)
        self._failed: dict[CacheKey, tuple[float, HeroError]] = {}

    def plan(self, pages: Iterable[PageSource]) -> Plan:
        """Say what the pages ask for. Opens no socket and looks nothing up.

        Template files are read anew, so that an edit is seen by the next build.
        """
        return plan_pages(pages, library=self._library(), settings=self.settings)

    def produce(self, plan: Plan, *, report: Callable[[Event], None]) -> Production:
        """Have an image for every hero of the plan, as far as the configuration lets us.

        Args:
            plan: A plan without errors.
            report: Takes events while images are rendered; called in this thread.

        Returns:
            What became of each hero. Nothing is raised for a hero that cannot be had.
        """
        wanted: dict[CacheKey, PlannedHero] = {}
        for hero in plan.heroes.values():
            wanted.setdefault(hero.key, hero)
        images = {key: image for key in wanted if (image := self._delivery.at_hand(key))}
        failures: dict[CacheKey, HeroError] = {}
        if len(images) < len(wanted):
            left = [hero for key, hero in wanted.items() if key not in images]
            images |= self._remake(left, failures)
        cached, seconds = len(images), 0.0
        if missing := [
            hero for key, hero in wanted.items() if key not in images and key not in failures
        ]:
            started = self._clock()
            self._render(missing, images, failures, report)
            seconds = self._clock() - started
        rendered = len(images) - cached
        if self.settings.on_missing is OnMissing.PLACEHOLDER:
            self._fill(wanted, images, failures)
        if findings := self._cache.drain():
            more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
            report(Notice(text=f"cache: {findings[0]}{more}", warning=True))
        return Production(
            images=images, cached=cached, rendered=rendered, failures=failures, seconds=seconds
        )

    def close(self) -> None:
        """Close the cache. The pipeline can be used again afterwards."""
        self._cache.close()

    def _library(self) -> Library:
        return Library([folder_templates(self.settings.templates_dir), builtin_templates()])

    def _remake(
        self, heroes: Sequence[PlannedHero], failures: dict[CacheKey, HeroError]
    ) -> Mapping[CacheKey, SiteImage]:
        """Encode again what is stored as an original but not as a file for the site."""
        made: dict[CacheKey, SiteImage] = {}
        with ThreadPoolExecutor(thread_name_prefix="comfy-images") as pool:
            futures = {
                hero.key: pool.submit(self._delivery.from_original, hero.key) for hero in heroes
            }
            for key, future in futures.items():
                try:
                    image = future.result()
                except HeroError as error:
                    failures[key] = error
                else:
                    if image is not None:
                        made[key] = image
        return made

    def _render(
        self,
        heroes: Sequence[PlannedHero],
        images: dict[CacheKey, SiteImage],
        failures: dict[CacheKey, HeroError],
        report: Callable[[Event], None],
    ) -> None:
        if reason := self._why_not():
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
            stop_early=stop_early,
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

    def _why_not(self) -> HeroError | None:
        """Why this configuration renders nothing, or ``None`` where it may."""
        if self.settings.mode is Mode.OFFLINE:
            return HeroError(
                "nothing is rendered (mode: offline)",
                way_out="build once with mode: auto where your ComfyUI is, and keep the cache",
            )
        if self.settings.silenced_by_ci:
            return HeroError(
                "nothing is rendered (CI is set, and no `server:`)",
                way_out="name a server that this build reaches, or restore the cache of a build"
                " that rendered them",
            )
        return None

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
        wanted: Mapping[CacheKey, PlannedHero],
        images: dict[CacheKey, SiteImage],
        failures: dict[CacheKey, HeroError],
    ) -> None:
        for key in failures:
            try:
                images[key] = self._delivery.placeholder(wanted[key])
            except CacheError as error:
                failures[key] = error


def _of_all(error: HeroError) -> bool:
    """Whether it is no fault of one hero, but of the server or the way to it."""
    return not isinstance(error, RenderError) or error.fatal
