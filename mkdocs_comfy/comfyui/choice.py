"""Which job a server is given next; no I/O and no clock."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.backlog import choose
from mkdocs_comfy.comfyui.forecast import leave_to_others, worth_a_copy
from mkdocs_comfy.comfyui.member import BEFORE_IT_RUNS
from mkdocs_comfy.comfyui.moves import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mkdocs_comfy.comfyui.backlog import Backlog, Entry, Group
    from mkdocs_comfy.comfyui.jobs import Limits
    from mkdocs_comfy.comfyui.member import Attempt, Member
    from mkdocs_comfy.errors import RenderError


class Choice:
    """Chooses for the members of one pool."""

    def __init__(self, members: Sequence[Member], backlog: Backlog, *, limits: Limits) -> None:
        """Look at these from now on."""
        self._members, self._backlog, self._limits = members, backlog, limits

    def pick(self, member: Member, now: float) -> Entry | None:
        """The job that ``member``, which has room for one, is given, taken from the backlog.

        That may be one that another server has and is late with. ``None`` where there is
        nothing, or where others will be done with all that is left before this server would be
        with one.
        """
        group = choose(
            self._backlog,
            last=member.last,
            may=member.can,
            servers=Counter(
                group for each in self._members for group in self._backlog.groups if each.can(group)
            ),
            busy=Counter(
                each.last
                for each in self._members
                if each is not member and each.attempts and each.last is not None
            ),
        )
        if group is None:
            return self._copy(member, now)
        return None if self._better_elsewhere(member, group, now) else self._backlog.take(group)

    def _better_elsewhere(self, member: Member, group: Group, now: float) -> bool:
        """Whether other servers would be done with all that is left before this one with one."""
        others = [
            each for each in self._members if each is not member and each.can(group) and each.usable
        ]
        freer = sum(
            each.queue < member.queue and each.slots < each.session.breadth + self._limits.ahead
            for each in others
        )
        if member.queue and len(self._backlog) <= freer:
            return True
        usual = self._usual(group)
        loads = [each.load(group, now, usual=usual) for each in others if each.opened]
        here = member.load(group, now, usual=usual)
        return leave_to_others(here, loads, len(self._backlog))

    def _copy(self, member: Member, now: float) -> Entry | None:
        """A job that another server has, and that this one is likely to end earlier."""
        if member.queue:
            return None
        best, most = None, 0.0
        for other in self._members:
            for attempt in other.attempts if other is not member else ():
                entry = attempt.entry
                if not self._may_copy(other, attempt) or not member.can(entry.group):
                    continue
                if member.session.breadth > 1 and other.session.health.closed:
                    continue  # a service is paid for what it renders
                usual = self._usual(entry.group)
                left = worth_a_copy(
                    other.load(entry.group, now, usual=usual),
                    ahead=other.ahead_of(attempt),
                    here=member.load(entry.group, now, usual=usual).each,
                )
                if left is not None and left > most:
                    best, most = entry, left
        return best

    def _may_copy(self, member: Member, attempt: Attempt) -> bool:
        entry, watch = attempt.entry, attempt.watch
        if entry.settled or entry.attempts > 1:
            return False
        if entry.submissions + watch.submissions > self._limits.retries + 1:
            return False
        away = not member.session.health.closed
        return watch.phase in BEFORE_IT_RUNS | {Phase.RUNNING} or (
            away and watch.phase is Phase.RENDERED
        )

    def _usual(self, group: Group) -> float | None:
        """Seconds that a job takes on the quickest server that is known."""
        known = (member.speeds.of(group) for member in self._members)
        return min((each for each in known if each is not None), default=None)


def why_nobody(members: Sequence[Member], group: Group) -> RenderError:
    """Why none of ``members`` can render ``group``, where none can.

    What one of them lacks says more than that another one is away.
    """
    lacking = (member.refuses.get(group) for member in members)
    failing = (member.session.health.reason for member in members)
    return next(error for error in (*lacking, *failing) if error is not None)
