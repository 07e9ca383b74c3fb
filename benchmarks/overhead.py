"""Time per image beyond what the server itself takes.

Jobs of 50 ms each are rendered on a FakeComfyUI. Two figures for each image, in milliseconds:

``between``
    Time since the image before, less the 50 ms of the job: what the server waits for us. Nothing,
    if the next job is always queued in time.
``after``
    Time from the end of the job on the server to the image in our hands: what an author waits
    for who renders one image.

Both are measured with the socket, which is bounded, and with a socket that says nothing, for
information. Server and client share one process, so the figures hold the server's own work too.

Usage::

    python benchmarks/overhead.py                  # 60 jobs, 3 turns
    python benchmarks/overhead.py --jobs 200 --turns 1

Exit status 1 when a median with the socket is above 15 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from itertools import pairwise

from workload import Moments, graphs, render

from mkdocs_comfy.comfyui.jobs import Rendered
from mkdocs_comfy.testing import FakeComfyUI, flat_painter

BOUND_MS = 15.0
JOB_SECONDS = 0.05
STEPS = 4


def measure(jobs: int, *, silent: bool) -> tuple[list[float], list[float]]:
    """Render ``jobs`` images; ``between`` and ``after`` of each, in milliseconds."""
    with FakeComfyUI(painter=flat_painter, latency=JOB_SECONDS) as comfyui:
        comfyui.silent_socket = silent
        comfyui.executed = ended = Moments()
        arrived = [
            time.perf_counter()
            for event in render([comfyui.url], graphs([STEPS] * jobs))
            if isinstance(event, Rendered)
        ]
    between = [(later - earlier - JOB_SECONDS) * 1000 for earlier, later in pairwise(arrived)]
    after = [(there - end) * 1000 for end, there in zip(ended.at, arrived, strict=True)]
    return between, after


def report(name: str, figures: list[float]) -> float:
    """Print and return the median."""
    median = statistics.median(figures)
    p90 = statistics.quantiles(figures, n=10)[-1]
    print(f"{name:<26} {median:6.1f} {p90:6.1f} {max(figures):6.1f}")
    return median


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=60, help="images a turn (60)")
    parser.add_argument("--turns", type=int, default=3, help="how often (3)")
    options = parser.parse_args()
    print(f"{options.turns} x {options.jobs} jobs of {JOB_SECONDS * 1000:.0f} ms")
    print(f"{'ms an image':<26} median    p90    max")
    worst = 0.0
    for silent in (False, True):
        turns = [measure(options.jobs, silent=silent) for _ in range(options.turns)]
        where = "silent socket" if silent else "socket"
        medians = [
            report(f"between, {where}", [each for between, _ in turns for each in between]),
            report(f"after, {where}", [each for _, after in turns for each in after]),
        ]
        if not silent:
            worst = max(medians)
    fine = worst <= BOUND_MS
    print(f"bound: {BOUND_MS:.0f} ms median with the socket: {'kept' if fine else 'broken'}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
