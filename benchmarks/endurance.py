"""What thousands of jobs through eight servers cost this process, and what waiting costs.

Memory
    Resident memory after the first images and after all of them; images are dropped once they are
    in hand.
Waiting
    Processor time of this process while every server runs one long job and has another queued,
    divided by the time and by the servers; and the requests that a server got meanwhile, from two
    seconds after the start on. With the socket, with previews on it, with a socket that says
    nothing, and with none.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workload import graphs, render

from mkdocs_comfy.comfyui.jobs import Rendered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakes import Fake
    from verdicts import Verdicts

GROWTH_MB = 5.0
CPU_PERCENT = 0.5
REQUESTS = 4.0
SETTLE_SECONDS = 2.0
STEPS = 20
PER_SERVER = 2  # jobs: one runs and one is queued
STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        jobs: Images in all.
        early: Images after which memory is measured first.
        job_seconds: Seconds that one of these jobs takes.
        window: Seconds that waiting is watched.
    """

    jobs: int
    early: int
    job_seconds: float
    window: float


def measure_memory(servers: Sequence[Fake], plan: Plan, verdicts: Verdicts) -> None:
    """Render a lot; print, judge."""
    for server in servers:
        server.set(latency=plan.job_seconds)
    sizes: dict[int, float] = {}
    images = 0
    begin, busy = time.perf_counter(), time.process_time()
    urls = [server.url for server in servers]
    for event in render(urls, graphs([4] * plan.jobs)):
        if isinstance(event, Rendered):
            images += 1
            if images in {plan.early, plan.jobs} and STATM.exists():
                sizes[images] = resident_mb()
    wall, busy = time.perf_counter() - begin, time.process_time() - busy
    asked = sum(len(server.requests()) for server in servers)
    print(
        f"\n{images} jobs of {plan.job_seconds:g} s through {len(servers)} servers:"
        f" {images / wall:.0f} images/s, {busy / images * 1000:.1f} ms of processor time"
        f" and {asked / images:.1f} requests an image"
    )
    if not sizes:
        verdicts.not_measured("memory, which needs /proc")
        return
    early, late = sizes[plan.early], sizes[plan.jobs]
    print(
        f"resident after {plan.early} images: {early:.1f} MB, after {plan.jobs}: {late:.1f} MB",
        flush=True,
    )
    what = f"MB more after {plan.jobs} images than after {plan.early}"
    verdicts.at_most(what, late - early, GROWTH_MB)


def measure_waiting(servers: Sequence[Fake], plan: Plan, verdicts: Verdicts) -> None:
    """Watch this process wait, in each mode; print, judge."""
    print(f"\nwhile {len(servers)} servers run one long job each, {plan.window:.0f} s; a server:")
    print("                     % of a core   requests/s   in the busiest second")
    modes: dict[str, dict[str, bool]] = {
        "socket": {},
        "socket, previews": {"previews": True},
        "silent socket": {"silent_socket": True},
        "no socket": {"refuse_socket": True},
    }
    for name, knobs in modes.items():
        _watch(servers, plan.window, name, knobs, verdicts)


def _watch(
    servers: Sequence[Fake], window: float, name: str, knobs: dict[str, bool], verdicts: Verdicts
) -> None:
    for server in servers:
        server.set(latency=window + 2 * SETTLE_SECONDS, **knobs)
    urls = [server.url for server in servers]
    wanted = graphs([STEPS] * PER_SERVER * len(servers))
    with ThreadPoolExecutor(max_workers=1) as pool:
        images = pool.submit(
            lambda: sum(isinstance(each, Rendered) for each in render(urls, wanted))
        )
        time.sleep(SETTLE_SECONDS)
        begin, busy = time.perf_counter(), time.process_time()
        time.sleep(window)
        end, busy = time.perf_counter(), time.process_time() - busy
        arrivals = [[at for at in server.requests() if begin <= at < end] for server in servers]
        idle = [
            server.url for server in servers if server.submitted() < PER_SERVER or server.done()
        ]
        for server in servers:
            server.set()  # what is queued need not take as long
        assert images.result() == len(wanted)
    assert not idle, f"not at one long job all the time: {idle}"
    percent = busy / (end - begin) / len(servers) * 100
    rate = sum(len(each) for each in arrivals) / (end - begin) / len(servers)
    busiest = max(busiest_second(each) for each in arrivals)
    print(f"{name:<20} {percent:11.2f} {rate:12.2f} {busiest:>12}", flush=True)
    verdicts.at_most(f"% of a core a server while waiting, {name}", percent, CPU_PERCENT)
    verdicts.at_most(f"requests in the busiest second of a server, {name}", busiest, REQUESTS)


def busiest_second(moments: Sequence[float]) -> int:
    """The most of ``moments``, which are in order, that lie within one second."""
    first = most = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def resident_mb() -> float:
    """Resident memory of this process in MB (10**6 bytes), as Linux tells it (proc(5))."""
    pages = int(STATM.read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
