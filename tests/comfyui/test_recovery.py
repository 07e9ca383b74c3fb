"""How one server's jobs survive what happens to it: what needs more than a row of the table.

The table itself is tests/pipeline/test_fault_table.py.
"""

import contextlib
import json
import time

import pytest

from mkdocs_comfy.comfyui.jobs import Rendered, Running, Waiting
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.errors import (
    MissingNodeError,
    NotComfyUIError,
    OutOfTimeError,
    UnreachableError,
)
from mkdocs_comfy.testing import Answer, FakeComfyUI, flat_painter

QUICK = Pace(
    connect=1, answer=2, download=2, poll_last=0.2, poll_live=0.3, lost=0.4, withdraw=1, beat=0.05
)


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
        newer.hold()
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
