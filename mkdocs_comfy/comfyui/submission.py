"""What is known about one submission of a job, and when to look for it next; no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.moves import ReadHistory, ReadJob, ReadQueue, Wait

if TYPE_CHECKING:
    from mkdocs_comfy.comfyui.moves import Unanswered
    from mkdocs_comfy.comfyui.protocol import ImageRef
    from mkdocs_comfy.comfyui.server import Pace

_GROWTH = 1.5
_NEVER = float("-inf")


@dataclass(slots=True, kw_only=True)
class Submission:
    """One submission, watched closely, but seldom while the socket brings news of it.

    Attributes:
        pace: Seconds between two looks.
        jobs_api: True where the server tells of a job in one answer.
        prompt_id: Its id: ours, then the server's.
        timeout: Seconds that it may run.
        posted_at: When it was sent.
        looked_at: When the server said something of it last.
        heard_at: When the socket brought anything last.
        started_at: When its start was noticed, or ``None``.
        ended_at: When its end was noticed, or ``None``.
        confirmed: True once the server is known to have it, or to have had it.
        doubt: What came in the place of an answer, until it is known whether it arrived.
        image: Its image, once the server has named it.
        absent_since: Since when neither queue nor history have it, or ``None``.
        absences: How often neither had it, one look after the other.
        queue_read: True where the queue lacks it and the history has not been asked yet.
        wants_place: True where it waits, and the queue is to tell behind how many others.
        heard_start: True once the socket has told of its start.
        heard_end: True once the socket has told of its end, which the history may follow later.
        look_now: True where the next look is due at once.
        shown: What was last told about it: jobs ahead, or step and steps.
    """

    pace: Pace
    jobs_api: bool
    prompt_id: str
    timeout: float
    posted_at: float = _NEVER
    looked_at: float = _NEVER
    heard_at: float = _NEVER
    started_at: float | None = None
    ended_at: float | None = None
    confirmed: bool = False
    doubt: Unanswered | None = None
    image: ImageRef | None = None
    absent_since: float | None = None
    absences: int = 0
    queue_read: bool = False
    wants_place: bool = False
    heard_start: bool = False
    heard_end: bool = False
    look_now: bool = False
    shown: tuple[int, ...] = ()
    _wait: float = field(init=False)
    _deaf: bool = False
    _has_looked: bool = False

    def __post_init__(self) -> None:
        self._wait = self.pace.poll_first

    @property
    def deadline(self) -> float:
        """When it has run too long; never, before it runs."""
        return float("inf") if self.started_at is None else self.started_at + self.timeout

    @property
    def seconds(self) -> float:
        """How long it ran, as far as its start and its end were noticed."""
        if self.started_at is None or self.ended_at is None:
            return 0.0
        return max(0.0, self.ended_at - self.started_at)

    def look(self, now: float) -> ReadQueue | ReadHistory | ReadJob | Wait:
        """How to look for it, or how long not to."""
        if self.queue_read:
            return ReadHistory(prompt_id=self.prompt_id)
        if self.wants_place:
            return ReadQueue(prompt_id=self.prompt_id)
        if now < (due := self._due):
            return Wait(seconds=due - now)
        if self.jobs_api:
            return ReadJob(prompt_id=self.prompt_id)
        if self.heard_end:
            return ReadHistory(prompt_id=self.prompt_id)
        return ReadQueue(prompt_id=self.prompt_id)

    def last_look(self) -> ReadHistory | ReadJob:
        """How to look whether it is done all the same."""
        if self.jobs_api:
            return ReadJob(prompt_id=self.prompt_id)
        return ReadHistory(prompt_id=self.prompt_id)

    def looked(self, now: float) -> None:
        """A look is done."""
        self.look_now, self._has_looked, self.looked_at = False, True, now
        self._wait = min(self._wait * _GROWTH, self.pace.poll_last)
        if self.heard_end and self._wait > self.pace.poll_first:
            # The history lags behind the socket for long; perhaps it never comes.
            self.heard_start = self.heard_end = False

    def missed(self, now: float) -> None:
        """Neither the queue nor the history has it: look more often than for one that waits."""
        self.absences += 1
        if self.absent_since is None:
            self.absent_since = now
            self._wait = min(self.pace.poll_first * 4, self.pace.poll_last)

    def lost(self, now: float) -> bool:
        """Whether it has been absent for so long that it will not come back."""
        return self.absent_since is not None and now - self.absent_since >= self.pace.lost

    def found(self) -> None:
        """An absence, if there was one, is over or interrupted."""
        self.queue_read, self.absences, self.absent_since = False, 0, None

    def over(self, now: float, *, recorded: bool) -> None:
        """The socket has told of its end; ``recorded`` where the history has it by now."""
        self.heard_end = True
        self._wait, self.looked_at = self.pace.lag, now
        # The frame that says "recorded" follows at once; without it one look is lost.
        self.look_now = recorded

    def deafen(self) -> None:
        """Nothing more is heard of it: look, and often for a while."""
        self._deaf = self.look_now = True
        self._wait = min(self._wait, self.pace.poll_first)

    def give_back(self, seconds: float, now: float) -> None:
        """``seconds`` of the clock were no time for anybody."""
        if self.started_at is not None:
            self.started_at = min(self.started_at + seconds, now)
        if self.absent_since is not None:
            self.absent_since = min(self.absent_since + seconds, now)
        self.look_now = True

    @property
    def _due(self) -> float:
        """When to look next; once exactly when it has run too long, or been absent too long."""
        if self.look_now:
            return _NEVER
        calm = self._has_looked and self._informed
        due = self.looked_at + (self.pace.poll_live if calm else self._wait)
        if self.looked_at < self.deadline:
            due = min(due, self.deadline)
        if self.absent_since is not None:
            due = min(due, self.absent_since + self.pace.lost)
        return due

    @property
    def _informed(self) -> bool:
        """True while the socket can be trusted to say what happens to it."""
        if self._deaf or self.heard_end or self.absent_since is not None:
            return False
        # The server tells everybody of each submission.
        running = self.started_at is not None
        return self.heard_start if running else self.heard_at > self.posted_at
