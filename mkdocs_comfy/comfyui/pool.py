"""Hands the jobs of one run to servers that have room for them, and settles each of them once.

A server asks for a job whenever it has room: one runs, ``Limits.ahead`` wait behind it. So jobs go
where they start first. What a server that died had is handed to another one, and at the end, when
nothing is left to start, a server with nothing to do renders a second copy of what a slower one
is not done with: the first image counts, and the other copy is withdrawn.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.backlog import Backlog, Entry, group_of
from mkdocs_comfy.comfyui.choice import Choice, why_nobody
from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Rendered,
    Retried,
    Running,
    ServerDown,
    ServerLacks,
    ServerUp,
)
from mkdocs_comfy.comfyui.member import BEFORE_IT_RUNS, Attempt, Member, drop_copies
from mkdocs_comfy.comfyui.moves import Phase, Slept, Stop
from mkdocs_comfy.comfyui.session import Session
from mkdocs_comfy.comfyui.timing import keep_time, wait_for
from mkdocs_comfy.errors import (
    MissingModelError,
    MissingNodeError,
    OutOfTimeError,
    QuotaError,
    RejectedError,
    RenderError,
    out_of_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mkdocs_comfy.comfyui.backlog import Group
    from mkdocs_comfy.comfyui.jobs import JobEvent, Limits, RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.server_client import ServerClient

_GREETING = 0.5  # seconds that a server waits for the others to be asked what they have
_GLANCE = 0.25  # seconds between two looks at a server that failed, and at what is slow


class Pool:
    """Renders jobs on one server or on several.

    An error that speaks of a server ends what it has; its jobs go to others, and fail with that
    error where there is no other that could render them. Images that the server has named are
    still fetched, and where it only takes no more jobs (``QuotaError``), those that it has are
    still awaited.
    """

    _lasts = False  # whether a server is asked again that said for good that it will not

    def __init__(
        self,
        clients: Sequence[ServerClient],
        jobs: Iterable[RenderJob],
        *,
        limits: Limits,
        beat: float,
        emit: Callable[[RenderEvent], None],
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            clients: One server or more.
            jobs: What to render.
            limits: How often and how long to try.
            beat: Seconds between two looks at the clock.
            emit: Takes what happens.
        """
        self._limits, self._beat, self._emit = limits, beat, emit
        self._members = [
            Member(Session(client, limits=limits, emit=self._pass_on, left=self._wake))
            for client in clients
        ]
        self._backlog = Backlog(Entry(job=job, group=group_of(job)) for job in jobs)
        self._choice = Choice(self._members, self._backlog, limits=limits)
        self._changed, self._met, self._over = (asyncio.Event() for _ in range(3))
        self._tasks: asyncio.TaskGroup | None = None
        self._fatal: RenderError | None = None

    def taken(self, rendered: Rendered) -> None:
        """A rendered image has been taken off our hands."""
        for member in self._members:
            if member.session.name == rendered.server:
                member.session.taken()

    async def run(self) -> None:
        """Render the jobs.

        Cancelled, it withdraws those of its jobs that servers still have, and no others.
        """
        timing = asyncio.create_task(
            keep_time(max_time=self._limits.max_time, beat=self._beat, slept=self._tell_of_sleep)
        )
        timing.add_done_callback(self._stop)
        try:
            await self._render()
        finally:
            timing.cancel()
            await asyncio.wait({timing})
            await asyncio.gather(*(member.session.close() for member in self._members))
        if self._fatal is not None:
            for entry in self._backlog.unsettled:
                self._emit(Failed(job=entry.job, error=self._fatal))

    async def _render(self) -> None:
        try:
            async with asyncio.TaskGroup() as self._tasks:
                serving = [self._tasks.create_task(self._serve(member)) for member in self._members]
                await self._over.wait()
                for each in serving:
                    each.cancel()
        except asyncio.CancelledError:
            await asyncio.gather(*(member.session.withdraw() for member in self._members))
            raise

    # One server ---------------------------------------------------------------------------------

    async def _serve(self, member: Member) -> None:
        """Give a server jobs as long as it takes them."""
        session = member.session
        await self._open(member)
        if len(self._backlog.groups) > 1:
            # What one server alone can do is known when all have been asked.
            await wait_for(self._met, _GREETING)
        while (self._lasts or not session.health.final) and self._fatal is None:
            if session.health.given_up:
                await asyncio.sleep(session.health.again_at - _now())
                await self._open(member)
                continue
            await session.room()
            if entry := await self._next(member):
                self._begin(member, entry)
            else:
                session.decline()

    async def _open(self, member: Member) -> None:
        """Make sure that a server is there, and find out what it cannot do."""
        session = member.session
        try:
            await session.open()
        except RenderError as error:
            self._give_up(member, error)
            return
        if session.health.given_up:
            await session.withdraw()
            session.health.revive()
            self._emit(ServerUp(server=session.name))
        if not member.opened and len(self._members) > 1:
            for group, job in dict(self._backlog.samples).items():
                if lacking := await session.inventory.contradiction(job):
                    self._refuse(member, group, lacking)
        member.opened = True
        self._wake()

    async def _next(self, member: Member) -> Entry | None:
        """Wait for a job that suits the server; ``None`` where it has failed meanwhile."""
        while not member.session.health.given_up and self._fatal is None:
            changed = self._changed
            if member.usable and (entry := self._choice.pick(member, _now())):
                return entry
            await wait_for(changed, _GLANCE)
        return None

    # One job ------------------------------------------------------------------------------------

    def _begin(self, member: Member, entry: Entry) -> None:
        if self._tasks is None:
            raise AssertionError(entry)
        retries = 0 if entry.attempts else max(0, self._limits.retries - entry.submissions)
        watch = member.session.begin(entry.job, retries=retries)
        attempt = Attempt(entry=entry, watch=watch)
        member.attempts.append(attempt)
        member.last = entry.group
        entry.attempts += 1
        attempt.task = self._tasks.create_task(self._attempt(member, attempt))
        # One that is cancelled before its first step never comes to its own end.
        attempt.task.add_done_callback(lambda _: self._end(member, attempt))
        self._wake()

    async def _attempt(self, member: Member, attempt: Attempt) -> None:
        try:
            rendered = await member.session.render(attempt.watch)
        except RenderError as error:
            attempt.error = error
            self._blame(member, attempt, error)
        except asyncio.CancelledError:
            if attempt.dropped:
                await member.session.withdraw()
            raise
        else:
            self._settle(member, attempt, rendered)
        finally:
            self._end(member, attempt)

    def _settle(self, member: Member, attempt: Attempt, rendered: Rendered) -> None:
        entry = attempt.entry
        if entry.settled:  # the other copy was quicker by a hair
            member.session.taken()
            return
        self._backlog.settle(entry)
        member.speeds.learn(entry.group, rendered.seconds)
        self._emit(rendered)
        drop_copies(self._members, entry, but=attempt)

    def _fail(self, entry: Entry, error: RenderError) -> None:
        self._backlog.settle(entry)
        self._emit(Failed(job=entry.job, error=error))

    def _blame(self, member: Member, attempt: Attempt, error: RenderError) -> None:
        """Find out whom ``error`` speaks of: the server, what it has, or the job alone."""
        if error.fatal and not isinstance(error, OutOfTimeError):
            attempt.elsewhere = True
            self._give_up(member, error)
        elif isinstance(error, MissingModelError | MissingNodeError):
            attempt.elsewhere = True
            self._refuse(member, attempt.entry.group, error)

    def _end(self, member: Member, attempt: Attempt) -> None:
        """An attempt is over: the job is settled, is still elsewhere, or must go elsewhere."""
        if attempt not in member.attempts:
            return
        member.attempts.remove(attempt)
        member.session.forget(attempt.watch)
        entry, error = attempt.entry, attempt.error
        entry.attempts -= 1
        if not isinstance(error, RejectedError):
            entry.submissions += attempt.watch.submissions
        if not (entry.settled or entry.attempts or self._fatal):
            spent = entry.submissions > self._limits.retries
            if error is not None and (spent or not attempt.elsewhere):
                self._fail(entry, error)
            else:
                self._backlog.put_back(entry)
                if error is not None and any(each.can(entry.group) for each in self._members):
                    self._emit(Retried(job=entry.job, reason=error, server=member.session.name))
        self._wake()

    def _pass_on(self, event: JobEvent) -> None:
        """Tell what happens; a job that runs need not wait elsewhere any more."""
        self._emit(event)
        if isinstance(event, Running) and len(self._members) > 1:
            for member in self._members:
                for each in member.attempts if member.session.name == event.server else ():
                    if each.entry.job is event.job:
                        drop_copies(self._members, each.entry, but=each, phases=BEFORE_IT_RUNS)

    # The whole ----------------------------------------------------------------------------------

    def _give_up(self, member: Member, error: RenderError) -> None:
        """A server is of no use, for now or for good."""
        health, known = member.session.health, member.session.health.given_up
        health.give_up(error, _now())
        kept = {Phase.RENDERED, Phase.FINISHED}
        if isinstance(error, QuotaError):
            kept |= {Phase.SUBMITTED, Phase.QUEUED, Phase.RUNNING}
        for attempt in member.attempts:
            if attempt.watch.phase not in kept and attempt.task is not asyncio.current_task():
                attempt.task.cancel()
        if len(self._members) > 1 and not known:
            name = member.session.name
            final = health.final and not self._lasts
            self._emit(ServerDown(server=name, reason=error, final=final))
        self._wake()

    def _refuse(self, member: Member, group: Group, error: RenderError) -> None:
        if group not in member.refuses and len(self._members) > 1:
            self._emit(ServerLacks(server=member.session.name, reason=error))
        member.refuses[group] = error
        self._wake()

    def _wake(self) -> None:
        """Something has changed: fail what nobody can render, and let all look again."""
        for group in self._backlog.groups:
            if not any(member.can(group) for member in self._members):
                why = why_nobody(self._members, group)
                for entry in self._backlog.clear(group):
                    self._fail(entry, why)
        if self._is_done() or (
            self._fatal is not None and not any(member.attempts for member in self._members)
        ):
            self._over.set()
        if all(member.opened or member.session.health.given_up for member in self._members):
            self._met.set()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _is_done(self) -> bool:
        """Whether nothing is left to do."""
        return not self._backlog.unsettled

    def _tell_of_sleep(self, seconds: float) -> None:
        for member in self._members:
            member.session.tell(Slept(seconds=seconds))

    def _stop(self, timing: asyncio.Task[None]) -> None:
        """The time is over: withdraw what waits and runs, and fetch what is rendered."""
        if timing.cancelled():
            return
        self._fatal = error = out_of_time(self._limits.max_time or 0.0)
        for member in self._members:
            for attempt in member.attempts:
                if attempt.watch.phase is Phase.CREATED:
                    attempt.task.cancel()
            member.session.tell(Stop(error=error))
        self._wake()


def _now() -> float:
    return asyncio.get_running_loop().time()
