"""Our client against a real ComfyUI: success, refusal, failure and interruption."""

from __future__ import annotations

import hashlib
import io
import json
import uuid

import pytest
from PIL import Image

from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Limits,
    Progress,
    Queued,
    Rendered,
    RenderJob,
    Running,
    Submitted,
)
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import (
    InterruptedRenderError,
    MissingNodeError,
    NodeFailedError,
    OutOfMemoryError,
    RejectedError,
    RenderTimeoutError,
)
from mkdocs_comfy.workflows.key import CacheKey

SECONDS_TO_WITHDRAW = 5


@pytest.fixture
def renderer(comfyui):
    return Renderer(ServerConfig(url=comfyui.url), limits=Limits(timeout=60))


def job_of(graph):
    digest = hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()
    return RenderJob(
        key=CacheKey(f"k1-{digest}"), graph=graph, output="9", template="live", page="index.md"
    )


def outcome(renderer, graph):
    """The last event of the one job that renders ``graph``."""
    return list(renderer.render([job_of(graph)]))[-1]


def image_of(event):
    assert isinstance(event, Rendered), event
    return Image.open(io.BytesIO(event.data))


def of_type(events, kind):
    return [event for event in events if isinstance(event, kind)]


def until(events, kind):
    """Take events up to the first of that kind, and return it."""
    return next(event for event in events if isinstance(event, kind))


def test_round_trip(renderer, picture):
    events = list(renderer.render([job_of(picture("a round trip"))]))

    assert isinstance(events[0], Submitted)
    (rendered,) = of_type(events, Rendered)
    assert events[-1] is rendered
    image = image_of(rendered)
    assert (image.format, image.size) == ("PNG", (256, 128))
    assert json.loads(image.text["prompt"])["6"]["inputs"]["text"] == "a round trip"


def test_progress_comes_over_the_socket(renderer, picture):
    events = list(renderer.render([job_of(picture("slowly", steps=4, sleep=1.2))]))

    steps = [(event.step, event.steps) for event in of_type(events, Progress)]
    assert steps == sorted(steps)
    assert steps[-1] == (4, 4)
    assert {(1, 4), (2, 4), (3, 4)} <= set(steps)
    assert len(of_type(events, Running)) == 1
    assert events[-1].seconds >= 1


def test_many_jobs_come_back_each_with_its_own_picture(renderer, picture):
    jobs = [job_of(picture("one of many", seed=seed)) for seed in range(5)]

    rendered = of_type(renderer.render(jobs), Rendered)

    # They are fetched side by side, so any may arrive first.
    assert {id(event.job) for event in rendered} == {id(job) for job in jobs}
    for event in rendered:
        painted = json.loads(image_of(event).text["prompt"])["3"]["inputs"]["seed"]
        assert painted == event.job.graph["3"]["inputs"]["seed"]


def test_a_cached_run_gives_the_same_picture_in_a_new_file(renderer, comfyui, picture):
    """The prefix is new for each job, so the server saves again what it did not compute again."""
    graph = picture("twice", sleep=0.5)
    first = image_of(outcome(renderer, graph))
    before = comfyui.files()

    again = image_of(outcome(renderer, graph))

    assert again.tobytes() == first.tobytes()
    entry = list(comfyui.entries().values())[-1]
    assert "3" in dict(entry["status"]["messages"])["execution_cached"]["nodes"]
    assert len(comfyui.files() - before) == 1


def test_the_prompt_id_is_ours_and_canonical(renderer, comfyui, picture):
    """Newer servers refuse an id that is no lower-case hyphenated UUID."""
    outcome(renderer, picture("whose id", seed=11))

    prompt_id, entry = list(comfyui.entries().items())[-1]
    assert str(uuid.UUID(prompt_id)) == prompt_id
    assert uuid.UUID(prompt_id).version == 4
    assert entry["prompt"][3]["client_id"]


def test_files_land_in_a_subfolder_of_their_own(renderer, comfyui, picture):
    before = comfyui.files()

    for seed in (21, 22):
        outcome(renderer, picture("a place", seed=seed))

    new = sorted(comfyui.files() - before)
    assert len(new) == 2
    assert {path.rpartition("/")[0] for path in new} == {"mkdocs-comfy"}
    assert len({path.rpartition("_000")[0] for path in new}) == 2


def test_a_refused_value_fails_its_job_and_no_other(renderer, picture):
    bad, good = job_of(picture(steps=0)), job_of(picture("after a refusal"))

    events = list(renderer.render([bad, good]))

    (failed,) = of_type(events, Failed)
    assert failed.job is bad
    assert type(failed.error) is RejectedError
    assert 'node 3 "Paint"' in str(failed.error)
    assert "steps" in str(failed.error)
    assert [event.job for event in of_type(events, Rendered)] == [good]


def test_an_unknown_class_is_named(renderer, picture):
    graph = picture()
    graph["3"]["class_type"] = "NodeOfAPackThatIsNotThere"

    failed = outcome(renderer, graph)

    assert type(failed.error) is MissingNodeError
    assert "NodeOfAPackThatIsNotThere" in str(failed.error)


def test_a_failing_node_is_named_with_its_reason(renderer, comfyui, picture):
    bad, good = job_of(picture(fail="error")), job_of(picture("after a failure"))

    events = list(renderer.render([bad, good]))

    (failed,) = of_type(events, Failed)
    assert type(failed.error) is NodeFailedError
    assert failed.error.node.title == "Refuse"
    assert "no such luck" in str(failed.error)
    assert "custom_nodes" not in str(failed.error), "a traceback shows the server's paths"
    assert [event.job for event in of_type(events, Rendered)] == [good]


def test_out_of_memory_is_told_from_other_failures(renderer, picture):
    failed = outcome(renderer, picture(fail="out_of_memory"))

    assert type(failed.error) is OutOfMemoryError


def test_somebody_else_interrupts_and_the_next_job_goes_on(renderer, comfyui, picture):
    slow, next_one = job_of(picture("slow", sleep=30)), job_of(picture("the next"))
    events = renderer.render([slow, next_one])
    until(events, Running)

    (prompt_id,), _ = comfyui.queued()
    comfyui.post("/interrupt", {"prompt_id": prompt_id})

    rest = list(events)
    (failed,) = of_type(rest, Failed)
    assert failed.job is slow
    assert type(failed.error) is InterruptedRenderError
    assert [event.job for event in of_type(rest, Rendered)] == [next_one]


def test_closing_withdraws_our_jobs_and_only_ours(renderer, comfyui, picture, wait_until):
    jobs = [job_of(picture("ours", seed=seed, sleep=30)) for seed in (1, 2, 3)]
    events = renderer.render(jobs)
    until(events, Running)
    wait_until(lambda: all(comfyui.queued()), within=5)
    (running,), pending = comfyui.queued()
    theirs = comfyui.submit(picture("theirs", sleep=0.5))

    events.close()

    wait_until(
        lambda: not {running, *pending} & {id_ for part in comfyui.queued() for id_ in part},
        within=SECONDS_TO_WITHDRAW,
    )
    assert comfyui.finished(theirs)["status"]["status_str"] == "success"
    assert "execution_interrupted" in dict(comfyui.finished(running)["status"]["messages"])
    assert not set(pending) & set(comfyui.entries()), "a job that waited never ran"


def test_closing_while_we_wait_leaves_the_running_job_alone(renderer, comfyui, picture, wait_until):
    theirs = comfyui.submit(picture("theirs", seed=5, sleep=6))
    wait_until(lambda: comfyui.queued()[0] == [theirs], within=5)
    events = renderer.render([job_of(picture("ours, in vain"))])
    assert until(events, Queued).ahead == 1

    events.close()

    wait_until(lambda: comfyui.queued() == ([theirs], []), within=4)
    assert comfyui.finished(theirs)["status"]["status_str"] == "success"


def test_a_job_that_takes_too_long_is_given_up_and_withdrawn(comfyui, picture, wait_until):
    hasty = Renderer(ServerConfig(url=comfyui.url), limits=Limits(timeout=1))

    failed = outcome(hasty, picture("too slow", sleep=30))

    assert type(failed.error) is RenderTimeoutError
    wait_until(lambda: comfyui.queued() == ([], []), within=SECONDS_TO_WITHDRAW)
