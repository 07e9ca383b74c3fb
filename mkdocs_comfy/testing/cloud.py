"""A server of Comfy API v2 on a real socket, in a thread of its own, that paints for a GPU."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from mkdocs_comfy.testing.cloud_machine import CloudMachine
from mkdocs_comfy.testing.knobs import Canned
from mkdocs_comfy.testing.png import Painter, flat_painter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine, Mapping

    from mkdocs_comfy.testing.answers import Answer, Request

T = TypeVar("T")


@dataclass(kw_only=True, eq=False)
class CloudKnobs:
    """Settings and records of one :class:`FakeCloud`.

    Attributes:
        painter: Makes the pictures; they depend on the whole workflow.
        latency: Seconds that one job takes.
        gpus: Jobs that run at a time; set before the start.
        lists_jobs: Tell of jobs that nobody names; Comfy Cloud does not.
        streams: Tell of jobs by server-sent events.
        storage: Keep pictures on a host of their own, under addresses that let in whoever knows
            them; else the server has them itself.
        headers_required: Headers without which every request below ``/api/v2`` is answered 401.
        fail_with: While set, jobs fail, and this is their error document.
        without_images: Jobs succeed and leave nothing.
        expired: How often a job that is done is said to be expired first.
        requests: Every request, in the order of arrival.
        storage_requests: Every request to the storage.
        submissions: Bodies of the submissions that were accepted, in their order.
        keys: Every ``Idempotency-Key`` that has been used.
        canceled: Ids of the jobs that were canceled.
    """

    painter: Painter = flat_painter
    latency: float = 0.0
    gpus: int = 1
    lists_jobs: bool = True
    streams: bool = True
    storage: bool = False
    headers_required: Mapping[str, str] = field(default_factory=dict)
    fail_with: Mapping[str, Any] | None = None
    without_images: bool = False
    expired: int = 0
    requests: list[Request] = field(default_factory=list)
    storage_requests: list[Request] = field(default_factory=list)
    submissions: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    canned: dict[str, Canned] = field(default_factory=dict, repr=False)

    def canned_answer(self, route: str) -> Answer | None:
        """Take the answer that is ready for this route, or for every route, if any."""
        for key in (route, "*"):
            canned = self.canned.get(key)
            if canned is None:
                continue
            if canned.times is not None:
                canned.times -= 1
                if canned.times <= 0:
                    del self.canned[key]
            return canned.answer
        return None


class FakeCloud(CloudKnobs):
    """A server with the manners of Comfy API v2, failures on demand included.

    A context manager; or :meth:`start` and :meth:`stop`. All settings and records of
    :class:`CloudKnobs` are attributes.

    Args:
        latency: Seconds that one job takes.
        gpus: Jobs that run at a time.
        storage_tls: TLS of the storage, on ``localhost``; plain HTTP without.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        gpus: int = 1,
        storage_tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(latency=latency, gpus=gpus)
        self._host, self._port, self._storage_tls = host, port, storage_tls
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._machine: CloudMachine | None = None

    @property
    def url(self) -> str:
        """Where the server listens, or listened, without a slash at the end.

        Raises:
            RuntimeError: It was never started.
        """
        if not self._port:
            raise RuntimeError("FakeCloud has no address before it is started")
        return f"http://{self._host}:{self._port}"

    def start(self) -> Self:
        """Listen. Returns when requests are answered.

        Raises:
            RuntimeError: It runs already.
            OSError: The address cannot be had.
        """
        if self._thread is not None:
            raise RuntimeError("FakeCloud runs already")
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=(started,), name="fake-cloud", daemon=True
        )
        self._thread.start()
        try:
            started.result()
        except (OSError, CancelledError):
            self._thread.join()
            self._thread = None
            raise
        return self

    def stop(self) -> None:
        """Close every connection and forget everything. May be repeated."""
        if self._thread is None:
            return
        self._call(self._running().end())
        self._thread.join()
        self._thread = self._loop = self._machine = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, route: str, answer: Answer | None, times: int | None = None) -> None:
        """Give a canned reply in the place of the server's own.

        Args:
            route: ``submit``, ``list``, ``job``, ``workflow``, ``events``, ``cancel``,
                ``content``, ``storage``, or ``*`` for every route but the storage.
            answer: The reply; ``None`` ends an earlier one.
            times: How often; ``None`` until it is ended.
        """
        if answer is None:
            self.canned.pop(route, None)
        else:
            self.canned[route] = Canned(answer=answer, times=times)

    def hold(self) -> None:
        """Let jobs start, and none of them end."""
        self._call(self._running().hold())

    def release(self) -> None:
        """End :meth:`hold`."""
        self._call(self._running().release())

    def forget(self) -> None:
        """Lose every job, as a server does that restarts; those that ran end without a trace."""
        self._call(self._running().forget())

    def cancel(self, number: int) -> None:
        """Cancel the job of a submission, counted from 0, as another user would."""
        self._call(self._running().cancel(number))

    def submit_foreign(self, seconds: float) -> str:
        """Queue somebody else's job that takes ``seconds``; return its id."""
        return self._call(self._running().submit_foreign(seconds))

    def states(self) -> dict[str, str]:
        """Id → state of every job that the server knows."""
        return self._call(self._running().states())

    def _running(self) -> CloudMachine:
        if self._machine is None:
            raise RuntimeError("FakeCloud is not running")
        return self._machine

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the server's loop and wait for it."""
        if self._loop is None:
            raise RuntimeError("FakeCloud is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _serve(self, started: Future[None]) -> None:
        """Be the server's thread."""
        try:
            asyncio.run(self._live(started))
        except OSError as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            started.cancel()  # no effect where it has begun; else nobody shall wait for it

    async def _live(self, started: Future[None]) -> None:
        machine = CloudMachine(self)
        self._port = await machine.begin(self._host, self._port, self._storage_tls)
        self._loop, self._machine = asyncio.get_running_loop(), machine
        started.set_result(None)
        await machine.ended()
