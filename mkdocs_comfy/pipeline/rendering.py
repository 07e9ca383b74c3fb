"""Rendering what is missing: claims, the renderer, and the threads that check and store."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Self

from mkdocs_comfy.comfyui.jobs import Failed, Limits, Rendered, RenderJob
from mkdocs_comfy.errors import CacheError, HeroError, OutOfTimeError, out_of_time, printable
from mkdocs_comfy.pipeline.connection import connected, names_of
from mkdocs_comfy.pipeline.production import Notice, Starting, Stopping, Stored
from mkdocs_comfy.pipeline.signals import Terminated, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from mkdocs_comfy.comfyui.server import Pace
    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.pipeline.delivery import Delivery
    from mkdocs_comfy.pipeline.plan import PlannedHero
    from mkdocs_comfy.pipeline.production import Event, SiteImage
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.key import CacheKey

_SHAPE = 0.01  # a hundredth: rounding to a model's own multiples is no other shape
_LOOK_EVERY = 0.25  # seconds between looks for an image that another build renders


class Rendering:
    """One attempt to render a list of heroes.

    Args:
        settings: The configuration.
        cache: Where claims are made; images go there through ``delivery``.
        delivery: Checks, stores and encodes.
        report: Takes events; called in the caller's thread.
        stored: Takes each hero whose image was rendered and stored; likewise.
        stop_early: True to give up at the first failure (``on_missing: error``).
        anew: True to render what is at hand, too.
        clock: Monotonic seconds.
        pace: Other waiting times than the usual ones.

    Attributes:
        images: Key → image, filled while the heroes come in.
        failures: Key → why there is none.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        cache: HeroCache,
        delivery: Delivery,
        report: Callable[[Event], None],
        stored: Callable[[PlannedHero], None],
        stop_early: bool,
        anew: bool = False,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
    ) -> None:
        self.images: dict[CacheKey, SiteImage] = {}
        self.failures: dict[CacheKey, HeroError] = {}
        self._settings = settings
        self._cache = cache
        self._delivery = delivery
        self._report, self._stored = report, stored
        self._stop_early, self._anew = stop_early, anew
        self._clock, self._pace = clock, pace
        self._ends_at: float | None = None
        self._too_late = out_of_time(0.0)
        self._told_of_stop = False
        self._heroes: dict[CacheKey, PlannedHero] = {}
        self._accepting: dict[Future[SiteImage], tuple[PlannedHero, float, str]] = {}

    def run(self, heroes: Sequence[PlannedHero]) -> None:
        """Render every hero that no other build is rendering, then wait for those that one is.

        Whatever ends this early, Ctrl-C and SIGTERM included, our own jobs are withdrawn from
        the server's queue and every image that arrived is stored.
        """
        ordered = sorted(heroes, key=lambda hero: hero.bound.template)
        self._heroes = {hero.key: hero for hero in ordered}
        if (seconds := self._settings.max_time) is not None:
            self._ends_at = self._clock() + seconds
            self._too_late = out_of_time(seconds)
        try:
            self._cache.writable()
            with stoppable(lambda: self._tell_of_stop("SIGTERM")), _Claims(self._cache) as claims:
                self._announce()
                waiting = self._render_claimed(ordered, claims)
                if waiting and not self._stopped():
                    self._report(Notice(text=_waiting_for_others(len(waiting))))
                while waiting and not self._stopped():
                    if self._ends_at is not None and self._clock() >= self._ends_at:
                        raise self._too_late
                    time.sleep(_LOOK_EVERY)
                    waiting = self._render_claimed(waiting, claims)
            if full := self._cache_error():
                self._fail_the_rest(full)
        except HeroError as error:
            self._fail_the_rest(error)

    def _announce(self) -> None:
        servers = names_of(self._settings.servers)
        templates = Counter(hero.bound.template for hero in self._heroes.values())
        self._report(Starting(total=len(self._heroes), servers=servers, templates=templates))

    def _render_claimed(self, heroes: Sequence[PlannedHero], claims: _Claims) -> list[PlannedHero]:
        """Take what has come, render what can be claimed, and return what others hold."""
        mine: list[PlannedHero] = []
        theirs: list[PlannedHero] = []
        for hero in heroes:
            # Another build may have finished it between our lookup and our claim.
            claimed = claims.claim(hero.key)
            if not self._anew and (image := self._delivery.at_hand(hero.key)):
                self.images[hero.key] = image
            else:
                (mine if claimed else theirs).append(hero)
        if mine:
            self._render(mine)
            claims.release(hero.key for hero in mine)
        return theirs

    def _render(self, heroes: Sequence[PlannedHero]) -> None:
        from mkdocs_comfy.comfyui.renderer import Renderer  # noqa: PLC0415  # httpx

        with ExitStack() as stack:
            servers = stack.enter_context(connected(self._settings.servers))
            pool = stack.enter_context(ThreadPoolExecutor(thread_name_prefix="comfy-images"))
            renderer = Renderer(servers, limits=self._limits, pace=self._pace)
            # Left in reverse: withdraw our jobs, keep what has arrived, end the threads.
            stack.callback(self._collect, wait=True)
            stack.push(self._say_why)
            events = stack.enter_context(closing(renderer.render(_job(hero) for hero in heroes)))
            for event in events:
                self._report(event)
                match event:
                    case Rendered(
                        job=job, data=data, seconds=seconds, server=server, version=version
                    ):
                        hero = self._heroes[job.key]
                        future = pool.submit(self._delivery.accept, hero, data, seconds, version)
                        self._accepting[future] = (hero, seconds, server)
                    case Failed(job=job, error=OutOfTimeError()):
                        self.failures[job.key] = self._too_late
                    case Failed(job=job, error=error):
                        self.failures[job.key] = error
                self._collect(wait=False)
                if self._stopped():
                    return

    def _say_why(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Say why rendering ends early, before jobs are withdrawn, which may take seconds."""
        if kind is None:
            if self._stopped():
                full = self._cache_error() is not None
                self._tell_of_stop("images cannot be stored" if full else "an image is missing")
        elif issubclass(kind, KeyboardInterrupt):
            self._tell_of_stop("Ctrl-C; again to leave at once")
        elif issubclass(kind, Terminated):
            self._tell_of_stop("SIGTERM")

    def _tell_of_stop(self, reason: str) -> None:
        if not self._told_of_stop:
            self._told_of_stop = True
            self._report(Stopping(reason=reason))

    @property
    def _limits(self) -> Limits:
        """The configured ones, with the time that is left for this build."""
        settings = self._settings
        return Limits(
            timeout=settings.timeout,
            retries=settings.retries,
            patience=settings.patience,
            max_time=None if self._ends_at is None else max(0.0, self._ends_at - self._clock()),
            max_bytes=settings.max_bytes,
        )

    def _collect(self, *, wait: bool) -> None:
        """Take the images that the threads have stored; a failed one fails its hero alone."""
        for future in [each for each in self._accepting if wait or each.done()]:
            hero, seconds, server = self._accepting.pop(future)
            try:
                self.images[hero.key] = future.result()
            except HeroError as error:
                self.failures[hero.key] = error
            else:
                self._report(
                    Stored(
                        page=hero.spec.page,
                        done=len(self.images) + len(self.failures),
                        total=len(self._heroes),
                        seconds=seconds,
                        server=server,
                    )
                )
                self._stored(hero)
                self._compare(hero, self.images[hero.key])

    def _compare(self, hero: PlannedHero, image: SiteImage) -> None:
        """Tell of a picture whose shape is not the one asked for; a template may well upscale."""
        if hero.bound.size is None:
            return
        width, height = hero.bound.size
        if abs(image.width * height - image.height * width) > image.height * width * _SHAPE:
            self._report(
                Notice(
                    text=f"{printable(hero.spec.page)}: asked for {width}x{height}, the template"
                    f" {hero.bound.template!r} gave {image.width}x{image.height}"
                )
            )

    def _stopped(self) -> bool:
        """Whether rendering more would be in vain."""
        if self._stop_early and self.failures:
            return True
        return self._cache_error() is not None

    def _cache_error(self) -> CacheError | None:
        """What keeps images from being stored, so that no more should be rendered."""
        return next((why for why in self.failures.values() if isinstance(why, CacheError)), None)

    def _fail_the_rest(self, error: HeroError) -> None:
        for key in self._heroes:
            if key not in self.images:
                self.failures.setdefault(key, error)


class _Claims:
    """The images that this build has said it renders; given back whatever ends it."""

    def __init__(self, cache: HeroCache) -> None:
        self._cache = cache
        self._held: set[CacheKey] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release(tuple(self._held))

    def claim(self, key: CacheKey) -> bool:
        """Say that this build renders ``key``; False where another one already does."""
        if key not in self._held and self._cache.claim(key):
            self._held.add(key)
        return key in self._held

    def release(self, keys: Iterable[CacheKey]) -> None:
        """Let others render what did not come out."""
        for key in keys:
            self._held.discard(key)
            self._cache.release(key)


def _waiting_for_others(count: int) -> str:
    heroes = "1 hero is" if count == 1 else f"{count} heroes are"
    return f"{heroes} being rendered by another build, which is waited for"


def _job(hero: PlannedHero) -> RenderJob:
    return RenderJob(
        key=hero.key,
        graph=hero.bound.graph,
        output=hero.bound.output,
        template=hero.bound.template,
        page=hero.spec.page,
        size=hero.bound.size,
        uploads={hero.source.literal: hero.source.path} if hero.source else {},
    )
