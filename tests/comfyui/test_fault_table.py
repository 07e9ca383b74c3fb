"""The fault table, a test a row: how it ends, how often it is submitted, what is delivered.

docs/unattended.md states the same as a promise. Times are short here; ``QUICK`` says how short.
"""

import asyncio
import contextlib
import gzip
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mkdocs_comfy.comfyui.jobs import Rendered, Retried, Running, Submitted, Waiting
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.errors import (
    AuthError,
    InterruptedRenderError,
    LostError,
    MissingNodeError,
    NotComfyUIError,
    OutOfMemoryError,
    OutOfTimeError,
    QuotaError,
    RejectedError,
    RenderTimeoutError,
    TooLargeError,
    UnreachableError,
)
from mkdocs_comfy.testing import Answer, FakeComfyUI, NodeFailure, flat_painter

QUICK = Pace(
    connect=1, answer=2, download=2, poll_last=0.2, poll_live=0.3, lost=0.4, withdraw=1, beat=0.05
)
JSON = {"Content-Type": "application/json"}
DUPLICATE = b'{"error": {"type": "duplicate_prompt_id", "message": "known"}, "node_errors": {}}'


@dataclass(kw_only=True)
class Row:
    """One fault.

    Attributes:
        name: What happens, as the table says it.
        arrange: Done to the server before two jobs are rendered.
        first: Kinds of events → what is done to the server at the first of that kind.
        error: What fails the first job; ``None`` where both images come.
        both: True where the second job fails with the first.
        submitted: Jobs that the server accepted, at least and at most.
        options: Limits and the like.
    """

    name: str
    arrange: object = lambda _: None
    at: dict = field(default_factory=dict)
    error: type | None = None
    both: bool = False
    submitted: tuple = (2, 2)
    options: dict = field(default_factory=dict)

    def __str__(self):
        return self.name


def answers(route, *, times=None, **answer):
    return lambda comfyui: comfyui.answer(route, Answer(**answer), times=times)


def knob(**values):
    def turn(comfyui):
        for name, value in values.items():
            setattr(comfyui, name, value)

    return turn


def dies(*, back_after=None):
    def die(comfyui):
        comfyui.crash()
        if back_after is not None:
            comfyui.restart(after=back_after)

    return die


def crashes(point, *, back_after=0.3):
    return lambda comfyui: comfyui.crash_when(point, restart_after=back_after)


def each(*steps):
    def take(comfyui):
        for step in steps:
            step(comfyui)

    return take


def call(name):
    return lambda comfyui: getattr(comfyui, name)()


def interrupts_the_first(comfyui):
    comfyui.interrupt(comfyui.submissions[0]["prompt_id"])


def soon(act, seconds=0.3):
    """Do it a little later, while the client is at work."""
    return lambda comfyui: threading.Timer(seconds, act, [comfyui]).start()


def forgets(comfyui):
    """What is done is in no history, old or new."""
    comfyui.answer("/history", Answer(headers=JSON, body=b"{}"))
    comfyui.answer("/jobs", Answer(status=404, headers=JSON, body=b'{"error": "Job not found"}'))


def remembers(comfyui):
    comfyui.answer("/history", None)
    comfyui.answer("/jobs", None)


def moved(times=None, **headers):
    return answers("/view", status=302, headers=headers, times=times)


ROWS = [
    # The server dies and comes back
    Row(name="kill -9 while running", arrange=crashes("running"), submitted=(3, 4)),
    Row(name="kill -9 at the submission", arrange=crashes("submitted"), submitted=(3, 3)),
    Row(
        name="kill -9 while queued",
        arrange=call("hold"),
        at={Submitted: soon(each(dies(back_after=0.3), call("release")))},
        submitted=(3, 4),
    ),
    Row(
        name="kill -9 after done and before the history",
        arrange=knob(history_lag=30),
        at={Running: soon(each(dies(back_after=0.3), knob(history_lag=0)))},
        submitted=(3, 4),
    ),
    Row(
        name="kill -9 during /view: the file is still there",
        arrange=each(knob(drip=0.02, latency=0.05)),
        at={Running: soon(each(dies(back_after=0.3), knob(drip=0)))},
        submitted=(2, 3),
    ),
    Row(
        name="restart after longer than a moment",
        arrange=crashes("running", back_after=1.5),
        submitted=(3, 4),
    ),
    Row(
        name="never comes back",
        arrange=crashes("running", back_after=None),
        error=UnreachableError,
        both=True,
        submitted=(1, 2),
        options={"patience": 0.5},
    ),
    Row(
        name="dies at every job",
        arrange=each(
            lambda comfyui: comfyui.crash_when("submitted", restart_after=0.05),
        ),
        at={Retried: lambda comfyui: comfyui.crash_when("submitted", restart_after=0.05)},
        submitted=(3, 6),
    ),
    # The socket
    Row(name="socket refused", arrange=knob(refuse_socket=True)),
    Row(name="socket silent", arrange=knob(silent_socket=True)),
    Row(name="socket garbage", arrange=answers("/ws", body=b"garbage")),
    # History and queue
    Row(name="history lags", arrange=knob(history_lag=1.0)),
    Row(
        name="history evicted",
        arrange=knob(latency=0.2),
        at={Submitted: forgets, Retried: remembers},
        submitted=(3, 4),
    ),
    Row(
        name="queue cleared by someone",
        arrange=lambda comfyui: comfyui.enqueue_foreign(1.0),
        at={Submitted: soon(call("clear_queue"))},
        submitted=(3, 4),
    ),
    Row(
        name="interrupted by someone",
        arrange=call("hold"),
        at={Running: soon(each(interrupts_the_first, call("release")))},
        error=InterruptedRenderError,
    ),
    # The submission
    Row(
        name="answer lost",
        arrange=answers("/prompt", times=1, handled=True, reset=True),
    ),
    Row(name="answer never comes", arrange=answers("/prompt", times=1, handled=True, delay=9)),
    Row(name="lost on its way", arrange=answers("/prompt", times=1, reset=True)),
    Row(
        name="409, the id is known",
        arrange=answers("/prompt", times=1, handled=True, status=409, body=DUPLICATE),
    ),
    Row(
        name="200 with node_errors",
        arrange=answers(
            "/prompt",
            times=1,
            headers=JSON,
            body=b'{"prompt_id": "x", "node_errors": {"9": {"errors": [{"message": "no"}]}}}',
        ),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="400",
        arrange=answers("/prompt", times=1, status=400, body=b"no"),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="401",
        arrange=answers("/prompt", status=401),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="403",
        arrange=answers("/prompt", status=403),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="404",
        arrange=answers("/prompt", status=404),
        error=NotComfyUIError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="413",
        arrange=answers("/prompt", times=1, status=413),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="429 without a time",
        arrange=answers("/prompt", status=429),
        error=QuotaError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="429 with Retry-After",
        arrange=answers("/prompt", times=1, status=429, headers={"Retry-After": "1"}),
    ),
    Row(
        name="503 with Retry-After",
        arrange=answers("/prompt", times=2, status=503, headers={"Retry-After": "1"}),
        options={"retries": 0},
    ),
    Row(
        name="429 with more than patience",
        arrange=answers("/prompt", status=429, headers={"Retry-After": "3600"}),
        error=QuotaError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="429 while it is watched",
        arrange=answers("/queue", times=1, status=429, headers={"Retry-After": "1"}),
        options={"refuse": True},
    ),
    Row(
        name="500 text",
        arrange=answers("/prompt", times=1, status=500, body=b"500 Internal Server Error"),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="502 HTML, once",
        arrange=answers("/prompt", times=1, status=502, body=b"<html>Bad Gateway</html>"),
    ),
    Row(
        name="502 HTML, for ever",
        arrange=answers("/prompt", status=502, body=b"<html>Bad Gateway</html>"),
        error=UnreachableError,
        both=True,
        submitted=(0, 0),
        options={"patience": 0.5},
    ),
    Row(
        name="302",
        arrange=answers("/prompt", status=302, headers={"Location": "/login"}),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="301 to https",
        arrange=answers("/prompt", status=301, headers={"Location": "https://127.0.0.1/"}),
        error=NotComfyUIError,
        both=True,
        submitted=(0, 0),
    ),
    # The image
    Row(name="/view 404, once", arrange=answers("/view", times=1, status=404), submitted=(3, 3)),
    Row(
        name="/view 404, for ever",
        arrange=answers("/view", status=404),
        error=LostError,
        both=True,
        submitted=(6, 6),
    ),
    Row(
        name="success without a file",
        arrange=knob(without_images=True),
        at={Retried: knob(without_images=False)},
        submitted=(3, 4),
    ),
    Row(name="/view reset, once", arrange=answers("/view", times=1, reset=True)),
    Row(name="/view breaks off", arrange=answers("/view", times=3, reset=True)),
    Row(name="/view 502, once", arrange=answers("/view", times=1, status=502)),
    Row(name="/view 403", arrange=answers("/view", status=403), error=AuthError, both=True),
    Row(
        name="/view 302 to another host",
        arrange=moved(times=1, Location="http://images.invalid/x.png"),
        error=LostError,
    ),
    Row(
        name="/view drips",
        arrange=knob(drip=0.2),
        error=RenderTimeoutError,
        both=True,
    ),
    Row(name="/view endless", arrange=knob(endless=True), error=TooLargeError, both=True),
    Row(
        name="/view gzip bomb",
        arrange=answers(
            "/view",
            times=1,
            headers={"Content-Encoding": "gzip"},
            body=gzip.compress(bytes(2**26)),
        ),
        error=TooLargeError,
    ),
    # What no retry mends
    Row(
        name="out of memory",
        arrange=knob(fail_with=NodeFailure(exception_type="torch.OutOfMemoryError")),
        error=OutOfMemoryError,
        both=True,
    ),
]


SEEN_BY_BOTH = ("kill", "restart", "never", "dies", "history", "queue", "interrupted", "answer")


@pytest.fixture
def newer(request):
    """Whether the server is one that tells of jobs."""
    return False


@pytest.fixture
def comfyui(newer):
    with FakeComfyUI(painter=flat_painter, jobs_api=newer) as server:
        server.models = {**server.models, "checkpoints": ["sd_xl_base_1.0.safetensors"]}
        yield server


def play(row, comfyui, events):
    """Take events; at the first one of a kind, do to the server what the row says."""
    at, seen = dict(row.at), []
    for event in events:
        seen.append(event)
        if act := at.pop(type(event), None):
            act(comfyui)
    return seen


@pytest.mark.parametrize(
    ("row", "newer"),
    [
        *((row, False) for row in ROWS),
        *((row, True) for row in ROWS if row.name.startswith(SEEN_BY_BOTH)),
    ],
    ids=lambda value: str(value) if isinstance(value, Row) else ("jobs" if value else "history"),
)
def test_the_table(row, comfyui, events_of, a_job):
    jobs = [a_job(1), a_job(2)]
    row.arrange(comfyui)
    options = {"patience": 5, **row.options}
    comfyui.refuse_socket = comfyui.refuse_socket or options.pop("refuse", False)

    events = play(row, comfyui, events_of(jobs, pace=QUICK, **options))

    images = {event.job.key for event in events if isinstance(event, Rendered)}
    errors = {event.job.key: event.error for event in events if hasattr(event, "error")}
    assert images | errors.keys() == {job.key for job in jobs}, "every job ends"
    assert len(images) + len(errors) == 2, "and once"
    failed = 0 if row.error is None else 1 + row.both
    assert [type(error) for error in errors.values()] == [row.error] * failed
    least, most = row.submitted
    assert least <= len(comfyui.submissions) <= most
    prefixes = {each["prompt"]["9"]["inputs"]["filename_prefix"] for each in comfyui.submissions}
    ids = {each["prompt_id"] for each in comfyui.submissions}
    assert len(prefixes) == len(ids), "a new id has a new prefix"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_is_promised_in_the_documentation(row):
    """The table of docs/unattended.md has it, with the end that it has here."""
    page = Path(__file__).parents[2] / "docs" / "unattended.md"
    lines = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines()]
    promised = {cells[1].strip(): cells[2].strip() for cells in lines if len(cells) == 5}

    ends = "all images" if row.error is None else f"`{row.error.kind}`"
    assert promised[row.name].startswith(ends)


# What needs more than a row ----------------------------------------------------------------------


@pytest.mark.parametrize("after", [0.2, 1.0])
def test_all_images_come_however_long_a_restart_takes(comfyui, events_of, a_job, after):
    jobs = [a_job(number) for number in range(1, 6)]
    comfyui.latency = 0.1
    events, rendered = [], 0

    for event in events_of(jobs, pace=QUICK, patience=10):
        events.append(event)
        rendered += isinstance(event, Rendered)
        if rendered == 2:
            rendered += 10
            comfyui.crash()
            comfyui.restart(after=after)

    assert {e.job.key for e in events if isinstance(e, Rendered)} == {job.key for job in jobs}
    assert len(comfyui.submissions) <= 5 + 2, "only the two that the server had"
    assert any(isinstance(event, Waiting) for event in events)


def test_a_server_that_does_not_answer_the_first_probe_is_not_waited_for(
    render, a_job, a_closed_port
):
    began = time.monotonic()

    error = render([a_job()], url=f"http://127.0.0.1:{a_closed_port}", patience=60).error

    assert type(error) is UnreachableError
    assert time.monotonic() - began < 5


def test_a_closed_socket_is_opened_again_under_another_id(comfyui, events_of, a_job, eventually):
    """A server forgets both sockets of an id that is given twice."""
    jobs = [a_job(number) for number in range(1, 4)]
    comfyui.latency = 0.5
    sockets = []

    for event in events_of(jobs, pace=QUICK, patience=10):
        if isinstance(event, Running) and not sockets:
            sockets.append(event)
            comfyui.crash()
            comfyui.restart()

    ids = [each.query["clientId"] for each in comfyui.requests if each.route == "/ws"]
    assert len(ids) >= 2
    assert len(set(ids)) == len(ids)
    assert comfyui.submissions[-1]["client_id"] in ids


def test_a_frame_that_is_too_large_costs_the_socket_only(comfyui, render, a_job, monkeypatch):
    monkeypatch.setattr("mkdocs_comfy.comfyui.transport._FRAME_BYTES", 300)
    comfyui.previews = True
    comfyui.latency = 0.3

    result = render([a_job(1), a_job(2)], pace=QUICK)

    assert len(result.images) == 2
    assert len(comfyui.submissions) == 2


def test_a_machine_that_sleeps_fails_no_job(comfyui, events_of, a_job, monkeypatch):
    """The clock jumps by an hour while a job runs, with every timer of the loop."""
    jump = [0.0]
    monkeypatch.setattr(
        asyncio.BaseEventLoop, "time", lambda _: time.monotonic() + jump[0], raising=True
    )
    comfyui.hold()
    events, slept = [], False

    for event in events_of([a_job(1), a_job(2)], pace=QUICK, timeout=20, max_time=60):
        events.append(event)
        if isinstance(event, Running) and not slept:
            slept = True
            jump[0] = 3600
            threading.Timer(0.7, comfyui.release).start()

    assert [type(event) for event in events if hasattr(event, "error")] == []
    assert sum(isinstance(event, Rendered) for event in events) == 2
    assert len(comfyui.submissions) == 2


def test_the_time_for_all_jobs_ends(comfyui, events_of, a_job):
    """What is rendered is kept, the rest is withdrawn and shares one cause."""
    jobs = [a_job(number) for number in range(1, 8)]
    comfyui.latency = 0.4
    comfyui.enqueue_foreign(0.1)
    began = time.monotonic()

    events = list(events_of(jobs, pace=QUICK, max_time=1.2))

    assert time.monotonic() - began < 4
    rendered = [event.job for event in events if isinstance(event, Rendered)]
    errors = {id(event.error): event.error for event in events if hasattr(event, "error")}
    assert 1 <= len(rendered) < 7
    assert [type(error) for error in errors.values()] == [OutOfTimeError]
    assert "`max_time:`" in next(iter(errors.values())).what
    ours = {each["prompt_id"] for each in comfyui.submissions}
    done = set(comfyui.executed) & ours
    assert len(done) == len(rendered), "every image that was finished is delivered"
    assert set(comfyui.deleted) | set(comfyui.interrupted) == ours - done
    assert len(events) == len([e for e in events if not hasattr(e, "error")]) + 7 - len(rendered)


def test_the_time_is_over_before_it_begins(comfyui, render, a_job):
    result = render([a_job(1), a_job(2)], pace=QUICK, max_time=0.0)

    assert {type(error) for error in result.errors.values()} == {OutOfTimeError}
    assert comfyui.submissions == []


def test_patience_is_not_endless_even_for_the_time_of_all_jobs(comfyui, events_of, a_job):
    comfyui.crash_when("running")
    began = time.monotonic()

    events = list(events_of([a_job(1)], pace=QUICK, patience=60, max_time=1))

    assert [type(event.error) for event in events if hasattr(event, "error")] == [OutOfTimeError]
    assert time.monotonic() - began < 5


def test_a_path_before_the_api(comfyui, render, a_job, raw_server, next_request):
    """https://gpu.lan/comfy/ keeps its path: the prefix is ``/comfy/api``."""
    seen = []

    def talk(connection):
        head = next_request(connection)
        if head:
            seen.append(head.split(b" ")[1].decode())

    front = raw_server(talk)

    render([a_job()], url=f"{front.url}/comfy/", pace=Pace(probe=1, connect=1, answer=1))

    assert seen[0] == "/comfy/api/system_stats"


def test_newer_names_of_errors(a_job, a_graph, events_of):
    with FakeComfyUI(painter=flat_painter, jobs_api=True, any_model=True) as newer:
        graph = a_graph()
        graph["3"]["class_type"] = "KSamplerFromTheFuture"

        (event,) = events_of([a_job(graph=graph)], url=newer.url)

    assert type(event.error) is MissingNodeError
    assert "'KSamplerFromTheFuture' (node 3 \"KSampler\")" in event.error.what


def test_a_newer_server_is_asked_for_the_job_only(events_of, a_job):
    with FakeComfyUI(painter=flat_painter, jobs_api=True, any_model=True) as newer:
        events = list(events_of([a_job(1), a_job(2)], url=newer.url))
        routes = {request.route for request in newer.requests}

    assert sum(isinstance(event, Rendered) for event in events) == 2
    assert "/history" not in routes
    assert "/jobs" in routes


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=404),
        Answer(status=403),
        Answer(status=500, body=b"no"),
        Answer(body=b"<html>"),
        Answer(body=b"[]"),
        Answer(reset=True),
    ],
)
def test_whatever_is_not_the_jobs_api_is_none(comfyui, render, a_job, answer):
    comfyui.answer("/jobs", answer)

    assert len(render([a_job()]).images) == 1


def test_garbage_in_the_place_of_a_job(events_of, a_job):
    with FakeComfyUI(painter=flat_painter, jobs_api=True, any_model=True) as newer:
        events = events_of([a_job()], url=newer.url)
        next(events)
        newer.answer("/jobs", Answer(body=json.dumps({"status": "lovely"}).encode()))
        (error,) = [event.error for event in events if hasattr(event, "error")]

    assert type(error) is NotComfyUIError


def test_closing_while_waiting_for_a_server(comfyui, events_of, a_job):
    comfyui.crash_when("running")
    events = events_of([a_job()], pace=QUICK, patience=60)
    for event in events:
        if isinstance(event, Waiting):
            break
    began = time.monotonic()

    with contextlib.closing(events):
        pass

    assert time.monotonic() - began < 4
