"""Whether a server is worth asking: a circuit breaker; no I/O and no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.patience import retry_after
from mkdocs_comfy.errors import UnreachableError

if TYPE_CHECKING:
    from mkdocs_comfy.errors import RenderError

_FAILURES = 2  # in a row; one alone may be a connection that the server closed
_REST = 5.0  # seconds before a server that was given up is asked again
_REST_AT_MOST = 60.0  # seconds, after doubling each time


@dataclass(slots=True, kw_only=True)
class Health:
    """Failures open the circuit, an answer closes it, time half-opens it.

    While it is open the server is given no new job. The jobs that it has go on asking, as long
    as their patience lasts; once that is over the server is given up, and asked again later.

    Attributes:
        reason: What it failed with last; ``None`` while it answers.
        given_up: True where it has failed for longer than the patience of its jobs.
        final: True where it is not asked again: what it said will not change by itself.
        again_at: When a server that was given up may be asked again.
    """

    reason: RenderError | None = None
    given_up: bool = False
    final: bool = False
    again_at: float = float("inf")
    _failures: int = 0
    _rest: float = _REST

    @property
    def closed(self) -> bool:
        """True where it may be given jobs."""
        return not self.given_up and self._failures < _FAILURES

    def failed(self, error: RenderError) -> None:
        """A request ended in ``error``."""
        if isinstance(error, UnreachableError):
            self.reason, self._failures = error, self._failures + 1

    def answered(self) -> None:
        """A request was answered."""
        self._failures = 0
        if not self.given_up:
            self.reason, self._rest = None, _REST

    def give_up(self, error: RenderError, now: float) -> None:
        """Nobody waits for it any more."""
        asked = retry_after(error)
        self.final = self.final or not (isinstance(error, UnreachableError) or asked is not None)
        self.reason, self.given_up = error, True
        self.again_at = now + max(self._rest, asked or 0.0)
        self._rest = min(self._rest * 2, _REST_AT_MOST)

    def revive(self) -> None:
        """It answers again, and is given jobs."""
        self.given_up = self.final = False
        self.answered()
