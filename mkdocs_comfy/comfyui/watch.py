"""One submitted job and what is known about it, until its image can be fetched.

HTTP decides: the queue is read before the history, since a job leaves the one at the moment when
it enters the other, and a job is lost only when both lack it in that order twice. The socket says
when to look.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.jobs import Progress, Queued, Running, Submitted
from mkdocs_comfy.comfyui.protocol import Ended, Started, Stepped
from mkdocs_comfy.errors import LostError, RenderTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.comfyui.client import Client
    from mkdocs_comfy.comfyui.jobs import RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.listener import Listener
    from mkdocs_comfy.comfyui.protocol import Frame, ImageRef, Place

_GROWTH = 1.5
_ABSENCES = 2  # a load balancer may ask a server that does not know the job


class Watch:
    """A job between its submission and its end.

    Attributes:
        job: What was asked for.
        prompt_id: The server's id of it, once it has been accepted.
    """

    def __init__(
        self,
        job: RenderJob,
        *,
        client: Client,
        listener: Listener,
        timeout: float,
        emit: Callable[[RenderEvent], None],
    ) -> None:
        """Begin to watch a job.

        Args:
            job: What was asked for.
            client: The server.
            listener: Its socket.
            timeout: Seconds that the job may take once it runs.
            emit: Takes what happens.
        """
        self.job, self.prompt_id = job, ""
        self._client, self._listener, self._timeout, self._emit = client, listener, timeout, emit
        self._pace = client.pace
        self._submitted_at = self._looked_at = self._now()
        self._started_at: float | None = None
        self._wait = self._pace.poll_first
        self._looked = self._look_now = False
        self._heard_start = self._heard_end = False
        self._absences = 0
        self._ahead: int | None = None
        self._progress: tuple[int, int] | None = None
        self._changed = asyncio.Event()

    def accepted(self, prompt_id: str) -> None:
        """The server has the job, as ``prompt_id``; the socket may have spoken of it before."""
        self.prompt_id = prompt_id
        self._looked_at = self._now()
        self._emit(Submitted(job=self.job))
        if self._started_at is not None:
            self._emit(Running(job=self.job))

    @property
    def seconds(self) -> float:
        """How long the job has run, as far as its start was noticed."""
        return 0.0 if self._started_at is None else self._now() - self._started_at

    async def ended(self) -> ImageRef:
        """Wait for the end of the job; its image.

        Raises:
            RenderTimeoutError: It ran too long and was withdrawn. Waiting in the queue, behind
                other people's jobs, does not count.
            LostError: It is neither queued nor in the history, or ended without an image.
            RenderError: It failed, or the server cannot be used.
        """
        while True:
            await self._pause()
            image = await self._look()
            if image is not None:
                return image
            if self._absences >= _ABSENCES:
                raise LostError(
                    f"template {self.job.template!r}: the job vanished from"
                    f" {self._client.server.display}: it is neither queued nor in the history",
                    way_out="the server was restarted, or somebody emptied its queue;"
                    " build again to render it",
                )
            if self._now() >= self._deadline:
                await self._client.withdraw([self.prompt_id])
                raise RenderTimeoutError(
                    f"template {self.job.template!r}: the job ran longer than {self._timeout:g} s"
                    f" on {self._client.server.display} and was withdrawn",
                    way_out="raise `timeout:` (seconds), or ask for less (steps, size)",
                )

    def hear(self, frame: Frame) -> None:
        """Take news from the socket, which speak of this job."""
        match frame:
            case Started():
                self._heard_start = True
                self._start()
            case Stepped(step=step, steps=steps):
                self._heard_start = True
                self._start()
                if self.prompt_id and self._progress != (step, steps):
                    self._progress = step, steps
                    self._emit(Progress(job=self.job, step=step, steps=steps))
            case Ended(recorded=recorded):
                self._start()
                self._heard_end = True
                self._wait, self._looked_at = self._pace.lag, self._now()
                # The frame that says "recorded" follows at once; without it one look is lost.
                self._look_now = recorded
        self._changed.set()

    def look_now(self) -> None:
        """Ask the server at once, and often for a while: something has changed."""
        self._look_now = True
        self._wait = min(self._wait, self._pace.poll_first)
        self._changed.set()

    async def _pause(self) -> None:
        """Wait until the next look is due."""
        while not self._look_now and (left := self._due - self._now()) > 0:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
        self._look_now = False

    async def _look(self) -> ImageRef | None:
        """The image, where the history has it."""
        if not self._heard_end:
            place = await self._client.find(self.prompt_id)
            if place is not None:
                self._note(place)
                return None
        image = await self._client.image(self.prompt_id, self.job)
        self._looked, self._looked_at = True, self._now()
        self._wait = min(self._wait * _GROWTH, self._pace.poll_last)
        if not self._heard_end:
            self._absences += 1
            self._wait = self._pace.poll_first * 4
        elif self._wait > self._pace.poll_first:
            # The history lags behind the socket for long; perhaps it never comes.
            self._heard_start = self._heard_end = False
        return image

    def _note(self, place: Place) -> None:
        """The job is in the queue."""
        self._absences = 0
        self._looked, self._looked_at = True, self._now()
        self._wait = min(self._wait * _GROWTH, self._pace.poll_last)
        if place.running:
            self._start()
        elif self._started_at is None and place.ahead != self._ahead:
            self._ahead = place.ahead
            self._emit(Queued(job=self.job, ahead=place.ahead))

    def _start(self) -> None:
        if self._started_at is None:
            self._started_at = self._now()
            if self.prompt_id:
                self._emit(Running(job=self.job))

    @property
    def _deadline(self) -> float:
        return float("inf") if self._started_at is None else self._started_at + self._timeout

    @property
    def _due(self) -> float:
        """When to look next."""
        wait = self._pace.poll_live if self._looked and self._informed else self._wait
        return min(self._looked_at + wait, self._deadline)

    @property
    def _informed(self) -> bool:
        """True while the socket can be trusted to say what happens to this job."""
        if not self._listener.open or self._heard_end or self._absences:
            return False
        if self._started_at is not None:
            return self._heard_start
        # The server tells everybody of each submission.
        return self._listener.heard_at > self._submitted_at

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
