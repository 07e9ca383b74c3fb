"""What a test can set on a fake server, and what the server has seen.

Plain attributes: set them from any thread, at any time; the server reads them when it needs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mkdocs_comfy.testing.nodes import takes_models, with_models

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from mkdocs_comfy.testing.answers import Answer, NodeFailure, Request
    from mkdocs_comfy.testing.node_words import Definition, Definitions
    from mkdocs_comfy.testing.png import Painter

CrashPoint = Literal["submitted", "running"]

# ComfyUI's default for --max-upload-size.
MAX_UPLOAD = 104_857_600


@dataclass(slots=True, kw_only=True, eq=False)
class Canned:
    """An answer that is ready for a route.

    Attributes:
        answer: What to say.
        times: How often it will be said; ``None`` for always.
    """

    answer: Answer
    times: int | None


def take_canned(canned: dict[str, Canned], *keys: str) -> Answer | None:
    """Take the answer that is ready under the first of ``keys`` that has one, if any."""
    for key in keys:
        ready = canned.get(key)
        if ready is None:
            continue
        if ready.times is not None:
            ready.times -= 1
            if ready.times <= 0:
                del canned[key]
        return ready.answer
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When one job had the server to itself, in seconds of ``time.perf_counter``.

    Attributes:
        prompt_id: The job.
        began: When it left the queue.
        ended: When its last node was done, or it failed; the history follows.
    """

    prompt_id: str
    began: float
    ended: float


@dataclass(kw_only=True, eq=False)
class Knobs:
    """Settings and records of one fake server.

    Attributes:
        painter: Makes the pictures.
        nodes: Class name -> definition, as ``/object_info`` gives them.
        models: Folder -> names of the model files that the server has.
        latency: Seconds that one job takes from its start to the history, where anything is left
            to do; a job that is cached takes none. A picture may take longer to paint.
        step_seconds: Seconds that each step of its samplers adds to that.
        history_lag: Seconds between ``execution_success`` on the socket and the job's move from
            the queue into the history.
        previews: Send preview pictures over the socket, one a step.
        any_model: Take every model name for one that is installed.
        jobs_api: Have the manners of newer servers: ``/api/jobs``, prompt ids that are canonical
            UUIDs, and their names of errors.
        tls: Speak TLS, with this context; looked at when the server starts and comes back.
        headers_required: Headers without which every request is answered 401.
        fail_with: While set, jobs that have this node fail at it.
        without_images: Jobs succeed and leave nothing.
        picture: What ``/view`` delivers in the place of every picture there is; ``None``: the
            picture itself.
        drip: Seconds between two bytes of a picture; 0: at once.
        endless: ``/view`` never comes to an end.
        silent_socket: ``/ws`` is accepted, and nothing is ever said on it.
        refuse_socket: ``/ws`` is answered 404.
        max_upload: Bytes that a request body may have, else 413.
        requests: Every request, in the order of arrival.
        submissions: What was posted to ``/prompt`` and accepted, as it was posted.
        executed: Ids of the jobs that ran to a good end, cached ones included.
        failed: Ids of the jobs in which a node raised.
        interrupted: Ids of the jobs that were interrupted.
        deleted: Ids of the jobs that were taken from the queue.
        spans: When each job ran, however it ended, in the order of execution.
    """

    painter: Painter
    nodes: Definitions
    models: dict[str, list[str]]
    latency: float = 0.0
    step_seconds: float = 0.0
    history_lag: float = 0.0
    previews: bool = False
    any_model: bool = False
    jobs_api: bool = False
    tls: ssl.SSLContext | None = None
    headers_required: Mapping[str, str] = field(default_factory=dict)
    fail_with: NodeFailure | None = None
    without_images: bool = False
    picture: bytes | None = None
    drip: float = 0.0
    endless: bool = False
    silent_socket: bool = False
    refuse_socket: bool = False
    max_upload: int = MAX_UPLOAD
    requests: list[Request] = field(default_factory=list)
    submissions: list[dict[str, Any]] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    canned: dict[str, Canned] = field(default_factory=dict, repr=False)
    crash_point: CrashPoint | None = field(default=None, repr=False)
    restart_after: float | None = field(default=None, repr=False)

    def definition(self, kind: str) -> Definition | None:
        """Return the definition of a node class with the models there are; ``None`` if unknown."""
        known = self.nodes.get(kind)
        return None if known is None else with_models(kind, known, self.models)

    def takes_any(self, kind: str, name: str) -> bool:
        """Whether an input takes a name that is not among its choices."""
        return self.any_model and takes_models(kind, name)

    def is_sink(self, kind: str) -> bool:
        """Whether nodes of this class are outputs."""
        return bool(self.nodes.get(kind, {}).get("output_node"))

    def canned_answer(self, path: str, route: str) -> Answer | None:
        """Take the answer that is ready for this path, this route or every route, if any."""
        return take_canned(self.canned, path, route, "*")
