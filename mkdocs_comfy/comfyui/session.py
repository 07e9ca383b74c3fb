"""The jobs of one run on one server: submitted in order, watched, downloaded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from mkdocs_comfy.comfyui.jobs import Failed, Rendered
from mkdocs_comfy.comfyui.listener import Listener
from mkdocs_comfy.comfyui.protocol import Heard
from mkdocs_comfy.comfyui.watch import Watch
from mkdocs_comfy.errors import QuotaError, RenderError
from mkdocs_comfy.workflows.binding import with_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mkdocs_comfy.comfyui.client import Client
    from mkdocs_comfy.comfyui.jobs import RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.protocol import Frame, ImageRef
    from mkdocs_comfy.comfyui.transport import Transport

_IN_HAND = 4  # images that are downloaded and not yet taken: they fill memory
_GREETING = 0.5  # seconds that the first job waits for the socket; it works without
_HALF_SENT = 0.5  # seconds that a POST may still take when everything else has stopped


class Session:
    """Renders jobs on one server.

    The server is kept ``ahead`` jobs ahead: the next one is queued before the running one ends,
    and images are downloaded while the next one runs. A fatal error ends all jobs that have not
    ended, with the same error and without further requests; where the server only takes no more
    jobs (``QuotaError``), those that it has are still awaited.
    """

    def __init__(
        self,
        client: Client,
        transport: Transport,
        *,
        timeout: float,
        max_bytes: int,
        ahead: int,
        emit: Callable[[RenderEvent], None],
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: The server.
            transport: The way to its socket.
            timeout: Seconds that one job may take once it runs.
            max_bytes: Bytes that one image may have.
            ahead: Jobs kept waiting behind the running one, at least 0.
            emit: Takes what happens, one last event (``Rendered``, ``Failed``) for each job.
        """
        self._client, self._timeout, self._max_bytes = client, timeout, max_bytes
        self._emit = emit
        self._client_id = str(uuid4())
        self._listener = Listener(
            transport, self._client_id, tell=self._hear, closed=self._look_again
        )
        self._slots = asyncio.Semaphore(ahead + 1)
        self._room = asyncio.Semaphore(_IN_HAND)
        self._unsettled: dict[int, RenderJob] = {}
        self._watches: dict[str, Watch] = {}
        self._awaited: set[asyncio.Task[None]] = set()
        self._submitter: asyncio.Task[None] | None = None
        self._fatal: RenderError | None = None

    async def run(self, jobs: Sequence[RenderJob]) -> None:
        """Render ``jobs`` in this order.

        Cancelled, it withdraws those of its jobs that the server still has, and no others.
        """
        self._unsettled = dict(enumerate(jobs))
        try:
            await self._client.probe()
        except RenderError as error:
            self._fatal = error
        else:
            await self._render(jobs)
        if self._fatal is not None:
            for job in self._unsettled.values():
                self._emit(Failed(job=job, error=self._fatal))

    def taken(self) -> None:
        """One rendered image has been taken off our hands."""
        self._room.release()

    async def _render(self, jobs: Sequence[RenderJob]) -> None:
        listening = asyncio.create_task(self._listener.listen())
        try:
            await self._listener.ready(_GREETING)
            async with asyncio.TaskGroup() as group:
                self._submitter = group.create_task(self._submit_all(jobs, group))
        except asyncio.CancelledError:
            await self._client.withdraw(self._watches)
            raise
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _submit_all(self, jobs: Sequence[RenderJob], group: asyncio.TaskGroup) -> None:
        for index, job in enumerate(jobs):
            await self._slots.acquire()
            if self._fatal is not None:
                return
            try:
                watch = await self._submit(job)
            except RenderError as error:
                self._slots.release()
                self._settle(index, error)
            else:
                self._awaited.add(group.create_task(self._finish(index, watch)))

    async def _submit(self, job: RenderJob) -> Watch:
        prompt_id = str(uuid4())
        watch = Watch(
            job,
            client=self._client,
            listener=self._listener,
            timeout=self._timeout,
            emit=self._emit,
        )
        # From here on the server may have it, whatever becomes of the reply.
        self._watches[prompt_id] = watch
        graph = with_prefix(job.graph, job.output, prefix_of(job))
        posting = asyncio.create_task(
            self._client.submit(job, graph, prompt_id=prompt_id, client_id=self._client_id)
        )
        try:
            accepted = await asyncio.shield(posting)
        except asyncio.CancelledError:
            # A half-sent POST may become a job after it was withdrawn.
            await asyncio.wait({posting}, timeout=_HALF_SENT)
            if posting.cancel():
                await asyncio.wait({posting})
            elif not posting.exception():
                self._watches[posting.result()] = watch
            raise
        except RenderError:
            del self._watches[prompt_id]
            raise
        self._watches[accepted] = self._watches.pop(prompt_id)
        watch.accepted(accepted)
        return watch

    async def _finish(self, index: int, watch: Watch) -> None:
        """Wait for the job, then download its image while the next one runs."""
        try:
            try:
                image = await watch.ended()
            finally:
                self._slots.release()
            seconds = watch.seconds
            self._over(watch)
            data = await self._download(watch.job, image)
        except RenderError as error:
            self._over(watch)
            self._settle(index, error)
        else:
            del self._unsettled[index]
            self._emit(Rendered(job=watch.job, data=data, seconds=seconds))

    async def _download(self, job: RenderJob, image: ImageRef) -> bytes:
        await self._room.acquire()
        try:
            return await self._client.download(image, job, max_bytes=self._max_bytes)
        except RenderError:
            self._room.release()
            raise

    def _over(self, watch: Watch) -> None:
        """The server is done with the job: nothing to withdraw, and the next one has begun."""
        self._watches.pop(watch.prompt_id, None)
        self._awaited.discard(asyncio.current_task())
        if not self._listener.open:
            self._look_again()

    def _settle(self, index: int, error: RenderError) -> None:
        """A job has failed; with a fatal error all that are not settled do, at the end."""
        if not error.fatal:
            self._emit(Failed(job=self._unsettled.pop(index), error=error))
            return
        if self._fatal is None:
            self._fatal = error
        if self._submitter is not None:
            self._submitter.cancel()
        if not isinstance(error, QuotaError):
            for task in self._awaited:
                task.cancel()

    def _hear(self, frame: Frame) -> None:
        if not isinstance(frame, Heard) and frame.prompt_id in self._watches:
            self._watches[frame.prompt_id].hear(frame)

    def _look_again(self) -> None:
        for watch in self._watches.values():
            watch.look_now()


def prefix_of(job: RenderJob) -> str:
    """A ``filename_prefix`` that no other job has.

    A server that runs equal graphs twice answers the second from its cache, with the first one's
    file, which may be gone; another prefix costs no rendering and gives a new file.
    """
    digest = job.key.rpartition("-")[2]
    return f"mkdocs-comfy/{digest[:12]}-{uuid4().hex[:8]}"
