"""Which API a server speaks, and the client for it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.client import Client
from mkdocs_comfy.comfyui.cloud import CloudClient
from mkdocs_comfy.errors import NotComfyUIError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Self

    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.comfyui.moves import Taken, Unanswered
    from mkdocs_comfy.comfyui.protocol import Frame, ImageRef, Place, Subject
    from mkdocs_comfy.comfyui.server import Pace, ServerConfig
    from mkdocs_comfy.comfyui.server_client import NewsSource, ServerClient
    from mkdocs_comfy.comfyui.transport import Transport

_CLOUD = "cloud.comfy.org"
_DEPLOYMENTS = ".run.comfy.app"


def client_for(transport: Transport) -> ServerClient:
    """The client for a server, as its ``ServerConfig.api`` says; nothing is sent yet.

    With ``auto``, hosts of Comfy Cloud and of deployments are known to speak Comfy API v2; all
    others are asked at the first ``probe``.
    """
    host = transport.server.host
    match transport.server.api:
        case "comfyui":
            return Client(transport)
        case "v2":
            return CloudClient(transport)
        case _ if host == _CLOUD or host.endswith(_DEPLOYMENTS):
            return CloudClient(transport)
        case _:
            return EitherClient(transport)


class EitherClient:
    """A ``ServerClient`` for a server that may speak either API.

    It is taken for a ComfyUI until it turns out that it is none, and answers as Comfy API v2 does.
    """

    def __init__(self, transport: Transport) -> None:
        """Prepare; nothing is opened yet."""
        self._transport = transport
        self._client: ServerClient = Client(transport)
        self._opened = AsyncExitStack()

    @property
    def server(self) -> ServerConfig:
        """The server."""
        return self._client.server

    @property
    def pace(self) -> Pace:
        """How long to wait for what."""
        return self._client.pace

    @property
    def has_jobs(self) -> bool:
        """True where the server is known to tell of a job in one answer."""
        return self._client.has_jobs

    @property
    def breadth(self) -> int:
        """How many jobs the server may run at a time."""
        return self._client.breadth

    @property
    def version(self) -> str:
        """ComfyUI's own version; ``""`` if not told."""
        return self._client.version

    async def __aenter__(self) -> Self:
        await self._opened.enter_async_context(self._client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    def listener(self, *, tell: Callable[[Frame], None], closed: Callable[[], None]) -> NewsSource:
        """What brings early news of our jobs, whichever API it turns out to be."""
        return self._client.listener(tell=tell, closed=closed)

    async def probe(self) -> None:
        """Make sure that the server speaks one of the APIs and lets us in; see ``Client.probe``."""
        try:
            await self._client.probe()
        except NotComfyUIError:
            if not isinstance(self._client, Client):
                raise
            async with AsyncExitStack() as stack:
                cloud = await stack.enter_async_context(CloudClient(self._transport))
                if not await cloud.answers():
                    raise
                await self._opened.aclose()
                self._client, self._opened = cloud, stack.pop_all()
            await cloud.probe()

    async def learn(self) -> None:
        """Find out what the server can do."""
        await self._client.learn()

    def subject(self, job: RenderJob) -> Subject:
        """What messages about ``job`` speak of."""
        return self._client.subject(job)

    async def submit(
        self, job: RenderJob, graph: Mapping[str, Any], *, prompt_id: str, client_id: str
    ) -> Taken | Unanswered:
        """Queue ``graph``, once; see ``Client.submit``."""
        return await self._client.submit(job, graph, prompt_id=prompt_id, client_id=client_id)

    async def find(self, prompt_id: str) -> Place | None:
        """Where in the queue the job is, or ``None`` where it is not."""
        return await self._client.find(prompt_id)

    async def image(self, prompt_id: str, job: RenderJob) -> ImageRef | None:
        """The image of the job, or ``None`` while it is not done."""
        return await self._client.image(prompt_id, job)

    async def job(self, prompt_id: str, job: RenderJob) -> ImageRef | Place | None:
        """Where the job is, or its image; ``None`` where the server knows of no such job."""
        return await self._client.job(prompt_id, job)

    async def definition(self, class_type: str) -> object:
        """What the server says of a node class: any JSON."""
        return await self._client.definition(class_type)

    async def upload(self, data: bytes, name: str) -> str:
        """Store an image among the server's input files; see ``Client.upload``."""
        return await self._client.upload(data, name)

    async def about(self) -> str:
        """Name and version of what answers, for people."""
        return await self._client.about()

    async def definitions(self) -> Mapping[str, object]:
        """What the server says of all node classes, by class."""
        return await self._client.definitions()

    async def download(self, image: ImageRef, job: RenderJob, *, max_bytes: int) -> bytes:
        """The bytes of ``image``, whatever they are."""
        return await self._client.download(image, job, max_bytes=max_bytes)

    async def withdraw(self, prompt_ids: Iterable[str]) -> None:
        """Take these jobs, and only these, off the server, as far as it can be reached in time."""
        await self._client.withdraw(prompt_ids)
