"""One event loop in one thread of its own, in which a pool renders; events come out."""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from mkdocs_comfy.comfyui.jobs import Failed, Rendered
from mkdocs_comfy.comfyui.open_pool import OpenPool
from mkdocs_comfy.comfyui.pool import Pool
from mkdocs_comfy.comfyui.recognition import client_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mkdocs_comfy.comfyui.jobs import Limits, RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.server_client import ServerClient
    from mkdocs_comfy.comfyui.transport import Transport
    from mkdocs_comfy.workflows.key import CacheKey

P = TypeVar("P", bound=Pool)

_STOPPING = 3.0  # seconds that a build waits for its jobs to be withdrawn
_BREATH = 0.2  # seconds; on Windows a wait without end cannot be interrupted by Ctrl-C
_IDLE = 60.0  # seconds without a job after which an open run closes its connections


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The loop is done; ``error`` where a fault of our own ended it."""

    error: BaseException | None = None


class Run(Generic[P]):
    """The thread, its loop, and the events on their way.

    Args:
        transports: The ways to the servers.
        new_pool: Makes the pool, in the loop, of the clients.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        new_pool: Callable[[Sequence[ServerClient], Callable[[RenderEvent], None]], P],
    ) -> None:
        self._transports, self._new_pool = transports, new_pool
        self._events: queue.SimpleQueue[RenderEvent | _End] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._pool: P | None = None
        self._thread = threading.Thread(target=self._work, name="mkdocs-comfy", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def events(self) -> Iterator[RenderEvent]:
        """Events until the end; an image counts as taken when the next event is asked for."""
        while True:
            try:
                event = self._events.get(timeout=_BREATH)
            except queue.Empty:
                continue
            if isinstance(event, _End):
                if event.error is not None:
                    raise event.error
                return
            yield event
            if isinstance(event, Rendered) and self._pool is not None:
                self._call(partial(self._pool.taken, event))

    def stop(self) -> None:
        """End the loop, jobs withdrawn; waits for it, but not for ever."""
        self._call(self._stopping.set)
        self._thread.join(_STOPPING)

    def _call(self, function: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(function)

    def _work(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._main())
        finally:
            self._events.put(_End())

    async def _main(self) -> None:
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client_for(transport))
                for transport in self._transports
            ]
            self._pool = self._new_pool(clients, self._events.put)
            rendering = asyncio.create_task(self._pool.run())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({rendering, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (rendering, stopping):
                task.cancel()
            await asyncio.wait({rendering, stopping})
        if not rendering.cancelled():
            self._events.put(_End(error=rendering.exception()))


class OpenRun(Run[OpenPool]):
    """A run to which jobs are added while it renders. It ends by itself after a rest.

    Jobs may be added and dropped by any thread; events are for one.
    """

    def __init__(self, transports: Sequence[Transport], *, limits: Limits) -> None:
        """Prepare; nothing is opened yet.

        Args:
            transports: The ways to the servers.
            limits: How often and how long to try.
        """
        self._limits = limits
        self._unsettled: dict[CacheKey, RenderJob] = {}
        self._coming: dict[CacheKey, RenderJob] = {}
        self._lock = threading.Lock()
        super().__init__(transports, self._opened)

    @property
    def waiting(self) -> int:
        """Jobs that no server has yet, as far as is known in this moment."""
        pool = self._pool
        return len(self._coming) + (0 if pool is None else pool.waiting)

    @property
    def left(self) -> tuple[RenderJob, ...]:
        """Jobs that have not ended, in their order; after the last event, those added too late."""
        with self._lock:
            return tuple(self._unsettled.values())

    def add(self, job: RenderJob) -> None:
        """Render ``job``; no other one that has not ended has its key."""
        with self._lock:
            self._unsettled[job.key] = self._coming[job.key] = job
        self._call(self._add)

    def drop(self, key: CacheKey) -> None:
        """Render the image of ``key`` no more, and take its job off the servers."""
        with self._lock:
            job = self._unsettled.pop(key, None)
            self._coming.pop(key, None)
        if job is not None:
            self._call(partial(self._drop, job))

    def events(self) -> Iterator[RenderEvent]:
        """Events until the run has had nothing to do for a while; none of a job after its end."""
        for event in super().events():
            if isinstance(event, Rendered | Failed):
                with self._lock:
                    if self._unsettled.get(event.job.key) is not event.job:
                        continue  # it was dropped just when it ended
                    del self._unsettled[event.job.key]
            yield event

    def _opened(
        self, clients: Sequence[ServerClient], emit: Callable[[RenderEvent], None]
    ) -> OpenPool:
        self._call(self._add)
        return OpenPool(
            clients,
            limits=self._limits,
            beat=self._transports[0].pace.beat,
            emit=emit,
            idle=_IDLE,
        )

    def _add(self) -> None:
        """Hand over what has come; the pool asks for it once it is there."""
        if self._pool is None:
            return
        with self._lock:
            coming, self._coming = self._coming, {}
        for job in coming.values():
            self._pool.add(job)

    def _drop(self, job: RenderJob) -> None:
        if self._pool is not None:
            self._pool.drop(job)
