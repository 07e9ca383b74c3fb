"""How long the rest takes, learned from images that are done; no I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WEIGHT = 0.3  # of the newest image in the mean
_LEAST = 0.001  # seconds; an image that took no time is no reason to divide by 0
_HALVINGS = 40  # of an interval that is never longer than years: to milliseconds


class Pace:
    """Seconds from one image to the next, by server and template.

    Newer images count more. The first one of a template on a server only counts until there is a
    second: models are loaded for it.
    """

    def __init__(self) -> None:
        """Nothing is known."""
        self._seconds: dict[tuple[str, str], float] = {}
        self._first: set[tuple[str, str]] = set()

    def learn(self, server: str, template: str, seconds: float) -> None:
        """An image came ``seconds`` after the one before, 0 or more."""
        place = server, template
        known = self._seconds.get(place)
        if known is None:
            self._first.add(place)
            known = seconds
        elif place in self._first:
            self._first.remove(place)
            known = seconds
        self._seconds[place] = max(known + _WEIGHT * (seconds - known), _LEAST)

    def own(self, server: str, template: str) -> float | None:
        """Seconds an image of ``template`` on this very server, as far as they are known."""
        return self._seconds.get((server, template))

    def of(self, server: str, template: str) -> float | None:
        """Seconds that such an image is likely to take; ``None`` where nothing is known at all.

        What other servers need for the template stands in for what is not known, and then what
        any image took.
        """
        if (own := self._seconds.get((server, template))) is not None:
            return own
        alike = [each for (_, known), each in self._seconds.items() if known == template]
        return _mean(alike or self._seconds.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A server that takes jobs.

    Attributes:
        each: Seconds an image, more than 0.
        rest: Seconds that the image at hand is likely to need; 0 where there is none.
    """

    each: float
    rest: float


def time_left(workers: Sequence[Worker], waiting: int) -> float | None:
    """Seconds until all is done, at least 0; ``None`` where nobody works.

    Whoever is free takes the next image, so it is the first moment by which all together have
    ended as many as there are: exact for images that take equally long.

    Args:
        workers: Who renders.
        waiting: Images that nobody has begun.
    """
    if not workers:
        return None
    at_hand = max(worker.rest for worker in workers)
    if waiting <= 0:
        return at_hand
    early, late = 0.0, min(worker.rest + waiting * worker.each for worker in workers)
    for _ in range(_HALVINGS):
        middle = (early + late) / 2
        ended = sum(int(max(0.0, middle - each.rest) / each.each) for each in workers)
        early, late = (early, middle) if ended >= waiting else (middle, late)
    return max(at_hand, late)


def _mean(values: Iterable[float]) -> float | None:
    values = tuple(values)
    return sum(values) / len(values) if values else None
