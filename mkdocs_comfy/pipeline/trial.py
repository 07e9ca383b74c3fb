"""Whether the shared cache can be read and written, for whoever sets it up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.errors import SharedCacheError
from mkdocs_comfy.pipeline.depot import Depot
from mkdocs_comfy.pipeline.errands import Errands

if TYPE_CHECKING:
    from mkdocs_comfy.settings import Settings

LONGEST: Final = 30.0
"""Seconds that the shared cache has for both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of it.

    Attributes:
        url: The shared cache, without credentials.
        readable: Whether this machine may read it.
        writable: Whether it may write it; ``None`` where it is not to.
        seconds: How long that took.
        error: What is wrong, or ``None``. Where nobody said that it is to be written, being denied
            to is no error.
        refusal: Why it cannot be written, where that is no error.
    """

    url: str
    readable: bool
    writable: bool | None
    seconds: float
    error: SharedCacheError | None
    refusal: SharedCacheError | None = None


def try_shared_cache(settings: Settings, *, longest: float = LONGEST) -> Trial | None:
    """Read from the shared cache and write to it; ``None`` where there is none.

    Args:
        settings: The configuration.
        longest: Seconds to wait for it.
    """
    shared = settings.shared
    if shared is None:
        return None
    depot = Depot(shared, max_bytes=settings.max_bytes)
    began = time.monotonic()
    errands: Errands[bool, tuple[SharedCacheError | None, SharedCacheError | None]]
    errands = Errands(lambda writes: _tried(depot, writes=writes), name="comfy-trial")
    errands.add(shared.writes)
    try:
        _, (unread, unwritten) = errands.next(longest)
    except TimeoutError:
        late = SharedCacheError(url=depot.display, problem=f"no answer for {longest:g} s")
        unread, unwritten = late, None
    errands.abandon()
    expected = unwritten is not None and unwritten.denied and shared.write is None
    return Trial(
        url=depot.display,
        readable=unread is None,
        writable=unwritten is None and unread is None if shared.writes else None,
        seconds=round(time.monotonic() - began, 3),
        error=unread or (None if expected else unwritten),
        refusal=unwritten if expected else None,
    )


def _tried(
    depot: Depot, *, writes: bool
) -> tuple[SharedCacheError | None, SharedCacheError | None]:
    """Return why it cannot be read, and why it cannot be written."""
    unwritten = None
    if writes:
        try:
            depot.probe()
        except SharedCacheError as error:
            unwritten = error
        else:
            return None, None  # what was written was read
    try:
        depot.look()
    except SharedCacheError as error:
        return error, unwritten
    return None, unwritten
