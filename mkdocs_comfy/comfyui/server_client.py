"""What a session needs of a server, whichever API it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Self

    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.comfyui.moves import Taken, Unanswered
    from mkdocs_comfy.comfyui.protocol import Frame, ImageRef, Place, Subject
    from mkdocs_comfy.comfyui.server import Pace, ServerConfig


class ServerClient(Protocol):
    """One connection set to one server; an async context manager.

    Every method raises ``RenderError`` only. Errors with ``fatal`` speak of the server, the
    others of the one job.
    """

    @property
    def server(self) -> ServerConfig:
        """The server."""

    @property
    def pace(self) -> Pace:
        """How long to wait for what."""

    @property
    def has_jobs(self) -> bool:
        """True where the server tells of a job in one answer: ``job`` is asked, else the others."""

    @property
    def breadth(self) -> int:
        """How many jobs it may run at a time, at least 1."""

    @property
    def version(self) -> str:
        """ComfyUI's own version, such as ``0.3.75``, known after ``probe``; ``""`` if not told."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    def listener(self, *, tell: Callable[[Frame], None], closed: Callable[[], None]) -> NewsSource:
        """What brings early news of our jobs, not open yet.

        Args:
            tell: Called with each piece of news.
            closed: Called when what was heard so far is heard no more.
        """

    def subject(self, job: RenderJob) -> Subject:
        """What messages about ``job`` speak of."""

    async def probe(self) -> None:
        """Make sure that the server is there, and lets us in."""

    async def learn(self) -> None:
        """Find out what the server can do; never fails."""

    async def submit(
        self, job: RenderJob, graph: Mapping[str, Any], *, prompt_id: str, client_id: str
    ) -> Taken | Unanswered:
        """Queue ``graph``, once, under our own id; see ``Client.submit``."""

    async def find(self, prompt_id: str) -> Place | None:
        """Where in the queue the job is, or ``None`` where it is not."""

    async def image(self, prompt_id: str, job: RenderJob) -> ImageRef | None:
        """The image of the job, or ``None`` while it is not done."""

    async def job(self, prompt_id: str, job: RenderJob) -> ImageRef | Place | None:
        """Where the job is, or its image; ``None`` where the server knows of no such job."""

    async def definition(self, class_type: str) -> object:
        """What the server says of a node class: any JSON, ``{}`` where it does not tell."""

    async def upload(self, data: bytes, name: str) -> str:
        """Store an image among the server's input files; return what a graph calls it."""

    async def about(self) -> str:
        """Name and version of what answers, for people."""

    async def definitions(self) -> Mapping[str, object]:
        """What the server says of all node classes, by class; nothing where it does not tell."""

    async def download(self, image: ImageRef, job: RenderJob, *, max_bytes: int) -> bytes:
        """The bytes of ``image``, whatever they are."""

    async def withdraw(self, prompt_ids: Iterable[str]) -> None:
        """Take these jobs, and only these, off the server, as far as it can be reached in time."""


class NewsSource(Protocol):
    """Brings early news about our jobs; nothing that decides, so it may fail at any time."""

    @property
    def client_id(self) -> str:
        """Under which id a submission is to be made, so that its news comes here."""

    @property
    def open(self) -> bool:
        """True while news of all jobs can be expected."""

    async def ready(self, seconds: float) -> None:
        """Wait until it is known whether there will be news, at most ``seconds``."""

    async def listen(self) -> None:
        """Tell what is heard, until this is cancelled."""
