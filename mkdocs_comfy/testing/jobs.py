"""The queue and the history, as a real server keeps them: in memory, one job at a time. No I/O."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# ComfyUI 0.3.64 forgets the oldest entry beyond this many.
MAXIMUM_HISTORY = 10_000
# Keys of extra_data that a server never writes into its history.
SECRETS = frozenset({"api_key_comfy_org", "auth_token_comfy_org"})


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One accepted submission.

    Attributes:
        number: Priority, lower first.
        id: The prompt id, chosen by client or server.
        graph: The graph as validation left it, literals cast to their types.
        extra_data: What the client sent along, its ``client_id`` included.
        outputs: Ids of the output nodes to run.
        seconds: How long it takes; ``None`` for the server's latency.
        stop: Set when somebody interrupts it.
    """

    number: float
    id: str
    graph: Mapping[str, Any]
    extra_data: Mapping[str, Any]
    outputs: Sequence[str]
    seconds: float | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def client_id(self) -> str | None:
        """Session that hears about this job, or ``None``."""
        client_id = self.extra_data.get("client_id")
        return None if client_id is None else str(client_id)

    def as_json(self) -> list[Any]:
        """Return the job as ``/queue`` lists it, secrets included, as 0.3.64 does."""
        return [self.number, self.id, self.graph, self.extra_data, self.outputs]

    def as_history(self) -> list[Any]:
        """Return the job as the history keeps it, without secrets."""
        public = {key: value for key, value in self.extra_data.items() if key not in SECRETS}
        return [self.number, self.id, self.graph, public, self.outputs]


class Backlog:
    """Queue and history of one server. Used on the server's loop only.

    Args:
        changed: Called after every change of the queue.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.arrived = asyncio.Event()
        self.running: Job | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self._pending: list[tuple[float, int, Job]] = []
        self._taken = 0
        self._next_number = 0
        self._changed = changed

    @property
    def remaining(self) -> int:
        """Jobs pending and running."""
        return len(self._pending) + (self.running is not None)

    @property
    def pending(self) -> list[Job]:
        """Jobs that wait, in the order of the heap, which is not sorted."""
        return [job for _, _, job in self._pending]

    def number(self, *, front: bool) -> int:
        """Return the next automatic number, negative for a job that goes to the front."""
        number = self._next_number
        self._next_number += 1
        return -number if front else number

    def put(self, job: Job) -> None:
        """Add a job."""
        self._taken += 1
        heapq.heappush(self._pending, (job.number, self._taken, job))
        self.arrived.set()
        self._changed()

    def start_next(self) -> Job | None:
        """Make the first pending job the running one; ``None`` where none waits."""
        if not self._pending:
            self.arrived.clear()
            return None
        _, _, self.running = heapq.heappop(self._pending)
        self._changed()
        return self.running

    def finish(self, job: Job, entry: Mapping[str, Any]) -> None:
        """Move the running job into the history, in one step."""
        while len(self.history) >= MAXIMUM_HISTORY:
            del self.history[next(iter(self.history))]
        self.running = None
        self.history[job.id] = {"prompt": job.as_history(), **entry}
        self._changed()

    def withdraw(self, ids: Sequence[object] | None = None) -> list[str]:
        """Remove pending jobs, all of them without ``ids``; return the ids of those removed."""
        gone = [job.id for job in self.pending if ids is None or job.id in ids]
        self._pending = [entry for entry in self._pending if entry[2].id not in gone]
        heapq.heapify(self._pending)
        if gone:
            self._changed()
        return gone

    def interrupt(self, prompt_id: str | None = None) -> str | None:
        """Stop the running job, if it has this id or no id is given; return its id if so."""
        job = self.running
        if job is None or job.stop.is_set() or prompt_id not in {None, job.id}:
            return None
        job.stop.set()
        return job.id

    def recall(self, *, most: int | None, offset: int) -> dict[str, Any]:
        """Return ``most`` entries of the history from ``offset`` on, the newest by default."""
        ids = list(self.history)
        if offset < 0:
            offset = 0 if most is None else max(0, len(ids) - most)
        chosen = ids[offset:] if most is None else ids[offset : offset + most]
        return {key: self.history[key] for key in chosen}

    def forget(self) -> None:
        """Lose everything, as a killed process does."""
        self.running = None
        self._pending = []
        self._next_number = 0
        self.history = {}
        self.arrived.clear()
