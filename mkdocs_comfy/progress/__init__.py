"""What a person sees while images are rendered."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator

    from mkdocs_comfy.pipeline import Event
    from mkdocs_comfy.progress.display import Display

_LIVE, _PLAIN = 0.1, 1.0  # seconds between two looks whether there is something to show


class Progress:
    """Takes the pipeline's events and shows them; close it in the end.

    A terminal has live lines: one for each server, redrawn ten times a second at most. Elsewhere
    there is a plain line for each image, and one a minute while nothing else is said. Nothing is
    loaded before the first event: most builds have none.

    Args:
        say: Takes an information for the log.
        warn: Takes a warning for the log.
        terminal: Stream of the live lines, or ``None`` for plain lines.
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
        self._say, self._warn = say, warn
        self._terminal, self._clock = terminal, clock
        self._display: Display | None = None
        self._lock = threading.RLock()  # a message of ours comes back through `clear`
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="comfy-progress", daemon=True)

    def __call__(self, event: Event) -> None:
        """Show one event of the pipeline."""
        with self._lock:
            if self._display is None:
                self._display = self._new_display()
                self._thread.start()
            self._display.take(event)

    def clear(self) -> None:
        """Take the live lines away, since something else is written."""
        with self._lock:
            if self._display is not None:
                self._display.clear()

    def close(self) -> None:
        """Take the live lines away for good."""
        self._over.set()
        try:
            if self._thread.is_alive():
                self._thread.join()
        finally:
            self.clear()

    def _tick(self) -> None:
        while not self._over.wait(_PLAIN if self._terminal is None else _LIVE):
            with self._lock:
                if self._display is not None:
                    self._display.tick()

    def _new_display(self) -> Display:
        from mkdocs_comfy.progress.display import Display  # noqa: PLC0415  # see above
        from mkdocs_comfy.progress.screen import Screen  # noqa: PLC0415  # likewise

        return Display(
            say=self._say,
            warn=self._warn,
            screen=None if self._terminal is None else Screen(self._terminal),
            clock=self._clock,
            stamp=lambda: time.strftime("%H:%M:%S"),
        )


def live_terminal(*, ci: bool) -> TextIO | None:
    """Return the stream for live lines: stderr, if it is a terminal that can; else ``None``.

    Args:
        ci: True in a CI build, whose terminal nobody watches.
    """
    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not ci
    return sys.stderr if live else None


@contextmanager
def cleared_before_records(logger: logging.Logger, clear: Callable[[], None]) -> Iterator[None]:
    """Within the block, call ``clear`` before a record of ``logger`` or below it is written.

    Others write to the log too: MkDocs tells of browsers and missing pages while it serves.
    """
    handlers: list[logging.Handler] = []
    above: logging.Logger | None = logger
    while above is not None:
        handlers += above.handlers
        above = above.parent if above.propagate else None

    def before(_record: logging.LogRecord) -> bool:
        clear()
        return True

    for handler in handlers:
        handler.addFilter(before)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(before)
