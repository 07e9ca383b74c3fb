"""What is known of a build that renders: events in, facts out; no I/O and no clock of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Progress,
    Queued,
    Rendered,
    Retried,
    Running,
    ServerDown,
    ServerUp,
    Submitted,
    Waiting,
)
from mkdocs_comfy.pipeline.production import Starting, Stored
from mkdocs_comfy.progress.estimate import Pace, Worker, time_left

if TYPE_CHECKING:
    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.pipeline import Event
    from mkdocs_comfy.workflows.key import CacheKey

_LATE = 0.1  # of its usual time is what an image that takes longer than usual is given


@dataclass(slots=True, kw_only=True, eq=False)
class Doing:
    """A job that a server has.

    Attributes:
        job: The job.
        running: True once it has started.
        step: Steps done of the node that runs.
        steps: Steps of that node; 0 before it tells.
        ahead: Jobs before it in the queue, our own among them.
    """

    job: RenderJob
    running: bool = False
    step: int = 0
    steps: int = 0
    ahead: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Lane:
    """One server.

    Attributes:
        name: Its URL without credentials.
        jobs: What it has of ours, in the order in which it got it.
        since: Since when it works on the first of them, on the caller's clock.
        away_since: Since when it does not answer, or ``None`` while it does.
        patience: Seconds for which it is then waited for.
        down: True while it is given no jobs.
        final: True where it is not asked again.
    """

    name: str
    jobs: dict[CacheKey, Doing] = field(default_factory=dict)
    since: float | None = None
    away_since: float | None = None
    patience: float = 0.0
    down: bool = False
    final: bool = False

    @property
    def current(self) -> Doing | None:
        """The job that runs, else the one that is next."""
        jobs = tuple(self.jobs.values())
        return next((each for each in jobs if each.running), jobs[0] if jobs else None)

    @property
    def works(self) -> bool:
        """True where it may be expected to end what it has."""
        return self.away_since is None and not self.down

    @property
    def foreign(self) -> int:
        """Other people's jobs that ours wait behind."""
        current = self.current
        return 0 if current is None or current.running else current.ahead

    def drop(self, key: CacheKey, now: float) -> None:
        """It has this job no longer; it goes on with the next one, if it has one."""
        if self.jobs.pop(key, None) is not None:
            self.since = now if self.jobs else None
            for each in self.jobs.values():
                each.ahead = max(0, each.ahead - 1)

    def answer(self, now: float) -> None:
        """It is there; the time for which it was not is nobody's work."""
        if self.away_since is not None and self.since is not None:
            self.since = min(now, self.since + now - self.away_since)
        self.away_since = None


class Status:
    """The state of a build, brought forward by ``take``.

    Attributes:
        total: Images to render.
        done: Images that ended so far, well or badly.
        failed: How many of them badly.
        lanes: Server → what it does, in the order of the configuration.
        pace: How fast images come.
    """

    def __init__(self) -> None:
        """Nothing has begun."""
        self.total = self.done = self.failed = 0
        self.lanes: dict[str, Lane] = {}
        self.pace = Pace()
        self._left: Counter[str] = Counter()

    def take(self, event: Event, now: float) -> None:
        """Learn from an event that happened at ``now``, in seconds of one clock."""
        match event:
            case Starting(total=total, servers=servers, templates=templates):
                self.total, self._left = total, Counter(templates)
                self.lanes = {name: Lane(name=name) for name in servers}
            case Stored(done=done):
                self.done = max(self.done, done)
            case Rendered(job=job, server=server):
                lane = self._lane(server)
                lane.answer(now)
                if lane.since is not None:
                    self.pace.learn(server, job.template, now - lane.since)
                self._end(job, now)
            case Failed(job=job):
                self.failed += 1
                self._end(job, now)
            case ServerDown(server=server, final=final):
                self.lanes[server] = Lane(name=server, down=True, final=final)
            case ServerUp(server=server):
                self.lanes[server] = Lane(name=server)
            case _:
                self._follow(event, now)

    def seconds_each(self, lane: Lane) -> float | None:
        """Seconds an image that ``lane`` is likely to need for those that are left."""
        templates = {name: count for name, count in self._left.items() if count > 0}
        if not templates and lane.current is not None:
            templates = {lane.current.job.template: 1}
        weighted = 0.0
        for template, count in templates.items():
            each = self.pace.of(lane.name, template)
            if each is None:
                return None
            weighted += count * each
        return weighted / sum(templates.values()) if templates else None

    def time_left(self, now: float) -> float | None:
        """Seconds until all is done, at least 0; ``None`` where that cannot be known."""
        workers: list[Worker] = []
        at_hand = set[str]()
        for lane in self.lanes.values():
            each = self.seconds_each(lane)
            if not lane.works or each is None:
                continue
            current, rest = lane.current, 0.0
            if current is not None:
                at_hand.add(current.job.key)
                usual = self.pace.of(lane.name, current.job.template) or each
                begun = now if lane.since is None else lane.since
                rest = max(usual - (now - begun), usual * _LATE)
            workers.append(Worker(each=each, rest=rest))
        return time_left(workers, self.total - self.done - len(at_hand))

    def rate(self) -> float | None:
        """Images a second of all servers that work together; ``None`` where nothing is known."""
        each = [self.seconds_each(lane) for lane in self.lanes.values() if lane.works]
        return sum(1 / seconds for seconds in each if seconds is not None) or None

    def _follow(self, event: Event, now: float) -> None:
        """A job has come forward, or was thrown back."""
        match event:
            case Submitted(job=job, server=server):
                self._hear(server, job, now)
            case Queued(job=job, ahead=ahead, server=server):
                self._hear(server, job, now).ahead = ahead
            case Running(job=job, server=server):
                self._run(server, job, now)
            case Progress(job=job, step=step, steps=steps, server=server):
                doing = self._run(server, job, now)
                doing.step, doing.steps = step, steps
            case Waiting(job=job, seconds=seconds, server=server):
                lane = self._lane(server)
                lane.jobs.setdefault(job.key, Doing(job=job))
                if lane.away_since is None:
                    lane.away_since, lane.patience = now, seconds
            case Retried(job=job, server=server):
                self._lane(server).drop(job.key, now)

    def _lane(self, server: str) -> Lane:
        return self.lanes.setdefault(server, Lane(name=server))

    def _hear(self, server: str, job: RenderJob, now: float) -> Doing:
        """The server has the job, and so it is there."""
        lane = self._lane(server)
        lane.answer(now)
        if lane.since is None:
            lane.since = now
        return lane.jobs.setdefault(job.key, Doing(job=job))

    def _run(self, server: str, job: RenderJob, now: float) -> Doing:
        doing = self._hear(server, job, now)
        if not doing.running:
            doing.running = True
            # Where it waits elsewhere, it is withdrawn there.
            for lane in self.lanes.values():
                copy = lane.jobs.get(job.key)
                if copy is not None and not copy.running:
                    lane.drop(job.key, now)
        return doing

    def _end(self, job: RenderJob, now: float) -> None:
        self.done += 1
        self._left[job.template] -= 1
        for lane in self.lanes.values():
            lane.drop(job.key, now)
