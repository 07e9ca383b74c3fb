"""What a test tells the fake server to answer, and what it was asked. Values, without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A canned reply in the place of the server's own.

    Attributes:
        status: HTTP status, 100 to 599.
        headers: Headers of the reply; without a Content-Type there is ``application/octet-stream``.
        body: The body as it goes over the wire.
        delay: Seconds to wait before the reply is sent.
        handled: True: the request takes effect first, then this is said instead of the truth.
        reset: True: nothing is said; the connection is reset.
        breaks_off: The part of the body, 0 to 1, that is sent before the connection ends; the
            header promises all of it. ``None``: it does not break off.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    handled: bool = False
    reset: bool = False
    breaks_off: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """A node that raises while a job runs.

    Attributes:
        node: Id or class of the node; ``None`` for the one that does the work (the sampler, or
            else the first that runs). A job without such a node is not affected.
        exception_type: Full name of the exception, as a real server reports it.
        message: Its text.
    """

    node: str | None = None
    exception_type: str = "RuntimeError"
    message: str = "the node failed, as it was told to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that reached the server, refused ones included.

    Attributes:
        method: HTTP method, in capitals.
        path: Path as it was asked for, decoded, without the query.
        query: The query's first value for each name.
        headers: The headers; names in any case.
        body: The body, empty where there was none.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def route(self) -> str:
        """First part of the path, without ``/api``: ``/history`` for ``/api/history/<id>``."""
        return route_of(self.path)


def route_of(path: str) -> str:
    """Return the route that serves ``path``: its first part that is not ``/api``."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        parts = parts[1:]
    return f"/{parts[0]}" if parts else "/"
