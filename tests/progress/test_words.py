"""Events in, lines of text out: what a person reads at which moment."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Progress,
    Queued,
    Rendered,
    RenderJob,
    Retried,
    Running,
    ServerDown,
    ServerUp,
    Submitted,
    Waiting,
)
from mkdocs_comfy.errors import LostError, RejectedError, UnreachableError
from mkdocs_comfy.pipeline import Starting, Stored
from mkdocs_comfy.progress import words
from mkdocs_comfy.progress.status import Status

A, B = "http://gpu-a:8188", "http://gpu-bb:8188"
REFUSED = RejectedError("no")
AWAY = UnreachableError("ComfyUI at http://gpu-a:8188 went away")


def a_job(page, template="default"):
    return RenderJob(key=f"k1-{page}", graph={}, output="9", template=template, page=page)


ONE, TWO, THREE, FOUR = (a_job(f"{name}.md") for name in ("one", "two", "three", "four"))


def rendered(job, server=A):
    return Rendered(job=job, data=b"", seconds=1.0, server=server)


def shown(events, *, rows=23, at=None):
    """The lines after events, each with its time."""
    status, now = Status(), 0.0
    for now, event in events:
        status.take(event, now)
    return words.lines(status, now if at is None else at, rows=rows)


def begun(*servers, total=4):
    return (0, Starting(total=total, servers=servers, templates={"default": total}))


ALONE = begun(A)
TOGETHER = begun(A, B)
BOTH_RUN = [
    TOGETHER,
    (0, Running(job=ONE, server=A)),
    (0, Running(job=TWO, server=B)),
]


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([ALONE], "hero 1 of 4 · idle"),
        ([ALONE, (0, Submitted(job=ONE, server=A))], "hero 1 of 4 · queued · one.md"),
        (
            [ALONE, (0, Queued(job=ONE, ahead=3, server=A))],
            "hero 1 of 4 · queued, 3 ahead · one.md",
        ),
        ([ALONE, (0, Running(job=ONE, server=A))], "hero 1 of 4 · running · one.md"),
        (
            [ALONE, (0, Progress(job=ONE, step=5, steps=25, server=A))],
            "hero 1 of 4 · step  5/25 · one.md",
        ),
        (
            [ALONE, (0, Running(job=ONE, server=A)), (10, rendered(ONE))],
            "hero 2 of 4 · about 30 s left · idle · 0.1 images/s",
        ),
        (
            [
                ALONE,
                (0, Running(job=ONE, server=A)),
                (0, Queued(job=TWO, ahead=1, server=A)),
                (10, rendered(ONE)),
                (14, Running(job=TWO, server=A)),
            ],
            "hero 2 of 4 · about 25 s left · running · two.md · 0.1 images/s",
        ),
        (
            [ALONE, (0, Running(job=ONE, server=A)), (10, Failed(job=ONE, error=REFUSED))],
            "hero 2 of 4 · 1 failed · idle",
        ),
        (
            [ALONE, (0, Running(job=ONE, server=A)), (7, Retried(job=ONE, reason=AWAY, server=A))],
            "hero 1 of 4 · idle",
        ),
        ([begun(A, total=1), (9, rendered(ONE)), (9, Stored(page="", done=1, total=1, seconds=1))],
         "hero 1 of 1 · idle"),
        ([begun(total=1), (0, Running(job=ONE, server="http://127.0.0.1:4711"))],
         "hero 1 of 1 · running · one.md"),
    ],
)  # fmt: skip
def test_one_server_has_one_line_that_says_everything(events, line):
    assert shown(events) == [f"  {line}"]


def test_a_line_for_each_server_and_one_for_the_whole():
    events = [
        *BOTH_RUN,
        (4, Progress(job=ONE, step=3, steps=20, server=A)),
        (5, rendered(TWO, B)),
        (5, Running(job=THREE, server=B)),
        (6, Progress(job=THREE, step=12, steps=20, server=B)),
    ]

    assert shown(events) == [
        "  gpu-a:8188   step  3/20                one.md",
        "  gpu-bb:8188  step 12/20  0.2 images/s  three.md",
        "  hero 2 of 4 · 6 s left · 0.4 images/s",
    ]


def test_the_pace_is_that_of_the_newest_images_and_not_the_mean_since_the_start():
    pages = [a_job(f"{number}.md") for number in range(12)]
    events = [begun(A, total=40), (0, Running(job=pages[0], server=A))]
    now = 0.0
    for job, after in pairwise(pages):
        now += 100 if job is pages[0] else 2
        events += [(now, rendered(job)), (now, Running(job=after, server=A))]

    assert "about 1 min left" in shown(events)[0]


def test_waiting_for_a_server_is_no_work_and_leaves_the_pace_alone():
    events = [
        begun(A, total=3),
        (0, Running(job=ONE, server=A)),
        (2, Waiting(job=ONE, reason=AWAY, seconds=60, server=A)),
        (52, Running(job=ONE, server=A)),
        (54, rendered(ONE)),
        (54, Running(job=TWO, server=A)),
    ]

    assert shown(events[:3], at=14) == ["  hero 1 of 3 · waiting for it, 12 of 60 s"]
    assert shown(events) == ["  hero 2 of 3 · 8 s left · running · two.md · 0.2 images/s"]


def test_a_server_that_is_away_is_not_counted_on():
    events = [
        *BOTH_RUN,
        (5, rendered(ONE, A)),
        (5, rendered(TWO, B)),
        (5, Running(job=THREE, server=A)),
        (5, Running(job=FOUR, server=B)),
    ]
    away = [(6, Waiting(job=FOUR, reason=AWAY, seconds=60, server=B))]

    assert shown(events)[-1] == "  hero 3 of 4 · 5 s left · 0.4 images/s"
    assert shown([*events, *away])[1:] == [
        "  gpu-bb:8188  waiting for it, 0 of 60 s",
        "  hero 3 of 4 · 9 s left · 0.2 images/s",
    ]


def test_nothing_is_foretold_while_nobody_works():
    down = [
        *BOTH_RUN,
        (5, rendered(ONE, A)),
        (6, ServerDown(server=A, reason=AWAY, final=True)),
        (6, ServerDown(server=B, reason=AWAY, final=False)),
    ]

    assert shown(down) == [
        "  gpu-a:8188   given up",
        "  gpu-bb:8188  down, asked again later",
        "  hero 2 of 4",
    ]
    assert shown([*down, (9, ServerUp(server=B))])[1] == "  gpu-bb:8188  idle"


def test_what_a_server_still_has_when_it_takes_no_more_is_shown():
    events = [
        *BOTH_RUN,
        (1, ServerDown(server=A, reason=AWAY, final=True)),
        (2, Progress(job=ONE, step=1, steps=2, server=A)),
    ]

    assert shown(events)[0] == "  gpu-a:8188   step 1/2  one.md"


def test_a_late_image_never_makes_time_run_backwards():
    events = [
        begun(A, total=2),
        (0, Running(job=ONE, server=A)),
        (10, rendered(ONE)),
        (10, Running(job=TWO, server=A)),
    ]

    assert [shown(events, at=at)[0].split(" · ")[1] for at in (10, 15, 19.5, 20, 60)] == [
        "about 10 s left",
        "5 s left",
        "1 s left",
        "1 s left",
        "1 s left",
    ]


def test_each_template_has_a_time_of_its_own():
    slow = a_job("slow.md", "slow")
    events = [
        (0, Starting(total=12, servers=(A,), templates={"default": 10, "slow": 2})),
        (0, Running(job=slow, server=A)),
        (60, rendered(slow)),
        (60, Running(job=ONE, server=A)),
        (62, rendered(ONE)),
    ]

    assert "about 80 s left" not in shown(events)[0]
    assert "about 1 min left" in shown(events)[0]  # 9 of 2 s, 1 of 60 s


def test_a_copy_that_waits_elsewhere_is_gone_when_the_job_runs():
    events = [
        TOGETHER,
        (0, Queued(job=ONE, ahead=0, server=A)),
        (1, Queued(job=ONE, ahead=0, server=B)),
        (2, Running(job=ONE, server=B)),
    ]

    assert shown(events)[:2] == ["  gpu-a:8188   idle", "  gpu-bb:8188  running  one.md"]


def test_our_own_jobs_ahead_are_no_queue_of_others():
    events = [
        ALONE,
        (0, Running(job=ONE, server=A)),
        (0, Queued(job=TWO, ahead=1, server=A)),
        (3, rendered(ONE)),
    ]

    assert "queued · two.md" in shown(events)[0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (8, ["a", "b", "c", "d", "e", "hero"]),
        (6, ["a", "b", "c", "d", "e", "hero"]),
        (5, ["b", "c", "d", "and 2 more", "hero"]),
        (3, ["c", "and 4 more", "hero"]),
        (2, ["hero"]),
        (1, ["hero"]),
    ],
)
def test_more_servers_than_rows_leave_room_for_the_busiest(rows, expected):
    """Those that run come before those that wait in a queue, are idle, or are down."""
    events = [
        begun(*(f"http://{name}" for name in "abcde")),
        (0, ServerDown(server="http://a", reason=AWAY, final=True)),
        (0, Queued(job=ONE, ahead=0, server="http://b")),
        (0, Running(job=TWO, server="http://c")),
        (0, Waiting(job=FOUR, reason=AWAY, seconds=9, server="http://d")),
    ]

    lines = shown(events, rows=rows)

    assert len(lines) <= rows
    found = [line.strip() if "more" in line else line.split()[0] for line in lines]
    assert found == expected


def test_names_that_differ_in_their_scheme_alone_keep_it():
    assert [line.split()[0] for line in shown([begun("http://gpu", "https://gpu")])[:2]] == [
        "http://gpu",
        "https://gpu",
    ]


def test_a_name_cannot_forge_what_a_terminal_shows():
    job = a_job("a\x1b[2Jb\n.md")

    (line,) = shown([ALONE, (0, Running(job=job, server=A))])

    assert line.endswith("a\\x1b[2Jb\\n.md")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "1 s left"),
        (0.4, "1 s left"),
        (9.4, "9 s left"),
        (9.6, "about 10 s left"),
        (12.4, "about 10 s left"),
        (34, "about 35 s left"),
        (57, "about 55 s left"),
        (58, "about 1 min left"),
        (170, "about 3 min left"),
        (3550, "about 59 min left"),
        (3590, "about 1 h left"),
        (3600, "about 1 h left"),
        (4900, "about 1 h 20 min left"),
        (90_000, "about 25 h left"),
    ],
)
def test_time_is_told_as_exactly_as_it_is_known(seconds, said):
    assert words.left(seconds) == said


@pytest.mark.parametrize(
    ("per_second", "said"),
    [
        (None, ""),
        (23.0, "23.0 images/s"),
        (0.8, "0.8 images/s"),
        (0.05, "20 s an image"),
        (1 / 300, "5 min an image"),
    ],
)
def test_a_slow_pace_is_told_as_seconds_an_image(per_second, said):
    assert words.rate(per_second) == said


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [ALONE, (5, Progress(job=ONE, step=2, steps=9, server=A))],
            "hero 1 of 4 · step 2/9 · one.md",
        ),
        (
            [TOGETHER, (5, ServerDown(server=A, reason=AWAY, final=True))],
            "hero 1 of 4 · 1 of 2 servers take jobs",
        ),
    ],
)
def test_the_summary_for_a_log_is_one_line(events, said):
    status = Status()
    for now, event in events:
        status.take(event, now)

    assert words.summary(status, 5) == said


JOBS = st.sampled_from([ONE, TWO, THREE, a_job("x.md", "other")])
SERVERS = st.sampled_from([A, B])
EVENTS = st.one_of(
    st.builds(Submitted, job=JOBS, server=SERVERS),
    st.builds(Queued, job=JOBS, server=SERVERS, ahead=st.integers(0, 3)),
    st.builds(Running, job=JOBS, server=SERVERS),
    st.builds(Progress, job=JOBS, server=SERVERS, step=st.just(1), steps=st.integers(1, 9)),
    st.builds(Waiting, job=JOBS, server=SERVERS, reason=st.just(AWAY), seconds=st.just(60.0)),
    st.builds(Retried, job=JOBS, server=SERVERS, reason=st.just(LostError("gone"))),
    st.builds(rendered, JOBS, SERVERS),
    st.builds(Failed, job=JOBS, error=st.just(REFUSED)),
    st.builds(ServerDown, server=SERVERS, reason=st.just(AWAY), final=st.booleans()),
    st.builds(ServerUp, server=SERVERS),
)


@given(events=st.lists(st.tuples(st.floats(0, 100), EVENTS), max_size=40))
def test_no_order_of_events_breaks_it(events):
    status, now = Status(), 0.0
    status.take(TOGETHER[1], now)
    for seconds, event in events:
        now += seconds
        status.take(event, now)

        lines = words.lines(status, now, rows=23)
        left = status.time_left(now)

        assert len(lines) == 3
        assert all(line.isprintable() for line in lines)
        assert left is None or left >= 0
