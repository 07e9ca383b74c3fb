"""What an author sees while images are rendered."""

from __future__ import annotations

import os
import time
import unicodedata
from typing import TYPE_CHECKING, TextIO

from mkdocs_comfy.errors import printable
from mkdocs_comfy.pipeline import Notice, Starting, Stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.pipeline import Event

_LINE_EVERY = 0.1  # seconds between two drawings of the live line
_ERASE = "\r\x1b[K"  # ECMA-48: to the start of the line, erase to its end
_COLUMNS = 80  # of a terminal that does not say


class Progress:
    """Shows rendering: one live line on a terminal, one plain line an image elsewhere.

    Args:
        say: Takes an information for the log.
        warn: Takes a warning for the log.
        terminal: Stream of the live line, or ``None`` for plain lines.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        terminal: TextIO | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._warn = warn
        self._terminal = terminal
        self._clock = clock
        self._started = clock()
        self._drawn = 0.0
        self._done = 0
        self._total = 0
        self._waiting_for = ""

    def __call__(self, event: Event) -> None:
        """Show one event of the pipeline."""
        from mkdocs_comfy.comfyui.jobs import (  # noqa: PLC0415  # nothing to show when all is cached
            Progress as Step,
            Queued,
            Retried,
            Running,
            Waiting,
        )

        match event:
            case Starting(total=total, servers=servers):
                self._total, self._started = total, self._clock()
                self._log(self._say, _announcement(total, servers))
            case Stored(page=page, done=done, total=total, seconds=seconds):
                self._done, self._total, self._waiting_for = done, total, ""
                if self._terminal is None:
                    self._say(f"rendered {printable(page)} in {seconds:.1f} s ({done} of {total})")
                else:
                    self._draw(page)
            case Notice(text=text, warning=warning):
                self._log(self._warn if warning else self._say, text)
            case Waiting(reason=reason, seconds=seconds) if reason.what != self._waiting_for:
                self._waiting_for = reason.what
                self._log(self._say, f"{reason.what}: waiting for it, up to {seconds:g} s")
            case Retried(job=job, reason=reason):
                self._log(self._say, f"{printable(job.page)} is submitted again: {reason.what}")
            case Queued(job=job, ahead=ahead) if ahead:
                self._draw(f"{job.page}  {ahead} ahead in the queue")
            case Running(job=job):
                self._draw(job.page)
            case Step(job=job, step=step, steps=steps):
                self._draw(f"{job.page}  step {step}/{steps}")

    def close(self) -> None:
        """Take the live line away."""
        if self._terminal is not None and self._drawn:
            self._terminal.write(_ERASE)
            self._terminal.flush()

    def _log(self, speak: Callable[[str], None], text: str) -> None:
        self.close()
        speak(text)

    def _draw(self, what: str) -> None:
        now = self._clock()
        if self._terminal is None or now - self._drawn < _LINE_EVERY:
            return
        self._drawn = now
        left = ""
        if self._done:
            rest = (now - self._started) / self._done * (self._total - self._done)
            left = f"  {rest:.0f} s left"
        line = f"  hero {min(self._done + 1, self._total)} of {self._total}{left}  {what}"
        # A line that fills the last column would be wrapped, and only its rest erased.
        self._terminal.write(_ERASE + _fitted(printable(line), _columns(self._terminal) - 1))
        self._terminal.flush()


def _columns(terminal: TextIO) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or _COLUMNS
    except OSError:  # no file, or no terminal
        return _COLUMNS


def _fitted(line: str, columns: int) -> str:
    """The beginning of ``line`` that fits; letters of East Asia are two columns wide."""
    for index, each in enumerate(line):
        columns -= 2 if unicodedata.east_asian_width(each) in "WF" else 1
        if columns < 0:
            return line[:index]
    return line


def _announcement(total: int, servers: tuple[str, ...]) -> str:
    heroes = "1 hero" if total == 1 else f"{total} heroes"
    if servers:
        return f"rendering {heroes} on {', '.join(servers)}"
    return f"painting {heroes} on the embedded server: stand-ins, not what your models would render"
