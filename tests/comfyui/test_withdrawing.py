"""A build that stops takes its own jobs off the server, and nobody else's."""

import _thread
import asyncio
import contextlib
import json
import threading
import time

import pytest

from mkdocs_comfy.comfyui.client import Client
from mkdocs_comfy.comfyui.jobs import Running, Submitted
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.comfyui.transport import Transport
from mkdocs_comfy.testing import Answer


def bodies(comfyui, route):
    return [
        json.loads(request.body)
        for request in comfyui.requests
        if (request.method, request.route) == ("POST", route)
    ]


def until_two_are_submitted(events):
    """Go on until one of our jobs runs and another one waits."""
    submitted, running = 0, False
    while submitted < 2 or not running:
        event = next(events)
        submitted += isinstance(event, Submitted)
        running = running or isinstance(event, Running)


def test_closing_withdraws_what_runs_and_what_waits(comfyui, events_of, a_job):
    comfyui.hold()
    events = events_of([a_job(number) for number in range(1, 5)])
    until_two_are_submitted(events)
    comfyui.enqueue_foreign(0.01)

    events.close()

    first, second = (each["prompt_id"] for each in comfyui.submissions)
    assert comfyui.deleted == [second]
    assert comfyui.interrupted == [first]
    (deletion,) = bodies(comfyui, "/queue")
    assert sorted(deletion["delete"]) == sorted([first, second])
    assert bodies(comfyui, "/interrupt") == [{"prompt_id": first}]


def test_somebody_elses_job_is_never_interrupted(comfyui, events_of, a_job):
    """A bare interrupt stops whatever runs."""
    comfyui.enqueue_foreign(0.5)
    events = events_of([a_job()])
    while not isinstance(next(events), Submitted):
        pass

    events.close()

    assert comfyui.interrupted == []
    assert bodies(comfyui, "/interrupt") == []
    assert comfyui.deleted == [comfyui.submissions[0]["prompt_id"]]


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_exception_on_its_way_withdraws(comfyui, events_of, a_job, exception):
    comfyui.hold()
    events = events_of([a_job(1), a_job(2)])
    until_two_are_submitted(events)

    with pytest.raises(exception):
        events.throw(exception())

    assert len(comfyui.deleted) + len(comfyui.interrupted) == 2


@contextlib.contextmanager
def ctrl_c_once(condition):
    """Interrupt the main thread when ``condition`` holds; it must come out of the block."""

    def watch():
        while not condition():
            time.sleep(0.01)
        time.sleep(0.1)
        _thread.interrupt_main()

    watcher = threading.Thread(target=watch)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        yield
    watcher.join()


def test_ctrl_c_while_waiting_for_an_event(comfyui, events_of, a_job):
    comfyui.hold()
    events = events_of([a_job(1), a_job(2)])
    until_two_are_submitted(events)

    with ctrl_c_once(lambda: True):
        list(events)

    assert len(comfyui.deleted) + len(comfyui.interrupted) == 2


def test_a_post_on_its_way_is_withdrawn_too(comfyui, events_of, a_job):
    """Given up half-way, it might be queued after everything was withdrawn."""
    comfyui.hold()
    events = events_of([a_job(1), a_job(2)])
    comfyui.answer("/prompt", Answer(handled=True, delay=30, body=b"{}"))

    with ctrl_c_once(lambda: comfyui.submissions):
        list(events)

    (submission,) = comfyui.submissions
    assert comfyui.interrupted == [submission["prompt_id"]]


def test_a_post_that_is_answered_in_the_last_moment(comfyui, events_of, a_job):
    comfyui.hold()
    events = events_of([a_job(1)])
    comfyui.answer("/prompt", Answer(handled=True, delay=0.3, body=b'{"prompt_id": "other"}'))

    with ctrl_c_once(lambda: comfyui.submissions):
        list(events)

    assert "other" in bodies(comfyui, "/queue")[0]["delete"]


def test_closing_does_not_hang_on_a_server_that_does(comfyui, events_of, a_job):
    comfyui.hold()
    events = events_of([a_job(1), a_job(2)], pace=Pace(withdraw=0.5))
    until_two_are_submitted(events)
    comfyui.answer("*", Answer(delay=30))

    began = time.monotonic()
    events.close()

    assert time.monotonic() - began < 6


def test_a_finished_run_withdraws_nothing(comfyui, render, a_job):
    render([a_job(1), a_job(2)])

    assert bodies(comfyui, "/queue") == []
    assert bodies(comfyui, "/interrupt") == []


def test_withdrawing_nothing_asks_nothing(scripted):
    server = scripted()

    async def withdraw():
        async with Client(Transport(ServerConfig(url=server.url), Pace())) as client:
            await client.withdraw([])

    asyncio.run(withdraw())

    assert server.asked == []


def test_no_thread_is_left(comfyui, events_of, a_job):
    with contextlib.closing(events_of([a_job()])) as events:
        next(events)
        assert any(thread.name == "mkdocs-comfy" for thread in threading.enumerate())

    assert not any(thread.name == "mkdocs-comfy" for thread in threading.enumerate())
