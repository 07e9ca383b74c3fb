"""One server and what goes on there: its socket, its slots, the jobs that it has."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.health import Health
from mkdocs_comfy.comfyui.inventory import Inventory
from mkdocs_comfy.comfyui.moves import News, SocketClosed
from mkdocs_comfy.comfyui.protocol import Heard
from mkdocs_comfy.comfyui.uploads import Uploads
from mkdocs_comfy.comfyui.watch import Desk, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.comfyui.jobs import JobEvent, Limits, Rendered, RenderJob
    from mkdocs_comfy.comfyui.moves import Event
    from mkdocs_comfy.comfyui.protocol import Frame
    from mkdocs_comfy.comfyui.server_client import NewsSource, ServerClient

_IN_HAND = 4  # images that are downloaded and not yet taken: they fill memory
_GREETING = 0.5  # seconds that the first job waits for the socket; it works without


class Session:
    """Renders jobs on one server, which is kept ``Limits.ahead`` jobs ahead of those it can run.

    A pool opens it, waits for room and hands it a job, again and again; images are downloaded
    while the next job runs.

    Attributes:
        name: The server's URL without credentials.
        health: Whether it answers.
        inventory: What it has.
    """

    def __init__(
        self,
        client: ServerClient,
        *,
        limits: Limits,
        emit: Callable[[JobEvent], None],
        left: Callable[[], None],
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: The server.
            limits: How often and how long to try.
            emit: Takes what happens to the jobs, but for their ends.
            left: Called when a job has left the server, so that there is room for another.
        """
        self.name = client.server.display
        self.health = Health()
        self.inventory = Inventory(client)
        self._client = client
        self._listener: NewsSource | None = None  # until it is known what the server speaks
        self._emit, self._tell_left = emit, left
        self._desk = Desk(
            client=client,
            inventory=self.inventory,
            uploads=Uploads(client),
            health=self.health,
            limits=limits,
            slots=asyncio.Semaphore(limits.ahead + 1),
            room=asyncio.Semaphore(_IN_HAND),
            posting=asyncio.Lock(),
            client_id=lambda: self._listener.client_id if self._listener else "",
            emit=self._sign,
            left=self._left,
        )
        self._watches: set[Watch] = set()
        self._abandoned: list[str] = []
        self._listening: asyncio.Task[None] | None = None
        self._remaining = 0

    @property
    def breadth(self) -> int:
        """How many jobs the server runs at a time."""
        return self._client.breadth

    @property
    def others(self) -> int:
        """Other people's jobs that the server has, as far as its socket says."""
        if self._listener is None or not self._listener.open:
            return 0
        return max(0, self._remaining - sum(bool(each.prompt_ids) for each in self._watches))

    async def open(self) -> None:
        """Make sure that the server is there, and listen to it. May be repeated after a failure.

        Raises:
            RenderError: It is not.
        """
        await self._client.probe()
        if self._listener is None or self._listening is None:
            self._listener = self._client.listener(tell=self._hear, closed=self._deafen)
            self._listening = asyncio.create_task(self._listener.listen())
            for _ in range(self._client.breadth - 1):
                self._desk.slots.release()
        await self._client.learn()
        await self._listener.ready(_GREETING)

    async def close(self) -> None:
        """Listen no longer."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def room(self) -> None:
        """Wait until one more job can be taken; it is reserved for the next ``begin``."""
        await self._desk.slots.acquire()

    def decline(self) -> None:
        """Give back the room that was waited for."""
        self._desk.slots.release()

    def begin(self, job: RenderJob, *, retries: int) -> Watch:
        """Take a job for which there is room; ``render`` does the rest.

        Args:
            job: The job.
            retries: How often it may be submitted again here.
        """
        watch = Watch(job, self._desk, retries=retries)
        self._watches.add(watch)
        return watch

    async def render(self, watch: Watch) -> Rendered:
        """Render a job that was begun.

        Raises:
            RenderError: There is no image.
        """
        try:
            return replace(await watch.run(), server=self.name, version=self._client.version)
        finally:
            self._abandoned += watch.prompt_ids
            self.forget(watch)

    def forget(self, watch: Watch) -> None:
        """Be done with a job that was begun, whether ``render`` ever came to run or not."""
        self._watches.discard(watch)
        watch.leave()

    async def withdraw(self) -> None:
        """Take jobs off the server that were left there when their ``render`` ended."""
        abandoned, self._abandoned = self._abandoned, []
        await self._client.withdraw(abandoned)

    def taken(self) -> None:
        """One rendered image has been taken off our hands."""
        self._desk.room.release()

    def tell(self, event: Event) -> None:
        """Tell all jobs what happens around them."""
        for watch in tuple(self._watches):
            watch.tell(event)

    def _sign(self, event: JobEvent) -> None:
        self._emit(replace(event, server=self.name))

    def _hear(self, frame: Frame) -> None:
        if isinstance(frame, Heard) and frame.remaining is not None:
            self._remaining = frame.remaining
        self.tell(News(frame=frame))

    def _deafen(self) -> None:
        self.tell(SocketClosed())

    def _left(self) -> None:
        """The next job has begun; without a socket nobody else says so."""
        if self._listener is None or not self._listener.open:
            self._deafen()
        self._tell_left()
