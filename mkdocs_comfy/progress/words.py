"""The state of a build in words: lines of a live display, and parts of lines of a log; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mkdocs_comfy.progress.status import Lane, Status

SEPARATOR = " · "
_INDENT = "  "
_MINUTE, _HOUR = 60.0, 3600.0
_EXACT = 9.5  # seconds; more than that is not foretold to the second
_SLOW = 0.095  # images a second; fewer are easier to read as seconds an image


def lines(status: Status, now: float, *, rows: int) -> list[str]:
    """What a terminal shows: a line for each server, and one for the whole at the end.

    One server needs one line. Where there are more servers than lines, those that do most are
    shown.

    Args:
        status: The build.
        now: Seconds of the clock that the build's events were taken with.
        rows: How many lines there may be, at least 1.
    """
    lanes = tuple(status.lanes.values())
    if len(lanes) <= 1:
        return [_INDENT + SEPARATOR.join([*_head(status, now), *_alone(status, now)])]
    shown = _busiest(lanes, rows - 1)
    labels = _labels([lane.name for lane in lanes])
    cells = [
        (labels[lane.name], _state(lane, now), _pace(status, lane), _page(lane)) for lane in shown
    ]
    columns = [column for column in zip(*cells, strict=True) if any(column)]
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
    table = [_INDENT + _INDENT.join(row).rstrip() for row in zip(*padded, strict=True)]
    if others := len(lanes) - len(shown):
        table.append(f"{_INDENT}and {others} more" if shown else "")
    return [*filter(None, table), _INDENT + SEPARATOR.join(_whole(status, now))]


def summary(status: Status, now: float) -> str:
    """One line for a log that has said nothing for a while."""
    lanes = tuple(status.lanes.values())
    if len(lanes) <= 1:
        return SEPARATOR.join([*_head(status, now), *_alone(status, now)])
    working = f"{sum(lane.works for lane in lanes)} of {len(lanes)} servers take jobs"
    return SEPARATOR.join([*_whole(status, now), working])


def label(status: Status, server: str) -> str:
    """A short name of ``server`` where there are several, else ``""``."""
    return _labels(list(status.lanes)).get(server, "") if len(status.lanes) > 1 else ""


def left(seconds: float | None) -> str:
    """``seconds`` as a person would say them; ``""`` for ``None``."""
    if seconds is None:
        return ""
    if seconds < _EXACT:
        return f"{max(1, round(seconds))} s left"
    if (rounded := 5 * round(seconds / 5)) < _MINUTE:
        return f"about {rounded} s left"
    if (minutes := round(seconds / _MINUTE)) < _HOUR / _MINUTE:
        return f"about {minutes} min left"
    hours, minutes = divmod(5 * round(seconds / _MINUTE / 5), 60)
    return f"about {hours} h {minutes} min left" if minutes else f"about {hours} h left"


def rate(per_second: float | None) -> str:
    """Images a second, or how long one takes where they are few; ``""`` for ``None``."""
    if per_second is None:
        return ""
    if per_second >= _SLOW:
        return f"{per_second:.1f} images/s"
    seconds = 1 / per_second
    return (
        f"{seconds:.0f} s an image" if seconds < 2 * _MINUTE else f"{seconds / 60:.0f} min an image"
    )


def _head(status: Status, now: float) -> list[str]:
    parts = [
        f"hero {min(status.done + 1, status.total)} of {status.total}",
        f"{status.failed} failed" if status.failed else "",
        left(status.time_left(now)),
    ]
    return [part for part in parts if part]


def _whole(status: Status, now: float) -> list[str]:
    return [*_head(status, now), *filter(None, [rate(status.rate())])]


def _alone(status: Status, now: float) -> list[str]:
    """What the only server does, and how fast it is."""
    parts = [part for lane in status.lanes.values() for part in (_state(lane, now), _page(lane))]
    return [part for part in (*parts, rate(status.rate())) if part]


def _state(lane: Lane, now: float) -> str:
    current = lane.current
    if lane.away_since is not None:
        return f"waiting for it, {now - lane.away_since:.0f} of {lane.patience:g} s"
    if current is None and lane.down:
        return "given up" if lane.final else "down, asked again later"
    if current is None:
        return "idle"
    if not current.running:
        return f"queued, {lane.foreign} ahead" if lane.foreign else "queued"
    if not current.steps:
        return "running"
    return f"step {current.step:>{len(str(current.steps))}}/{current.steps}"


def _page(lane: Lane) -> str:
    at_hand = lane.current if lane.away_since is None else None
    return printable(at_hand.job.page) if at_hand else ""


def _pace(status: Status, lane: Lane) -> str:
    current = lane.current
    own = status.pace.own(lane.name, current.job.template) if current and lane.works else None
    return rate(None if own is None else 1 / own)


def _busiest(lanes: Sequence[Lane], rows: int) -> list[Lane]:
    """As many as fit, in their own order; a line is kept to tell of the others."""
    if len(lanes) <= rows:
        return list(lanes)
    chosen = set(sorted(range(len(lanes)), key=lambda each: _rank(lanes[each]))[: max(0, rows - 1)])
    return [lane for index, lane in enumerate(lanes) if index in chosen]


def _rank(lane: Lane) -> int:
    """What a person wants to see first has the lowest."""
    current = lane.current
    if current is not None and lane.works:
        return 0 if current.running else 1
    return 2 if lane.away_since is not None else 4 if lane.down else 3


def _labels(names: Sequence[str]) -> dict[str, str]:
    """Names without ``http://``, where they differ without it."""
    short = {name: printable(name.partition("://")[2] or name) for name in names}
    return short if len(set(short.values())) == len(names) else {n: printable(n) for n in names}
