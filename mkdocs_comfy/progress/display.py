"""Events of the pipeline on a terminal or in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Queued,
    Retried,
    ServerDown,
    ServerLacks,
    ServerUp,
    Waiting,
)
from mkdocs_comfy.errors import printable
from mkdocs_comfy.pipeline.production import Notice, Starting, Stopping, Stored
from mkdocs_comfy.progress import words
from mkdocs_comfy.progress.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.errors import RenderError
    from mkdocs_comfy.pipeline import Event
    from mkdocs_comfy.progress.screen import Screen

_SILENCE = 60.0  # seconds; some CI systems end a job that says nothing for minutes
_SETTLE = 0.05  # seconds for a message to be written where the lines were
_BLINK = 1.0  # seconds without an answer that are not worth a word


class Display:
    """Shows what happens: lines redrawn in place on a terminal, else plain lines with the time.

    Args:
        say: Takes an information for the log.
        warn: Takes a warning for the log.
        screen: The terminal, or ``None`` for plain lines.
        clock: Monotonic seconds.
        stamp: Gives the time of day, for plain lines.
    """

    def __init__(
        self,
        *,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        screen: Screen | None,
        clock: Callable[[], float],
        stamp: Callable[[], str],
    ) -> None:
        self._screen, self._clock, self._stamp = screen, clock, stamp
        self._say_to, self._warn_to = say, warn
        self._status = Status()
        self._spoke_at = self._cleared_at = clock()
        self._stopping = False
        self._told_away: set[str] = set()
        self._told_queue: set[str] = set()

    def take(self, event: Event) -> None:
        """Learn of an event, and say what is worth a line in the log."""
        now = self._clock()
        away = {lane.name: lane.away_since for lane in self._status.lanes.values()}
        self._status.take(event, now)
        self._tell(event)
        for name, since in away.items():
            lane = self._status.lanes.get(name)
            if since is not None and lane is not None and lane.works and now - since >= _BLINK:
                self._say(f"{printable(name)} answers again, after {now - since:.0f} s")

    def tick(self) -> None:
        """Bring the terminal up to date, or show in the log that the build lives."""
        now = self._clock()
        if not self._status.total or self._stopping:
            return
        if self._screen is not None:
            if now - self._cleared_at >= _SETTLE:
                self._screen.draw(words.lines(self._status, now, rows=self._screen.rows))
        elif now - self._spoke_at >= _SILENCE:
            self._say(f"still rendering: {words.summary(self._status, now)}")

    def clear(self) -> None:
        """Take the lines off the terminal, until the next ``tick``."""
        if self._screen is not None:
            self._cleared_at = self._clock()
            self._screen.clear()

    def _tell(self, event: Event) -> None:
        match event:
            case Starting(total=total, servers=servers):
                self._say(_announcement(total, servers))
            case Notice(text=text, warning=warning):
                (self._warn if warning else self._say)(text)
            case Stopping(reason=reason):
                self._say(f"stopping ({reason}): our jobs are withdrawn, finished images kept")
                self._stopping = True
            case Stored():
                self._told_away.clear()
                if self._screen is None:
                    self._tell_of_image(event)
            case Failed() if self._screen is None and not event.error.fatal:
                self._tell_of_failure(event)
            case Queued(job=job, server=server) if self._screen is None:
                self._tell_of_queue(job.page, server)
            case Retried(job=job, reason=reason):
                self._say(f"{printable(job.page)} is submitted again: {reason.what}")
            case _:
                self._tell_of_server(event)

    def _tell_of_server(self, event: Event) -> None:
        match event:
            case Waiting(reason=reason, seconds=seconds) if reason.what not in self._told_away:
                self._told_away.add(reason.what)
                self._say(f"{reason.what}: waiting for it, up to {seconds:g} s")
            case ServerDown(reason=reason, final=True):
                self._warn(f"{reason.what}: nothing more is rendered there{_way_out(reason)}")
            case ServerDown(reason=reason):
                self._say(f"{reason.what}: the other servers go on, and it is asked again later")
            case ServerUp(server=server):
                self._say(f"{printable(server)} takes jobs again")
            case ServerLacks(server=server, reason=reason):
                self._say(f"{printable(server)} is given no such job any more: {reason.what}")

    def _tell_of_image(self, stored: Stored) -> None:
        where = words.label(self._status, stored.server)
        self._say(
            f"rendered {printable(stored.page)} in {stored.seconds:.1f} s"
            f"{f' on {where}' if where else ''} ({self._count(stored.done)})"
        )

    def _tell_of_failure(self, failed: Failed) -> None:
        """Its kind alone: the text with the way out stands at the end of the build, once."""
        page, kind = printable(failed.job.page), failed.error.kind
        self._say(f"no image for {page}: {kind} ({self._count(self._status.done)})")

    def _tell_of_queue(self, page: str, server: str) -> None:
        """Once for each server: on one that is shared every job waits."""
        ahead = self._status.lanes[server].foreign
        if ahead and server not in self._told_queue:
            self._told_queue.add(server)
            jobs = "1 job of others is" if ahead == 1 else f"{ahead} jobs of others are"
            where = words.label(self._status, server)
            self._say(
                f"{printable(page)} waits in the queue{f' of {where}' if where else ''}:"
                f" {jobs} ahead"
            )

    def _count(self, done: int) -> str:
        total = self._status.total
        left = words.left(self._status.time_left(self._clock())) if done < total else ""
        return f"{done} of {total}{f', {left}' if left else ''}"

    def _say(self, text: str) -> None:
        self._speak(self._say_to, text)

    def _warn(self, text: str) -> None:
        self._speak(self._warn_to, text)

    def _speak(self, speak: Callable[[str], None], text: str) -> None:
        self.clear()
        self._spoke_at = self._clock()
        speak(text if self._screen is not None else f"{self._stamp()} {text}")


def _announcement(total: int, servers: tuple[str, ...]) -> str:
    heroes = "1 hero" if total == 1 else f"{total} heroes"
    if servers:
        return f"rendering {heroes} on {', '.join(servers)}"
    return f"painting {heroes} on the embedded server: stand-ins, not what your models would render"


def _way_out(reason: RenderError) -> str:
    return "\n    " + reason.way_out.replace("\n", "\n    ") if reason.way_out else ""
