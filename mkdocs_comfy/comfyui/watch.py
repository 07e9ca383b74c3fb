"""The shell of one job: does what its state machine asks for, and tells it what came of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from mkdocs_comfy.comfyui.job import Job
from mkdocs_comfy.comfyui.jobs import Preview, Rendered, Running
from mkdocs_comfy.comfyui.moves import (
    ON_SERVER,
    Absent,
    Arrived,
    Download,
    End,
    InQueue,
    Named,
    News,
    NotQueued,
    Phase,
    Post,
    ReadHistory,
    ReadJob,
    ReadQueue,
    Sending,
    Taken,
    Trouble,
    Unanswered,
    Wait,
    Withdraw,
    Withdrawn,
)
from mkdocs_comfy.comfyui.previews import Pictured
from mkdocs_comfy.comfyui.protocol import Place
from mkdocs_comfy.comfyui.timing import wait_for
from mkdocs_comfy.errors import RenderError, UnreachableError
from mkdocs_comfy.workflows.binding import with_prefix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import Any

    from mkdocs_comfy.comfyui.health import Health
    from mkdocs_comfy.comfyui.inventory import Inventory
    from mkdocs_comfy.comfyui.jobs import JobEvent, Limits, RenderJob
    from mkdocs_comfy.comfyui.moves import Action, Event
    from mkdocs_comfy.comfyui.protocol import ImageRef
    from mkdocs_comfy.comfyui.server_client import ServerClient
    from mkdocs_comfy.comfyui.uploads import Uploads

_HALF_SENT = 0.5  # seconds that a POST may still take when everything else has stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the jobs of one session share.

    Attributes:
        client: The server.
        inventory: What it has.
        uploads: What it has been given.
        health: Whether it answers.
        limits: How often and how long to try.
        slots: One for each job that the server may have at a time.
        room: One for each image that may be in hand and not yet taken.
        posting: Held while a submission is on its way, so that they arrive in order.
        client_id: Whose socket gets the news.
        emit: Takes what happens.
        left: Called when a job has left the server.
    """

    client: ServerClient
    inventory: Inventory
    uploads: Uploads
    health: Health
    limits: Limits
    slots: asyncio.Semaphore
    room: asyncio.Semaphore
    posting: asyncio.Lock
    client_id: Callable[[], str]
    emit: Callable[[JobEvent], None]
    left: Callable[[], None]


class Watch:
    """A job on its way through one session; ``run`` once."""

    def __init__(self, job: RenderJob, desk: Desk, *, retries: int) -> None:
        """Prepare; nothing is sent yet. A slot of the desk has been taken for the job.

        Args:
            job: What is asked for.
            desk: What it shares with others.
            retries: How often it may be submitted again here.
        """
        self._desk = desk
        client = desk.client
        self._job = Job(
            job,
            subject=client.subject(job),
            limits=replace(desk.limits, retries=retries),
            pace=client.pace,
            new_id=_new_id,
            jobs_api=client.has_jobs,
        )
        self._graph: tuple[str, Mapping[str, Any]] = "", {}
        self._changed = asyncio.Event()
        self._has_slot = True
        self._left_there = False
        self._started_at: float | None = None

    @property
    def phase(self) -> Phase:
        """Where the job stands."""
        return self._job.phase

    @property
    def submissions(self) -> int:
        """How many submissions may have arrived."""
        return self._job.submissions

    @property
    def started_at(self) -> float | None:
        """When the job's start was noticed, by the loop's clock; ``None`` before that."""
        return self._started_at if self.phase is Phase.RUNNING else None

    @property
    def has_slot(self) -> bool:
        """True while it counts as one of the jobs that the server has."""
        return self._has_slot

    @property
    def prompt_ids(self) -> list[str]:
        """The job's id, where the server may have it."""
        on_server = self.phase in ON_SERVER or self._left_there
        return [self._job.prompt_id] if on_server else []

    def tell(self, event: Event) -> None:
        """Tell the job what happens around it."""
        self._take(event)
        if isinstance(event, News) and isinstance(event.frame, Pictured):
            self._show(event.frame)
        self._changed.set()

    def leave(self) -> None:
        """Let the next job come, where the server is done with this one; may be repeated."""
        if self._has_slot:
            self._has_slot = False
            self._desk.slots.release()
            self._desk.left()

    async def run(self) -> Rendered:
        """Render the job.

        Raises:
            RenderError: There is no image.
        """
        try:
            while not isinstance(action := self._job.next(_now()), End):
                if self.phase not in ON_SERVER | {Phase.CREATED}:
                    self.leave()
                await self._do(action)
        finally:
            self.leave()
        if action.data is None:
            self._left_there = isinstance(action.error, UnreachableError) and self.submissions > 0
            raise action.error or AssertionError(action)
        return Rendered(job=self._job.job, data=action.data, seconds=self._job.seconds)

    def _take(self, event: Event) -> None:
        for news in self._job.take(event, _now()):
            if isinstance(news, Running):
                self._started_at = _now()
            self._desk.emit(news)

    def _show(self, preview: Pictured) -> None:
        """Pass on a preview of this job; one without an id is of the job that runs."""
        if self.phase is Phase.RUNNING and preview.prompt_id in ("", self._job.prompt_id):
            self._desk.emit(Preview(job=self._job.job, image=preview.image))

    async def _do(self, action: Action) -> None:
        match action:
            case Wait(seconds=seconds):
                await self._pause(seconds)
            case Post():
                async with self._turn():
                    if self._job.next(_now()) == action:
                        self._take(Sending())
                        await self._carry_out(action)
            case Download():
                await self._download(action)
            case _:
                await self._carry_out(action)

    async def _pause(self, seconds: float) -> None:
        self._changed.clear()
        await wait_for(self._changed, seconds)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a slot, where the job gave its own away, and for earlier submissions."""
        if not self._has_slot:
            await self._desk.slots.acquire()
            self._has_slot = True
        async with self._desk.posting:
            yield

    async def _download(self, action: Download) -> None:
        """Fetch the image, as long as it has room; the room is held until it is taken."""
        await self._desk.room.acquire()
        try:
            await self._carry_out(action)
        finally:
            if self.phase is not Phase.FINISHED:
                self._desk.room.release()

    async def _carry_out(self, action: Action) -> None:
        try:
            event = await self._ask(action)
        except RenderError as error:
            self._desk.health.failed(error)
            event = Trouble(error=error)
        else:
            if not isinstance(event, Unanswered):
                self._desk.health.answered()
        self._take(event)

    async def _ask(self, action: Action) -> Event:
        client, job = self._desk.client, self._job.job
        event: Event
        match action:
            case Post(prompt_id=prompt_id):
                event = await self._post(prompt_id)
            case ReadQueue(prompt_id=prompt_id):
                event = _found(await client.find(prompt_id), missing=NotQueued())
            case ReadHistory(prompt_id=prompt_id):
                event = _found(await client.image(prompt_id, job), missing=Absent())
            case ReadJob(prompt_id=prompt_id):
                event = _found(await client.job(prompt_id, job), missing=Absent())
            case Download(image=image):
                max_bytes = self._desk.limits.max_bytes
                event = Arrived(data=await client.download(image, job, max_bytes=max_bytes))
            case Withdraw(prompt_id=prompt_id):
                await client.withdraw([prompt_id])
                event = Withdrawn()
            case _:
                raise AssertionError(action)
        return event

    async def _post(self, prompt_id: str) -> Event:
        job, client = self._job.job, self._desk.client
        if self._graph[0] != prompt_id:
            # The same id keeps its prefix: sent twice, it is still one job with one file.
            graph = await self._desk.inventory.spell(job.graph)
            graph = await self._desk.uploads.placed(job, graph)
            self._graph = prompt_id, with_prefix(graph, job.output, prefix_of(job))
        posting = asyncio.create_task(
            client.submit(
                job, self._graph[1], prompt_id=prompt_id, client_id=self._desk.client_id()
            )
        )
        try:
            return await asyncio.shield(posting)
        except asyncio.CancelledError:
            # A half-sent POST may become a job after it was withdrawn.
            await asyncio.wait({posting}, timeout=_HALF_SENT)
            if posting.cancel():
                await asyncio.wait({posting})
            elif not posting.exception() and isinstance(answer := posting.result(), Taken):
                self._take(answer)
            raise


def prefix_of(job: RenderJob) -> str:
    """A ``filename_prefix`` that no other job has.

    A server that runs equal graphs twice answers the second from its cache, with the first one's
    file, which may be gone; another prefix costs no rendering and gives a new file.
    """
    digest = job.key.rpartition("-")[2]
    return f"mkdocs-comfy/{digest[:12]}-{uuid4().hex[:8]}"


def _found(found: ImageRef | Place | None, *, missing: Event) -> Event:
    if found is None:
        return missing
    return InQueue(place=found) if isinstance(found, Place) else Named(image=found)


def _new_id() -> str:
    return str(uuid4())


def _now() -> float:
    return asyncio.get_running_loop().time()
