"""Replies and frames of a ComfyUI, read into values; no I/O.

What a server sends is never trusted to have the shape it should: other front ends differ, proxies
answer in its place. Every function here returns a value or raises a ``RenderError``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from mkdocs_comfy.comfyui.previews import Pictured, read_preview
from mkdocs_comfy.errors import NodeRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs_comfy.comfyui.server import ServerConfig

_JOB_STATES = frozenset({"pending", "in_progress", "completed", "failed", "cancelled"})
_ID_LIMIT = 200  # ids are 36 characters; anything much longer is no id


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a message about one job speaks of.

    Attributes:
        server: The server, for its name and for what must not be shown.
        template: Name of the template.
        graph: The graph that was submitted, for the titles of its nodes.
    """

    server: ServerConfig
    template: str
    graph: Mapping[str, Any]

    def node(self, node_id: object, class_type: object = None) -> NodeRef:
        """The node ``node_id`` in the author's words; ``class_type`` where the graph lacks it."""
        node = as_mapping(self.graph.get(node_id) if isinstance(node_id, str) else None)
        known = as_text(node.get("class_type")) or as_text(class_type) or "?"
        title = as_text(as_mapping(node.get("_meta")).get("title")) or known
        return NodeRef(id=self.says(node_id), class_type=self.says(known), title=self.says(title))

    def says(self, value: object, limit: int = 300) -> str:
        """Any JSON value as text that may enter an error."""
        return self.server.clean(wording(value), limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The reply to ``POST /prompt`` with status 200.

    Attributes:
        prompt_id: The server's id of the job.
        node_errors: Faults of outputs that were dropped; anything but an empty value is a failure
            (``execution.py`` ``validate_prompt``: a valid output lets the others go unsaid).
    """

    prompt_id: str
    node_errors: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the queue a job is.

    Attributes:
        running: True once it runs.
        ahead: Jobs before it, 0 when it runs; ``None`` where the server did not say.
    """

    running: bool
    ahead: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """A file that a server holds; its names are for ``/view`` and never for a local path.

    Attributes:
        filename: Its name.
        subfolder: Its folder below that of its type.
        type: ``"output"``, or ``"temp"`` for a preview.
        urls: Where it is, where the server says so itself, in the order to try them; they may be
            signed, and then let in whoever knows them.
    """

    filename: str
    subfolder: str
    type: str
    urls: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The server began with a job."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """A node of a running job came forward: ``step`` of ``steps``, 0 <= step <= steps."""

    prompt_id: str
    step: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job is over.

    Attributes:
        prompt_id: The job.
        recorded: True where the history is written already. ``execution_success`` comes before
            that, ``executing`` with node ``null`` after (``main.py`` ``prompt_worker``).
    """

    prompt_id: str
    recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A frame about no job: the socket is alive.

    Attributes:
        remaining: Jobs that the server has, running and waiting, anybody's; ``None`` where the
            frame does not say.
    """

    remaining: int | None = None


Frame: TypeAlias = Started | Stepped | Ended | Pictured | Heard


def load_json(data: bytes) -> object:
    """The JSON document in ``data``.

    Raises:
        ValueError: It is none, or nested deeper than can be read.
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_accepted(reply: object) -> Accepted | None:
    """The reply to a submission, or ``None`` where it has no job id.

    A POST that a redirect turned into a GET is answered 200 with ``exec_info`` only.
    """
    document = as_mapping(reply)
    prompt_id = as_text(document.get("prompt_id"))
    if not prompt_id or len(prompt_id) > _ID_LIMIT:
        return None
    return Accepted(prompt_id=prompt_id, node_errors=document.get("node_errors"))


def is_queue(reply: object) -> bool:
    """True where ``reply`` has the shape of ``GET /queue``."""
    document = as_mapping(reply)
    return all(isinstance(document.get(key), list) for key in ("queue_running", "queue_pending"))


def is_jobs(reply: object) -> bool:
    """True where ``reply`` has the shape of ``GET /api/jobs``."""
    return isinstance(as_mapping(reply).get("jobs"), list)


def is_job(reply: object) -> bool:
    """True where ``reply`` has the shape of ``GET /api/jobs/{id}``."""
    return as_mapping(reply).get("status") in _JOB_STATES


def find_in_queue(reply: object, prompt_id: str) -> Place | None:
    """Where ``GET /queue`` has the job, or ``None`` where it has not."""
    document = as_mapping(reply)
    running = list(_queued(document.get("queue_running")))
    pending = list(_queued(document.get("queue_pending")))
    if any(each == prompt_id for _, each in running):
        return Place(running=True, ahead=0)
    for number, each in pending:
        if each == prompt_id:
            # The list is a heap: only the numbers tell the order.
            before = sum(1 for other, _ in pending if other < number)
            return Place(running=False, ahead=len(running) + before)
    return None


def read_frame(message: str | bytes) -> Frame:
    """What a frame of ``/ws`` says; anything unknown is ``Heard``."""
    if isinstance(message, bytes):
        return read_preview(message) or Heard()
    try:
        document = as_mapping(load_json(message.encode()))
    except ValueError:
        return Heard()
    data = as_mapping(document.get("data"))
    prompt_id = as_text(data.get("prompt_id"))
    news = _news(document.get("type"), prompt_id, data) if prompt_id else None
    return news or Heard(remaining=_remaining(data))


def as_mapping(value: object) -> Mapping[Any, Any]:
    """``value`` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """``value`` where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """``value`` where it is a JSON string, else an empty one."""
    return value if isinstance(value, str) else ""


def wording(value: object) -> str:
    """A JSON value in words: text and numbers as they are, of the others the kind."""
    match value:
        case str():
            return value
        case None | bool() | int() | float():
            return json.dumps(value)
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"


def _queued(entries: object) -> Iterator[tuple[float, str]]:
    """(number, prompt id) of each queue entry, whose form is ``[number, prompt_id, …]``."""
    for index, entry in enumerate(as_list(entries)):
        match entry:
            case [number, str(prompt_id), *_]:
                known = _number(number)
                yield index if known is None else known, prompt_id
            case _:
                yield index, ""


def _news(kind: object, prompt_id: str, data: Mapping[Any, Any]) -> Frame | None:
    """What a frame says about the job ``prompt_id``, as far as we need it."""
    news: Frame | None = None
    match kind:
        case "execution_start":
            news = Started(prompt_id=prompt_id)
        case "executing" if "node" in data and data["node"] is None:
            news = Ended(prompt_id=prompt_id, recorded=True)
        case "execution_success" | "execution_error" | "execution_interrupted":
            news = Ended(prompt_id=prompt_id, recorded=False)
        case "progress":
            news = _stepped(prompt_id, data)
        case "progress_state":
            states = [as_mapping(node) for node in as_mapping(data.get("nodes")).values()]
            running = (
                _stepped(prompt_id, each) for each in states if each.get("state") == "running"
            )
            news = next((step for step in running if step and step.steps > 1), None)
    return news


def _remaining(data: Mapping[Any, Any]) -> int | None:
    """The queue's length, from a ``status`` frame (``server.py`` ``get_queue_info``)."""
    info = as_mapping(as_mapping(data.get("status")).get("exec_info"))
    remaining = _number(info.get("queue_remaining"))
    return None if remaining is None else max(0, int(remaining))


def _stepped(prompt_id: str, data: Mapping[Any, Any]) -> Stepped | None:
    step, steps = _number(data.get("value")), _number(data.get("max"))
    if step is None or steps is None or steps < 1:
        return None
    return Stepped(prompt_id=prompt_id, step=int(min(max(step, 0), steps)), steps=int(steps))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
