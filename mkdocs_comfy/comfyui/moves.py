"""What a job is told and what it asks to be done: values between ``job.py`` and its shell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from mkdocs_comfy.comfyui.protocol import Frame, ImageRef, Place
    from mkdocs_comfy.errors import RenderError


class Phase(StrEnum):
    """Where a job stands."""

    CREATED = "created"
    SUBMITTED = "submitted"
    QUEUED = "queued"
    RUNNING = "running"
    RENDERED = "rendered"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "lost"


ON_SERVER = frozenset({Phase.SUBMITTED, Phase.QUEUED, Phase.RUNNING})
"""Phases in which the server may have the job."""

OVER = frozenset({Phase.FINISHED, Phase.FAILED, Phase.INTERRUPTED, Phase.LOST})
"""Phases that are left no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Submit the job under this id. Tell ``Sending`` first, then what came of it."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQueue:
    """Look for the job in the queue."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHistory:
    """Look for the job in the history."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadJob:
    """Ask for the job itself, which newer servers tell of in one answer."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do nothing until something is told, at most for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Fetch the image."""

    image: ImageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Take the job off the server."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Nothing more is to be done.

    Attributes:
        data: The image, or ``None``.
        error: Why there is none, or ``None``; one of the two is there.
    """

    data: bytes | None = None
    error: RenderError | None = None


Action: TypeAlias = Post | ReadQueue | ReadHistory | ReadJob | Wait | Download | Withdraw | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """The submission goes out: from here on the server may have the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The server has the job, under an id that need not be ours."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Nothing is known of a submission: it may have arrived.

    Attributes:
        error: What came in the place of an answer.
        again: True where the job may be sent once more if the server has not got it.
    """

    error: RenderError
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InQueue:
    """The job waits or runs."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NotQueued:
    """The queue does not have the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The history does not have the job, or the server knows of no such job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The job is done; this is its image."""

    image: ImageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The image is here."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What was asked for ended in an error, of the server or of the job."""

    error: RenderError


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The job has been taken off the server, as far as it could be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The socket has brought a frame, of this job or of anything else."""

    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketClosed:
    """The socket that was there is gone: nothing more is heard of jobs submitted so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slept:
    """This machine slept; ``seconds`` of its clock were no time for anybody."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The job shall be given up, unless its image is there already."""

    error: RenderError


Event: TypeAlias = (
    Sending
    | Taken
    | Unanswered
    | InQueue
    | NotQueued
    | Absent
    | Named
    | Arrived
    | Trouble
    | Withdrawn
    | News
    | SocketClosed
    | Slept
    | Stop
)
