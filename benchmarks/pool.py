"""How much more several servers render than one, with jobs whose times vary by a factor of four.

Jobs of 5 to 20 steps, each as often as any other, in an order that is always the same. Two ways:

ours
    Through our renderer, which does not know how long a job takes. Time from the call to the last
    image in hand.
limit
    A bare loop that knows: it has dealt the jobs to the servers, the longest first and each to the
    one with the least to do, and posts all of them at once. Time from the first job's begin to the
    last one's end, as the servers have recorded them.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import httpx
from workload import JOB_SECONDS, graphs, render

from mkdocs_comfy.comfyui.jobs import Rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakes import Fake
    from verdicts import Verdicts

STEPS = range(5, 21)
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        servers: How many at a time; 1 first.
        rounds: How often each server gets a job of each length, on average.
        step_seconds: Seconds that one step takes.
        bound: Least part of n times one server that n servers must reach.
    """

    servers: Sequence[int]
    rounds: int
    step_seconds: float
    bound: float


def ours(servers: Sequence[Fake], wanted: Sequence[dict[str, Any]]) -> float:
    """Seconds for all images, from the call to the last one in hand."""
    begin = time.perf_counter()
    images = sum(
        isinstance(event, Rendered) for event in render([each.url for each in servers], wanted)
    )
    wall = time.perf_counter() - begin
    assert images == len(wanted)
    return wall


def limit(servers: Sequence[Fake], wanted: Sequence[dict[str, Any]]) -> float:
    """Seconds that the servers took for all jobs when they were dealt by somebody who knows."""
    dealt = deal([each["3"]["inputs"]["steps"] for each in wanted], len(servers))
    with httpx.Client(trust_env=False, timeout=60) as http:
        for row in zip_longest(*dealt):
            for server, job in zip(servers, row, strict=True):
                if job is not None:
                    document = {"prompt": wanted[job]}
                    http.post(f"{server.url}/prompt", json=document).raise_for_status()
    until = time.monotonic() + JOB_SECONDS
    while sum(each.done() for each in servers) < len(wanted):
        assert time.monotonic() < until, "the servers are not done in time"
        time.sleep(LOOK_SECONDS)
    spans = list(chain.from_iterable(each.spans() for each in servers))
    return max(each.ended for each in spans) - min(each.began for each in spans)


def deal(lengths: Sequence[int], hands: int) -> list[list[int]]:
    """Indices of ``lengths``, dealt to ``hands``: the longest first, to whoever has the least."""
    dealt: list[list[int]] = [[] for _ in range(hands)]
    loads = [0] * hands
    for job in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        hand = loads.index(min(loads))
        dealt[hand].append(job)
        loads[hand] += lengths[job]
    return dealt


WAYS: tuple[tuple[str, Callable[[Sequence[Fake], Sequence[dict[str, Any]]], float]], ...] = (
    ("ours", ours),
    ("limit", limit),
)


def measure(servers: Sequence[Fake], plan: Plan, *, turns: int, verdicts: Verdicts) -> None:
    """Measure both ways with all numbers of servers, in turns; print, judge."""
    low, high = (each * plan.step_seconds for each in (STEPS[0], STEPS[-1]))
    each = len(STEPS) * plan.rounds
    print(f"\n{each} jobs a server of {low:.2g} to {high:.2g} s; images a second", flush=True)
    rates: dict[tuple[str, int], list[float]] = {}
    for turn in range(turns):
        for number in plan.servers:
            for name, way in WAYS if turn % 2 == 0 else WAYS[::-1]:
                for server in servers:
                    server.set(step_seconds=plan.step_seconds)
                wanted = graphs(_shuffled(plan.rounds * number))
                rate = len(wanted) / way(servers[:number], wanted)
                rates.setdefault((name, number), []).append(rate)
    _report(rates, plan, verdicts)


def _shuffled(rounds: int) -> list[int]:
    steps = list(STEPS) * rounds
    random.Random(2026).shuffle(steps)  # noqa: S311  # the same order every time, no secret
    return steps


def _report(rates: dict[tuple[str, int], list[float]], plan: Plan, verdicts: Verdicts) -> None:
    print("servers   ours            of n x one   limit           of n x one   ours of limit")
    medians = {key: statistics.median(each) for key, each in rates.items()}
    for number in plan.servers:
        cells, shares = [], {}
        for name, _ in WAYS:
            shares[name] = medians[name, number] / number / medians[name, 1]
            low, high = min(rates[name, number]), max(rates[name, number])
            spread = f"{medians[name, number]:.2f} [{low:.2f}-{high:.2f}]"
            cells.append(f"{spread:<21} {shares[name]:6.1%}")
        part = medians["ours", number] / medians["limit", number]
        print(f"{number:>7}   {'   '.join(cells)}   {part:6.1%}", flush=True)
        if number > 1:
            what = f"% of {number} times one server, {number} servers"
            verdicts.at_least(what, shares["ours"] * 100, plan.bound * 100)
