"""What an author sees while images are rendered."""

import io

import pytest

from mkdocs_comfy.comfyui.jobs import (
    Progress as Step,
    Queued,
    RenderJob,
    Retried,
    Running,
    Waiting,
)
from mkdocs_comfy.errors import LostError, UnreachableError
from mkdocs_comfy.pipeline import Notice, Starting, Stored
from mkdocs_comfy.progress import Progress

JOB = RenderJob(key="k1-" + "0" * 64, graph={}, output="9", template="default", page="a.md")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    return []


def progress(said, clock, terminal=None):
    return Progress(
        say=said.append,
        warn=lambda text: said.append(f"! {text}"),
        terminal=terminal,
        clock=clock,
    )


EVENTS = [
    Starting(total=2, servers=("http://gpu.lan:8188",)),
    Queued(job=JOB, ahead=3),
    Running(job=JOB),
    Step(job=JOB, step=5, steps=25),
    Stored(page="a.md", done=1, total=2, seconds=12.345),
    Notice(text="odd shape"),
    Notice(text="torn file", warning=True),
]


def test_plain_lines_where_there_is_no_terminal(said, clock):
    shown = progress(said, clock)
    for event in EVENTS:
        shown(event)
    shown.close()

    assert said == [
        "rendering 2 heroes on http://gpu.lan:8188",
        "rendered a.md in 12.3 s (1 of 2)",
        "odd shape",
        "! torn file",
    ]


def test_one_live_line_on_a_terminal(said, clock):
    terminal = io.StringIO()
    shown = progress(said, clock, terminal)
    for event in EVENTS:
        clock.now += 1.0
        shown(event)
    clock.now += 1.0
    shown(Step(job=JOB, step=6, steps=25))
    shown.close()

    drawn = terminal.getvalue()
    assert "\n" not in drawn
    lines = [line for line in drawn.split("\r\x1b[K") if line]
    assert lines == [
        "  hero 1 of 2  a.md  3 ahead in the queue",
        "  hero 1 of 2  a.md",
        "  hero 1 of 2  a.md  step 5/25",
        "  hero 2 of 2  4 s left  a.md",
        "  hero 2 of 2  7 s left  a.md  step 6/25",
    ]
    assert drawn.endswith("\r\x1b[K")
    assert "rendered a.md" not in " ".join(said)


def test_the_live_line_is_drawn_ten_times_a_second_at_most(said, clock):
    terminal = io.StringIO()
    shown = progress(said, clock, terminal)
    shown(Starting(total=1, servers=()))
    clock.now = 1.0
    for step in range(100):
        clock.now += 0.01
        shown(Step(job=JOB, step=step, steps=100))

    assert 9 <= terminal.getvalue().count("step") <= 11


def test_a_long_page_name_does_not_break_the_line(said, clock):
    terminal = io.StringIO()
    shown = progress(said, clock, terminal)
    clock.now = 1.0
    shown(Running(job=RenderJob(**{**_fields(JOB), "page": "x" * 500})))

    assert len(terminal.getvalue()) < 90


def test_an_outage_is_told_once_and_each_new_attempt(said, clock):
    """Two jobs wait for the same server."""
    shown = progress(said, clock)
    away = Waiting(job=JOB, reason=UnreachableError("ComfyUI went away"), seconds=60.0)
    for event in (away, away, Retried(job=JOB, reason=LostError("vanished"))):
        shown(event)

    assert said == [
        "ComfyUI went away: waiting for it, up to 60 s",
        "a.md is submitted again: vanished",
    ]
    shown(Stored(page="a.md", done=1, total=2, seconds=1.0))
    shown(away)
    assert len(said) == 4


def test_stand_ins_are_announced(said, clock):
    progress(said, clock)(Starting(total=1, servers=()))

    assert said == [
        "painting 1 hero on the embedded server: stand-ins, not what your models would render"
    ]


def _fields(job):
    return {name: getattr(job, name) for name in job.__dataclass_fields__}
