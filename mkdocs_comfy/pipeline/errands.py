"""Work in threads that may hang: whoever waits for it can leave it behind."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Job = TypeVar("Job")
Answer = TypeVar("Answer")

THREADS: Final = 16
"""How many jobs are done at a time: each spends its time waiting for a network."""

_LOOK_EVERY: Final = 0.2  # seconds between a thread's looks whether anybody still wants its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a build waits for the shared cache, in seconds.

    Attributes:
        answer: For the next answer, whichever comes first; the first connection included.
        reading: For all that is fetched, while nothing else is left to do.
        writing: For all that is still to be written when everything else is done.
    """

    answer: float = 20.0
    reading: float = 120.0
    writing: float = 60.0


class Errands(Generic[Job, Answer]):
    """Does jobs beside the caller, a few at a time, and hands their answers over.

    The threads are daemons, so that one that never comes back does not hold up the end of the
    process.

    Args:
        work: Does one job. What it raises is no answer, and ends the thread.
        name: Name of the threads.
        ahead: Answers that may wait to be taken, lest they fill the memory; 0 for any number.

    Attributes:
        pending: Jobs whose answer was not taken yet.
    """

    def __init__(self, work: Callable[[Job], Answer], *, name: str, ahead: int = 0) -> None:
        self._work, self._name = work, name
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._answers: queue.Queue[tuple[Job, Answer]] = queue.Queue(maxsize=ahead)
        self._over = threading.Event()
        self._threads = 0
        self.pending = 0

    def add(self, job: Job) -> None:
        """Have a job done."""
        self.pending += 1
        self._jobs.put(job)
        if self._threads < THREADS:
            self._threads += 1
            name = f"{self._name}-{self._threads}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def next(self, timeout: float) -> tuple[Job, Answer]:
        """Take the next answer, in the order in which they come.

        Args:
            timeout: Seconds to wait for it.

        Raises:
            TimeoutError: None came.
        """
        try:
            done = self._answers.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        self.pending -= 1
        return done

    def abandon(self) -> None:
        """Want no more answers. A job that is being done is not interrupted."""
        self._over.set()
        self.pending = 0

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                job = self._jobs.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                continue
            self._hand_over(job, self._work(job))

    def _hand_over(self, job: Job, answer: Answer) -> None:
        while not self._over.is_set():
            try:
                self._answers.put((job, answer), timeout=_LOOK_EVERY)
            except queue.Full:
                continue
            return
