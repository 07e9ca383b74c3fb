"""The synchronous edge: jobs in, events out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.jobs import Limits
from mkdocs_comfy.comfyui.pool import Pool
from mkdocs_comfy.comfyui.run import OpenRun, Run
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.comfyui.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from mkdocs_comfy.comfyui.jobs import RenderEvent, RenderJob


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
        run = Run(
            self._transports(),
            lambda clients, emit: Pool(
                clients, wanted, limits=self._limits, beat=self._pace.beat, emit=emit
            ),
        )
        run.start()
        try:
            yield from run.events()
        finally:
            run.stop()

    @contextmanager
    def open(self) -> Iterator[OpenRun]:
        """Render jobs as they are added.

        When the block ends, jobs of ours that a server still has are withdrawn, and only those;
        that takes about three seconds at most.

        Yields:
            What jobs are added to, and what tells of them.

        Raises:
            ConfigurationError: A certificate or the proxy of the configuration cannot be used.
        """
        run = OpenRun(self._transports(), limits=self._limits)
        run.start()
        try:
            yield run
        finally:
            run.stop()

    def _transports(self) -> list[Transport]:
        return [Transport(each, self._pace) for each in self._servers]
