"""Waiting: for something or at most so long, and for the time of a run to be over."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NAP = 5.0  # seconds without a beat that mean sleep; a busy machine stumbles for less


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until ``event`` is set, at most ``seconds``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def keep_time(*, max_time: float | None, beat: float, slept: Callable[[float], None]) -> None:
    """Return when ``max_time`` is over, the time for which the machine slept left out.

    Some clocks stand still while a machine sleeps and some go on; what shows is a beat that comes
    late. The wall clock, which people set, is never asked.

    Args:
        max_time: Seconds, or ``None`` for no end.
        beat: Seconds between two looks at the clock.
        slept: Told for how many seconds of the clock the machine slept, each time.
    """
    clock = asyncio.get_running_loop().time
    now = clock()
    ends_at = float("inf") if max_time is None else now + max_time
    while now < ends_at:
        wait = min(beat, ends_at - now)
        await asyncio.sleep(wait)
        before, now = now, clock()
        if (nap := now - before - wait) > _NAP:
            ends_at += nap
            slept(nap)
