"""The synchronous edge: jobs in, events out, one event loop in one thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.client import Client
from mkdocs_comfy.comfyui.jobs import Limits, Rendered
from mkdocs_comfy.comfyui.scheduler import Scheduler
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.comfyui.session import Session
from mkdocs_comfy.comfyui.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from mkdocs_comfy.comfyui.jobs import RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.server import ServerConfig

_STOPPING = 3.0  # seconds that a build waits for its jobs to be withdrawn
_BREATH = 0.2  # seconds; on Windows a wait without end cannot be interrupted by Ctrl-C


class Renderer:
    """Renders images on one ComfyUI.

    Example:
        >>> renderer = Renderer(server, limits=Limits(timeout=600))
        >>> with contextlib.closing(renderer.render(jobs)) as events:
        ...     for event in events:
        ...         match event:
        ...             case Rendered(job=job, data=data):
        ...                 store(job.key, data)
    """

    def __init__(
        self,
        server: ServerConfig,
        *,
        limits: Limits | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Remember what to do; nothing is opened yet.

        Args:
            server: Where to render.
            limits: Other limits than the usual ones.
            pace: Other waiting times than the usual ones.
        """
        self._server, self._limits, self._pace = server, limits or Limits(), pace or Pace()

    def render(self, jobs: Iterable[RenderJob]) -> Generator[RenderEvent, None, None]:
        """Render ``jobs`` in their order and tell what happens.

        Each job ends with one ``Rendered`` or ``Failed``; images come in any order. Nothing is
        sent before the first event is asked for. When the iterator is closed, or an exception
        (``KeyboardInterrupt`` too) goes through it, jobs of ours that the server still has are
        withdrawn, and only those; that takes about three seconds at most.

        Yields:
            Events, as they happen.

        Raises:
            ConfigurationError: A certificate or the proxy of the configuration cannot be used.
        """
        wanted = tuple(jobs)
        if not wanted:
            return
        run = _Run(Transport(self._server, self._pace), wanted, limits=self._limits)
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

    def __init__(self, transport: Transport, jobs: Sequence[RenderJob], *, limits: Limits) -> None:
        self._transport, self._jobs, self._limits = transport, jobs, limits
        self._events: queue.SimpleQueue[RenderEvent | _End] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._session: Session | None = None
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
            if isinstance(event, Rendered) and self._session is not None:
                self._call(self._session.taken)

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
        async with Client(self._transport) as client:
            emit = self._events.put
            self._session = Session(client, self._transport, limits=self._limits, emit=emit)
            scheduler = Scheduler(
                self._session,
                max_time=self._limits.max_time,
                beat=self._transport.pace.beat,
                emit=emit,
            )
            rendering = asyncio.create_task(scheduler.run(self._jobs))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({rendering, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (rendering, stopping):
                task.cancel()
            await asyncio.wait({rendering, stopping})
        if not rendering.cancelled():
            self._events.put(_End(error=rendering.exception()))
