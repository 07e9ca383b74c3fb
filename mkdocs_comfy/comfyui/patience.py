"""How long to wait for a server that went away, or that asks to wait; no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import QuotaError, UnreachableError

if TYPE_CHECKING:
    from mkdocs_comfy.comfyui.server import Pace
    from mkdocs_comfy.errors import RenderError

_GROWTH = 1.5


@dataclass(slots=True, kw_only=True)
class Patience:
    """What is left of it.

    Attributes:
        seconds: How long to wait for a server, from its first failure to its next answer.
        passing: How long at least where what keeps it from taking jobs ends by itself.
        pace: Seconds between two attempts.
        away_since: Since when it does not answer, or ``None`` while it does.
        until: When to ask it again; in the past where it may be asked.
    """

    seconds: float
    passing: float
    pace: Pace
    away_since: float | None = None
    until: float = float("-inf")
    _wait: float = field(init=False)

    def __post_init__(self) -> None:
        self.answered()

    def answered(self) -> None:
        """The server is there."""
        self.away_since = None
        self._wait = min(self.pace.poll_first * 4, self.pace.poll_last)

    def lasts(self, error: RenderError, now: float) -> bool:
        """Whether to ask again, at ``until``, after ``error``."""
        if self.away_since is None:
            self.away_since = now
        end = self.away_since + self.limit(error)
        asked = retry_after(error)
        if now >= end or (asked is not None and now + asked > end):
            return False
        self.until = min(now + (self._wait if asked is None else asked), end)
        self._wait = min(self._wait * _GROWTH, self.pace.poll_last)
        return True

    def limit(self, error: RenderError) -> float:
        """Seconds that ``error`` is waited out, at most."""
        passing = isinstance(error, QuotaError) and error.passing
        return max(self.seconds, self.passing) if passing else self.seconds

    def give_back(self, seconds: float, now: float) -> None:
        """``seconds`` of the clock were no time for anybody."""
        if self.away_since is not None:
            self.away_since = min(self.away_since + seconds, now)


def may_pass(error: RenderError) -> bool:
    """Whether the server may do better a little later."""
    if isinstance(error, QuotaError):
        return error.retry_after is not None
    return isinstance(error, UnreachableError)


def retry_after(error: RenderError) -> float | None:
    """Seconds that the server asks to wait, as far as it does."""
    return error.retry_after if isinstance(error, QuotaError | UnreachableError) else None
