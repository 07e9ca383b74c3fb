"""A server of Comfy API v2 on a real socket, in a thread of its own, that paints for a GPU."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.testing.cloud_machine import CloudMachine
from mkdocs_comfy.testing.hosting import Hosted
from mkdocs_comfy.testing.knobs import take_canned
from mkdocs_comfy.testing.png import Painter, flat_painter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from mkdocs_comfy.testing.answers import Answer, Request
    from mkdocs_comfy.testing.knobs import Canned


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
        return take_canned(self.canned, route, "*")


class FakeCloud(CloudKnobs, Hosted[CloudMachine]):
    """A server with the manners of Comfy API v2, failures on demand included.

    A context manager; or :meth:`start` and :meth:`stop`. All settings and records of
    :class:`CloudKnobs` are attributes. :meth:`answer` takes as its route ``submit``, ``list``,
    ``job``, ``workflow``, ``events``, ``cancel``, ``content``, ``storage``, or ``*`` for every
    route but the storage.

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
        CloudKnobs.__init__(self, latency=latency, gpus=gpus)
        Hosted.__init__(
            self,
            lambda: nullcontext(CloudMachine(self, storage_tls=storage_tls)),
            host=host,
            port=port,
        )

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
