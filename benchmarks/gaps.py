"""How long a server waits between two jobs: ours, the limit, and other clients, side by side."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle, islice, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import httpx
from others import CLIENTS, Client, OtherClientError
from PIL import Image
from workload import JOB_SECONDS, OUTPUT, graphs, render

from mkdocs_comfy.comfyui.jobs import Rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fakes import Fake
    from verdicts import Verdicts

BOUND_MS = 5.0
STEPS = (11, 12, 13, 14, 15)
USUAL_STEPS = 13
LOOK_SECONDS = 0.2


class Server(Protocol):
    """One server, whose jobs take as long as they are told to, or up to a sixth more or less.

    Equal jobs would flatter a client whose looks happen to fall on their ends.

    Attributes:
        url: Where it listens.
        previews: The choices that it has.
    """

    url: str
    previews: tuple[bool, ...]

    def prepare(self, seconds: float, *, previews: bool) -> None:
        """Forget what was before; jobs take about ``seconds`` from now on."""

    def graph(self, steps: int) -> dict[str, Any]:
        """A new workflow for it, with its image at ``OUTPUT``; ``USUAL_STEPS`` take the seconds."""

    def spans(self) -> list[tuple[float, float]]:
        """Begin and end of each job since :meth:`prepare`, in seconds, in their order."""


class FakeServer:
    """A fake one, in a process of its own."""

    previews: tuple[bool, ...] = (False, True)

    def __init__(self, fake: Fake) -> None:
        self._fake, self.url = fake, fake.url
        self._picture = large_png()

    def prepare(self, seconds: float, *, previews: bool) -> None:
        """Set pace and previews."""
        self._fake.set(step_seconds=seconds / USUAL_STEPS, previews=previews, picture=self._picture)

    def graph(self, steps: int) -> dict[str, Any]:
        """The usual one."""
        return graphs([steps])[0]

    def spans(self) -> list[tuple[float, float]]:
        """What it has recorded."""
        return [(span.began, span.ended) for span in self._fake.spans()]


def large_png() -> bytes:
    """A picture of the size that heroes have, 1344x768 and 1.8 MB: noise of four bits a colour."""
    noise = bytes(each & 0x0F for each in random.Random(2026).randbytes(1344 * 768 * 3))  # noqa: S311  # no secret
    target = BytesIO()
    Image.frombytes("RGB", (1344, 768), noise).save(target, "PNG")
    return target.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to have jobs rendered one after another.

    Attributes:
        name: For the table.
        run: Renders these graphs on the server at this URL; returns how many images came of it.
        ours: Whether the bound is for it.
        turns: How often it is measured; ``None`` for as often as is asked for.
    """

    name: str
    run: Callable[[str, Sequence[dict[str, Any]]], int]
    ours: bool = False
    turns: int | None = None


def ours(url: str, graphs: Sequence[dict[str, Any]]) -> int:
    """Through our renderer, as a build does."""
    return sum(isinstance(event, Rendered) for event in render([url], graphs))


def all_at_once(url: str, graphs: Sequence[dict[str, Any]]) -> int:
    """The limit: post everything, and look now and then whether it is done."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        for each in graphs:
            http.post("/prompt", json={"prompt": each}).raise_for_status()
        until = time.monotonic() + JOB_SECONDS
        while http.get("/prompt").json()["exec_info"]["queue_remaining"]:
            if time.monotonic() > until:
                raise TimeoutError(f"jobs are not done after {JOB_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)
    return len(graphs)


def ways(*, others: bool) -> Iterator[Way]:
    """All that are compared; installs the other clients, and says which cannot be had."""
    yield Way(name="mkdocs-comfy", run=ours, ours=True)
    yield Way(name="all queued at once (limit)", run=all_at_once)
    for client in CLIENTS if others else ():
        try:
            client.install()
        except OtherClientError as error:
            print(f"{client.name}: {error}", flush=True)
        else:
            yield Way(name=client.name, run=_runner(client), turns=1)


def _runner(client: Client) -> Callable[[str, Sequence[dict[str, Any]]], int]:
    return lambda url, graphs: client.run(url, graphs, output=OUTPUT)


def measure(
    server: Server,
    plan: Sequence[tuple[float, int]],
    *,
    turns: int,
    others: bool,
    verdicts: Verdicts,
) -> None:
    """Measure every way with every kind of job, in turns; print, judge.

    Args:
        server: Where.
        plan: Seconds of one job, and how many of them to render.
        turns: How often.
        others: Measure the other clients too.
        verdicts: Takes what was found.
    """
    compared = list(ways(others=others))
    for previews in server.previews:
        for seconds, jobs in plan:
            kind = f"jobs of about {seconds:g} s, previews {'on' if previews else 'off'}"
            print(f"\nms between {kind}")
            print(f"{'':<40} {'median':>8} {'mean':>8} {'p90':>8} {'max':>8}   medians of turns")
            found: dict[str, list[list[float]]] = {way.name: [] for way in compared}
            for turn in range(turns):
                for way in compared if turn % 2 == 0 else compared[::-1]:
                    if turn >= (way.turns or turns):
                        continue
                    server.prepare(seconds, previews=previews)
                    graphs = [server.graph(each) for each in islice(cycle(STEPS), jobs)]
                    note = _attempt(way, server, graphs, found[way.name])
                    if note:
                        print(f"{way.name}: {note}", flush=True)
            for way in compared:
                _report(way, found[way.name], kind, verdicts)


def _attempt(
    way: Way, server: Server, graphs: Sequence[dict[str, Any]], found: list[list[float]]
) -> str:
    """Measure once; what is to be said about it, if anything."""
    try:
        images = way.run(server.url, graphs)
    except OtherClientError as error:
        return str(error)
    spans = server.spans()
    if len(spans) == len(graphs):
        found.append([(later[0] - earlier[1]) * 1000 for earlier, later in pairwise(spans)])
    short = f"{len(spans)} jobs were run, " if len(spans) != len(graphs) else ""
    return f"{short}{images} of {len(graphs)} images" if short or images < len(graphs) else ""


def _report(way: Way, turns: list[list[float]], kind: str, verdicts: Verdicts) -> None:
    if not turns:
        print(f"{way.name:<40} not measured")
        return
    figures = sorted(each for turn in turns for each in turn)
    median = statistics.median(figures)
    columns = median, statistics.mean(figures), figures[int(len(figures) * 0.9)], figures[-1]
    medians = " ".join(f"{statistics.median(turn):.2f}" for turn in turns)
    cells = " ".join(f"{each:8.2f}" for each in columns)
    print(f"{way.name:<40} {cells}   {medians}", flush=True)
    if way.ours:
        verdicts.at_most(f"ms in the median between {kind}", median, BOUND_MS)
