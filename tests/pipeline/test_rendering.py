"""Rendering beside other builds, and being told to stop."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from mkdocs_comfy.errors import AuthError, OutOfTimeError, out_of_time
from mkdocs_comfy.pipeline import Notice, Pipeline, Starting, Stopping
from mkdocs_comfy.settings import OnMissing
from mkdocs_comfy.testing import Answer, NodeFailure

CLAIM = """
import sys
from pathlib import Path
from mkdocs_comfy.images.cache import HeroCache

assert HeroCache(Path(sys.argv[1])).claim(sys.argv[2])
print("claimed", flush=True)
sys.stdin.read()
"""


def hero_of(pipeline, page):
    return pipeline.plan([page]).heroes[page.path]


def test_what_another_build_renders_is_waited_for(
    settings, comfyui, page, produce, png, new_pipeline, other_build
):
    """The other build holds the claim; our build takes its image and renders nothing."""
    theirs = new_pipeline(settings)
    hero = hero_of(theirs, page())
    other = other_build(settings)
    assert other.claim(hero.key)
    made, events = [], []

    def build():
        with closing(Pipeline(settings)) as pipeline:
            made.append(produce(pipeline, page(), events=events))

    ours = threading.Thread(target=build)
    ours.start()
    time.sleep(0.3)
    assert comfyui.submissions == []

    theirs._delivery.accept(hero, png(512, 256), 1.0)
    other.release(hero.key)
    ours.join(timeout=20)

    assert list(made[0].images) == [hero.key]
    assert comfyui.submissions == []
    assert events == [
        Starting(total=1, servers=(comfyui.url,), templates={"default": 1}),
        Notice(text="1 hero is being rendered by another build, which is waited for"),
    ]


def test_what_another_build_gave_up_is_rendered_here(
    settings, comfyui, page, produce, new_pipeline, other_build
):
    hero = hero_of(new_pipeline(settings), page())
    other = other_build(settings)
    assert other.claim(hero.key)
    threading.Timer(0.5, other.release, [hero.key]).start()

    events = []

    made = produce(new_pipeline(settings), page(), page("b.md", hero_seed=1), events=events)

    assert made.rendered == 2
    assert len(comfyui.submissions) == 2
    assert [event.total for event in events if isinstance(event, Starting)] == [2]


def test_the_time_for_a_build_ends_with_one_cause(settings, comfyui, page, produce, new_pipeline):
    comfyui.hold()
    settings = dataclasses.replace(settings, max_time=0.5)
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(3)]

    made = produce(new_pipeline(settings), *pages)

    assert len(made.failures) == 3
    assert {str(error) for error in made.failures.values()} == {str(out_of_time(0.5))}
    assert {type(error) for error in made.failures.values()} == {OutOfTimeError}
    assert len(comfyui.deleted) + len(comfyui.interrupted) == len(comfyui.submissions)


def test_waiting_for_another_build_is_part_of_the_time(
    settings, comfyui, page, produce, new_pipeline, other_build
):
    hero = hero_of(new_pipeline(settings), page())
    assert other_build(settings).claim(hero.key)

    made = produce(new_pipeline(dataclasses.replace(settings, max_time=0.5)), page())

    assert {type(error) for error in made.failures.values()} == {OutOfTimeError}
    assert comfyui.submissions == []


def test_a_claim_is_given_back_whatever_happens(
    settings, comfyui, page, produce, new_pipeline, other_build
):
    pipeline = new_pipeline(settings)
    comfyui.fail_with = NodeFailure(node="3", exception_type="ValueError", message="no")
    produce(pipeline, page())

    assert other_build(settings).claim(hero_of(pipeline, page()).key)


def test_many_heroes_may_be_claimed_at_once(other_build, settings):
    """More than a process may have files open: 256 on macOS."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, before[1]))
    try:
        ours, other = other_build(settings), other_build(settings)
        assert all(ours.claim(f"k1-{number:064x}") for number in range(300))
        assert not any(other.claim(f"k1-{number:064x}") for number in range(300))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_a_killed_build_was_rendering_is_rendered_here_at_once(
    settings, comfyui, page, produce, new_pipeline
):
    pipeline = new_pipeline(settings)
    hero = hero_of(pipeline, page())
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(settings.cache_dir), hero.key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "claimed\n"
        events = []

        def report(event):
            events.append(event)
            if isinstance(event, Notice):
                other.kill()

        made = pipeline.produce(pipeline.plan([page()]), report=report)

    assert made.rendered == 1
    assert len(comfyui.submissions) == 1
    assert events[1] == Notice(
        text="1 hero is being rendered by another build, which is waited for"
    )


def test_ctrl_c_ends_the_wait_for_another_build(
    settings, comfyui, page, produce, new_pipeline, other_build
):
    pipeline = new_pipeline(settings)
    other = other_build(settings)
    hero = hero_of(pipeline, page())
    assert other.claim(hero.key)

    def report(event):
        if isinstance(event, Notice):
            threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()

    with pytest.raises(KeyboardInterrupt):
        pipeline.produce(pipeline.plan([page(), page("b.md", hero_seed=1)]), report=report)

    assert len(comfyui.executed) == 1, "what nobody else renders does not wait"
    assert not other_build(settings).claim(hero.key), "the other one goes on"


def test_sigterm_cleans_up_and_goes_on_to_the_handler_that_was_there(
    settings, comfyui, page, produce, new_pipeline
):
    comfyui.hold()
    passed_on = []
    before = signal.signal(signal.SIGTERM, lambda *_: passed_on.append(len(comfyui.interrupted)))
    threading.Thread(target=_terminate_when, args=[lambda: comfyui.submissions]).start()
    try:
        with pytest.raises(SystemExit) as stopped:
            produce(new_pipeline(settings), page())
        handler = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert stopped.value.code == 128 + signal.SIGTERM
    assert passed_on == [1]  # our job was withdrawn before the old handler was called
    handler(signal.SIGTERM, None)
    assert len(passed_on) == 2


def test_why_rendering_ends_early_is_told_before_jobs_are_withdrawn(
    settings, comfyui, page, produce, new_pipeline
):
    settings = dataclasses.replace(settings, on_missing=OnMissing.ERROR, retries=0)
    comfyui.answer("/view", Answer(status=404), times=1)
    comfyui.latency = 0.2
    events = []

    produce(
        new_pipeline(settings), *(page(f"{n}.md", hero_seed=n) for n in range(4)), events=events
    )

    (told,) = [event for event in events if isinstance(event, Stopping)]
    assert told == Stopping(reason="an image is missing")


@pytest.mark.parametrize("presses", [1, 2])
def test_a_second_ctrl_c_leaves_at_once_even_while_threads_work(presses):
    """Python itself waits for threads of a pool, however long they take."""
    code = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from mkdocs_comfy.pipeline.signals import stoppable

try:
    with stoppable(lambda: None), ThreadPoolExecutor() as pool:
        pool.submit(time.sleep, float(sys.argv[1]))
        try:
            print("started", flush=True)
            time.sleep(60)
        finally:
            print("cleaning up", flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    seconds = "60" if presses == 2 else "0.5"
    command = [sys.executable, "-c", code, seconds]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for expected in ("started\n", "cleaning up\n")[:presses]:
            assert process.stdout.readline() == expected
            process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)[0]

    assert process.returncode == (-signal.SIGINT if presses == 2 else 0)
    assert rest == ("" if presses == 2 else "cleaning up\nstopped\n")


def test_a_ctrl_c_handler_of_others_is_left_in_place(settings, page, produce, new_pipeline):
    seen, handlers = [], []

    def theirs(*_):
        seen.append(1)

    before = signal.signal(signal.SIGINT, theirs)
    try:
        pipeline = new_pipeline(settings)
        pipeline.produce(
            pipeline.plan([page()]),
            report=lambda _: handlers.append(signal.getsignal(signal.SIGINT)),
        )
    finally:
        signal.signal(signal.SIGINT, before)

    assert set(handlers) == {theirs}


def test_an_ignored_sigterm_stays_ignored(settings, page, produce, new_pipeline):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        produce(new_pipeline(settings), page())
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_unreadable_secret_fails_every_hero_and_nothing_else(
    settings, comfyui, page, produce, tmp_path, replaced, new_pipeline
):
    settings = replaced(settings, headers={"X-Key": tmp_path / "missing"})

    made = produce(new_pipeline(settings), page(), page("b.md", hero_seed=1))

    assert {type(error) for error in made.failures.values()} == {AuthError}
    assert "X-Key" in str(next(iter(made.failures.values())))
    assert comfyui.requests == []


def _terminate_when(condition):
    while not condition():
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)
