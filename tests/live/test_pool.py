"""Two real ComfyUIs at a time: both work, one dies, one is slow, one lacks the model."""

from __future__ import annotations

from collections import Counter

import pytest

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Limits,
    Rendered,
    RenderJob,
    Running,
    ServerLacks,
)
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.errors import MissingModelError
from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.library import Library


@pytest.fixture
def second(another_comfyui):
    """Another server, for the length of one test; it has no checkpoint."""
    with another_comfyui() as server:
        yield server


@pytest.fixture
def events_on():
    """Render on several servers to the end, and do something at each event."""

    def run(servers, jobs, act=lambda _: None):
        configured = [ServerConfig(url=server.url) for server in servers]
        limits = Limits(timeout=60, patience=120)
        events = []
        for event in Renderer(configured, limits=limits, pace=Pace(lost=2)).render(jobs):
            events.append(event)
            act(event)
        return events

    return run


def real_job(seed):
    """A small picture by the model that one of the servers has."""
    template = Library([builtin_templates()]).template("sd15")
    inputs = Inputs(prompt="a harbour", seed=seed, size=(128, 128), params={"steps": 1})
    bound = bind(template, inputs)
    return RenderJob(
        key=bound.key, graph=bound.graph, output=bound.output, template="sd15", page="index.md"
    )


def images(events):
    return Counter(event.job.key for event in events if isinstance(event, Rendered))


def test_two_real_servers(comfyui, second, events_on, picture, job_of):
    """Both work; then one is killed for good while it renders; the end waits for nobody."""
    jobs = [job_of(picture("two servers", seed=seed, sleep=0.5)) for seed in range(6)]
    events = events_on([comfyui, second], jobs)
    assert images(events) == Counter(job.key for job in jobs)
    assert {event.server for event in events if isinstance(event, Rendered)} == {
        comfyui.url,
        second.url,
    }

    slow = [job_of(picture("one is killed", seed=seed, sleep=1)) for seed in range(4)]
    killed = []

    def kill(event):
        if isinstance(event, Running) and event.server == second.url and not killed:
            killed.append(event.job.key)
            second.kill()

    events = events_on([comfyui, second], slow, kill)
    assert killed
    assert images(events) == Counter(job.key for job in slow)
    assert [event for event in events if isinstance(event, Failed)] == []


def test_a_real_server_that_lacks_the_model_gets_no_job(comfyui, second, events_on):
    """Its own definition of the loader says so, before anything is submitted."""
    (second.checkpoints / "another.safetensors").write_bytes(b"")
    jobs = [real_job(seed) for seed in (1, 2, 3)]

    events = events_on([comfyui, second], jobs)

    assert images(events) == Counter(job.key for job in jobs)
    (lacks,) = [event for event in events if isinstance(event, ServerLacks)]
    assert (lacks.server, type(lacks.reason)) == (second.url, MissingModelError)
    assert second.entries() == {}
