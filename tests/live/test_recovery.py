"""Faults that a real ComfyUI can be made to show, and what becomes of the images."""

from __future__ import annotations

import threading

import pytest

from mkdocs_comfy.comfyui.jobs import Limits, Rendered, Retried, Running, Submitted, Waiting
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig


@pytest.fixture
def renderer(comfyui):
    """Patient enough for a start of the server; a job is missed for two seconds only."""
    limits = Limits(timeout=60, patience=120)
    return Renderer(ServerConfig(url=comfyui.url), limits=limits, pace=Pace(lost=2))


def kinds(events):
    return [type(event) for event in events]


def test_kill_9_while_a_job_runs_and_one_waits(renderer, comfyui, picture, job_of):
    """Both are gone for the server that comes back; both are submitted again, once."""
    jobs = [job_of(picture("a restart", seed=seed, sleep=3)) for seed in (1, 2, 3)]
    events, submitted, restarting = [], 0, None

    for event in renderer.render(jobs):
        events.append(event)
        submitted += isinstance(event, Submitted)
        if isinstance(event, Running) and restarting is None and submitted >= 1:
            comfyui.kill()
            restarting = threading.Thread(target=comfyui.restart)
            restarting.start()
    restarting.join()

    assert {event.job.key for event in events if isinstance(event, Rendered)} == {
        job.key for job in jobs
    }
    assert Waiting in kinds(events)
    assert 1 <= kinds(events).count(Retried) <= 2
    assert len(comfyui.entries()) == 3, "what the new server has run"


def test_somebody_clears_the_queue(renderer, comfyui, picture, job_of, wait_until):
    theirs = comfyui.submit(picture("theirs", seed=77, sleep=2))
    wait_until(lambda: comfyui.queued()[0] == [theirs], within=5)
    jobs = [job_of(picture("cleared", seed=seed)) for seed in (1, 2)]
    events, cleared = [], []

    for event in renderer.render(jobs):
        events.append(event)
        if kinds(events).count(Submitted) == 2 and not cleared:
            cleared += comfyui.queued()[1]
            comfyui.post("/queue", {"clear": True})

    assert len(cleared) == 2
    rendered = {event.job.key for event in events if isinstance(event, Rendered)}
    assert rendered == {job.key for job in jobs}
    assert kinds(events).count(Retried) == 2
    assert not set(cleared) & set(comfyui.entries())


def test_an_output_that_is_deleted_before_it_is_fetched(renderer, comfyui, picture, job_of):
    """The server answers the second submission from its cache, with a new file."""
    graph = picture("deleted", seed=5)
    graph["9"]["class_type"] = "LiveForgetful"
    graph["9"]["inputs"]["token"] = "deleted"

    events = list(renderer.render([job_of(graph)]))

    assert isinstance(events[-1], Rendered)
    (retried,) = [event for event in events if isinstance(event, Retried)]
    assert "is not there any more (404), although the job succeeded" in retried.reason.what
    first, second = (
        entry
        for entry in comfyui.entries().values()
        if entry["prompt"][2]["6"]["inputs"].get("text") == "deleted"
    )
    prefixes = {each["prompt"][2]["9"]["inputs"]["filename_prefix"] for each in (first, second)}
    assert len(prefixes) == 2
    cached = dict(second["status"]["messages"])["execution_cached"]["nodes"]
    assert "3" in cached, "nothing is painted anew"
