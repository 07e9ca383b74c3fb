"""Operations on one ComfyUI: each asks, reads the reply, and raises nothing but ``RenderError``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from mkdocs_comfy.comfyui.answers import is_html, not_comfyui, unexpected
from mkdocs_comfy.comfyui.exchange import Exchange
from mkdocs_comfy.comfyui.listener import Listener
from mkdocs_comfy.comfyui.moves import Taken, Unanswered
from mkdocs_comfy.comfyui.outcome import read_history, read_job
from mkdocs_comfy.comfyui.protocol import (
    as_mapping,
    as_text,
    find_in_queue,
    is_job,
    is_jobs,
    is_queue,
    load_json,
    read_accepted,
)
from mkdocs_comfy.comfyui.rejections import read_node_errors, read_options, rejection
from mkdocs_comfy.comfyui.uploads import UPLOADS, multipart
from mkdocs_comfy.errors import RenderError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from mkdocs_comfy.comfyui.answers import Answer
    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.comfyui.protocol import Frame, ImageRef, Place
    from mkdocs_comfy.comfyui.transport import Transport

_REFUSALS = frozenset({400, 409, 422, 500})
"""Statuses of ``POST /prompt`` that speak of the workflow; 500 is for one that cannot be read."""

_MAYBE_TAKEN = frozenset({409, 500, 502, 503, 504})
"""Statuses after which the job may be there all the same; 409 says that its id is known."""


class Client(Exchange):
    """A ``ServerClient`` for ComfyUI's own API, old and new.

    Attributes:
        server: The server.
        pace: How long to wait for what.
        has_jobs: True where the server is known to tell of a job in one answer.
        breadth: 1: a ComfyUI runs one job at a time.
    """

    breadth = 1

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.has_jobs = False

    def listener(self, *, tell: Callable[[Frame], None], closed: Callable[[], None]) -> Listener:
        """The socket of this server, not open yet; see ``Listener``."""
        return Listener(self._transport, tell=tell, closed=closed)

    async def probe(self) -> None:
        """Make sure that the server is a ComfyUI and lets us in.

        Raises:
            UnreachableError: Nothing answers.
            NotComfyUIError: Something else does.
            AuthError: Credentials are missing or wrong, or a login page is in the way.
        """
        answer = await self._greet("/system_stats")
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise not_comfyui(answer, self.server)
        stats = as_mapping(self._document(answer))
        if "system" not in stats:
            raise not_comfyui(answer, self.server)
        self.version = self._version(stats)
        self._met = True

    async def learn(self) -> None:
        """Find out whether the server tells of a job in one answer, as ComfyUI does from 0.38 on.

        Anything but such an answer means that queue and history have to be asked.
        """
        with suppress(RenderError):
            answer = await self._ask("GET", "/jobs?limit=1", within=self.pace.probe)
            if answer.status == HTTPStatus.OK and is_jobs(self._document(answer)):
                self.has_jobs = True

    async def submit(
        self, job: RenderJob, graph: Mapping[str, Any], *, prompt_id: str, client_id: str
    ) -> Taken | Unanswered:
        """Queue ``graph``, once.

        Args:
            job: The job, for messages.
            graph: Its graph, as it is to run.
            prompt_id: Our own id, a canonical UUID: newer servers take no other.
            client_id: Whose socket gets the news. Without one, servers before 0.28 leave the
                outputs of cached nodes out of the history.

        Returns:
            The server's id of the job, or that nobody knows whether it has arrived.

        Raises:
            RejectedError: The server refuses the workflow, or drops an output from it.
            RenderError: The server cannot be used; the job certainly did not arrive.
        """
        named = {"client_id": client_id, "prompt_id": prompt_id}
        body = {"prompt": graph, **named, **self._extra_data()}
        try:
            answer = await self._ask("POST", "/prompt", body)
        except UnreachableError as error:
            if not error.arrived:
                raise
            return Unanswered(error=error, again=True)
        if answer.status == HTTPStatus.OK:
            return Taken(prompt_id=await self._accepted(answer, job))
        why = await self._refusal(answer, job)
        away = isinstance(why, UnreachableError)
        asks_to_wait = isinstance(why, UnreachableError) and why.retry_after is not None
        if answer.status in _MAYBE_TAKEN and not asks_to_wait:
            return Unanswered(error=why, again=away)
        raise why

    async def find(self, prompt_id: str) -> Place | None:
        """Where in the queue the job is, or ``None`` where it is not."""
        answer = await self._ask("GET", "/queue")
        document = self._document(answer)
        if not is_queue(document):
            raise not_comfyui(answer, self.server)
        return find_in_queue(document, prompt_id)

    async def image(self, prompt_id: str, job: RenderJob) -> ImageRef | None:
        """The image of the job, or ``None`` while the history does not know the job.

        Raises:
            RenderError: The job ended without one, or the server cannot be used.
        """
        document = await self._history(prompt_id)
        return read_history(document, prompt_id, output=job.output, subject=self.subject(job))

    async def job(self, prompt_id: str, job: RenderJob) -> ImageRef | Place | None:
        """Where the job is, or its image; ``None`` where the server knows of no such job.

        Only for servers with ``has_jobs``.

        Raises:
            RenderError: The job ended without an image, or the server cannot be used.
        """
        answer = await self._ask("GET", f"/jobs/{quote(prompt_id, safe='')}")
        if answer.status == HTTPStatus.NOT_FOUND and not is_html(answer.body):
            return None
        document = self._document(answer)
        if not is_job(document):
            raise not_comfyui(answer, self.server)
        return read_job(document, output=job.output, subject=self.subject(job))

    async def definition(self, class_type: str) -> object:
        """What ``GET /object_info/{class}`` says of a node class: any JSON.

        Raises:
            RenderError: Nothing that could be read; a proxy may well forbid this route.
        """
        answer = await self._ask("GET", f"/object_info/{quote(class_type, safe='')}")
        return self._document(answer)

    async def upload(self, data: bytes, name: str) -> str:
        """Store an image among the server's input files; return what a graph calls it.

        The server may give it another name than ``name``; its answer counts.

        Raises:
            RenderError: It cannot be stored.
        """
        body, kind = multipart(
            {"type": "input", "subfolder": UPLOADS, "overwrite": "true"}, name=name, data=data
        )
        answer = await self._send("POST", "/upload/image", body, {"Content-Type": kind})
        stored = as_mapping(self._document(answer))
        called, folder = as_text(stored.get("name")), as_text(stored.get("subfolder"))
        if not called:
            raise not_comfyui(answer, self.server)
        return f"{folder}/{called}" if folder else called

    async def about(self) -> str:
        """Name and version of what answers, for people.

        Raises:
            RenderError: The server cannot be asked.
        """
        answer = await self._ask("GET", "/system_stats", within=self.pace.probe)
        return f"ComfyUI {self._version(as_mapping(self._document(answer)))}".rstrip()

    async def definitions(self) -> Mapping[str, object]:
        """What ``GET /object_info`` says of all node classes, by class.

        Raises:
            RenderError: Nothing that could be read.
        """
        return as_mapping(self._document(await self._ask("GET", "/object_info")))

    async def withdraw(self, prompt_ids: Iterable[str]) -> None:
        """Take these jobs, and only these, off the server, as far as it can be reached in time.

        What waits is deleted. What runs is interrupted by its id, and only where the queue says
        that it runs: a server too old for ids would interrupt whatever runs.
        """
        ours = list(prompt_ids)
        if not ours:
            return
        with suppress(RenderError, TimeoutError):
            async with asyncio.timeout(self.pace.withdraw):
                await self._ask("POST", "/queue", {"delete": ours})
                for prompt_id in ours:
                    place = await self.find(prompt_id)
                    if place is not None and place.running:
                        await self._ask("POST", "/interrupt", {"prompt_id": prompt_id})

    def _version(self, stats: Mapping[str, object]) -> str:
        system = as_mapping(stats.get("system"))
        return self.server.clean(as_text(system.get("comfyui_version")))

    async def _accepted(self, answer: Answer, job: RenderJob) -> str:
        accepted = read_accepted(self._document(answer))
        if accepted is None:
            raise not_comfyui(answer, self.server)
        if accepted.node_errors:
            await self.withdraw([accepted.prompt_id])
            raise await self._rejection({"node_errors": accepted.node_errors}, job)
        return accepted.prompt_id

    async def _refusal(self, answer: Answer, job: RenderJob) -> RenderError:
        if answer.status not in _REFUSALS or is_html(answer.body):
            return unexpected(answer, self.server)
        try:
            document = load_json(answer.body)
        except ValueError:
            document = answer.body.decode("utf-8", "replace")
        return await self._rejection(document, job)

    async def _rejection(self, document: object, job: RenderJob) -> RenderError:
        options = None
        for error in read_node_errors(as_mapping(document).get("node_errors")):
            if error.wants_options:
                with suppress(RenderError):  # the refusal says enough without the list
                    info = await self.definition(error.class_type)
                    options = read_options(info, error.class_type, error.input)
                break
        return rejection(document, self.subject(job), options=options)

    async def _history(self, prompt_id: str) -> Mapping[Any, Any]:
        answer = await self._ask("GET", f"/history/{quote(prompt_id, safe='')}")
        document = self._document(answer)
        if not isinstance(document, dict):
            raise not_comfyui(answer, self.server)
        return document
