"""The real comfy-api-proxy before the real ComfyUI: Comfy API v2, with the faults that it has."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import httpx
import pytest

from mkdocs_comfy.comfyui.jobs import Failed, Limits, Progress, Rendered, Retried, Submitted
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.errors import NodeFailedError

TOKEN = "Bearer live-token"


@pytest.fixture(scope="module")
def proxy(comfyui):
    """The URL of a proxy that wants a token."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "comfy_api_proxy.cli", "run"]
    options = ["--comfyui", comfyui.url, "--port", str(port), "--token", TOKEN.split()[1]]
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.fixture
def ready(proxy, wait_until):
    """The same, once it answers."""

    def answers():
        try:
            return httpx.get(f"{proxy}/api/v2/health", trust_env=False).is_success
        except httpx.TransportError:
            return False

    wait_until(answers, within=30)
    return proxy


@pytest.fixture
def renderer(ready):
    """Looks as often as it can: what the proxy calls expired ends at that very moment."""
    server = ServerConfig(url=ready, headers={"Authorization": TOKEN})
    return Renderer(server, limits=Limits(timeout=60), pace=Pace(poll_first=0.005, poll_last=0.01))


def images_of(events):
    return {event.job.key: event.data for event in events if isinstance(event, Rendered)}


def test_a_round_trip_with_progress(renderer, comfyui, picture, job_of):
    jobs = [job_of(picture("over v2", seed=seed, sleep=2)) for seed in (1, 2)]

    events = list(renderer.render(jobs))

    assert set(images_of(events)) == {job.key for job in jobs}
    assert all(data.startswith(b"\x89PNG") for data in images_of(events).values())
    assert any(isinstance(event, Progress) for event in events)


def test_quick_jobs_that_the_proxy_calls_expired_are_not_lost(
    renderer, ready, comfyui, picture, job_of
):
    """It reads the history before the queue: a job that ends between the two seems to be gone."""
    jobs = [job_of(picture("quick", seed=seed)) for seed in range(1, 41)]
    before = len(comfyui.entries())

    events = list(renderer.render(jobs))

    assert set(images_of(events)) == {job.key for job in jobs}
    assert not [event for event in events if isinstance(event, Retried)]
    assert len(comfyui.entries()) - before == 40, "each was submitted once"


def test_what_fails_there_is_told_here(renderer, comfyui, picture, job_of):
    events = list(renderer.render([job_of(picture("no luck", fail="error"))]))

    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert isinstance(failed.error, NodeFailedError)
    assert 'node 8 "Refuse"' in failed.error.what
    assert "no such luck" in failed.error.what


def test_what_is_withdrawn_is_ours_and_ends(renderer, comfyui, picture, job_of, wait_until):
    """What runs is interrupted, what waits is taken out; somebody else's job goes on."""
    ours = [job_of(picture("withdrawn", seed=seed, sleep=30)) for seed in (1, 2)]
    events = renderer.render(ours)
    for _ in range(2):
        while not isinstance(next(events), Submitted):
            pass
    theirs = comfyui.submit(picture("theirs", seed=5))

    events.close()

    assert comfyui.finished(theirs, within=15)["status"]["status_str"] == "success"
    wait_until(lambda: comfyui.queued() == ([], []), within=15)


def test_a_build_renders_through_the_proxy(ready, comfyui, picture, tmp_path):
    (tmp_path / "comfy_templates").mkdir()
    (tmp_path / "comfy_templates" / "live.json").write_text(json.dumps(picture()))
    (tmp_path / "docs").mkdir()
    for number in range(3):
        page = f"---\nhero_prompt: bay {number}\nhero_alt: A bay\n---\n# Bay {number}\n"
        (tmp_path / "docs" / ("index.md" if number == 0 else f"bay-{number}.md")).write_text(page)
    options = {"server": ready, "headers": {"Authorization": TOKEN}, "template": "live"}
    config = {"site_name": "Live", "plugins": [{"comfy": options}]}
    (tmp_path / "mkdocs.yml").write_text(json.dumps(config))
    build = [sys.executable, "-m", "mkdocs", "build", "--strict"]

    done = subprocess.run(
        build, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "3 heroes: 3 rendered" in done.stderr
    assert len(list((tmp_path / "site/assets/heroes").iterdir())) == 3
    assert TOKEN.split()[1] not in done.stderr
