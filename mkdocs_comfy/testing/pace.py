"""How long a job takes: its seconds are spread over the steps of the nodes that do the work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.testing.tracing import is_sampler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set as AbstractSet

    from mkdocs_comfy.testing.jobs import Job


class StoppedError(Exception):
    """Somebody interrupted the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When each step of a job is done.

    Attributes:
        job: The job.
        began: When it began, on the loop's clock.
        seconds: What it takes in all, at least 0.
        workers: The nodes that take the time, in the order of execution.
    """

    job: Job
    began: float
    seconds: float
    workers: Sequence[str]

    async def until(self, node: str, done: float) -> None:
        """Wait until ``node`` has done the part ``done`` (0 to 1) of its work.

        Raises:
            StoppedError: The job was interrupted meanwhile.
        """
        share = (self.workers.index(node) + done) / len(self.workers)
        left = self.began + self.seconds * share - asyncio.get_running_loop().time()
        if left > 0:
            try:
                await asyncio.wait_for(self.job.stop.wait(), left)
            except TimeoutError:
                return
        else:
            await asyncio.sleep(0)
        if self.job.stop.is_set():
            raise StoppedError

    async def unless_stopped(self, work: asyncio.Future[Any]) -> None:
        """Wait for ``work`` to be done, well or badly.

        Raises:
            StoppedError: The job was interrupted before.
        """
        if work.done():
            return
        stopped = asyncio.ensure_future(self.job.stop.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not work.done():
            raise StoppedError


def workers_of(
    graph: Mapping[str, Any],
    order: Sequence[str],
    *,
    cached: AbstractSet[str],
    sinks: AbstractSet[str],
) -> list[str]:
    """Return the nodes that do the work: the samplers, else the first node that is no output."""
    fresh = [node for node in order if node not in cached]
    samplers = [node for node in fresh if is_sampler(graph[node]["inputs"])]
    return samplers or [node for node in fresh if node not in sinks][:1]
