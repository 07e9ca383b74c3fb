"""Jobs in, images out: in order, one ahead, whatever the socket does."""

import contextlib
import json
import re
import socket
import ssl
import threading
import time
import urllib.request
import uuid

import pytest
import trustme

from mkdocs_comfy.comfyui.jobs import Failed, Progress, Queued, Rendered, Running, Submitted
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.errors import LostError
from mkdocs_comfy.testing import Answer, flat_painter


def routes(comfyui):
    return [f"{request.method} {request.route}" for request in comfyui.requests]


def test_each_job_gives_its_image(comfyui, render, a_job):
    jobs = [a_job(number) for number in range(1, 6)]

    result = render(jobs)

    assert result.errors == {}
    assert set(result.images) == {job.key for job in jobs}
    assert len(set(result.images.values())) == 5
    assert all(data.startswith(b"\x89PNG") for data in result.images.values())
    assert [each["prompt"]["3"]["inputs"]["seed"] for each in comfyui.submissions] == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_events_of_one_job_come_in_order(comfyui, render, a_job):
    comfyui.latency = 0.2

    result = render([job := a_job()])

    kinds = [kind for kind in result.of(job) if kind is not Progress]
    assert kinds == [Submitted, Running, Rendered]
    steps = [(e.step, e.steps) for e in result.events if isinstance(e, Progress)]
    assert steps
    assert steps == sorted(steps)
    assert all(0 <= step <= count for step, count in steps)
    assert result.events[-1].seconds > 0
    assert result.events[-1].version == "0.3.64"


def test_only_api_routes_are_used(comfyui, render, a_job):
    render([a_job()])

    assert all(request.path.startswith("/api/") for request in comfyui.requests)
    assert routes(comfyui)[0] == "GET /system_stats"
    assert routes(comfyui).count("GET /system_stats") == 1


def test_prompt_ids_are_canonical_and_our_own(comfyui, render, a_job):
    """Newer servers take no others."""
    render([a_job(1), a_job(2)])

    ids = [each["prompt_id"] for each in comfyui.submissions]
    assert len(set(ids)) == 2
    for prompt_id in ids:
        assert str(uuid.UUID(prompt_id, version=4)) == prompt_id


def test_a_client_id_goes_with_every_job(comfyui, render, a_job):
    """Without one, servers before 0.28 record no outputs of cached nodes."""
    render([a_job(1), a_job(2)])
    render([a_job(3)])

    first, second, third = (each["client_id"] for each in comfyui.submissions)
    assert first == second != third
    sockets = [request.query["clientId"] for request in comfyui.requests if request.route == "/ws"]
    assert sockets == [first, third]


def test_each_job_has_a_filename_prefix_of_its_own(comfyui, render, a_job, a_graph):
    """The same graph twice would be answered from the cache, with a file that may be gone."""
    graph = a_graph()

    render([a_job(0xABC, graph=graph), a_job(0xABC, graph=graph)])

    prefixes = [each["prompt"]["9"]["inputs"]["filename_prefix"] for each in comfyui.submissions]
    assert len(set(prefixes)) == 2
    for prefix in prefixes:
        assert re.fullmatch(r"mkdocs-comfy/000000000000-[0-9a-f]{8}", prefix)
    assert graph == a_graph()


def test_a_cached_run_gives_its_image_too(render, a_job, a_graph):
    result = render([a_job(1, graph=a_graph()), a_job(2, graph=a_graph())])

    assert len(result.images) == 2


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_the_server_is_kept_one_job_ahead(comfyui, events_of, a_job, eventually, ahead):
    submitted = ahead + 1
    comfyui.hold()
    events = events_of([a_job(number) for number in range(1, 6)], ahead=ahead)

    next(events)
    eventually(lambda: len(comfyui.submissions) == submitted)
    time.sleep(0.2)
    assert len(comfyui.submissions) == submitted

    comfyui.release()
    assert sum(isinstance(event, Rendered) for event in events) == 5


def test_downloads_overlap_the_next_job(comfyui, render, a_job):
    jobs = [a_job(1), a_job(2), a_job(3)]
    comfyui.latency = 0.2  # so that the first image is asked for before the second is there
    comfyui.answer("/view", Answer(body=b"slow", delay=0.5), times=1)

    result = render(jobs)

    order = [(type(event), event.job) for event in result.events]
    assert order.index((Submitted, jobs[2])) < order.index((Rendered, jobs[0]))
    assert result.images[jobs[0].key] == b"slow"


def test_images_that_nobody_takes_do_not_fill_memory(comfyui, events_of, a_job, eventually):
    events = events_of([a_job(number) for number in range(1, 9)])
    next(events)

    eventually(lambda: len(comfyui.executed) == 8)
    time.sleep(0.3)
    assert routes(comfyui).count("GET /view") == 4

    assert sum(isinstance(event, Rendered) for event in events) == 8


def test_history_may_lag_behind_the_socket(comfyui, render, a_job):
    """The socket's "done" is a hint; the history decides."""
    comfyui.history_lag = 0.5

    result = render([a_job(1), a_job(2)])

    assert len(result.images) == 2


def test_history_may_lag_while_the_socket_dies(comfyui, render, a_job):
    comfyui.history_lag = 0.3
    comfyui.silent_socket = True

    assert len(render([a_job()]).images) == 1


@pytest.mark.parametrize("socket", ["talks", "is silent", "is refused", "is garbage", "redirects"])
def test_the_socket_changes_nothing_but_speed(comfyui, render, a_job, socket):
    comfyui.latency = 0.1
    comfyui.silent_socket = socket == "is silent"
    comfyui.refuse_socket = socket == "is refused"
    if socket == "is garbage":
        comfyui.answer("/ws", Answer(body=b"garbage"))
    if socket == "redirects":
        comfyui.answer("/ws", Answer(status=302, headers={"Location": "ws://evil.invalid/"}))

    result = render([a_job(1), a_job(2), a_job(3)])

    assert len(result.images) == 3
    assert result.errors == {}


def test_a_socket_that_says_nothing_does_not_slow_polling(comfyui, events_of, a_job):
    """Trusting an open socket would mean a look every five seconds."""
    comfyui.silent_socket = True
    comfyui.latency = 0.3

    list(events_of([a_job()], pace=Pace(poll_live=1000)))

    assert routes(comfyui).count("GET /queue") > 2


def test_a_socket_that_talks_spares_polling(comfyui, render, a_job):
    comfyui.latency = 1.0

    render([a_job()])

    assert routes(comfyui).count("GET /queue") <= 2


def test_previews_are_not_taken_for_the_image(comfyui, render, a_job):
    comfyui.previews = True
    comfyui.latency = 0.2

    (image,) = render([a_job()]).images.values()

    assert image.startswith(b"\x89PNG")
    assert image[:33] == flat_painter("x", 1, (256, 128))[:33]


def test_the_queue_is_read_before_the_history(scripted, render, a_job):
    """A job enters the history when it leaves the queue: the other order would lose it."""
    server = scripted(prompt={"prompt_id": "p"}, history={})

    result = render([a_job()], url=server.url, retries=0, pace=Pace(lost=0.3))

    looks = [each for each in server.asked if each in ("GET queue", "GET history")]
    assert len(looks) >= 4
    assert looks == ["GET queue", "GET history"] * (len(looks) // 2)
    assert isinstance(result.error, LostError)
    assert "neither queued nor in the history" in result.error.what


def test_one_absence_is_not_the_end(scripted, render, a_job, success):
    """Behind a load balancer the first question may reach another server."""
    server = scripted(prompt={"prompt_id": "p"}, history=[{}, success], view=b"")

    assert render([a_job()], url=server.url).errors == {} or server.asked.count("GET history") == 2


@pytest.fixture
def success():
    """A history of job ``p`` that has an image."""
    return {
        "p": {
            "outputs": {
                "9": {"images": [{"filename": "x.png", "subfolder": "", "type": "output"}]}
            },
            "status": {"status_str": "success", "completed": True, "messages": []},
        }
    }


def test_a_different_id_than_ours_is_accepted(scripted, render, a_job, success, http_answer):
    server = scripted(prompt={"prompt_id": "p"}, history=success, view=http_answer(b"image"))

    result = render([a_job()], url=server.url)

    assert list(result.images.values()) == [b"image"]


def test_waiting_behind_others_does_not_count(comfyui, render, a_job):
    comfyui.enqueue_foreign(0.8)

    result = render([job := a_job()], timeout=0.5, pace=Pace(poll_live=0.1))

    assert len(result.images) == 1
    assert Queued(job=job, ahead=1, server=comfyui.url) in result.events


def test_no_jobs_no_requests(comfyui, render):
    assert render([]).events == []
    assert comfyui.requests == []


def test_nothing_is_sent_before_the_first_event_is_asked_for(comfyui, events_of, a_job):
    events_of([a_job()])

    assert comfyui.requests == []


def test_jobs_may_come_from_a_generator(render, a_job):
    assert len(render(a_job(number) for number in (1, 2)).images) == 2


def test_one_renderer_renders_again(comfyui, render, a_job):
    assert len(render([a_job(1)]).images) == 1
    comfyui.crash()
    comfyui.restart()
    assert len(render([a_job(1)]).images) == 1


def test_a_failed_job_does_not_stop_the_others(render, a_job, a_graph):
    jobs = [a_job(1), a_job(2, graph=a_graph(steps=0)), a_job(3)]

    result = render(jobs)

    assert list(result.errors) == [jobs[1].key]
    assert set(result.images) == {jobs[0].key, jobs[2].key}
    assert result.of(jobs[1]) == [Failed]


def test_credentials_and_headers_reach_http_and_socket(comfyui, render, a_job):
    comfyui.headers_required = {"Authorization": "Basic YWRhOmh1bnRlcjIy", "X-Key": "k"}
    url = comfyui.url.replace("http://", "http://ada:hunter22@")

    result = render([a_job()], url=url, headers={"X-Key": "k"})

    assert len(result.images) == 1
    assert "/ws" in [request.route for request in comfyui.requests]
    assert all("Authorization" in request.headers for request in comfyui.requests)


def test_news_of_other_peoples_jobs_are_ignored(comfyui, events_of, a_job, eventually):
    """An interruption is told to everybody."""
    comfyui.enqueue_foreign(30)
    events = events_of([job := a_job()])
    while not isinstance(next(events), Queued):
        pass
    with urllib.request.urlopen(f"{comfyui.url}/queue") as reply:  # noqa: S310  # our own server
        running = json.load(reply)["queue_running"]

    comfyui.interrupt(running[0][1])

    kinds = [type(event) for event in events if event.job == job]
    assert kinds[-1] is Rendered
    assert Failed not in kinds


def test_a_fault_of_our_own_is_not_swallowed(comfyui, events_of, a_job, monkeypatch):
    async def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("mkdocs_comfy.comfyui.pool.Pool.run", broken)

    with pytest.raises(ZeroDivisionError):
        list(events_of([a_job()]))


def test_everything_goes_through_tls(comfyui, render, a_job, raw_server, tmp_path):
    """HTTP and socket, and nothing is left unclosed."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    port = int(comfyui.url.rpartition(":")[2])

    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def talk(connection):
        with socket.create_connection(("127.0.0.1", port)) as behind:
            back = threading.Thread(target=pump, args=(behind, connection))
            back.start()
            pump(connection, behind)
            back.join()

    front = raw_server(talk, wrap=lambda plain: context.wrap_socket(plain, server_side=True))
    url = front.url.replace("http:", "https:")

    result = render([a_job(1), a_job(2)], url=url, verify=tmp_path / "ca.pem")

    assert result.errors == {}
    assert len(result.images) == 2
    assert "/ws" in [request.route for request in comfyui.requests]
