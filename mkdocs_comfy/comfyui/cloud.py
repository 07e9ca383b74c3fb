"""Operations on one server of Comfy API v2: Comfy Cloud, a deployment, comfy-api-proxy."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mkdocs_comfy.comfyui.answers import is_html
from mkdocs_comfy.comfyui.cloud_protocol import (
    JOBS,
    is_submission,
    read_cloud_job,
    read_id,
    read_listing,
)
from mkdocs_comfy.comfyui.cloud_refusals import (
    is_reuse,
    lists_nothing,
    not_v2,
    refused,
    speaks_v2,
)
from mkdocs_comfy.comfyui.event_streams import EventStreams
from mkdocs_comfy.comfyui.exchange import Exchange
from mkdocs_comfy.comfyui.moves import Taken, Unanswered
from mkdocs_comfy.comfyui.protocol import ImageRef, as_mapping, as_text, load_json
from mkdocs_comfy.comfyui.server import is_loopback
from mkdocs_comfy.errors import RejectedError, RenderError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mkdocs_comfy.comfyui.answers import Answer
    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.comfyui.protocol import Frame, Place, Subject
    from mkdocs_comfy.comfyui.transport import Transport

_LISTED = 50  # jobs among which one of ours is looked for: the newest, ours is seconds old
_ABREAST = 8  # jobs that a service is given at a time; it has GPUs for them, or queues them
_FAR = 0.5  # seconds before the first look at a job of a server that many people share
_TAKEN = frozenset({200, 201, 202})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A submission of which the server's id is not known."""

    graph: Mapping[str, Any]
    output: str


class CloudClient(Exchange):
    """A ``ServerClient`` for Comfy API v2.

    The server gives jobs their ids. Ours goes along as ``Idempotency-Key``, so that a submission
    sent twice is one job; what became of one without an answer is looked up among the server's
    jobs, by the workflow that they ran. Servers that list no jobs (Comfy Cloud) only tell that a
    key has been used; such a job counts as lost after ``Pace.lost``, and is rendered anew.

    Links that a server gives are followed only to images: all other addresses are those of the
    API's description, so that credentials stay where they were meant to go.

    Attributes:
        server: The server.
        pace: How long to wait for what; the first look is later where the server is far.
        has_jobs: True: a job is told of in one answer.
        breadth: How many jobs it may run at a time: a service elsewhere several, what is on this
            machine has one ComfyUI behind it.
    """

    _images_in_storage = True

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.has_jobs, self.breadth = True, 1
        if not is_loopback(self.server.host):
            self.breadth = _ABREAST
            self.pace = replace(self.pace, poll_first=max(self.pace.poll_first, _FAR))
        self._lists = True
        self._unnamed: dict[str, _Sent] = {}
        self._names: dict[str, str] = {}
        self._passed_over: set[str] = set()
        self._streams: EventStreams | None = None

    def listener(
        self,
        *,
        tell: Callable[[Frame], None],
        closed: Callable[[], None],  # noqa: ARG002  # the end of a stream is told as that of its job
    ) -> EventStreams:
        """The events of our jobs; see ``EventStreams``."""
        self._streams = EventStreams(self._http, f"{self.server.routes}{JOBS}", tell=tell)
        return self._streams

    async def probe(self) -> None:
        """Make sure that the server speaks Comfy API v2 and lets us in.

        Raises:
            UnreachableError: Nothing answers, or the API's own server does not.
            NotComfyUIError: Something else does.
            AuthError: Credentials are missing or wrong.
            QuotaError: The deployment is stopped.
        """
        answer = await self._greet(f"{JOBS}?limit=1")
        self._lists = answer.status == HTTPStatus.OK
        if not speaks_v2(answer):
            raise not_v2(self.server) if self._lists else refused(answer, self.server)
        busy = answer.status == HTTPStatus.TOO_MANY_REQUESTS  # which the first job will wait for
        if not (self._lists or busy or lists_nothing(answer)):
            raise refused(answer, self.server)
        self._lists = not lists_nothing(answer)
        self._met = True

    async def answers(self) -> bool:
        """Whether the server speaks Comfy API v2, be it to refuse us."""
        with suppress(RenderError):
            return speaks_v2(await self._greet(f"{JOBS}?limit=1"))
        return False

    async def learn(self) -> None:
        """Nothing is left to find out."""

    async def submit(
        self,
        job: RenderJob,
        graph: Mapping[str, Any],
        *,
        prompt_id: str,
        client_id: str,  # noqa: ARG002  # events are asked for by the job's id
    ) -> Taken | Unanswered:
        """Queue ``graph``, once.

        Args:
            job: The job, for messages.
            graph: Its graph, as it is to run.
            prompt_id: Our own id; a second submission under it is refused by the server.
            client_id: Not needed here.

        Returns:
            The server's id of the job (ours, where the server only says that it has it), or that
            nobody knows whether it has arrived.

        Raises:
            RejectedError: The server refuses the workflow.
            QuotaError: It takes no jobs, or none now.
            RenderError: It cannot be used; the job certainly did not arrive.
        """
        sent = _Sent(graph=graph, output=job.output)
        self._unnamed[prompt_id] = sent
        body = {"workflow": graph, **self._extra_data()}
        try:
            answer = await self._ask("POST", JOBS, body, headers={"Idempotency-Key": prompt_id})
        except UnreachableError as error:
            if error.arrived:
                return Unanswered(error=error, again=True)
            del self._unnamed[prompt_id]
            raise
        if answer.status in _TAKEN:
            job_id = self._id_in(answer)
            self._name(prompt_id, job_id, known_as=job_id)
            return Taken(prompt_id=job_id)
        if is_reuse(answer):
            return Taken(prompt_id=prompt_id)
        why = refused(answer, self.server, self.subject(job))
        if isinstance(why, UnreachableError):
            if why.retry_after is None:
                return Unanswered(error=why, again=True)
        else:
            del self._unnamed[prompt_id]
        raise why

    async def find(self, prompt_id: str) -> Place | None:  # noqa: ARG002  # as for other servers
        """Nothing: there is no queue to read, a job tells its own place."""
        return None

    async def image(self, prompt_id: str, job: RenderJob) -> ImageRef | None:
        """The image of the job, or ``None`` while it is not done.

        Raises:
            RenderError: The job ended without one, or the server cannot be used.
        """
        found = await self.job(prompt_id, job)
        return found if isinstance(found, ImageRef) else None

    async def job(self, prompt_id: str, job: RenderJob) -> ImageRef | Place | None:
        """Where the job is, or its image; ``None`` where the server knows of no such job.

        Raises:
            RenderError: The job ended without an image, or the server cannot be used.
        """
        job_id = await self._id_of(prompt_id)
        if job_id is None:
            return None
        answer = await self._ask("GET", _route(job_id))
        if answer.status == HTTPStatus.NOT_FOUND and not is_html(answer.body):
            return None
        document = self._read(answer, self.subject(job))
        if not as_text(as_mapping(document).get("status")):
            raise not_v2(self.server)
        return read_cloud_job(document, output=job.output, subject=self.subject(job))

    async def definition(self, class_type: str) -> object:  # noqa: ARG002  # as for other servers
        """Nothing: the API does not tell of nodes, a submission decides."""
        return {}

    async def upload(self, data: bytes, name: str) -> str:  # noqa: ARG002  # as for other servers
        """Nothing: source images are for servers with ComfyUI's own API.

        Raises:
            RejectedError: Always.
        """
        raise RejectedError(
            f"{self.server.display} speaks Comfy API v2, by which we can send no source image",
            way_out="render pages with hero_image_from on a ComfyUI of your own",
        )

    async def about(self) -> str:
        """What answers; the API does not tell the version behind it."""
        return "Comfy API v2"

    async def definitions(self) -> Mapping[str, object]:
        """Nothing: the API does not tell of nodes."""
        return {}

    async def withdraw(self, prompt_ids: Iterable[str]) -> None:
        """Cancel these jobs, and only these, as far as the server can be reached in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pace.withdraw):
                await asyncio.gather(*map(self._cancel, prompt_ids))

    async def _cancel(self, prompt_id: str) -> None:
        with suppress(RenderError):
            if job_id := await self._id_of(prompt_id):
                await self._ask("POST", f"{_route(job_id)}/cancel")

    async def _id_of(self, prompt_id: str) -> str | None:
        """The server's id of a job, or ``None`` where it does not seem to have it."""
        sent = self._unnamed.get(prompt_id)
        if sent is None:
            return self._names.get(prompt_id, prompt_id)
        for job_id in await self._listed():
            if job_id in self._passed_over:
                continue
            answer = await self._ask("GET", f"{_route(job_id)}/workflow")
            if answer.status != HTTPStatus.OK:
                continue
            if is_submission(self._read(answer), sent.graph, sent.output):
                self._name(prompt_id, job_id, known_as=prompt_id)
                return job_id
            self._passed_over.add(job_id)
        return None

    async def _listed(self) -> tuple[str, ...]:
        """Ids of the newest jobs, where the server tells."""
        if not self._lists:
            return ()
        answer = await self._ask("GET", f"{JOBS}?limit={_LISTED}")
        if lists_nothing(answer):
            self._lists = False
            return ()
        return read_listing(self._read(answer))

    def _name(self, prompt_id: str, job_id: str, *, known_as: str) -> None:
        """Note that our submission is the server's ``job_id``, and listen to it."""
        self._unnamed.pop(prompt_id, None)
        self._names[prompt_id] = job_id
        self._passed_over.add(job_id)
        if self._streams is not None:
            self._streams.follow(job_id, known_as=known_as)

    def _id_in(self, answer: Answer) -> str:
        try:
            job_id = read_id(load_json(answer.body))
        except ValueError:
            job_id = None
        if job_id is None:
            raise not_v2(self.server)
        return job_id

    def _read(self, answer: Answer, subject: Subject | None = None) -> object:
        """The JSON of an answer that must be one with status 200."""
        if answer.status != HTTPStatus.OK:
            raise refused(answer, self.server, subject)
        try:
            return load_json(answer.body)
        except ValueError:
            raise not_v2(self.server) from None


def _route(job_id: str) -> str:
    return f"{JOBS}/{quote(job_id, safe='')}"
