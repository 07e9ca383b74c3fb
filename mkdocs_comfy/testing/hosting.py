"""A server in a thread of its own: started and stopped from outside, asked on its own loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from mkdocs_comfy.testing.knobs import Canned

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractContextManager

    from mkdocs_comfy.testing.answers import Answer

T = TypeVar("T")


class Hostable(Protocol):
    """The inner life of a server, all of it on its loop."""

    async def begin(self, host: str, port: int) -> int:
        """Listen; return the port.

        Raises:
            OSError: The address cannot be had.
        """

    async def end(self) -> None:
        """Let :meth:`ended` return."""

    async def ended(self) -> None:
        """Wait for :meth:`end`, then take everything down."""


M = TypeVar("M", bound=Hostable)


class Hosted(Generic[M]):
    """Starts and stops a server; a context manager.

    Args:
        new_machine: Makes what lives in the thread, from its start to its end.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
    """

    canned: dict[str, Canned]

    def __init__(
        self, new_machine: Callable[[], AbstractContextManager[M]], *, host: str, port: int
    ) -> None:
        self._new_machine, self._host, self._port = new_machine, host, port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._machine: M | None = None

    @property
    def url(self) -> str:
        """Where the server listens, or listened, without a slash at the end.

        Raises:
            RuntimeError: It was never started.
        """
        if not self._port:
            raise RuntimeError(f"{self._name} has no address before it is started")
        return f"{self._scheme}://{self._host}:{self._port}"

    def start(self) -> Self:
        """Listen. Returns when requests are answered.

        Raises:
            RuntimeError: It runs already.
            OSError: The address cannot be had.
        """
        if self._thread is not None:
            raise RuntimeError(f"{self._name} runs already")
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=(started,), name=self._name, daemon=True
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
            route: Which requests are answered so; see the class.
            answer: The reply; ``None`` ends an earlier one.
            times: How often; ``None`` until it is ended.
        """
        if answer is None:
            self.canned.pop(route, None)
        else:
            self.canned[route] = Canned(answer=answer, times=times)

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def _scheme(self) -> str:
        return "http"

    def _running(self) -> M:
        if self._machine is None:
            raise RuntimeError(f"{self._name} is not running")
        return self._machine

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the server's loop and wait for it."""
        if self._loop is None:
            raise RuntimeError(f"{self._name} is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _serve(self, started: Future[None]) -> None:
        """Be the server's thread."""
        try:
            with self._new_machine() as machine:
                asyncio.run(self._live(machine, started))
        except OSError as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            started.cancel()  # no effect where it has begun; else nobody shall wait for it

    async def _live(self, machine: M, started: Future[None]) -> None:
        self._port = await machine.begin(self._host, self._port)
        self._loop, self._machine = asyncio.get_running_loop(), machine
        started.set_result(None)
        await machine.ended()
