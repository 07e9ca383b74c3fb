"""A pool whose jobs come while it works, for those who render without end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.member import drop_copies
from mkdocs_comfy.comfyui.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mkdocs_comfy.comfyui.backlog import Group
    from mkdocs_comfy.comfyui.jobs import Limits, RenderEvent, RenderJob
    from mkdocs_comfy.comfyui.member import Member
    from mkdocs_comfy.comfyui.server_client import ServerClient
    from mkdocs_comfy.errors import RenderError

_LAPSE = 60.0  # seconds after which a server is given again what it lacked: people install models


class OpenPool(Pool):
    """Renders what it is given, until it has had nothing to do for a while.

    What a server said for good holds for a build, and not for one that renders for weeks: a server
    that let us in no more is asked again, and what it lacked is tried again. Where nothing is left
    to do and a server has a fault, the pool ends at once, so that the next one asks all of them
    anew.
    """

    _lasts = True

    def __init__(
        self,
        clients: Sequence[ServerClient],
        *,
        limits: Limits,
        beat: float,
        emit: Callable[[RenderEvent], None],
        idle: float,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            clients: One server or more.
            limits: How often and how long to try.
            beat: Seconds between two looks at the clock.
            emit: Takes what happens.
            idle: Seconds without a job after which it ends.
        """
        self._idle, self._rest = idle, False
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(clients, (), limits=limits, beat=beat, emit=emit)

    @property
    def waiting(self) -> int:
        """Jobs that no server has yet."""
        return len(self._backlog)

    def add(self, job: RenderJob) -> None:
        """Render ``job``, too."""
        self._backlog.add(job)
        self._wake()

    def drop(self, job: RenderJob) -> None:
        """Render ``job`` no more, and take it off the servers; nothing more is told of it."""
        for entry in tuple(self._backlog.unsettled):
            if entry.job is job:
                self._backlog.drop(entry)
                drop_copies(self._members, entry)
        self._wake()

    def _is_done(self) -> bool:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._backlog.unsettled:
            return False
        if self._rest or any(
            each.session.health.given_up or each.refuses for each in self._members
        ):
            return True
        self._timer = asyncio.get_running_loop().call_later(self._idle, self._end_of_rest)
        return False

    def _refuse(self, member: Member, group: Group, error: RenderError) -> None:
        super()._refuse(member, group, error)
        asyncio.get_running_loop().call_later(_LAPSE, self._allow, member, group)

    def _allow(self, member: Member, group: Group) -> None:
        member.refuses.pop(group, None)
        self._wake()

    def _end_of_rest(self) -> None:
        self._rest = not self._backlog.unsettled
        self._wake()
