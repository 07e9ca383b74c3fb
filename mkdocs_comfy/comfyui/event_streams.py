"""Server-sent events of Comfy API v2: early news about our jobs, and nothing that decides.

A stream may be refused (a server has few), silent, full of garbage or closed at any time. All that
costs is speed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from mkdocs_comfy.comfyui.border import FOREIGN
from mkdocs_comfy.comfyui.cloud_protocol import read_event
from mkdocs_comfy.comfyui.protocol import Ended, Heard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from mkdocs_comfy.comfyui.protocol import Frame

_AGAIN = 1.0  # seconds before a stream that broke off is asked for again
_AGAIN_AT_MOST = 15.0  # seconds, after doubling each time
_EVENT_BYTES = 16 * 2**20  # previews of large images; a stream that sends more is given up


class EventStreams:
    """Follows each of our jobs on a stream of its own, until it ends.

    Attributes:
        client_id: Empty: events are asked for by the id of the job.
        open: False: each job has its own stream, or none, so the others are to be asked for.
    """

    client_id = ""
    open = False

    def __init__(
        self, http: httpx.AsyncClient, jobs_url: str, *, tell: Callable[[Frame], None]
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            http: The way to the server.
            jobs_url: Where its jobs are, for example ``https://cloud.comfy.org/api/v2/jobs``.
            tell: Called with what is heard of our jobs.
        """
        self._http, self._jobs_url, self._tell = http, jobs_url, tell
        self._followed: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def follow(self, job_id: str, *, known_as: str) -> None:
        """Listen to what happens to a job, and tell of it under the id that it is known by."""
        self._followed.put_nowait((job_id, known_as))

    async def ready(self, seconds: float) -> None:
        """Return at once: there is nothing to hear of before there is a job."""

    async def listen(self) -> None:
        """Tell what is heard, until this is cancelled."""
        async with asyncio.TaskGroup() as streams:
            while True:
                job_id, known_as = await self._followed.get()
                streams.create_task(self._follow(job_id, known_as))

    async def _follow(self, job_id: str, known_as: str) -> None:
        """Hear of one job to its end; a stream that breaks off is asked for again."""
        wait, offered = _AGAIN, True
        while offered:
            offered = False
            with suppress(*FOREIGN):
                async for event, data in self._events(job_id):
                    offered = True
                    frame = read_event(known_as, event, data)
                    if not isinstance(frame, Heard):
                        self._tell(frame)
                    if isinstance(frame, Ended):
                        return
            if offered:
                await asyncio.sleep(wait)
                wait = min(wait * 2, _AGAIN_AT_MOST)

    async def _events(self, job_id: str) -> AsyncIterator[tuple[str, bytes]]:
        """Name and data of each event on the stream of a job."""
        url = f"{self._jobs_url}/{quote(job_id, safe='')}/events"
        headers = {"Accept": "text/event-stream"}
        async with self._http.stream("GET", url, headers=headers) as response:
            if response.status_code != HTTPStatus.OK:
                return
            lines, event, size = _Lines(), list[bytes](), 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                for line in lines.feed(chunk):
                    if line:
                        event.append(line)
                    else:
                        yield _parsed(event)
                        event, size = [], 0
                if size > _EVENT_BYTES:
                    return


class _Lines:
    r"""Lines of a stream that comes in pieces, ended by ``\n``, ``\r`` or both."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._skip = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that ``chunk``, which is not empty, ends."""
        if self._skip and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._skip = chunk.endswith(b"\r")
        first, *others = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._begun.append(first)
        if not others:
            return []
        *ended, rest = b"".join(self._begun), *others
        self._begun = [rest]
        return ended


def _parsed(lines: list[bytes]) -> tuple[str, bytes]:
    """Name and data of one event (WHATWG HTML §9.2.6); comments and other fields are left out."""
    name, data = "message", []
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"data":
            data.append(value)
    return name, b"\n".join(data)
