"""The examples in the documentation are what is shown."""

import re
from pathlib import Path

from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Progress as Step,
    Queued,
    Rendered,
    Retried,
    Running,
    ServerDown,
    Waiting,
)
from mkdocs_comfy.errors import AuthError, LostError, OutOfMemoryError, UnreachableError
from mkdocs_comfy.pipeline import Starting, Stored
from mkdocs_comfy.progress.display import Display

PAGE = Path(__file__).parents[2] / "docs/unattended.md"
ONE, TWO = "https://gpu-1.lan", "https://gpu-2.lan"
STARTING = Starting(total=40, servers=(ONE, TWO), templates={"default": 40})


def example(title):
    """The lines of an example, as they stand there."""
    found = re.search(rf'```text title="{title}"\n(.*?)```', PAGE.read_text("utf-8"), re.DOTALL)
    return found[1].splitlines()


def image(job, page, done, seconds):
    """The two events of an image that came from the first server."""
    return [
        Rendered(job=job, data=b"", seconds=seconds, server=ONE),
        Stored(page=page, done=done, total=40, seconds=seconds, server=ONE),
    ]


def test_the_log_of_a_build_in_ci(clock, job):
    expected = example("a build in CI")
    harbour, index, mill = job("guide/harbour.md"), job("index.md"), job("mill.md")
    away = UnreachableError(f"ComfyUI at {ONE} went away (connection refused)")
    vanished = LostError(f"template 'default': the job vanished from {ONE}")
    refused = AuthError(f"the credentials for {TWO} are refused")
    times = {
        "02:11:09": [STARTING, Running(job=harbour, server=ONE)],
        "02:11:10": [Queued(job=job("quay.md"), ahead=3, server=TWO)],
        "02:11:30": [*image(harbour, "guide/harbour.md", 1, 20.5), Running(job=index, server=ONE)],
        "02:11:50": [*image(index, "index.md", 2, 20.1), Running(job=mill, server=ONE)],
        "02:12:01": [Waiting(job=mill, reason=away, seconds=60, server=ONE)],
        "02:12:24": [
            Step(job=mill, step=1, steps=25, server=ONE),
            Retried(job=mill, reason=vanished, server=ONE),
        ],
        "02:13:24": [],
        "02:13:30": [Failed(job=mill, error=OutOfMemoryError("no memory"))],
        "02:13:31": [ServerDown(server=TWO, reason=refused, final=True)],
    }
    said, now = [], [""]
    display = Display(
        say=lambda text: said.append(f"INFO    -  comfy: {text}"),
        warn=lambda text: said.append(f"WARNING -  comfy: {text}"),
        screen=None,
        clock=clock,
        stamp=lambda: now[0],
    )

    for now[0], events in times.items():
        hours, minutes, seconds = map(int, now[0].split(":"))
        clock.now = hours * 3600.0 + minutes * 60 + seconds
        for event in events:
            display.take(event)
        display.tick()

    assert said == expected


def test_the_lines_at_a_terminal(new_display, clock, job):
    shown = []

    class Screen:
        rows = 23
        draw = staticmethod(shown.extend)
        clear = staticmethod(shown.clear)

    display = new_display(Screen())
    harbour = job("guide/harbour.md")
    first, second = job("1.md"), job("2.md")
    display.take(STARTING)
    display.take(Running(job=first, server=ONE))
    display.take(Queued(job=job("quay.md"), ahead=3, server=TWO))
    clock.now = 20
    for event in (*image(first, "1.md", 1, 20), Running(job=second, server=ONE)):
        display.take(event)
    clock.now = 40
    for event in (*image(second, "2.md", 2, 20), Step(job=harbour, step=12, steps=25, server=ONE)):
        display.take(event)
    clock.now = 41
    display.tick()

    assert shown == example("a build at a terminal")
