"""What is left to render and in which order; no I/O and no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mkdocs_comfy.comfyui.definitions import models_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mkdocs_comfy.comfyui.jobs import RenderJob

_PASSED = 8  # jobs that may be preferred to one that came earlier, so that its models are loaded

Group: TypeAlias = tuple[str, tuple[str, ...]]
"""Template and model files: jobs of one group need no model loaded between them."""


def group_of(job: RenderJob) -> Group:
    """The group of ``job``."""
    return job.template, models_in(job.graph)


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """One job of a run.

    Attributes:
        job: The job.
        group: What it shares with others.
        submissions: How many submissions of attempts that are over may have arrived.
        attempts: How many servers have it now.
        settled: True once it has ended, which happens once.
        arrival: Number of those that came before it while the run was on; 0 for those that it
            began with.
        passed: How often another group was given a place for what came later than this.
    """

    job: RenderJob
    group: Group
    submissions: int = 0
    attempts: int = 0
    settled: bool = False
    arrival: int = 0
    passed: int = 0


class Backlog:
    """Entries that no server has, by group; within a group they keep their order.

    Attributes:
        unsettled: All entries that have not ended, those that servers have among them.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Take the entries of a run."""
        self.unsettled = dict.fromkeys(entries)
        self._arrivals = 0
        self._groups: dict[Group, deque[Entry]] = {}
        for entry in self.unsettled:
            self._groups.setdefault(entry.group, deque()).append(entry)

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def groups(self) -> list[Group]:
        """Groups with entries, in the order of their first appearance."""
        return [group for group, entries in self._groups.items() if entries]

    def count(self, group: Group) -> int:
        """How many entries ``group`` has."""
        return len(self._groups.get(group, ()))

    @property
    def samples(self) -> Mapping[Group, RenderJob]:
        """A job of each group with entries: what one needs, all do."""
        return {group: self._groups[group][0].job for group in self.groups}

    @property
    def overdue(self) -> Group | None:
        """The group that others were preferred to for too long, or ``None``.

        A group goes on where its models are loaded. Of one to which jobs are added without end
        the others would otherwise never see the end.
        """
        return next(
            (group for group in self.groups if self._groups[group][0].passed >= _PASSED), None
        )

    def add(self, job: RenderJob) -> None:
        """Take a job that comes while others are rendered."""
        self._arrivals += 1
        entry = Entry(job=job, group=group_of(job), arrival=self._arrivals)
        self.unsettled[entry] = None
        self._groups.setdefault(entry.group, deque()).append(entry)

    def drop(self, entry: Entry) -> None:
        """Forget an entry that has not ended, wherever it is."""
        self.settle(entry)
        waiting = self._groups.get(entry.group, ())
        self._groups[entry.group] = deque(each for each in waiting if each is not entry)

    def take(self, group: Group) -> Entry:
        """Take the next entry of ``group``, which has one."""
        entry = self._groups[group].popleft()
        for other in self.groups:
            first = self._groups[other][0]
            first.passed += first.arrival < entry.arrival
        return entry

    def put_back(self, entry: Entry) -> None:
        """Give back an entry that could not be rendered where it was: it is the next one."""
        self._groups.setdefault(entry.group, deque()).appendleft(entry)

    def settle(self, entry: Entry) -> None:
        """An entry has ended; that happens once."""
        entry.settled = True
        del self.unsettled[entry]

    def clear(self, group: Group) -> Iterator[Entry]:
        """Take all entries of ``group``."""
        yield from self._groups.pop(group, ())


def choose(
    backlog: Backlog,
    *,
    last: Group | None,
    may: Callable[[Group], bool],
    servers: Mapping[Group, int],
    busy: Mapping[Group, int],
) -> Group | None:
    """The group that a server goes on with, or ``None`` where there is nothing for it.

    A group that fewer servers can do comes first, since they alone can. Then one that waits for
    too long, then the one that the server has the models of in memory. Then one that nobody is at,
    and where all are, the one with most to do for each server that is at it.

    Args:
        backlog: What is left.
        last: The group of the server's last job.
        may: Whether the server can do a group.
        servers: Group → how many servers can do it.
        busy: Group → how many other servers are at it.
    """
    groups = [group for group in backlog.groups if may(group)]
    if not groups:
        return None
    fewest = min(servers.get(group, 0) for group in groups)
    groups = [group for group in groups if servers.get(group, 0) == fewest]
    if (overdue := backlog.overdue) in groups:
        return overdue
    if last in groups:
        return last
    return max(groups, key=lambda group: (not busy.get(group), _share(backlog, group, busy)))


def _share(backlog: Backlog, group: Group, busy: Mapping[Group, int]) -> float:
    """How much of a group there is to do for one more server; 0 keeps the order of a build."""
    at_it = busy.get(group, 0)
    return backlog.count(group) / (at_it + 1) if at_it else 0.0
