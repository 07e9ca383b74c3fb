"""Hands the jobs of one run to whoever has room for them, and settles each of them once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.jobs import Failed
from mkdocs_comfy.comfyui.moves import Phase, Slept, Stop
from mkdocs_comfy.errors import QuotaError, RenderError, out_of_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mkdocs_comfy.comfyui.jobs import RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.session import Session
    from mkdocs_comfy.comfyui.watch import Watch

_NAP = 5.0  # seconds without a beat that mean sleep; a busy machine stumbles for less


class Scheduler:
    """Renders jobs in their order through a session.

    A fatal error ends all jobs that have not ended, with the same error and without further
    requests; images that the server has named are still fetched, and where the server only takes
    no more jobs (``QuotaError``), those that it has are still awaited.
    """

    def __init__(
        self,
        session: Session,
        *,
        max_time: float | None,
        beat: float,
        emit: Callable[[RenderEvent], None],
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            session: The server.
            max_time: Seconds for all jobs, or ``None``.
            beat: Seconds between two looks at the clock.
            emit: Takes the end of each job: one ``Rendered`` or ``Failed``.
        """
        self._session, self._max_time, self._beat, self._emit = session, max_time, beat, emit
        self._unsettled: dict[int, RenderJob] = {}
        self._running: dict[asyncio.Task[None], Watch] = {}
        self._feeder: asyncio.Task[None] | None = None
        self._fatal: RenderError | None = None

    async def run(self, jobs: Sequence[RenderJob]) -> None:
        """Render ``jobs``.

        Cancelled, it withdraws those of its jobs that the server still has, and no others.
        """
        self._unsettled = dict(enumerate(jobs))
        timing = asyncio.create_task(self._keep_time())
        try:
            await self._session.open()
            await self._render(jobs)
        except RenderError as error:
            self._fatal = error
        finally:
            timing.cancel()
            await asyncio.wait({timing})
            await self._session.close()
        if self._fatal is not None:
            for job in self._unsettled.values():
                self._emit(Failed(job=job, error=self._fatal))

    async def _render(self, jobs: Sequence[RenderJob]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._feeder = group.create_task(self._feed(jobs, group))
        except asyncio.CancelledError:
            await self._session.withdraw()
            raise

    async def _feed(self, jobs: Sequence[RenderJob], group: asyncio.TaskGroup) -> None:
        for index, job in enumerate(jobs):
            await self._session.room()
            if self._fatal is not None:
                return
            watch = self._session.begin(job)
            task = group.create_task(self._finish(index, watch))
            self._running[task] = watch
            task.add_done_callback(self._running.pop)

    async def _finish(self, index: int, watch: Watch) -> None:
        try:
            rendered = await self._session.render(watch)
        except RenderError as error:
            self._fail(index, error)
        else:
            del self._unsettled[index]
            self._emit(rendered)

    def _fail(self, index: int, error: RenderError) -> None:
        """A job has failed; with a fatal error all that are not settled do, at the end."""
        if not error.fatal:
            self._emit(Failed(job=self._unsettled.pop(index), error=error))
        elif self._fatal is None:
            self._end(error)
            kept = {Phase.RENDERED, Phase.FINISHED}
            if isinstance(error, QuotaError):
                kept |= {Phase.SUBMITTED, Phase.QUEUED, Phase.RUNNING}
            self._drop(kept)

    def _end(self, error: RenderError) -> None:
        self._fatal = error
        if self._feeder is not None:
            self._feeder.cancel()

    def _drop(self, kept: set[Phase]) -> None:
        current = asyncio.current_task()
        for task, watch in self._running.items():
            if watch.phase not in kept and task is not current:
                task.cancel()

    async def _keep_time(self) -> None:
        """Notice that the machine has slept, and that the time for this run is over.

        Some clocks stand still while a machine sleeps and some go on; what shows is a beat that
        comes late. The wall clock, which people set, is never asked.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        ends_at = float("inf") if self._max_time is None else now + self._max_time
        while now < ends_at:
            wait = min(self._beat, ends_at - now)
            await asyncio.sleep(wait)
            before, now = now, loop.time()
            if (slept := now - before - wait) > _NAP:
                ends_at += slept
                self._session.tell(Slept(seconds=slept))
        self._stop()

    def _stop(self) -> None:
        """The time is over: withdraw what waits and runs, and fetch what is rendered."""
        if self._fatal is not None:
            return
        error = out_of_time(self._max_time or 0.0)
        self._end(error)
        on_their_way = set(Phase) - {Phase.CREATED}
        self._drop(on_their_way)
        self._session.tell(Stop(error=error))
