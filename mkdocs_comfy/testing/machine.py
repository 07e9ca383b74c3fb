"""The life of one fake server on its loop: listen, work, crash, come back, end."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING

from aiohttp import web

from mkdocs_comfy.testing.execution import Executor
from mkdocs_comfy.testing.files import Disk
from mkdocs_comfy.testing.front import abort, front_door
from mkdocs_comfy.testing.gallery import Gallery
from mkdocs_comfy.testing.handlers import Routes
from mkdocs_comfy.testing.jobs import Backlog, Job
from mkdocs_comfy.testing.sockets import Sessions

if TYPE_CHECKING:
    from pathlib import Path

    from mkdocs_comfy.testing.knobs import CrashPoint, Knobs


class Machine:
    """One server. Everything but the constructor and :meth:`close` runs on its loop.

    Args:
        knobs: Settings and records.
        root: An absolute path without links; pictures are saved below it.

    Attributes:
        fault: What broke the server, by a fault of its own; ``None`` as long as nothing did.
    """

    def __init__(self, knobs: Knobs, root: Path) -> None:
        self._knobs = knobs
        self._disk, self._gallery = Disk(root), Gallery(knobs)
        self._host, self._port = "", 0
        self._listener: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._later: asyncio.Task[None] | None = None
        self.fault: BaseException | None = None

    def close(self) -> None:
        """Let go of the painter's thread."""
        self._gallery.close()

    async def begin(self, host: str, port: int) -> int:
        """Listen; return the port.

        Raises:
            OSError: The address cannot be had.
        """
        self._end, self._free = asyncio.Event(), asyncio.Event()
        self._free.set()
        self._sessions = Sessions()
        self._backlog = Backlog(self._queue_changed)
        self._executor = Executor(
            knobs=self._knobs,
            backlog=self._backlog,
            sessions=self._sessions,
            disk=self._disk,
            gallery=self._gallery,
            gate=self._gate,
        )
        self._routes = Routes(
            knobs=self._knobs,
            backlog=self._backlog,
            sessions=self._sessions,
            disk=self._disk,
            accepted=self._accepted,
        )
        app = web.Application(
            middlewares=[front_door(self._knobs)], client_max_size=self._knobs.max_upload
        )
        self._routes.add_to(app)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        self._host, self._port = host, port
        try:
            await self._listen()
        except OSError:
            await self._runner.cleanup()
            raise
        return self._port

    async def ended(self) -> None:
        """Wait for :meth:`end`, then take everything down."""
        await self._end.wait()
        self._fall(reset=False)
        await self._runner.cleanup()

    async def end(self) -> None:
        """Let :meth:`ended` return."""
        self._end.set()

    async def crash(self) -> None:
        """Die as by ``kill -9``."""
        self._fall(reset=True)

    async def restart(self, after: float) -> None:
        """Listen again on the same port, now or in ``after`` seconds."""
        self._fall(reset=True)
        if after > 0:
            self._rise_in(after)
        else:
            await self._listen()

    async def hold(self) -> None:
        """Let no job end."""
        self._free.clear()

    async def release(self) -> None:
        """Let jobs end again."""
        self._free.set()

    async def delete_outputs(self) -> None:
        """Remove what was saved."""
        self._disk.empty("output", "temp")

    async def clear_queue(self) -> None:
        """Remove what waits."""
        self._knobs.deleted += self._backlog.withdraw()

    async def forget_history(self) -> None:
        """Lose what is known of jobs that are done."""
        self._backlog.history.clear()

    async def interrupt(self, prompt_id: str) -> None:
        """Interrupt a job, if it runs."""
        self._backlog.interrupt(prompt_id)

    async def broadcast(self, frame: str | bytes) -> None:
        """Say it to everybody."""
        self._sessions.post_anything(frame)

    async def close_sockets(self) -> None:
        """Close them; the connections of HTTP stay."""
        await self._sessions.close()

    async def enqueue_foreign(self, seconds: float) -> str:
        """Queue a job of another client."""
        colour = random.randrange(2**24)  # noqa: S311  # never the same, so never cached
        blank = {"width": 64, "height": 64, "batch_size": 1, "color": colour}
        graph = {
            "1": {"class_type": "EmptyImage", "inputs": blank},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        }
        job = Job(
            number=self._backlog.number(front=False),
            id=str(uuid.uuid4()),
            graph=graph,
            extra_data={"client_id": uuid.uuid4().hex},
            outputs=["2"],
            seconds=seconds,
        )
        self._backlog.put(job)
        return job.id

    async def _listen(self) -> None:
        server = self._runner.server
        if server is None:
            raise RuntimeError("the server is not set up")
        self._listener = await asyncio.get_running_loop().create_server(
            server, self._host, self._port, ssl=self._knobs.tls
        )
        self._port = self._listener.sockets[0].getsockname()[1]
        self._tasks = [
            asyncio.create_task(self._executor.work()),
            asyncio.create_task(self._sessions.publish()),
        ]
        for task in self._tasks:
            task.add_done_callback(self._broke)

    def _broke(self, task: asyncio.Task[None]) -> None:
        """A fault of our own: nobody shall wait for a worker that is dead."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fault = error
            self._fall(reset=True)

    def _rise_in(self, seconds: float) -> None:
        self._later = asyncio.create_task(self._rise(seconds))
        self._later.add_done_callback(self._broke)

    async def _rise(self, after: float) -> None:
        await asyncio.sleep(after)
        await self._listen()

    def _fall(self, *, reset: bool) -> None:
        """Close the port and every connection; forget queue, history and results."""
        if self._later is not None:
            self._later.cancel()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._backlog.forget()
        self._executor.forget()
        self._sessions.forget()
        server = self._runner.server
        for connection in server.connections if server is not None else []:
            if connection.transport is not None:
                abort(connection.transport, reset=reset)

    def _queue_changed(self) -> None:
        self._sessions.post("status", {"status": self._routes.status()})

    def _accepted(self) -> None:
        self._crash_at("submitted")

    async def _gate(self, job: Job) -> None:
        """Hold a job before its last step, or crash there."""
        if self._crash_at("running"):
            await asyncio.sleep(0)  # where the cancellation of this very task arrives
        if self._free.is_set():
            return
        waiting = {
            asyncio.ensure_future(self._free.wait()),
            asyncio.ensure_future(job.stop.wait()),
        }
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()

    def _crash_at(self, point: CrashPoint) -> bool:
        """Crash, if the settings want it at this point."""
        if self._knobs.crash_point != point:
            return False
        self._knobs.crash_point = None
        self._fall(reset=True)
        if self._knobs.restart_after is not None:
            self._rise_in(self._knobs.restart_after)
        return True
