"""The shared cache in one build: asked for what is missing, given what was rendered.

Whatever is wrong with it costs one message and a bounded time, never the build.
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from mkdocs_comfy.errors import BadImageError, CacheError, SharedCacheError
from mkdocs_comfy.images.shared import UPGRADE, image_name, record_of, shareable
from mkdocs_comfy.images.sidecar import UnsoundError
from mkdocs_comfy.pipeline.errands import THREADS, Deadlines, Errands
from mkdocs_comfy.pipeline.freezing import making_of
from mkdocs_comfy.pipeline.production import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mkdocs_comfy.errors import HeroError
    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.pipeline.delivery import Delivery
    from mkdocs_comfy.pipeline.depot import Depot, Found, Offer
    from mkdocs_comfy.pipeline.plan import PlannedHero
    from mkdocs_comfy.pipeline.production import SiteImage
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.key import CacheKey

_REST: Final = 600.0  # seconds for which a shared cache that failed is left alone

_Job = TypeVar("_Job")
_Answer = TypeVar("_Answer")
_Fetched: TypeAlias = "Found | UnsoundError | SharedCacheError | None"


class Sharing:
    """Asks the shared cache and gives to it, in threads of its own.

    One lives as long as the pipeline; ``finish`` or ``abandon`` ends what belongs to one build.
    Without a shared cache, or with ``mode: offline``, nothing here does anything.

    Args:
        settings: The configuration.
        cache: The private cache.
        delivery: Takes up what is found.
        clock: Monotonic seconds.
        deadlines: Other than the usual ones.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        cache: HeroCache,
        delivery: Delivery,
        clock: Callable[[], float],
        deadlines: Deadlines | None = None,
    ) -> None:
        self._settings = settings
        self._cache, self._delivery = cache, delivery
        self._clock, self._deadlines = clock, deadlines or Deadlines()
        self._rests_until = float("-inf")
        self._keeps_until = float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._depot: Depot | None = None
        self._fetching: Errands[CacheKey, _Fetched] | None = None
        self._giving: Errands[Offer, bool | SharedCacheError] | None = None
        self._asked: set[CacheKey] = set()
        self._unread: SharedCacheError | None = None
        self._unwritten: SharedCacheError | None = None
        self._unsound: list[UnsoundError] = []

    def ask(self, heroes: Iterable[PlannedHero]) -> None:
        """Have images looked for, while the caller does something else."""
        keys = {hero.key for hero in heroes if shareable(hero.key)} - self._asked
        if not keys or self._unread or (depot := self._reached()) is None:
            return
        self._asked |= keys
        if self._fetching is None:

            def fetch(key: CacheKey) -> _Fetched:
                try:
                    return depot.fetch(key)
                except (SharedCacheError, UnsoundError) as error:
                    return error

            self._fetching = Errands(fetch, name="comfy-fetch", ahead=THREADS)
        for key in sorted(keys):
            self._fetching.add(key)

    def collect(
        self,
        heroes: Iterable[PlannedHero],
        images: dict[CacheKey, SiteImage],
        failures: dict[CacheKey, HeroError],
        *,
        report: Callable[[Notice], None],
    ) -> None:
        """Take the images that the shared cache has, verified, into the private cache.

        Args:
            heroes: What is missing, asked for already or not.
            images: Takes what was found.
            failures: Takes what was found and cannot be stored.
            report: Takes what there is to tell meanwhile.
        """
        self.ask(heroes)
        if self._fetching is None or self._depot is None:
            return
        if count := self._fetching.pending:
            what = "1 hero" if count == 1 else f"{count} heroes"
            report(Notice(text=f"asking the shared cache {self._depot.display} for {what}"))
        most = 2 * (os.cpu_count() or 1)
        accepting: set[Future[None]] = set()
        with ThreadPoolExecutor(thread_name_prefix="comfy-images") as pool:
            for answer in self._answers(self._fetching, self._deadlines.reading):
                match answer:
                    case None:
                        pass
                    case SharedCacheError():
                        self._unread = answer
                    case UnsoundError():
                        self._unsound.append(answer)
                    case found:
                        accepting.add(pool.submit(self._accept, found, images, failures))
                if len(accepting) >= most:  # not more in memory than is being decoded
                    done, accepting = wait(accepting, return_when=FIRST_COMPLETED)
                    _raised(done)
        _raised(accepting)

    def offer(self, hero: PlannedHero) -> None:
        """Have an image of the private cache written to the shared one, meanwhile."""
        if not shareable(hero.key) or (self._unread and not self._unread.denied):
            return
        original = self._cache.original(hero.key) if self._writes else None
        if original is None or (depot := self._reached()) is None:
            return
        from mkdocs_comfy.pipeline.depot import Offer  # noqa: PLC0415  # cold builds only

        if self._giving is None:

            def give(offer: Offer) -> bool | SharedCacheError:
                try:
                    return depot.give(offer)
                except SharedCacheError as error:
                    return error

            self._giving = Errands(give, name="comfy-give")
        made = making_of(hero.key, [hero], cache=self._cache)
        self._giving.add(
            Offer(
                sidecar=record_of(hero.key, original.record, made),
                path=original.path,
                missing=hero.key in self._asked,
            )
        )

    def finish(self) -> Iterator[Notice]:
        """Wait a while for what is still being written, then say what there is to say."""
        written = 0
        if self._giving is not None and self._unread and not self._unread.denied:
            self._giving.abandon()  # it would not answer either
        elif self._giving is not None:
            for answer in self._answers(self._giving, self._deadlines.writing, writing=True):
                if isinstance(answer, SharedCacheError):
                    self._unwritten = answer
                else:
                    written += answer
        yield from self._notices(written)
        self.abandon()

    def abandon(self) -> None:
        """Let go of what belongs to this build, whatever it is doing."""
        for errands in (self._fetching, self._giving):
            if errands is not None:
                errands.abandon()
        self._begin()

    @property
    def _writes(self) -> bool:
        shared = self._settings.shared
        return shared is not None and shared.writes and self._clock() >= self._keeps_until

    def _reached(self) -> Depot | None:
        """The shared cache, where there is one that is worth asking."""
        shared = self._settings.shared
        if shared is None or self._clock() < self._rests_until:
            return None
        if self._depot is None:
            from mkdocs_comfy.pipeline.depot import Depot  # noqa: PLC0415  # cold builds only

            self._depot = Depot(shared, max_bytes=self._settings.max_bytes)
        return self._depot

    def _answers(
        self,
        errands: Errands[_Job, _Answer],
        total: float,
        *,
        writing: bool = False,
    ) -> Iterator[_Answer | SharedCacheError]:
        """Give answers as they come, until one is a failure or the time is over."""
        waited = 0.0
        while errands.pending:
            began = self._clock()
            patience = min(self._deadlines.answer, total - waited)
            try:
                _, answer = errands.next(max(patience, 0.0))
            except TimeoutError:
                errands.abandon()
                limit = f"took longer than {total:g} s in all"
                if patience == self._deadlines.answer:
                    limit = f"no answer for {patience:g} s"
                yield self._too_slow(limit, writing=writing)
                return
            waited += self._clock() - began
            if isinstance(answer, SharedCacheError):
                errands.abandon()
            yield answer

    def _too_slow(self, limit: str, *, writing: bool) -> SharedCacheError:
        way_out = "mkdocs-comfy render writes what is not there yet" if writing else ""
        problem = f"{'writing' if writing else 'reading'}: {limit}"
        return SharedCacheError(url=self._display, problem=problem, way_out=way_out)

    @property
    def _display(self) -> str:
        return "" if self._depot is None else self._depot.display

    def _accept(
        self,
        found: Found,
        images: dict[CacheKey, SiteImage],
        failures: dict[CacheKey, HeroError],
    ) -> None:
        """Decode, verify and store an image."""
        key = found.sidecar.key
        try:
            images[key] = self._delivery.from_shared(found.sidecar, found.data)
        except UnsoundError as error:
            self._unsound.append(error)
        except BadImageError as error:
            name = image_name(found.sidecar.sha256)
            self._unsound.append(UnsoundError(name, f"cannot be used: {error.what}"))
        except CacheError as error:
            failures[key] = error

    def _notices(self, written: int) -> Iterator[Notice]:
        if self._unsound:
            yield Notice(text=self._unsound_text(), warning=True)
        # Who may not list cannot tell what is denied from what is not there, until it is.
        unread = None if self._unread and self._unread.denied and written else self._unread
        if unread:
            self._rests_until = self._clock() + _REST
            yield Notice(text=_told(unread, "it is not asked again in this build"), warning=True)
        elif error := self._unwritten:
            self._keeps_until = self._clock() + _REST
            yield self._unwritten_notice(error)
        if written:
            images = "1 image" if written == 1 else f"{written} images"
            yield Notice(text=f"{images} written to the shared cache {self._display}")

    def _unwritten_notice(self, error: SharedCacheError) -> Notice:
        """A warning, unless it is a fork or an author that may only read, as most do."""
        stays = "what is rendered here stays in `cache_dir:`"
        shared = self._settings.shared
        if error.denied and shared is not None and shared.write is None:
            text = f"{error.what}; {stays}\n    write: false in `cache_remote:` says that it should"
            return Notice(text=text)
        return Notice(text=_told(error, stays), warning=True)

    def _unsound_text(self) -> str:
        # Not in the order in which they came, so that two builds say the same.
        first, *others = sorted(self._unsound, key=lambda error: error.file)
        more = f" (and {len(others)} more)" if others else ""
        newer = first.fault == "newer"
        way_out = UPGRADE if newer else "delete it there: nothing is ever written over it"
        said = f"{first.file} {first.problem} and is not used{more}"
        return f"shared cache {self._display}: {said}\n    {way_out}"


def _raised(futures: Iterable[Future[None]]) -> None:
    """Raise what a thread raised, which is a fault of ours."""
    for future in futures:
        future.result()


def _told(error: SharedCacheError, consequence: str) -> str:
    return "\n    ".join([f"{error.what}; {consequence}", *error.way_out.splitlines()])
