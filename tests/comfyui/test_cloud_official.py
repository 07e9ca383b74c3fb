"""The official client with our fake, and the official proxy before a fake ComfyUI."""

import json
import socket
import subprocess
import sys
import time

import httpx
import pytest
from comfy_low import ComfyLow
from comfy_low.models import Job
from comfy_sdk import Comfy, IdempotencyKeyReuse, JobFailed, StatusChange

from mkdocs_comfy.comfyui.jobs import Failed, Limits, Rendered, Submitted
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.errors import MissingModelError
from mkdocs_comfy.testing import FakeCloud, FakeComfyUI, flat_painter

PNG = b"\x89PNG"


@pytest.fixture
def cloud():
    with FakeCloud() as server:
        yield server


# The fake is one of Comfy API v2 -----------------------------------------------------------------


@pytest.fixture
def official(cloud, monkeypatch):
    """comfy-sdk, pointed at the fake."""
    cloud.headers_required = {"Authorization": "Bearer comfyui-k"}
    monkeypatch.setenv("COMFY_BASE_URL", cloud.url)
    with Comfy(api_key="comfyui-k") as client:
        yield client


def test_the_official_client_renders_on_the_fake(official, cloud, a_graph):
    workflow = official.workflows.from_json(a_graph())

    job = official.submit(workflow, api_key="comfyui-p")
    seen = [event.status for event in job.events() if isinstance(event, StatusChange)]
    (output,) = job.result().get_outputs("9")

    assert seen[-1] == "succeeded"
    assert output.to_bytes().startswith(PNG)
    assert cloud.submissions == [
        {"workflow": a_graph(), "extra_data": {"api_key_comfy_org": "comfyui-p"}}
    ]
    assert job.get_workflow().graph == a_graph()


def test_every_document_of_the_fake_is_as_the_official_models_say(cloud, a_graph, eventually):
    cloud.hold()
    with ComfyLow(cloud.url) as low:
        first, second = (low.post_jobs(a_graph(seed=seed)) for seed in (1, 2))
        eventually(lambda: low.get_job(first.id).status.value == "running")
        waits = low.get_job(second.id)
        canceled = low.cancel_job(second.id)
        listed = low.list_jobs()["jobs"]

    assert (waits.status.value, waits.queue_position) == ("queued", 1)
    assert canceled.status.value == "canceled"
    assert [Job.model_validate(each).id for each in listed] == [second.id, first.id]


def test_the_fake_refuses_a_used_key_and_fails_as_told(official, cloud, a_graph):
    cloud.fail_with = {"code": "node_execution_error", "message": "no such luck"}
    workflow = official.workflows.from_json(a_graph())

    job = official.submit(workflow, idempotency_key="once")

    with pytest.raises(IdempotencyKeyReuse):
        official.submit(workflow, idempotency_key="once")
    with pytest.raises(JobFailed, match="failed"):
        job.result()


# comfy-api-proxy between our client and a ComfyUI ------------------------------------------------


@pytest.fixture
def comfyui():
    with FakeComfyUI(painter=flat_painter, jobs_api=True) as server:
        server.models = {**server.models, "checkpoints": ["sd_xl_base_1.0.safetensors"]}
        yield server


@pytest.fixture
def proxy(comfyui):
    """Its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "comfy_api_proxy.cli", "run"]
    options = ["--comfyui", comfyui.url, "--port", str(port), "--token", "t0ken"]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(url, process)
            yield url
        finally:
            process.kill()


def wait_for(url, process):
    end = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/api/v2/health", trust_env=False)
        except httpx.TransportError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def through(proxy):
    def start(jobs, *, pace=None, **options):
        options = {"headers": {"Authorization": "Bearer t0ken"}, **options}
        server = ServerConfig(url=proxy, **options)
        return Renderer(server, limits=Limits(timeout=30), pace=pace).render(jobs)

    return start


def test_a_whole_way_through_the_proxy(through, comfyui, a_job):
    """It is recognised, and quick jobs that it calls expired are not lost."""
    jobs = [a_job(number) for number in range(25)]

    events = list(through(jobs, partner_key="comfyui-p4rtner", pace=Pace(poll_first=0.005)))

    images = {event.job.key: event.data for event in events if isinstance(event, Rendered)}
    assert set(images) == {job.key for job in jobs}
    assert all(data.startswith(PNG) for data in images.values())
    assert len(comfyui.submissions) == 25
    keys = {each["extra_data"]["api_key_comfy_org"] for each in comfyui.submissions}
    assert keys == {"comfyui-p4rtner"}


def test_a_missing_model_is_named_through_the_proxy(through, comfyui, a_job):
    comfyui.models = {**comfyui.models, "checkpoints": ["dreamshaper_8.safetensors"]}

    (failed,) = [event for event in through([a_job(1)]) if isinstance(event, Failed)]

    assert type(failed.error) is MissingModelError
    assert failed.error.model == "sd_xl_base_1.0.safetensors"


def test_what_is_withdrawn_through_the_proxy_is_ours(through, comfyui, a_job, eventually):
    comfyui.hold()
    foreign = comfyui.enqueue_foreign(60)
    events = through([a_job(1), a_job(2)])
    for event in events:
        if isinstance(event, Submitted) and len(comfyui.submissions) == 2:
            break

    events.close()

    ours = {each["prompt_id"] for each in comfyui.submissions}
    eventually(lambda: set(comfyui.deleted) == ours)
    assert foreign not in comfyui.interrupted
    comfyui.release()
    comfyui.interrupt(foreign)


def test_a_comfyui_that_restarts_behind_the_proxy(through, comfyui, a_job):
    """The proxy holds the key of a submission whose fate it does not know."""
    comfyui.crash_when("submitted", restart_after=0.3)
    jobs = [a_job(1), a_job(2)]

    events = list(through(jobs, pace=Pace(lost=0.5, poll_last=0.2)))

    assert {event.job.key for event in events if isinstance(event, Rendered)} == {
        job.key for job in jobs
    }
    prefixes = [
        json.dumps(each["prompt"]["9"]["inputs"]["filename_prefix"]) for each in comfyui.submissions
    ]
    assert len(prefixes) == len(set(prefixes)) <= 6
