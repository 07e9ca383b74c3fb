"""When jobs are likely to end, learned from those that have ended; no I/O and no clock.

What is not known is ``None``, and decides nothing: then a job goes to whoever has room.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

_WEIGHT = 0.3  # of the newest job in the mean
_MARGIN = 0.9  # others must be done a tenth earlier to be left a job
_WORTH = 1.25  # a job is rendered twice where the second copy is likely to save a fifth


class Speeds:
    """Seconds a job on one server, by group: what loads the same models takes as long."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._by_group: dict[Hashable, float] = {}
        self._last: float | None = None

    def learn(self, group: Hashable, seconds: float) -> None:
        """A job has run for ``seconds``, 0 or more."""
        known = self._by_group.get(group, seconds)
        self._by_group[group] = self._last = known + _WEIGHT * (seconds - known)

    def of(self, group: Hashable) -> float | None:
        """Seconds that the next job of ``group`` is likely to take."""
        return self._by_group.get(group, self._last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a server has to do.

    Attributes:
        each: Seconds a job, or ``None``.
        running: Seconds for which its current job has run, or ``None`` where none is known to.
        waiting: Jobs behind that one.
        away: True while it does not answer.
    """

    each: float | None
    running: float | None
    waiting: int
    away: bool = False

    @property
    def left_of_running(self) -> float | None:
        """Seconds that its current job is likely to need. One that is late needs as long again."""
        if self.running is None:
            return 0.0
        if self.each is None:
            return self.running
        left = self.each - self.running
        return left if left > 0 else self.running

    def free_in(self, waiting: int | None = None) -> float | None:
        """Seconds until it is done with its current job and ``waiting`` more, or with all."""
        waiting = self.waiting if waiting is None else waiting
        left = self.left_of_running
        if self.away:
            return math.inf
        if left is None or (waiting and self.each is None):
            return None
        return left + waiting * (self.each or 0.0)


def leave_to_others(here: Load, others: Iterable[Load], jobs: int) -> bool:
    """Whether others are likely to end all ``jobs`` before this server would end one of them.

    Args:
        here: This server; as if it answered, where it does not.
        others: Servers that could have the jobs too.
        jobs: At least 1.
    """
    free = replace(here, away=False).free_in()
    if here.each is None or free is None:
        return False
    end = (free + here.each) * _MARGIN
    ended = 0
    for other in others:
        free = None if other.away else other.free_in()
        if other.each is not None and free is not None and free + other.each <= end:
            ended += int((end - free) / max(other.each, 0.001))
    return ended >= jobs


def worth_a_copy(there: Load, *, ahead: int, here: float | None) -> float | None:
    """Seconds that a job is likely to need where it is, if a copy elsewhere would end earlier.

    Args:
        there: The server that has it.
        ahead: Jobs before it there; 0 where it runs.
        here: Seconds that a server with nothing to do would need for it, or ``None``.
    """
    if there.away:
        return math.inf
    if here is None:
        return None
    # One that runs is done when the server is done with it; one that waits needs its own time too.
    left = there.left_of_running if ahead == 0 else there.free_in(ahead)
    return left if left is not None and left > here * _WORTH else None
