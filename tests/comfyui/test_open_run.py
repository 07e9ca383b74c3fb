"""Rendering without an end: jobs that come, and are taken back, while others are rendered."""

import contextlib
import threading
from collections import Counter

import pytest

from mkdocs_comfy.comfyui import open_pool, run
from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Limits,
    Preview,
    Progress,
    Rendered,
    Running,
    ServerDown,
    ServerLacks,
    Submitted,
)
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.errors import AuthError, MissingModelError, UnreachableError

QUICK = Pace(lost=0.6, poll_last=0.2, poll_live=0.5)
MODEL = "sd_xl_base_1.0.safetensors"


@pytest.fixture
def opened():
    """Open a run on servers; closed in the end."""
    with contextlib.ExitStack() as stack:

        def start(*servers, **limits):
            configured = [
                ServerConfig(url=each if isinstance(each, str) else each.url) for each in servers
            ]
            limits = Limits(**{"timeout": 30, "patience": 2, **limits})
            return stack.enter_context(Renderer(configured, limits=limits, pace=QUICK).open())

        yield start


def until(events, kind, count=1):
    """Events up to the ``count``-th of a kind."""
    seen = []
    for event in events:
        seen.append(event)
        count -= isinstance(event, kind)
        if not count:
            return seen
    raise AssertionError(seen)


def ends(events):
    return Counter(event.job.key for event in events if isinstance(event, Rendered | Failed))


def test_jobs_are_rendered_as_they_are_added(fakes, opened, a_job):
    (comfyui,) = fakes(0.0)
    jobs = opened(comfyui)
    events = jobs.events()
    for number in range(1, 6):
        jobs.add(a_job(number))
        (*_, rendered) = until(events, Rendered)
        assert rendered.job.key == a_job(number).key

    assert len([each for each in comfyui.requests if each.route == "/system_stats"]) == 1
    assert jobs.left == ()


def test_a_server_has_one_job_running_and_one_ahead(fakes, opened, a_job, eventually):
    """However many there are: what comes first elsewhere is decided where they are kept."""
    (comfyui,) = fakes(0.0)
    comfyui.hold()
    jobs = opened(comfyui)
    for number in range(1, 6):
        jobs.add(a_job(number))
    eventually(lambda: len(comfyui.submissions) == 2)
    eventually(lambda: jobs.waiting == 3)
    comfyui.release()

    assert ends(until(jobs.events(), Rendered, 5)) == Counter(a_job(n).key for n in range(1, 6))
    assert jobs.waiting == 0


def test_a_job_that_is_dropped_is_withdrawn_and_never_heard_of_again(
    fakes, opened, a_job, eventually
):
    (comfyui,) = fakes(0.0)
    comfyui.hold()
    jobs = opened(comfyui)
    first, second, third, fourth = (a_job(number) for number in range(1, 5))
    for job in (first, second, third, fourth):
        jobs.add(job)
    events = jobs.events()
    until(events, Running)
    eventually(lambda: len(comfyui.submissions) == 2)
    for job in (first, second, third):  # it runs, it waits on the server, it waits here
        jobs.drop(job.key)
    dropped = {each["prompt_id"] for each in comfyui.submissions[:2]}
    eventually(lambda: dropped <= {*comfyui.interrupted, *comfyui.deleted})
    comfyui.release()

    assert ends(until(events, Rendered)) == Counter([fourth.key])
    assert comfyui.executed[-1] == comfyui.submissions[-1]["prompt_id"]
    assert dropped.isdisjoint(comfyui.executed)


def test_dropping_what_is_not_there_does_nothing(fakes, opened, a_job):
    jobs = opened(*fakes(0.0))
    jobs.drop(a_job(7).key)
    jobs.add(a_job(7))

    assert ends(until(jobs.events(), Rendered)) == Counter([a_job(7).key])


def test_it_ends_after_a_rest(fakes, opened, a_job, monkeypatch):
    monkeypatch.setattr(run, "_IDLE", 0.2)
    jobs = opened(*fakes(0.0))
    jobs.add(a_job())

    assert ends(list(jobs.events())) == Counter([a_job().key])
    assert jobs.left == ()


def test_what_is_added_after_the_end_is_left(fakes, opened, a_job, monkeypatch):
    monkeypatch.setattr(run, "_IDLE", 0.05)
    jobs = opened(*fakes(0.0))
    assert list(jobs.events()) == []
    jobs.add(a_job())

    assert jobs.left == (a_job(),)


def test_a_server_that_is_not_there_fails_what_there_is_and_ends_the_run(
    opened, a_job, a_closed_port
):
    """The next run asks it anew, at once."""
    jobs = opened(f"http://127.0.0.1:{a_closed_port}")
    jobs.add(a_job(1))
    jobs.add(a_job(2))
    events = list(jobs.events())

    assert ends(events).keys() | {job.key for job in jobs.left} == {a_job(1).key, a_job(2).key}
    assert all(
        isinstance(each.error, UnreachableError) for each in events if isinstance(each, Failed)
    )


def test_a_missing_model_fails_the_job_and_ends_the_run(fakes, opened, a_job):
    (comfyui,) = fakes(0.0)
    comfyui.models = {**comfyui.models, "checkpoints": ["other.safetensors"]}
    jobs = opened(comfyui)
    jobs.add(a_job())
    events = list(jobs.events())

    assert isinstance(events[-1].error, MissingModelError)


def test_a_model_that_was_missing_is_tried_again_while_others_render(
    fakes, opened, a_job, monkeypatch
):
    monkeypatch.setattr(open_pool, "_LAPSE", 0.2)
    comfyui, other = fakes(0.0, 0.0)
    other.models = {**other.models, "checkpoints": ["other.safetensors"]}
    comfyui.hold()
    jobs = opened(comfyui, other)
    events = jobs.events()
    for number in range(1, 5):
        jobs.add(a_job(number))
    until(events, ServerLacks)
    other.models = {**other.models, "checkpoints": [MODEL]}
    (*_, rendered) = until(events, Rendered)

    assert rendered.server == other.url


def test_a_server_that_let_us_in_no_more_is_asked_again(fakes, opened, a_job, monkeypatch):
    monkeypatch.setattr("mkdocs_comfy.comfyui.health._REST", 0.2)
    one, other = fakes(0.0, 0.0)
    other.headers_required = {"Authorization": "Bearer x"}
    one.hold()
    jobs = opened(one, other)
    events = jobs.events()
    for number in range(1, 9):
        jobs.add(a_job(number))
    (*_, down) = until(events, ServerDown)
    assert isinstance(down.reason, AuthError)
    assert not down.final
    other.headers_required = {}
    (*_, rendered) = until(events, Rendered)

    assert rendered.server == other.url


def test_a_job_of_another_model_is_not_put_off_for_ever(fakes, opened, a_job, a_graph):
    """Jobs of one model stay together, but they may come without end."""
    (comfyui,) = fakes(0.0)
    comfyui.models = {**comfyui.models, "checkpoints": [MODEL, "other.safetensors"]}
    comfyui.hold()
    graph = a_graph(seed=99)
    graph["4"]["inputs"]["ckpt_name"] = "other.safetensors"
    jobs = opened(comfyui)
    for number in (1, 2, 3):
        jobs.add(a_job(number))
    jobs.add(a_job(99, graph=graph))
    comfyui.release()
    rendered, number = [], 3
    for event in jobs.events():
        if isinstance(event, Submitted):
            number += 1
            jobs.add(a_job(number))
        if isinstance(event, Rendered):
            rendered.append(event.job.key)
            if event.job.key == a_job(99).key:
                break

    assert 3 < len(rendered) < 20


def test_many_threads_may_add(fakes, opened, a_job):
    jobs = opened(*fakes(0.0, 0.0))

    def add(first):
        for number in range(first, first + 10):
            jobs.add(a_job(number))

    threads = [threading.Thread(target=add, args=(1 + 10 * each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    events = until(jobs.events(), Rendered, 40)
    for thread in threads:
        thread.join()

    assert ends(events) == Counter(a_job(number).key for number in range(1, 41))


def test_closing_withdraws_what_is_left(fakes, a_job, eventually):
    (comfyui,) = fakes(0.0)
    comfyui.hold()
    with Renderer(ServerConfig(url=comfyui.url), pace=QUICK).open() as jobs:
        for number in (1, 2, 3):
            jobs.add(a_job(number))
        eventually(lambda: len(comfyui.submissions) == 2)

    eventually(lambda: len(comfyui.interrupted) + len(comfyui.deleted) == 2)


# Previews ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("metadata", [True, False])
def test_previews_come_with_their_job(fakes, opened, a_job, monkeypatch, metadata):
    if not metadata:  # as servers before 0.3.41 send them
        monkeypatch.setattr("mkdocs_comfy.comfyui.listener.PREVIEWS_WANTED", "{}")
    (comfyui,) = fakes(0.2, previews=True)
    jobs = opened(comfyui)
    for number in (1, 2):
        jobs.add(a_job(number))
    events = until(jobs.events(), Rendered, 2)
    pictures = [each for each in events if isinstance(each, Preview)]

    assert {each.job.key for each in pictures} == {a_job(1).key, a_job(2).key}
    assert all(each.image.startswith(b"\xff\xd8\xff") for each in pictures)
    assert len(pictures) >= len([each for each in events if isinstance(each, Progress)]) // 2
