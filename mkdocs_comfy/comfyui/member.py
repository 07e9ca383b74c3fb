"""One server of a pool, and what the pool knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.forecast import Load, Speeds
from mkdocs_comfy.comfyui.moves import Phase

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from mkdocs_comfy.comfyui.backlog import Entry, Group
    from mkdocs_comfy.comfyui.session import Session
    from mkdocs_comfy.comfyui.watch import Watch
    from mkdocs_comfy.errors import RenderError

BEFORE_IT_RUNS = frozenset({Phase.CREATED, Phase.SUBMITTED, Phase.QUEUED})
"""Phases in which nothing is lost if a job is given to another server."""


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """A job on one server.

    Attributes:
        entry: The job.
        watch: Its way through the server's session.
        task: What drives it.
        dropped: True where the server shall forget it, because another one has rendered it or
            runs it.
        error: Why it came to nothing, or ``None``.
        elsewhere: True where another server may do better.
    """

    entry: Entry
    watch: Watch
    task: asyncio.Task[None] = field(init=False)
    dropped: bool = False
    error: RenderError | None = None
    elsewhere: bool = False


class Member:
    """A server, its jobs, and what it cannot do.

    Attributes:
        session: The server.
        attempts: The jobs that it has.
        refuses: Group → why it cannot render its jobs.
        speeds: Seconds that its jobs take.
        opened: True once it has answered.
        last: The group of the job that it was given last, or ``None``.
    """

    def __init__(self, session: Session) -> None:
        """Nothing is known of it."""
        self.session = session
        self.attempts: list[Attempt] = []
        self.refuses: dict[Group, RenderError] = {}
        self.speeds = Speeds()
        self.opened = False
        self.last: Group | None = None

    @property
    def usable(self) -> bool:
        """True where it may be given a job; one that fails is asked by one job at a time."""
        health = self.session.health
        return health.closed or not (health.given_up or self.attempts)

    @property
    def slots(self) -> int:
        """Our jobs that wait or run there."""
        return sum(attempt.watch.has_slot for attempt in self.attempts)

    @property
    def queue(self) -> int:
        """Anybody's jobs that have to end before one more can start."""
        return max(0, self.slots + self.session.others - self.session.breadth + 1)

    def can(self, group: Group) -> bool:
        """Whether it may come to render jobs of ``group``."""
        return group not in self.refuses and not self.session.health.given_up

    def ahead_of(self, attempt: Attempt) -> int:
        """Jobs that it has before ``attempt``."""
        if attempt.watch.started_at is not None:
            return 0
        return max(0, self.queue - attempt.watch.has_slot)

    def load(self, group: Group, now: float, *, usual: float | None) -> Load:
        """What it has to do.

        Args:
            group: What its next job would be.
            now: Seconds of the loop's clock.
            usual: Seconds a job on other servers, where nothing is known of this one.
        """
        starts = [each for a in self.attempts if (each := a.watch.started_at) is not None]
        full = len(starts) >= self.session.breadth
        running = max((now - each for each in starts), default=None) if full else None
        each = self.speeds.of(group)
        return Load(
            each=usual if each is None else each,
            running=running,
            waiting=max(0, self.queue - (running is not None)),
            away=not self.session.health.closed,
        )


def drop_copies(
    members: Iterable[Member],
    entry: Entry,
    *,
    but: Attempt | None = None,
    phases: frozenset[Phase] | None = None,
) -> None:
    """Withdraw the copies of a job.

    Args:
        members: The servers that may have one.
        entry: The job.
        but: The copy that stays; ``None`` for none.
        phases: Those that are withdrawn; ``None`` for all.
    """
    for member in members:
        for attempt in member.attempts:
            if attempt.entry is not entry or attempt is but:
                continue
            if phases is None or attempt.watch.phase in phases:
                attempt.dropped = True
                attempt.task.cancel()
