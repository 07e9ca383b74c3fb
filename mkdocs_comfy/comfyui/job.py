"""One job as a state machine: events in, the next action out. No I/O and no clock of its own.

::

    created → submitted → queued → running → rendered → finished
       ↑          │          │        │          │
       └──────────┴──────────┴────────┴──────────┘ submitted again, at most ``retries`` times
    from anywhere: failed | interrupted | lost

HTTP decides, the socket only says when to look. The queue is read before the history, since a job
leaves the one at the moment when it enters the other; it is lost when both have lacked it in that
order for ``Pace.lost`` seconds without interruption (a load balancer may ask a server that does
not know it, a server may take its time). A submission without an answer is looked up before it is
sent again, under the same id. An image that the server has named is fetched, and rendered anew
only where its file is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui import moves
from mkdocs_comfy.comfyui.jobs import Progress, Queued, Retried, Running, Submitted, Waiting
from mkdocs_comfy.comfyui.moves import ON_SERVER, End, Phase
from mkdocs_comfy.comfyui.outcome import too_long, vanished
from mkdocs_comfy.comfyui.patience import Patience, may_pass
from mkdocs_comfy.comfyui.protocol import Ended, Heard, Started, Stepped
from mkdocs_comfy.comfyui.submission import Submission
from mkdocs_comfy.errors import InterruptedRenderError, LostError, RenderTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.comfyui.jobs import JobEvent, Limits, RenderJob
    from mkdocs_comfy.comfyui.moves import Action, Event
    from mkdocs_comfy.comfyui.protocol import Frame, Place, Subject
    from mkdocs_comfy.comfyui.server import Pace
    from mkdocs_comfy.errors import RenderError

_LOOKS = 2  # after a submission without an answer: a load balancer may ask the wrong server first


class Job:
    """A job from its creation to its end.

    The shell asks ``next`` what to do, does it, and tells with ``take`` what came of it; what the
    socket says is told at any time. Times are seconds of any one clock that does not go back.

    Attributes:
        job: What was asked for.
        phase: Where it stands.
        submissions: How many submissions may have arrived; at most ``1 + limits.retries``.
    """

    def __init__(
        self,
        job: RenderJob,
        *,
        subject: Subject,
        limits: Limits,
        pace: Pace,
        new_id: Callable[[], str],
        jobs_api: bool = False,
    ) -> None:
        """Create a job that is to be submitted.

        Args:
            job: What is asked for.
            subject: What messages speak of.
            limits: How often and how long to try.
            pace: Seconds between two looks, and the like.
            new_id: Makes ids that no other job has: canonical UUIDs, newer servers take no other.
            jobs_api: True where the server tells of a job in one answer (``ReadJob``).
        """
        self.job = job
        self.phase = Phase.CREATED
        self.submissions = 0
        self._subject, self._limits, self._pace = subject, limits, pace
        self._new_id, self._jobs_api = new_id, jobs_api
        self._at = self._submission(new_id())
        self._patience = Patience(seconds=limits.patience, passing=limits.timeout, pace=pace)
        self._news: list[JobEvent] = []
        self._end: End | None = None
        self._stop: RenderError | None = None
        self._withdrawn = self._has_slept = False
        self._fetches = 0

    @property
    def prompt_id(self) -> str:
        """Its id of now: ours, then the server's."""
        return self._at.prompt_id

    @property
    def seconds(self) -> float:
        """How long it ran on the server, as far as its start was noticed."""
        return self._at.seconds

    def next(self, now: float) -> Action:
        """What is to be done; asking changes nothing."""
        if self._end is not None:
            return self._end
        if self._stop is not None and self.phase in ON_SERVER:
            # It may have been done before it could be withdrawn.
            withdraw = moves.Withdraw(prompt_id=self.prompt_id)
            return self._at.last_look() if self._withdrawn else withdraw
        if now < self._patience.until:
            return moves.Wait(seconds=self._patience.until - now)
        if self.phase is Phase.CREATED:
            return moves.Post(prompt_id=self.prompt_id)
        if self._at.image is not None:
            return moves.Download(image=self._at.image)
        return self._at.look(now)

    def take(self, event: Event, now: float) -> tuple[JobEvent, ...]:
        """Take what has happened; what there is to tell about it, in order."""
        if self._end is not None:
            return ()
        self._news = []
        match event:
            case moves.News(frame=frame):
                self._hear(frame, now)
            case moves.SocketClosed():
                self._at.deafen()
            case moves.Slept(seconds=seconds):
                self._has_slept = True
                self._at.give_back(seconds, now)
                self._patience.give_back(seconds, now)
            case moves.Stop(error=error):
                self._give_up(error)
            case moves.Trouble(error=error):
                self._face(error, now)
            case moves.Sending():
                self.phase = Phase.SUBMITTED
                self.submissions += 1
                self._at.posted_at = self._at.looked_at = now
            case moves.Unanswered() if not self._at.confirmed:
                self._at.doubt, self._at.look_now = event, True
            case moves.Withdrawn():
                self._withdrawn = True
            case _:
                self._patience.answered()
                self._learn(event, now)
        return tuple(self._news)

    # What requests bring ----------------------------------------------------------------------

    def _learn(self, event: Event, now: float) -> None:
        """The server has said something about the job."""
        match event:
            case moves.Taken(prompt_id=prompt_id):
                self._at.prompt_id, self._at.looked_at = prompt_id, now
                self._confirm()
            case moves.InQueue(place=place):
                self._see(place, now)
            case moves.NotQueued() if self._at.wants_place:
                self._at.wants_place = False
            case moves.NotQueued():
                self._at.queue_read = True
            case moves.Absent():
                self._miss(now)
            case moves.Named(image=image):
                self._confirm()
                self._at.image, self._at.ended_at = image, now
                self.phase = Phase.RENDERED
            case moves.Arrived(data=data):
                self.phase = Phase.FINISHED
                self._end = End(data=data)

    def _see(self, place: Place, now: float) -> None:
        """The server has the job."""
        if self._stop is not None and self._withdrawn:
            self._finish(self._stop)
            return
        self._confirm()
        self._at.found()
        self._at.looked(now)
        self._at.wants_place = place.ahead is None
        if place.running:
            self._run(now)
            if now >= self._at.deadline:
                self._give_up(too_long(self._subject, self._limits.timeout))
        elif self.phase is not Phase.RUNNING:
            self.phase = Phase.QUEUED
            if place.ahead is not None and self._at.shown != (place.ahead,):
                self._at.shown = (place.ahead,)
                self._news.append(Queued(job=self.job, ahead=place.ahead))

    def _miss(self, now: float) -> None:
        """The history does not have the job; where it was asked for after the queue, nobody has."""
        submission = self._at
        if self._stop is not None and self._withdrawn:
            self._finish(self._stop)
            return
        nowhere, submission.queue_read = submission.queue_read or self._jobs_api, False
        submission.looked(now)
        if nowhere:
            submission.missed(now)
        if submission.doubt is not None:
            if submission.absences >= _LOOKS:
                self._send_again(submission.doubt)
        elif submission.lost(now):
            self._render_again(vanished(self._subject))

    def _face(self, error: RenderError, now: float) -> None:
        """A request ended in ``error``."""
        submitting = self.phase is Phase.SUBMITTED and not (self._at.confirmed or self._at.doubt)
        if self._stop is not None:
            self._finish(self._stop)
            return
        if may_pass(error):
            if submitting:  # it did not arrive, so it is none
                self.phase = Phase.CREATED
                self.submissions -= 1
            self._be_patient(error, now)
            return
        match error:
            case LostError(remedy="render"):
                self._render_again(error)
            case LostError(remedy="fetch") if self._at.image and self._may_fetch_again():
                self._patience.until = now + self._pace.poll_first
            case RenderTimeoutError() if self._at.image and self._has_slept:
                self._has_slept = False  # and once more
            case _:
                self._finish(error)

    def _be_patient(self, error: RenderError, now: float) -> None:
        """Wait for a server that has answered before, as long as patience lasts."""
        first = self._patience.away_since is None
        if not self._patience.lasts(error, now):
            self._finish(error)
            return
        if first:
            seconds = self._patience.limit(error)
            self._news.append(Waiting(job=self.job, reason=error, seconds=seconds))
        self._at.found()  # what is known of an absence is out of date
        self._at.look_now = True

    def _may_fetch_again(self) -> bool:
        self._fetches += 1
        return self._fetches <= self._limits.retries

    # What the socket brings -------------------------------------------------------------------

    def _hear(self, frame: Frame, now: float) -> None:
        submission = self._at
        submission.heard_at = now
        if isinstance(frame, Heard) or frame.prompt_id != self.prompt_id:
            return
        if self.phase not in ON_SERVER:
            return
        self._confirm()
        submission.found()
        self._run(now)
        match frame:
            case Started():
                submission.heard_start = True
            case Stepped(step=step, steps=steps):
                submission.heard_start = True
                if submission.shown != (step, steps):
                    submission.shown = step, steps
                    self._news.append(Progress(job=self.job, step=step, steps=steps))
            case Ended(recorded=recorded):
                submission.over(now, recorded=recorded)

    def _confirm(self) -> None:
        """The server has, or had, the job that was submitted."""
        self._at.doubt = None
        if not self._at.confirmed:
            self._at.confirmed = True
            self._news.append(Submitted(job=self.job))

    def _run(self, now: float) -> None:
        if self.phase is not Phase.RUNNING:
            self.phase = Phase.RUNNING
            self._at.started_at = now
            self._news.append(Running(job=self.job))

    # Ends, and new beginnings -----------------------------------------------------------------

    def _send_again(self, doubt: moves.Unanswered) -> None:
        """A submission did not arrive; nothing else is known of its id, so it is kept."""
        if not doubt.again or self.submissions > self._limits.retries:
            self._finish(doubt.error)
        else:
            self._begin_anew(doubt.error, self.prompt_id)

    def _render_again(self, error: LostError) -> None:
        """What was rendered, if anything, is gone: submit under a new id, with a new prefix."""
        if self.submissions > self._limits.retries:
            self._finish(error)
        else:
            self._begin_anew(error, self._new_id())

    def _begin_anew(self, why: RenderError, prompt_id: str) -> None:
        self._news.append(Retried(job=self.job, reason=why))
        self.phase = Phase.CREATED
        self._at = self._submission(prompt_id)

    def _submission(self, prompt_id: str) -> Submission:
        return Submission(
            pace=self._pace,
            jobs_api=self._jobs_api,
            prompt_id=prompt_id,
            timeout=self._limits.timeout,
        )

    def _give_up(self, error: RenderError) -> None:
        if self._stop is not None:
            return
        self._stop = error
        if self.phase is Phase.CREATED:
            self._finish(error)

    def _finish(self, error: RenderError) -> None:
        kinds = {InterruptedRenderError: Phase.INTERRUPTED, LostError: Phase.LOST}
        self.phase = kinds.get(type(error), Phase.FAILED)
        self._end = End(error=error)
