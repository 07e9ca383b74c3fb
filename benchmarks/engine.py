"""How busy our engine keeps ComfyUI servers, next to the limit and to other clients.

The servers are FakeComfyUIs, each in a process of its own. What is measured, and what is promised:

``gaps``
    The time between two jobs on one server, as the server sees it: at most 5 ms in the median, with
    jobs of about 50 ms, 500 ms and 5 s whose images have 1.8 MB, previews on and off. The limit is
    a server whose queue holds all jobs from the beginning.
``pool``
    Images a second from 2, 4 and 8 servers: at least 97 % of so many times one server, with jobs
    that vary by a factor of four. The limit deals all jobs beforehand, knowing how long each takes.
``endurance``
    5,000 jobs through 8 servers: not more than 5 MB of memory more after the last than after 500;
    while jobs run, at most 0.5 % of a core a server, and 4 requests a second to each.

Usage::

    python benchmarks/engine.py                   # ours and the limit, about 10 minutes
    python benchmarks/engine.py --quick           # few and short jobs, about a minute and a half
    python benchmarks/engine.py --all             # three turns, and other clients: about 35 minutes
    python benchmarks/engine.py --only gaps --others
    python benchmarks/engine.py --real            # gaps on a real ComfyUI

Other clients are installed from the package index into ``.venvs/``, each into its own environment;
one that cannot be installed, or does not run, is reported as such. ``--real`` needs what
``tests/live/install_comfyui.py`` installs; its nodes sleep in the place of rendering, and its times
are those of its own history, in whole milliseconds.

With ``--quick`` a pool has so few jobs that the last ones, which cannot be shared any more, weigh
more: the bound is 90 % there.

Exit status 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import endurance
import gaps
import pool
from fakes import fakes
from live import real_server
from verdicts import Verdicts

from mkdocs_comfy.errors import HeroError

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("gaps", "pool", "endurance")
SERVERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much to measure.

    Attributes:
        gaps: Seconds of one job, and how many of them to render.
        pool: The jobs for the pool.
        endurance: Likewise.
        turns: How often gaps and pool are measured.
    """

    gaps: Sequence[tuple[float, int]]
    pool: pool.Plan
    endurance: endurance.Plan
    turns: int


FULL = Size(
    gaps=((0.05, 60), (0.5, 16), (5.0, 5)),
    pool=pool.Plan(servers=(1, 2, 4, 8), rounds=4, step_seconds=0.04, bound=0.97),
    endurance=endurance.Plan(jobs=5000, early=500, job_seconds=0.05, window=10.0),
    turns=1,
)
QUICK = Size(
    gaps=((0.05, 40), (0.5, 7)),
    pool=pool.Plan(servers=(1, 8), rounds=2, step_seconds=0.02, bound=0.9),
    endurance=endurance.Plan(jobs=1000, early=200, job_seconds=0.05, window=3.0),
    turns=1,
)


def main() -> int:
    """Read the command line, measure, judge."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="Exit status 1 when a promise is broken; what is promised stands in the file.",
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--quick", action="store_true", help="few and short jobs")
    amount.add_argument("--all", action="store_true", help="--others --turns 3")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part (all)")
    parser.add_argument("--others", action="store_true", help="measure other clients' gaps too")
    parser.add_argument("--real", action="store_true", help="only gaps, on a real ComfyUI 0.3.75")
    parser.add_argument("--turns", type=int, help="how often gaps and pool are measured (1)")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    turns = options.turns or (3 if options.all else size.turns)
    verdicts = Verdicts()
    try:
        measure(
            ["gaps"] if options.real else options.only or PARTS,
            replace(size, turns=turns),
            others=options.others or options.all,
            real=options.real,
            verdicts=verdicts,
        )
    except HeroError as error:
        print(error, file=sys.stderr)
        return 1
    return verdicts.report()


def measure(
    parts: Sequence[str], size: Size, *, others: bool, real: bool, verdicts: Verdicts
) -> None:
    """Measure ``parts``; print, judge.

    Raises:
        HeroError: An image could not be rendered.
    """
    with ExitStack() as stack:
        if real:
            server: gaps.Server = stack.enter_context(real_server())
        else:
            servers = stack.enter_context(fakes(1 if parts == ["gaps"] else SERVERS))
            server = gaps.FakeServer(servers[0])
        if "gaps" in parts:
            gaps.measure(server, size.gaps, turns=size.turns, others=others, verdicts=verdicts)
        if "pool" in parts:
            pool.measure(servers, size.pool, turns=size.turns, verdicts=verdicts)
        if "endurance" in parts:
            endurance.measure_memory(servers, size.endurance, verdicts)
            endurance.measure_waiting(servers, size.endurance, verdicts)


if __name__ == "__main__":
    sys.exit(main())
