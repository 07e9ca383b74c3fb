"""The benchmarks start, and their arithmetic is right; how fast anything is, no test says."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Import a module of the benchmarks by its name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.mark.parametrize(
    "script", ["engine.py", "gpu.py", "overhead.py", "templates.py", "warm.py"]
)
def test_a_benchmark_says_what_it_can_do(script):
    command = [sys.executable, str(BENCHMARKS / script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: {script}")


def test_jobs_are_dealt_longest_first_to_whoever_has_least(part):
    assert part("pool").deal([1, 5, 2, 4], 2) == [[1, 0], [3, 2]]


def test_the_busiest_second_may_begin_at_any_moment(part):
    busiest_second = part("endurance").busiest_second

    assert busiest_second([]) == 0
    assert busiest_second([0.0, 0.9, 1.0, 1.8, 3.0]) == 3


def test_one_broken_promise_decides(part, capsys):
    verdicts = part("verdicts").Verdicts()
    verdicts.at_most("ms between jobs", 0.2, 5)
    verdicts.at_least("% of two servers", 96.9, 97)

    assert verdicts.report() == 1
    assert capsys.readouterr().out.split("\n")[1:3] == [
        "OK      0.2 ms between jobs (at most 5)",
        "BROKEN  96.9 % of two servers (at least 97)",
    ]


def test_what_was_not_measured_is_no_success(part):
    verdicts = part("verdicts").Verdicts()
    verdicts.not_measured("memory")

    assert verdicts.report() == 1
