"""Replies and events of Comfy API v2, read into values; no I/O.

The documents are those of its published description (version 2.0.0: ``Job``, ``Output``,
``ErrorEnvelope``, the server-sent events), which grows within v2: what is not known here is
left aside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

from mkdocs_comfy.comfyui.outcome import raise_failed, raise_interrupted
from mkdocs_comfy.comfyui.protocol import (
    Ended,
    Heard,
    ImageRef,
    Place,
    Started,
    Stepped,
    as_list,
    as_mapping,
    as_text,
    load_json,
)
from mkdocs_comfy.errors import LostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.comfyui.protocol import Frame, Subject

JOBS = "/v2/jobs"
"""The route of jobs, below ``ServerConfig.routes``."""

_OVER = frozenset({"succeeded", "canceled", "failed", "expired"})
_LONGEST_ID = 200  # of a job: a UUID in all servers that are known


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The error document of Comfy API v2: ``{"error": {code, message, details}}``.

    Attributes:
        code: A word for programs, for example ``"queue_full"``.
        message: The server's words.
        details: More of them, any JSON object.
    """

    code: str
    message: str
    details: Mapping[Any, Any]


def read_envelope(body: bytes) -> Envelope | None:
    """The error document in ``body``, or ``None`` where it is another one."""
    try:
        error = as_mapping(as_mapping(load_json(body)).get("error"))
    except ValueError:
        return None
    code = as_text(error.get("code"))
    if not code:
        return None
    return Envelope(
        code=code, message=as_text(error.get("message")), details=as_mapping(error.get("details"))
    )


def read_id(reply: object) -> str | None:
    """The id of the job that ``reply`` is about, or ``None`` where it has none."""
    job_id = as_text(as_mapping(reply).get("id"))
    return job_id if 0 < len(job_id) <= _LONGEST_ID else None


def is_listing(reply: object) -> bool:
    """True where ``reply`` has the shape of ``GET /api/v2/jobs``."""
    return isinstance(as_mapping(reply).get("jobs"), list)


def read_listing(reply: object) -> tuple[str, ...]:
    """Ids of the jobs in a reply to ``GET /api/v2/jobs``, in its order: the newest first."""
    jobs = as_list(as_mapping(reply).get("jobs"))
    return tuple(job_id for job in jobs if (job_id := read_id(job)))


def is_submission(reply: object, graph: Mapping[str, Any], output: str) -> bool:
    """Whether ``GET /api/v2/jobs/{id}/workflow`` tells of the job that ``graph`` was sent for.

    A prefix of our own tells it from every other job. A server may write the numbers of a graph
    anew, so the rest is compared only where the output takes no prefix.
    """
    ran = as_mapping(as_mapping(reply).get("workflow"))
    prefix = _prefix(graph, output)
    return _prefix(ran, output) == prefix if prefix else bool(ran) and ran == graph


def read_cloud_job(reply: object, *, output: str, subject: Subject) -> ImageRef | Place | None:
    """What a ``Job`` document says: where the job is, or its image.

    Args:
        reply: The JSON reply of ``GET /api/v2/jobs/{id}``.
        output: Id of the node whose image is wanted.
        subject: What messages speak of.

    Returns:
        ``None`` for ``expired``: comfy-api-proxy 0.1.6 says so of jobs that end at this very
        moment, since it reads the history before the queue.

    Raises:
        NodeFailedError: A node raised; ``OutOfMemoryError`` where it ran out of memory.
        InterruptedRenderError: Somebody canceled the job.
        LostError: The job succeeded without an image.
    """
    job = as_mapping(reply)
    found: ImageRef | Place | None
    match job.get("status"):
        case "succeeded":
            found = _image(as_list(job.get("outputs")), output, subject)
        case "failed":
            error = as_mapping(job.get("error"))
            said = as_text(error.get("message")) or as_text(error.get("code"))
            node = {"node_id": error.get("node_id"), "node_type": error.get("class_type")}
            raise_failed({"exception_message": said, **node}, subject)
        case "canceled":
            raise_interrupted({}, subject)
        case "expired":
            found = None
        case "queued":
            position = job.get("queue_position")
            known = isinstance(position, int) and not isinstance(position, bool) and position >= 0
            found = Place(running=False, ahead=position if known else None)
        case _:
            # running, canceling, or a state of a later version: the time limit applies.
            found = Place(running=True, ahead=0)
    return found


def read_event(job_id: str, event: str, data: bytes) -> Frame:
    """What one server-sent event of ``job_id`` says; previews and anything unknown are ``Heard``.

    Args:
        job_id: The job.
        event: Name of the event: ``status``, ``progress``, ``preview``, ``output``.
        data: Its data.
    """
    news: Frame = Heard()
    if event not in ("status", "progress"):
        return news
    try:
        document = as_mapping(load_json(data))
    except ValueError:
        return news
    status, step, steps = (document.get(key) for key in ("status", "step", "steps"))
    if event == "status" and status == "running":
        news = Started(prompt_id=job_id)
    elif event == "status" and status in _OVER:
        # The stream may be ahead of what a request is told, or wrong.
        news = Ended(prompt_id=job_id, recorded=False)
    elif isinstance(step, int) and isinstance(steps, int) and steps > 1:
        news = Stepped(prompt_id=job_id, step=min(max(step, 0), steps), steps=steps)
    return news


def _prefix(graph: Mapping[Any, Any], output: str) -> str:
    inputs = as_mapping(as_mapping(graph.get(output)).get("inputs"))
    return as_text(inputs.get("filename_prefix"))


def _image(outputs: list[Any], output: str, subject: Subject) -> ImageRef:
    """The first image of the wanted node; of any node where that one has none."""
    images = [each for each in map(as_mapping, outputs) if each.get("type") == "image"]
    for image in sorted(images, key=lambda each: each.get("node_id") != output):
        if urls := tuple(_urls(image, subject)):
            name = as_text(image.get("name"))
            return ImageRef(filename=name, subfolder="", type="output", urls=urls)
    node = subject.node(output)
    raise LostError(
        f"template {subject.template!r}: the job succeeded on {subject.server.display}, but there"
        f" is no image of {node}",
        way_out="the output must be a node that saves images, such as Save Image",
        node=node,
        remedy="render",
    )


def _urls(image: Mapping[Any, Any], subject: Subject) -> list[str]:
    """Where the image is: at the address that is given, signed or not, else at the server.

    The server's own address leads to a fresh signature where the first one has expired.
    """
    routes, found = subject.server.routes, []
    if given := as_text(image.get("url")):
        try:
            # An address without a host stands for the server's origin, whatever its path.
            found.append(urljoin(routes, given))
        except ValueError:
            found = []
    if asset := as_text(image.get("id")):
        found.append(f"{routes}/v2/assets/{quote(asset, safe='')}/content")
    return list(dict.fromkeys(found))
