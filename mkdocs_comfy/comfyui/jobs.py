"""What a renderer is asked for and what it tells: values only, light to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mkdocs_comfy.errors import RenderError
    from mkdocs_comfy.workflows.key import CacheKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one build asks of a server and of its own patience.

    Attributes:
        timeout: Seconds that one job may take once it runs, more than 0. Waiting in the queue,
            behind other people's jobs, does not count. A full queue, or a deployment that
            starts, is waited for as long.
        retries: How often a job is submitted again that was lost, or whose file is gone; at
            least 0.
        patience: Seconds to wait for a server that has answered in this build and went away, or
            that asks to wait; at least 0.
        max_time: Seconds for all jobs, waiting included, or ``None`` for no limit.
        max_bytes: Bytes that one image may have, more than 0.
        ahead: Jobs kept waiting in the server's queue behind the running one, at least 0.
    """

    timeout: float = 600.0
    retries: int = 2
    patience: float = 60.0
    max_time: float | None = None
    max_bytes: int = 64 * 2**20
    ahead: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """One image to render.

    Attributes:
        key: Key of the image.
        graph: The bound workflow in API format: node id → ``{"class_type", "inputs", …}``.
        output: Id of the node whose image is wanted.
        template: Name of the template that the graph was made from, for messages.
        page: A page that asks for the image, for messages.
        size: Pixels asked for, or ``None`` where the graph does not say.
        uploads: Literal in the graph → the image that it stands for: it is uploaded, and the
            server's name of it is put in the literal's place.
    """

    key: CacheKey
    graph: Mapping[str, Any]
    output: str
    template: str
    page: str
    size: tuple[int, int] | None = None
    uploads: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The server has taken the job.

    Attributes:
        job: The job.
        server: The server's URL without credentials, as in every event.
    """

    job: RenderJob
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The job waits.

    Attributes:
        job: The job.
        ahead: Jobs before it in the server's queue, other people's and our own.
        server: Where.
    """

    job: RenderJob
    ahead: int
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The job has started; a short one may finish without this.

    Attributes:
        job: The job.
        server: Where.
    """

    job: RenderJob
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A node of the running job has come forward.

    Attributes:
        job: The job.
        step: Steps done, 0 <= step <= steps.
        steps: Steps of this node, at least 1.
        server: Where.
    """

    job: RenderJob
    step: int
    steps: int
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the image of the running job looks like so far.

    Only ComfyUI's own API brings it, from a server that was started with ``--preview-method``.

    Attributes:
        job: The job.
        image: A JPEG or PNG, by its first bytes; nobody has looked further.
        server: Where.
    """

    job: RenderJob
    image: bytes = field(repr=False)
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The server went away, or takes nothing for the moment; it is asked again.

    Attributes:
        job: The job.
        reason: What it said, or why nothing is heard of it.
        seconds: How long it is waited for, at most.
        server: Which one.
    """

    job: RenderJob
    reason: RenderError
    seconds: float
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The job is submitted once more.

    Attributes:
        job: The job.
        reason: Why.
        server: Where it was before; it may go to another one.
    """

    job: RenderJob
    reason: RenderError
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDown:
    """A server takes no jobs for now; others of the pool do, and it is asked again later.

    Attributes:
        server: Its URL without credentials.
        reason: Why.
        final: True where it is not asked again in this run.
    """

    server: str
    reason: RenderError
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUp:
    """A server that was down takes jobs again."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLacks:
    """A server cannot render some of the jobs; others of the pool may.

    Attributes:
        server: Its URL without credentials.
        reason: What it lacks: a model, a node class, a value.
    """

    server: str
    reason: RenderError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The image is here: the last event of its job.

    Attributes:
        job: The job.
        data: The file as the server sent it; nobody has looked inside yet.
        seconds: How long the job ran, without its time in the queue and its download.
        server: Where it was rendered.
        version: Version of that ComfyUI; ``""`` where it does not tell.
    """

    job: RenderJob
    data: bytes
    seconds: float
    server: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """There is no image: the last event of its job.

    Attributes:
        job: The job.
        error: Why. One fatal error is shared by all jobs that it ended.
    """

    job: RenderJob
    error: RenderError


JobEvent: TypeAlias = Submitted | Queued | Running | Progress | Preview | Waiting | Retried
"""What happens to a job before its end."""

RenderEvent: TypeAlias = JobEvent | ServerDown | ServerUp | ServerLacks | Rendered | Failed
