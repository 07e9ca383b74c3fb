"""One server and what goes on there: its socket, its slots, the jobs that it has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.listener import Listener
from mkdocs_comfy.comfyui.moves import News, SocketClosed
from mkdocs_comfy.comfyui.watch import Desk, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.comfyui.client import Client
    from mkdocs_comfy.comfyui.jobs import Limits, Rendered, RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.moves import Event
    from mkdocs_comfy.comfyui.protocol import Frame
    from mkdocs_comfy.comfyui.transport import Transport

_IN_HAND = 4  # images that are downloaded and not yet taken: they fill memory
_GREETING = 0.5  # seconds that the first job waits for the socket; it works without


class Session:
    """Renders jobs on one server, which is kept ``Limits.ahead`` jobs ahead.

    A scheduler opens it, waits for room and hands it a job, again and again; images are
    downloaded while the next job runs.
    """

    def __init__(
        self,
        client: Client,
        transport: Transport,
        *,
        limits: Limits,
        emit: Callable[[RenderEvent], None],
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: The server.
            transport: The way to its socket.
            limits: How often and how long to try.
            emit: Takes what happens to the jobs, but for their ends.
        """
        self._client = client
        self._listener = Listener(transport, tell=self._hear, closed=self._deafen)
        self._desk = Desk(
            client=client,
            limits=limits,
            slots=asyncio.Semaphore(limits.ahead + 1),
            room=asyncio.Semaphore(_IN_HAND),
            posting=asyncio.Lock(),
            client_id=lambda: self._listener.client_id,
            emit=emit,
            left=self._left,
        )
        self._watches: set[Watch] = set()
        self._abandoned: list[str] = []
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make sure that the server is there, and listen to it.

        Raises:
            RenderError: It is not.
        """
        await self._client.probe()
        self._listening = asyncio.create_task(self._listener.listen())
        await self._client.learn()
        await self._listener.ready(_GREETING)

    async def close(self) -> None:
        """Listen no longer."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def room(self) -> None:
        """Wait until one more job can be taken; it is reserved for the next ``render``."""
        await self._desk.slots.acquire()

    def begin(self, job: RenderJob) -> Watch:
        """Take a job for which there is room; ``render`` does the rest."""
        return Watch(job, self._desk)

    async def render(self, watch: Watch) -> Rendered:
        """Render a job that was begun.

        Raises:
            RenderError: There is no image.
        """
        self._watches.add(watch)
        try:
            return await watch.run()
        finally:
            self._watches.discard(watch)
            self._abandoned += watch.prompt_ids

    async def withdraw(self) -> None:
        """Take jobs off the server that were left there when their ``render`` was cancelled."""
        await self._client.withdraw(self._abandoned)

    def taken(self) -> None:
        """One rendered image has been taken off our hands."""
        self._desk.room.release()

    def tell(self, event: Event) -> None:
        """Tell all jobs what happens around them."""
        for watch in tuple(self._watches):
            watch.tell(event)

    def _hear(self, frame: Frame) -> None:
        self.tell(News(frame=frame))

    def _deafen(self) -> None:
        self.tell(SocketClosed())

    def _left(self) -> None:
        """The next job has begun; without a socket nobody else says so."""
        if not self._listener.open:
            self._deafen()
