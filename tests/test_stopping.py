"""The fault table: a build that stops takes its own jobs off the server, and keeps what is done.

Real ``mkdocs`` processes. Somebody else's job is in the queue each time, and survives.
"""

import signal
import subprocess
import sys
import time

import httpx
import pytest

from mkdocs_comfy.testing import Answer

PATIENT = """
import sys
from mkdocs.__main__ import cli
from mkdocs_comfy.comfyui import renderer, run
from mkdocs_comfy.comfyui.server import Pace
run._STOPPING = 600.0
renderer.Pace = lambda: Pace(withdraw=600.0)
cli(sys.argv[1:])
"""
"""Takes ten minutes for withdrawing its jobs, in the place of a few seconds."""


@pytest.fixture
def start(site):
    """Start real builds of the site; none outlives the test."""
    started = []

    def begin(script="from mkdocs.__main__ import cli; import sys; cli(sys.argv[1:])"):
        command = [sys.executable, "-c", script, "build", "-f", str(site.write_config())]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return started[-1]

    yield begin
    for each in started:
        each.kill()
        each.communicate()


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def queue_of(comfyui):
    """Ids that the server still has to do: the one that runs, and those that wait."""
    queue = httpx.get(f"{comfyui.url}/queue", trust_env=False).json()
    return [[job[1] for job in queue[f"queue_{part}"]] for part in ("running", "pending")]


def stored(site):
    return len([*(site.root / ".cache/plugin/comfy/originals").glob("k1-*")])


def bare_interrupts(comfyui):
    """Interrupts without an id, which would stop whatever runs."""
    return [
        request
        for request in comfyui.requests
        if request.route == "/interrupt" and b"prompt_id" not in request.body
    ]


@pytest.fixture
def busy(site, comfyui, start):
    """A build with two images done, one job that runs and one that waits; theirs waits behind it.

    Gives the build and the id of the other's job.
    """

    def begin(script=None):
        for name in "abcdef":
            site.page(f"{name}.md", hero_prompt=name)
        comfyui.latency = 0.3
        build = start() if script is None else start(script)
        wait_until(lambda: stored(site) >= 2)
        comfyui.hold()
        foreign = comfyui.enqueue_foreign(60)

        def settled():
            running, pending = queue_of(comfyui)
            ours = [*running, *pending]
            return stored(site) == len(comfyui.executed) and len(ours) == 3 and foreign in pending

        wait_until(settled)
        return build, foreign

    return begin


def assert_only_theirs_is_left(comfyui, foreign):
    wait_until(lambda: queue_of(comfyui) == [[foreign], []])
    assert bare_interrupts(comfyui) == []
    ours = {each["prompt_id"] for each in comfyui.submissions}
    assert ours == {*comfyui.executed, *comfyui.interrupted, *comfyui.deleted}
    assert len(comfyui.interrupted) == len(comfyui.deleted) == 1


def assert_what_is_done_is_kept(site, comfyui):
    """A later build renders the rest and nothing twice."""
    done = len(comfyui.executed)
    assert done >= 2
    comfyui.stop()
    site.options["mode"] = "offline"
    assert f"{done} cached" in site.build().summary


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, {1, 130, -signal.SIGINT}), (signal.SIGTERM, {-15})]
)
def test_a_signal_withdraws_our_jobs_and_keeps_what_is_done(
    site, comfyui, busy, promised, number, status
):
    build, foreign = busy()

    build.send_signal(number)
    build.communicate(timeout=30)

    assert build.returncode in status
    assert_only_theirs_is_left(comfyui, foreign)
    assert_what_is_done_is_kept(site, comfyui)
    name = {signal.SIGINT: "Ctrl-C, once", signal.SIGTERM: "SIGTERM"}[number]
    assert promised[name].startswith("our jobs are taken off the server")


def test_what_waits_behind_somebody_elses_job_is_withdrawn_too(site, comfyui, start):
    for name in "abc":
        site.page(f"{name}.md", hero_prompt=name)
    comfyui.hold()
    foreign = comfyui.enqueue_foreign(60)
    build = start()
    wait_until(lambda: len(comfyui.submissions) == 2)

    build.send_signal(signal.SIGINT)
    build.communicate(timeout=30)

    assert queue_of(comfyui) == [[foreign], []]
    assert sorted(comfyui.deleted) == sorted(each["prompt_id"] for each in comfyui.submissions)
    assert comfyui.interrupted == []


def test_ctrl_c_twice_leaves_at_once(site, comfyui, busy, promised):
    """Also where the server does not answer and there is time for it to do so."""
    build, foreign = busy(PATIENT)
    comfyui.answer("/queue", Answer(delay=600))
    asked = len(comfyui.requests)

    build.send_signal(signal.SIGINT)
    wait_until(
        lambda: any(
            (each.method, each.route) == ("POST", "/queue") for each in comfyui.requests[asked:]
        )
    )
    assert build.poll() is None, "it is withdrawing its jobs"
    build.send_signal(signal.SIGINT)
    build.communicate(timeout=30)

    assert build.returncode in {1, 130, -signal.SIGINT}
    comfyui.answer("/queue", None)
    assert foreign in queue_of(comfyui)[1]
    assert bare_interrupts(comfyui) == []
    assert_what_is_done_is_kept(site, comfyui)
    assert promised["Ctrl-C, twice"].startswith("the build ends at once")


def test_a_build_that_fails_withdraws_its_jobs(site, comfyui, busy, promised):
    site.options |= {"on_missing": "error", "retries": 0}
    build, foreign = busy()
    comfyui.answer("/view", Answer(status=404), times=1)
    comfyui.release()

    said, _ = build.communicate(timeout=30)

    assert build.returncode == 1
    assert "1 hero is missing" in said
    wait_until(lambda: queue_of(comfyui) == [[foreign], []])
    assert bare_interrupts(comfyui) == []
    ours = {each["prompt_id"] for each in comfyui.submissions}
    assert ours == {*comfyui.executed, *comfyui.interrupted, *comfyui.deleted}
    assert len(comfyui.submissions) < 6, "the rest was not even asked for"
    assert promised["the build fails (`on_missing: error`)"].startswith("our jobs are taken off")


def test_the_time_for_the_build_is_over(site, comfyui, busy, promised):
    site.options["max_time"] = 5
    build, foreign = busy()

    said, _ = build.communicate(timeout=30)

    assert build.returncode == 0
    assert "rendering took longer than the 5 s of `max_time:`" in said
    assert_only_theirs_is_left(comfyui, foreign)
    assert_what_is_done_is_kept(site, comfyui)
    assert promised["`max_time` is over"].startswith("our jobs are taken off the server")
