"""The synchronous edge: jobs in, events out, one event loop in one thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.jobs import Limits, Rendered
from mkdocs_comfy.comfyui.pool import Pool
from mkdocs_comfy.comfyui.recognition import client_for
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.comfyui.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from mkdocs_comfy.comfyui.jobs import RenderEvent, RenderJob

_STOPPING = 3.0  # seconds that a build waits for its jobs to be withdrawn
_BREATH = 0.2  # seconds; on Windows a wait without end cannot be interrupted by Ctrl-C


class Renderer:
    """Renders images on one ComfyUI, or on several at a time.

    Example:
        >>> renderer = Renderer(servers, limits=Limits(timeout=600))
        >>> with contextlib.closing(renderer.render(jobs)) as events:
        ...     for event in events:
        ...         match event:
        ...             case Rendered(job=job, data=data):
        ...                 store(job.key, data)
    """

    def __init__(
        self,
        servers: ServerConfig | Sequence[ServerConfig],
        *,
        limits: Limits | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Remember what to do; nothing is opened yet.

        Args:
            servers: Where to render: one server or more, no two at the same URL.
            limits: Other limits than the usual ones.
            pace: Other waiting times than the usual ones.

        Raises:
            ValueError: There is no server, or two have the same URL.
        """
        self._servers = (servers,) if isinstance(servers, ServerConfig) else tuple(servers)
        if not self._servers or len({each.display for each in self._servers}) < len(self._servers):
            raise ValueError("expected one server or more, each with a URL of its own")
        self._limits, self._pace = limits or Limits(), pace or Pace()

    def render(self, jobs: Iterable[RenderJob]) -> Generator[RenderEvent, None, None]:
        """Render ``jobs`` and tell what happens.

        They go to the servers in their order, but for those that need other models than the ones
        before. Each job ends with one ``Rendered`` or ``Failed``; images come in any order.
        Nothing is sent before the first event is asked for. When the iterator is closed, or an
        exception (``KeyboardInterrupt`` too) goes through it, jobs of ours that a server still
        has are withdrawn, and only those; that takes about three seconds at most.

        Yields:
            Events, as they happen.

        Raises:
            ConfigurationError: A certificate or the proxy of the configuration cannot be used.
        """
        wanted = tuple(jobs)
        if not wanted:
            return
        transports = [Transport(each, self._pace) for each in self._servers]
        run = _Run(transports, wanted, limits=self._limits)
        run.start()
        try:
            yield from run.events()
        finally:
            run.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The loop is done; ``error`` where a fault of our own ended it."""

    error: BaseException | None = None


class _Run:
    """One call of ``render``: the thread, its loop, and the events on their way."""

    def __init__(
        self, transports: Sequence[Transport], jobs: Sequence[RenderJob], *, limits: Limits
    ) -> None:
        self._transports, self._jobs, self._limits = transports, jobs, limits
        self._events: queue.SimpleQueue[RenderEvent | _End] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._pool: Pool | None = None
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
            self._pool = Pool(
                clients,
                limits=self._limits,
                beat=self._transports[0].pace.beat,
                emit=self._events.put,
            )
            rendering = asyncio.create_task(self._pool.run(self._jobs))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({rendering, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (rendering, stopping):
                task.cancel()
            await asyncio.wait({rendering, stopping})
        if not rendering.cancelled():
            self._events.put(_End(error=rendering.exception()))
