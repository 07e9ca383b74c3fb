"""Each fault: a clear error, and nothing lost."""

import json
import time

import pytest

from mkdocs_comfy.comfyui.jobs import Rendered
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.errors import (
    AuthError,
    InterruptedRenderError,
    LostError,
    MissingModelError,
    MissingNodeError,
    NodeFailedError,
    NotComfyUIError,
    OutOfMemoryError,
    QuotaError,
    RejectedError,
    RenderTimeoutError,
    TooLargeError,
    UnreachableError,
)
from mkdocs_comfy.testing import Answer, NodeFailure


def posts(comfyui, route):
    return [each for each in comfyui.requests if (each.method, each.route) == ("POST", route)]


def test_no_server_fails_every_job_with_one_error(render, a_job, a_closed_port):
    jobs = [a_job(1), a_job(2), a_job(3)]

    result = render(jobs, url=f"http://127.0.0.1:{a_closed_port}")

    assert list(result.errors) == [job.key for job in jobs]
    assert len(set(map(id, result.errors.values()))) == 1
    assert isinstance(result.errors[jobs[0].key], UnreachableError)


def test_after_a_fatal_error_nothing_is_asked(comfyui, render, a_job):
    comfyui.headers_required = {"X-Key": "k"}

    result = render([a_job(1), a_job(2)])

    assert {type(error) for error in result.errors.values()} == {AuthError}
    assert len(comfyui.requests) == 1


def test_credentials_that_expire_while_rendering(comfyui, events_of, a_job):
    comfyui.hold()
    events = events_of([a_job(1), a_job(2), a_job(3)])
    next(events)
    comfyui.headers_required = {"X-Key": "k"}
    comfyui.release()

    errors = {id(event.error): event.error for event in events if hasattr(event, "error")}

    assert [type(error) for error in errors.values()] == [AuthError]


@pytest.mark.parametrize(("point", "before"), [("running", 2), ("submitted", 1)])
def test_a_server_that_dies_mid_job(comfyui, events_of, a_job, point, before):
    """What is rendered is kept, the rest fails within seconds, with one error."""
    comfyui.latency = 0.2
    jobs = [a_job(number) for number in range(1, 6)]
    rendered, errors = [], []

    for event in events_of(jobs):
        if isinstance(event, Rendered):
            rendered.append(event.job)
            if len(rendered) == before:
                comfyui.crash_when(point)
                crashing = time.monotonic()
        elif hasattr(event, "error"):
            errors.append(event.error)

    assert rendered == jobs[: len(rendered)]
    assert len(rendered) >= before
    assert len(rendered) + len(errors) == 5
    assert len(set(map(id, errors))) == 1
    assert type(errors[0]) is UnreachableError
    assert "went away" in errors[0].what
    assert time.monotonic() - crashing < 10


def test_a_server_that_dies_without_a_socket(comfyui, render, a_job):
    comfyui.refuse_socket = True
    comfyui.crash_when("running")

    assert type(render([a_job()]).error) is UnreachableError


def test_a_model_that_is_not_installed(comfyui, render, a_job):
    comfyui.models = {
        **comfyui.models,
        "checkpoints": ["v1-5.safetensors", "sd_xl_base.safetensors"],
    }

    error = render([a_job()]).error

    assert type(error) is MissingModelError
    assert error.what == (
        "template 'sdxl': ComfyUI has no checkpoint 'sd_xl_base_1.0.safetensors'"
        ' (node 4 "Load Checkpoint", ckpt_name)'
    )
    assert error.way_out.startswith("installed: sd_xl_base.safetensors, v1-5.safetensors\n")


def test_models_are_asked_for_where_there_are_more_than_twenty(comfyui, render, a_job):
    comfyui.models = {
        **comfyui.models,
        "checkpoints": [f"model-{number:02}.safetensors" for number in range(30)],
    }

    error = render([a_job()]).error

    assert len(error.installed) == 30
    assert error.way_out.startswith("installed (8 of 30): ")
    assert [r.path for r in comfyui.requests if r.route == "/object_info"] == [
        "/api/object_info/CheckpointLoaderSimple"
    ]


def test_a_missing_list_of_models_does_not_hide_the_error(comfyui, render, a_job):
    comfyui.models = {
        **comfyui.models,
        "checkpoints": [f"model-{number:02}.safetensors" for number in range(30)],
    }
    comfyui.answer("/object_info", Answer(status=500))

    assert type(render([a_job()]).error) is MissingModelError


def test_a_node_that_is_not_installed(render, a_job, a_graph):
    graph = a_graph()
    graph["3"]["class_type"] = "KSamplerFromTheFuture"

    error = render([a_job(graph=graph)]).error

    assert type(error) is MissingNodeError
    assert "has no node class 'KSamplerFromTheFuture' (node 3 \"KSampler\")" in error.what


def test_a_value_that_is_refused(render, a_job, a_graph):
    error = render([a_job(graph=a_graph(steps=0))]).error

    assert type(error) is RejectedError
    assert 'node 3 "KSampler", steps: Value 0 smaller than min of 1, got' in error.what


def test_an_accepted_job_with_node_errors_is_a_failure(scripted, render, a_job):
    """One valid output is enough for a 200; the others are dropped in silence."""
    faults = {
        "9": {"errors": [{"message": "Required input is missing"}], "class_type": "SaveImage"}
    }
    server = scripted(prompt={"prompt_id": "p", "node_errors": faults})

    error = render([a_job()], url=server.url).error

    assert type(error) is RejectedError
    assert 'node 9 "Save Image" (SaveImage): Required input is missing' in error.what
    assert server.asked[-2:] == ["POST queue", "GET queue"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(body=b'{"exec_info": {"queue_remaining": 0}}'), (NotComfyUIError, "exec_info")),
        (Answer(body=b"<html><title>Sign in</title>"), (NotComfyUIError, "titled 'Sign in'")),
        (Answer(status=404), (NotComfyUIError, "404 to /api/prompt")),
        (Answer(status=400, body=b"<html>"), (NotComfyUIError, "an HTML page")),
        (Answer(status=400, body=b"not JSON"), (RejectedError, "refused the workflow: not JSON")),
        (Answer(status=500, body=b"500 Oops"), (RejectedError, "refused the workflow: 500 Oops")),
        (Answer(status=302, headers={"Location": "/login"}), (AuthError, "a login page")),
        (Answer(status=401), (AuthError, "without credentials")),
        (Answer(status=413), (RejectedError, "takes no request of that size")),
        (Answer(status=402), (QuotaError, "payment due")),
        (Answer(status=429, headers={"Retry-After": "7"}), (QuotaError, "retry after 7 s")),
        (Answer(status=503), (UnreachableError, "a proxy answers 503")),
    ],
)
def test_answers_to_a_submission(comfyui, render, a_job, answer, error):
    kind, words = error
    comfyui.answer("/prompt", answer)

    error = render([a_job()]).error

    assert type(error) is kind
    assert words in error.what
    assert len(posts(comfyui, "/prompt")) == (3 if answer.status == 503 else 1)


def test_a_server_that_takes_no_more_jobs_finishes_those_it_has(comfyui, events_of, a_job):
    comfyui.latency = 0.3
    jobs = [a_job(number) for number in range(1, 5)]
    rendered, errors = [], []

    for event in events_of(jobs):
        if len(comfyui.submissions) == 2:
            comfyui.answer("/prompt", Answer(status=429))
        if isinstance(event, Rendered):
            rendered.append(event.job)
        elif hasattr(event, "error"):
            errors.append(event.error)

    assert rendered == jobs[:2]
    assert [type(error) for error in errors] == [QuotaError, QuotaError]
    assert errors[0] is errors[1]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(handled=True, reset=True),
        Answer(handled=True, status=502),
        Answer(handled=True, status=504, body=b"<html>"),
        Answer(handled=True, status=409, body=b'{"error": {"type": "duplicate_prompt_id"}}'),
        Answer(handled=True, status=500),
    ],
)
def test_a_post_without_an_answer_is_looked_up(comfyui, render, a_job, answer):
    """It arrived; posted again it would be rendered twice."""
    comfyui.answer("/prompt", answer, times=1)

    result = render([a_job()])

    assert len(result.images) == 1
    assert len(posts(comfyui, "/prompt")) == 1


def test_a_post_that_did_not_arrive_is_looked_up_twice_and_posted_again(comfyui, render, a_job):
    """Under its own id: the first may still be on its way, and newer servers then answer 409."""
    comfyui.answer("/prompt", Answer(reset=True), times=1)

    result = render([a_job()])

    assert len(result.images) == 1
    first, second = (json.loads(request.body) for request in posts(comfyui, "/prompt"))
    assert first == second
    routes = [each.route for each in comfyui.requests]
    between = routes[routes.index("/prompt") + 1 :]
    assert between[:5] == ["/queue", "/history", "/queue", "/history", "/prompt"]


def test_a_post_that_never_arrives_is_posted_three_times(comfyui, render, a_job):
    comfyui.answer("/prompt", Answer(reset=True))

    result = render([a_job()], retries=2)

    assert type(result.error) is UnreachableError
    assert len(posts(comfyui, "/prompt")) == 3


def test_a_post_that_is_never_answered_is_looked_up(comfyui, render, a_job):
    comfyui.answer("/prompt", Answer(handled=True, delay=30), times=1)

    assert len(render([a_job()], pace=Pace(answer=0.5)).images) == 1


def test_a_node_that_raises(comfyui, render, a_job):
    comfyui.fail_with = NodeFailure(
        node="3", exception_type="ValueError", message="bad \x1b[31mlatent\n\n/srv/ComfyUI"
    )

    error = render([a_job()]).error

    assert type(error) is NodeFailedError
    assert f'node 3 "KSampler" failed on {comfyui.url}: ValueError: bad latent' in error.what


def test_out_of_memory(comfyui, render, a_job):
    comfyui.fail_with = NodeFailure(
        node="3", exception_type="torch.OutOfMemoryError", message="Allocation on device"
    )

    result = render([a_job(1), a_job(2)])

    assert {type(error) for error in result.errors.values()} == {OutOfMemoryError}
    assert len(comfyui.submissions) == 2


def test_success_without_images(comfyui, render, a_job):
    comfyui.without_images = True

    error = render([a_job()]).error

    assert type(error) is LostError
    assert 'there is no image of node 9 "Save Image"' in error.what


def test_somebody_interrupts_our_job(comfyui, events_of, a_job, eventually):
    comfyui.hold()
    events = events_of([a_job()])
    next(events)
    eventually(lambda: comfyui.submissions)
    prompt_id = comfyui.submissions[0]["prompt_id"]
    time.sleep(0.2)
    comfyui.interrupt(prompt_id)
    comfyui.release()

    (error,) = [event.error for event in events if hasattr(event, "error")]

    assert type(error) is InterruptedRenderError


def test_a_job_that_runs_too_long_is_withdrawn(comfyui, render, a_job):
    """And only that one; the next one is rendered."""
    comfyui.latency = 30
    jobs = [a_job(1), a_job(2)]

    events = render(jobs[:1], timeout=0.5)

    assert type(events.error) is RenderTimeoutError
    assert "longer than 0.5 s" in events.error.what
    assert comfyui.interrupted == [comfyui.submissions[0]["prompt_id"]]
    bodies = [json.loads(request.body) for request in posts(comfyui, "/interrupt")]
    assert bodies == [{"prompt_id": comfyui.submissions[0]["prompt_id"]}]
    comfyui.latency = 0
    assert len(render(jobs[1:]).images) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=404), (LostError, "is not there any more (404)")),
        (Answer(status=400), (LostError, "is not there any more (400)")),
        (Answer(status=403), (AuthError, "lets nobody in")),
        (Answer(status=502), (UnreachableError, "a proxy answers 502")),
        (Answer(reset=True), (LostError, "broke off twice")),
        (Answer(delay=30), (RenderTimeoutError, "did not arrive within 1 s")),
    ],
)
def test_answers_to_a_download(comfyui, render, a_job, answer, error):
    kind, words = error
    comfyui.answer("/view", answer)

    error = render([a_job()], pace=Pace(download=1)).error

    assert type(error) is kind
    assert words in error.what


def test_a_download_that_stalls(comfyui, render, a_job):
    comfyui.answer("/view", Answer(delay=30))

    error = render([a_job()], pace=Pace(answer=0.3)).error

    assert type(error) is RenderTimeoutError


def test_the_file_is_gone_although_the_job_succeeded(comfyui, events_of, a_job, eventually):
    comfyui.answer("/view", Answer(status=404), times=1)

    events = events_of([a_job()], retries=0)
    errors = [event.error for event in events if hasattr(event, "error")]

    assert [type(error) for error in errors] == [LostError]
    assert "although the job succeeded" in errors[0].what


def test_an_endless_image_is_cut(comfyui, render, a_job):
    comfyui.endless = True

    error = render([a_job()], max_bytes=2**20).error

    assert type(error) is TooLargeError
    assert "has more than 1048576 bytes" in error.what


def test_an_image_that_declares_too_many_bytes(comfyui, render, a_job):
    comfyui.picture = b"x" * 5000

    error = render([a_job()], max_bytes=4999).error

    assert type(error) is TooLargeError
    assert len(render([a_job(2)], max_bytes=5000).images) == 1


def test_a_dripping_image_has_a_deadline(comfyui, render, a_job):
    """The library's timeout is for each read, so one byte at a time takes for ever."""
    comfyui.drip = 0.05

    error = render([a_job()], pace=Pace(download=0.5)).error

    assert type(error) is RenderTimeoutError


def test_an_image_that_breaks_off(scripted, render, a_job):
    history = {
        "p": {
            "outputs": {"9": {"images": [{"filename": "x.png"}]}},
            "status": {"status_str": "success", "completed": True},
        }
    }
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    server = scripted(prompt={"prompt_id": "p"}, history=history, view=broken)

    assert type(render([a_job()], url=server.url).error) is LostError


@pytest.mark.parametrize("route", ["queue", "history"])
@pytest.mark.parametrize("answer", [[[]], "text", 7])
def test_garbage_in_the_place_of_queue_and_history(scripted, render, a_job, route, answer):
    server = scripted(prompt={"prompt_id": "p"}, **{route: answer})

    assert type(render([a_job()], url=server.url).error) is NotComfyUIError
