"""What is said in the log, and when the terminal is drawn."""

import pytest

from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Progress as Step,
    Queued,
    Retried,
    Running,
    ServerDown,
    ServerLacks,
    ServerUp,
    Waiting,
)
from mkdocs_comfy.errors import (
    AuthError,
    LostError,
    OutOfTimeError,
    RejectedError,
    UnreachableError,
)
from mkdocs_comfy.pipeline import Notice, Starting, Stopping, Stored

A, B = "http://gpu-a:8188", "http://gpu-b:8188"


class Screen:
    """Keeps what it is asked to show; ``None`` stands for cleared."""

    rows = 23

    def __init__(self):
        self.shown = []

    def draw(self, lines):
        self.shown.append(list(lines))

    def clear(self):
        self.shown.append(None)


def test_plain_lines_have_the_time_and_one_for_each_image(said, new_display, clock, job):
    display = new_display()
    for event in (
        Starting(total=3, servers=(A,), templates={"default": 3}),
        Running(job=job("a.md"), server=A),
        Step(job=job("a.md"), step=5, steps=25, server=A),
        Stored(page="a.md", done=1, total=3, seconds=12.345, server=A),
        Failed(job=job("b.md"), error=RejectedError("no")),
        Failed(job=job("c.md"), error=OutOfTimeError("over")),
        Notice(text="odd shape"),
        Notice(text="torn file", warning=True),
        Stopping(reason="SIGTERM"),
    ):
        display.take(event)
        display.tick()

    assert said == [
        f"12:00:00 rendering 3 heroes on {A}",
        "12:00:00 rendered a.md in 12.3 s (1 of 3)",
        "12:00:00 no image for b.md: rejected (2 of 3)",
        "12:00:00 odd shape",
        "! 12:00:00 torn file",
        "12:00:00 stopping (SIGTERM): our jobs are withdrawn, finished images kept",
    ]


def test_plain_lines_name_the_server_where_there_are_several_and_the_time_left(
    said, new_display, clock, job
):
    display = new_display()
    display.take(Starting(total=3, servers=(A, B), templates={"default": 3}))
    display.take(Running(job=job(), server=B))
    clock.now = 60
    display.take(Failed(job=job(), error=RejectedError("no")))
    display.take(Stored(page="b\x1b.md", done=2, total=3, seconds=1, server=B))

    assert said[1:] == [
        "12:00:00 no image for a.md: rejected (1 of 3)",
        "12:00:00 rendered b\\x1b.md in 1.0 s on gpu-b:8188 (2 of 3)",
    ]


def test_the_queue_of_others_is_told_once_for_each_server(said, new_display, job):
    display = new_display()
    display.take(Starting(total=4, servers=(A, B)))
    for event in (
        Queued(job=job("1"), ahead=3, server=A),
        Queued(job=job("1"), ahead=2, server=A),
        Queued(job=job("2"), ahead=4, server=A),
        Queued(job=job("3"), ahead=1, server=B),
        Running(job=job("1"), server=A),
        Queued(job=job("4"), ahead=1, server=A),
    ):
        display.take(event)

    assert said[1:] == [
        "12:00:00 1 waits in the queue of gpu-a:8188: 3 jobs of others are ahead",
        "12:00:00 3 waits in the queue of gpu-b:8188: 1 job of others is ahead",
    ]


def test_our_own_job_ahead_is_no_reason_to_speak(said, new_display, job):
    display = new_display()
    display.take(Starting(total=4, servers=(A,)))
    display.take(Running(job=job("1"), server=A))
    display.take(Queued(job=job("2"), ahead=1, server=A))

    assert len(said) == 1


def test_a_silent_minute_is_broken_so_that_nobody_takes_the_build_for_dead(
    said, new_display, clock, job
):
    display = new_display()
    display.take(Starting(total=4, servers=(A,)))
    display.take(Step(job=job(), step=3, steps=900, server=A))
    for second in range(1, 131):
        clock.now = second
        display.tick()
    display.take(Notice(text="something"))
    for second in range(131, 190):
        clock.now = second
        display.tick()

    assert said[1:] == [
        "12:00:00 still rendering: hero 1 of 4 · step   3/900 · a.md",
        "12:00:00 still rendering: hero 1 of 4 · step   3/900 · a.md",
        "12:00:00 something",
    ]


def test_an_outage_is_told_once_and_each_new_attempt(said, new_display, clock, job):
    """Two jobs wait for the same server."""
    display = new_display()
    display.take(Starting(total=4, servers=(A,)))
    away = Waiting(job=job(), reason=UnreachableError("ComfyUI went away"), seconds=60, server=A)
    for event in (away, away, Retried(job=job(), reason=LostError("vanished"), server=A)):
        display.take(event)
    clock.now = 12
    display.take(Running(job=job(), server=A))
    display.take(away)
    display.take(Running(job=job(), server=A))

    assert said[1:] == [
        "12:00:00 ComfyUI went away: waiting for it, up to 60 s",
        "12:00:00 a.md is submitted again: vanished",
        f"12:00:00 {A} answers again, after 12 s",
    ]
    display.take(Stored(page="a.md", done=1, total=2, seconds=1.0))
    display.take(away)
    assert len(said) == 6


def test_servers_that_come_and_go_are_told_of_and_a_final_end_is_a_warning(said, new_display):
    display = new_display()
    display.take(Starting(total=4, servers=(A, B)))
    for event in (
        ServerDown(server=A, reason=UnreachableError("no answer from A"), final=False),
        ServerUp(server=A),
        ServerLacks(server=A, reason=RejectedError("no such model", way_out="get it")),
        ServerDown(server=B, reason=AuthError("401 from B", way_out="give it\na key"), final=True),
    ):
        display.take(event)

    assert said[1:] == [
        "12:00:00 no answer from A: the other servers go on, and it is asked again later",
        f"12:00:00 {A} takes jobs again",
        f"12:00:00 {A} is given no such job any more: no such model",
        "! 12:00:00 401 from B: nothing more is rendered there\n    give it\n    a key",
    ]


def test_stand_ins_are_announced(said, new_display):
    new_display().take(Starting(total=1, servers=()))

    (line,) = said
    assert line.startswith("12:00:00 painting 1 hero on the embedded server: stand-ins, ")


def test_a_terminal_is_drawn_at_each_tick_and_cleared_before_each_message(
    said, new_display, clock, job
):
    screen = Screen()
    display = new_display(screen)
    display.tick()
    display.take(Starting(total=2, servers=(A,)))
    clock.now = 1
    for event in (Running(job=job(), server=A), Step(job=job(), step=1, steps=2, server=A)):
        display.take(event)
    display.tick()
    display.take(Notice(text="odd shape"))

    assert screen.shown == [None, ["  hero 1 of 2 · step 1/2 · a.md"], None]
    assert said == [f"rendering 2 heroes on {A}", "odd shape"]


def test_images_and_queues_are_no_messages_on_a_terminal(said, new_display, clock, job):
    display = new_display(Screen())
    display.take(Starting(total=2, servers=(A,)))
    clock.now = 100
    for event in (
        Queued(job=job(), ahead=3, server=A),
        Stored(page="a.md", done=1, total=2, seconds=1.0, server=A),
        Failed(job=job("b.md"), error=RejectedError("no")),
    ):
        display.take(event)
        display.tick()

    assert len(said) == 1


def test_a_message_of_somebody_else_has_a_moment_to_be_written(new_display, clock):
    screen = Screen()
    display = new_display(screen)
    display.take(Starting(total=2, servers=(A,)))
    clock.now = 1
    display.clear()
    display.tick()
    assert screen.shown[-1] is None
    clock.now = 1.1
    display.tick()

    assert screen.shown[-1] == ["  hero 1 of 2 · idle"]


@pytest.mark.parametrize("plain", [True, False])
def test_nothing_is_shown_of_a_build_that_renders_nothing(said, new_display, clock, plain):
    screen = Screen()
    display = new_display(None if plain else screen)
    display.take(Notice(text="cache: torn", warning=True))
    clock.now = 1000
    display.tick()

    assert len(said) == 1
    assert screen.shown in ([], [None])


def test_a_terminal_stays_clear_once_the_build_stops(new_display, clock):
    """SIGTERM ends the process before anybody could clear it again."""
    screen = Screen()
    display = new_display(screen)
    display.take(Starting(total=2, servers=(A,)))
    clock.now = 1
    display.tick()
    display.take(Stopping(reason="SIGTERM"))
    clock.now = 2
    display.tick()

    assert screen.shown[-1] is None
