"""Several servers at a time: who gets which job, and what becomes of it when one fails."""

import contextlib
import random
import threading
import time
from collections import Counter
from itertools import pairwise

import pytest

from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Limits,
    Rendered,
    Retried,
    Running,
    ServerDown,
    ServerLacks,
    ServerUp,
    Submitted,
)
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.errors import (
    AuthError,
    MissingModelError,
    MissingNodeError,
    OutOfMemoryError,
    OutOfTimeError,
    QuotaError,
    UnreachableError,
)
from mkdocs_comfy.testing import Answer, NodeFailure

QUICK = Pace(lost=0.6, poll_last=0.2, poll_live=0.5)
MODEL = "sd_xl_base_1.0.safetensors"


@pytest.fixture
def events_on():
    """Render on several servers; a generator that closes at the test's end."""
    with contextlib.ExitStack() as stack:

        def start(servers, jobs, *, pace=QUICK, **limits):
            configured = [
                each if isinstance(each, ServerConfig) else ServerConfig(url=each.url)
                for each in servers
            ]
            limits = Limits(**{"timeout": 30, "patience": 5, **limits})
            renderer = Renderer(configured, limits=limits, pace=pace)
            return stack.enter_context(contextlib.closing(renderer.render(jobs)))

        yield start


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def keys(events):
    return Counter(event.job.key for event in of(Rendered, events))


def jobs_of(a_job, count):
    return [a_job(number) for number in range(1, count + 1)]


def once(jobs):
    return Counter(job.key for job in jobs)


# Who gets what -----------------------------------------------------------------------------------


def test_all_servers_work_at_a_time(fakes, events_on, a_job):
    servers = fakes(0.3, 0.3, 0.3)
    jobs = jobs_of(a_job, 9)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    assert all(len(server.submissions) >= 2 for server in servers)
    assert {event.server for event in of(Rendered, events)} == {each.url for each in servers}


def test_one_job_for_each_server_before_any_waits(fakes, events_on, a_job):
    servers = fakes(0.4, 0.4, 0.4)
    jobs = jobs_of(a_job, 3)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    assert [len(server.submissions) for server in servers] == [1, 1, 1]


def test_a_server_has_one_job_running_and_one_waiting(fakes, events_on, a_job):
    servers = fakes(0, 0)
    for server in servers:
        server.hold()
    events = events_on(servers, jobs_of(a_job, 9))
    submitted = 0
    while submitted < 4:
        submitted += isinstance(next(events), Submitted)
    time.sleep(0.3)

    assert [len(server.submissions) for server in servers] == [2, 2]


def test_a_server_that_others_keep_busy_is_left_to_them(fakes, events_on, a_job, eventually):
    """Its socket says how long its queue is."""
    busy, idle = servers = fakes(0.1, 0.1)
    busy.hold()
    for _ in range(3):
        busy.enqueue_foreign(5)
    jobs = jobs_of(a_job, 6)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    assert {event.server for event in of(Rendered, events)} == {idle.url}
    ours = {each["prompt_id"] for each in busy.submissions}
    assert set(busy.deleted) == ours
    assert busy.interrupted == []


def test_each_server_gets_its_own_headers_and_nobody_elses(fakes, events_on, a_job):
    first, second = fakes(0.1, 0.1)
    servers = [
        ServerConfig(url=first.url, headers={"X-Key": "one"}),
        ServerConfig(url=second.url, headers={"Authorization": "Bearer two"}),
    ]

    events = list(events_on(servers, jobs_of(a_job, 6)))

    assert len(keys(events)) == 6
    for request in first.requests:
        assert (request.headers.get("X-Key"), request.headers.get("Authorization")) == ("one", None)
    for request in second.requests:
        assert request.headers.get("X-Key") is None
        assert request.headers.get("Authorization") == "Bearer two"


def test_jobs_of_one_model_stay_together(fakes, events_on, a_job, a_graph):
    """Two models, two servers: each loads one."""
    servers = fakes(0.1, 0.1)
    graphs = {}
    for name in ("a.safetensors", "b.safetensors"):
        graphs[name] = {**a_graph(), "4": {**a_graph()["4"], "inputs": {"ckpt_name": name}}}
    for server in servers:
        server.models = {**server.models, "checkpoints": list(graphs)}
    jobs = [
        a_job(number, graph={**graph, "3": a_graph(seed=number)["3"]})
        for number, graph in enumerate(list(graphs.values()) * 6, 1)
    ]

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    for server in servers:
        loaded = [each["prompt"]["4"]["inputs"]["ckpt_name"] for each in server.submissions]
        changes = sum(one != other for one, other in pairwise(loaded))
        assert changes <= 1


def test_two_servers_with_one_url_are_refused():
    servers = [ServerConfig(url="http://gpu.lan"), ServerConfig(url="http://u:p@gpu.lan/")]
    with pytest.raises(ValueError, match="URL of its own"):
        Renderer(servers)
    with pytest.raises(ValueError, match="one server or more"):
        Renderer([])


# Slow ones ---------------------------------------------------------------------------------------


def test_one_slow_server_does_not_hold_up_the_end(fakes, events_on, a_job):
    """A quick one renders a second copy of what the slow one has; that copy is withdrawn."""
    quick, slow = servers = fakes(0.1, 60)
    jobs = jobs_of(a_job, 4)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    assert {event.server for event in of(Rendered, events)} == {quick.url}
    ours = {each["prompt_id"] for each in slow.submissions}
    assert set(slow.deleted) | set(slow.interrupted) == ours


def test_a_copy_that_loses_touches_nobody_elses_job(fakes, events_on, a_job):
    _quick, slow = servers = fakes(0.1, 60)
    events = events_on(servers, jobs_of(a_job, 4))
    for event in events:
        if isinstance(event, Submitted) and event.server == slow.url:
            foreign = slow.enqueue_foreign(0.01)
            break
    list(events)

    assert foreign not in slow.deleted + slow.interrupted


def test_servers_that_are_equally_quick_render_nothing_twice(fakes, events_on, a_job):
    servers = fakes(0.3, 0.3)
    jobs = jobs_of(a_job, 10)

    list(events_on(servers, jobs))

    assert sum(len(server.submissions) for server in servers) == 10


def test_a_job_that_fails_for_good_is_not_tried_elsewhere(fakes, events_on, a_job):
    """Out of memory, a node's own error: asking again is the user's choice."""
    servers = fakes(0.1, 0.1)
    for server in servers:
        server.fail_with = NodeFailure(exception_type="torch.OutOfMemoryError")

    events = list(events_on(servers, jobs_of(a_job, 2)))

    assert [type(event.error) for event in of(Failed, events)] == [OutOfMemoryError] * 2
    assert sum(len(server.submissions) for server in servers) == 2


# Dead ones ---------------------------------------------------------------------------------------


def test_a_server_that_dies_gives_its_jobs_back(fakes, events_on, a_job):
    """For ever: the rest goes to the other one, and nobody waits for patience to end."""
    dying, _living = servers = fakes(0.3, 0.3)
    jobs = jobs_of(a_job, 8)
    began = time.monotonic()
    events = []

    for event in events_on(servers, jobs, patience=60):
        events.append(event)
        if isinstance(event, Running) and event.server == dying.url and not dying_since(events):
            dying.crash()
            events.append(None)

    assert keys(events) == once(jobs)
    assert of(Failed, events) == []
    assert time.monotonic() - began < 20
    assert sum(len(server.submissions) for server in servers) <= 8 + 2


def dying_since(events):
    return None in events


def test_a_server_is_given_up_when_patience_ends_and_its_jobs_go_elsewhere(fakes, events_on, a_job):
    """While the other one has plenty to do of its own."""
    dying, _living = servers = fakes(0.2, 0.2)
    jobs = jobs_of(a_job, 16)
    events, crashed = [], False

    for event in events_on(servers, jobs, patience=0.5):
        events.append(event)
        if isinstance(event, Running) and event.server == dying.url and not crashed:
            crashed = True
            dying.crash()

    assert keys(events) == once(jobs)
    (down,) = of(ServerDown, events)
    assert (down.server, down.final) == (dying.url, False)
    assert isinstance(down.reason, UnreachableError)
    assert {event.server for event in of(Retried, events)} == {dying.url}


def test_a_server_that_comes_back_is_used_again(fakes, events_on, a_job, monkeypatch):
    monkeypatch.setattr("mkdocs_comfy.comfyui.health._REST", 0.3)
    dying, _living = servers = fakes(0.15, 0.15)
    jobs = jobs_of(a_job, 30)
    events, crashed = [], False

    for event in events_on(servers, jobs, patience=0.3):
        events.append(event)
        if isinstance(event, Running) and event.server == dying.url and not crashed:
            crashed = True
            dying.crash()
            threading.Timer(1, dying.restart).start()

    assert keys(events) == once(jobs)
    (up,) = of(ServerUp, events)
    assert up.server == dying.url
    after = events[events.index(up) :]
    assert any(event.server == dying.url for event in of(Rendered, after))


def test_what_a_dead_server_still_had_is_withdrawn_when_it_is_back(
    fakes, events_on, a_job, monkeypatch
):
    """It did not die, it was cut off: its queue is still there."""
    monkeypatch.setattr("mkdocs_comfy.comfyui.health._REST", 0.3)
    lost, _living = servers = fakes(0.1, 0.1)
    lost.hold()
    jobs = jobs_of(a_job, 25)
    events, cut = [], False

    def mend():
        for route in ("/queue", "/history", "/system_stats"):
            lost.answer(route, None)

    for event in events_on(servers, jobs, patience=0.2):
        events.append(event)
        if isinstance(event, Running) and event.server == lost.url and not cut:
            cut = True
            for route in ("/queue", "/history", "/system_stats"):
                lost.answer(route, Answer(status=502, body=b"<html>"))
            threading.Timer(1, mend).start()
        if isinstance(event, ServerUp):
            lost.release()

    assert keys(events) == once(jobs)
    first = {each["prompt_id"] for each in lost.submissions[:2]}
    assert set(lost.deleted) | set(lost.interrupted) == first


def test_a_server_that_is_not_there_is_left_out(fakes, events_on, a_job, a_closed_port):
    (living,) = fakes(0.05)
    gone = ServerConfig(url=f"http://127.0.0.1:{a_closed_port}")
    jobs = jobs_of(a_job, 4)

    events = list(events_on([gone, living], jobs))

    assert keys(events) == once(jobs)
    (down,) = of(ServerDown, events)
    assert (down.server, type(down.reason)) == (gone.url, UnreachableError)


def test_servers_that_are_all_gone_fail_all_jobs_at_once(events_on, a_job, a_closed_port):
    gone = [ServerConfig(url=f"http://{host}:{a_closed_port}") for host in ("127.0.0.1", "127.1")]
    began = time.monotonic()

    events = list(events_on(gone, jobs_of(a_job, 3), patience=60))

    errors = [event.error for event in of(Failed, events)]
    assert [type(error) for error in errors] == [UnreachableError] * 3
    assert len(set(map(id, errors))) == 1
    assert time.monotonic() - began < 5


def test_a_server_that_lets_us_in_no_more_is_left_out_for_good(fakes, events_on, a_job):
    closed, _open = servers = fakes(0.1, 0.1)
    closed.answer("/prompt", Answer(status=401))
    jobs = jobs_of(a_job, 5)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    (down,) = of(ServerDown, events)
    assert (down.server, down.final, type(down.reason)) == (closed.url, True, AuthError)


def test_a_server_that_takes_no_more_jobs_finishes_those_it_has(fakes, events_on, a_job):
    full, _other = servers = fakes(0.3, 0.3)
    jobs = jobs_of(a_job, 8)
    events = []

    for event in events_on(servers, jobs):
        events.append(event)
        if isinstance(event, Running) and event.server == full.url:
            full.answer("/prompt", Answer(status=402))

    assert keys(events) == once(jobs)
    (down,) = of(ServerDown, events)
    assert (down.server, type(down.reason)) == (full.url, QuotaError)
    assert full.deleted == full.interrupted == []


def test_retries_bound_the_submissions_of_a_job_that_kills_servers(fakes, events_on, a_job):
    servers = fakes(0.1, 0.1)
    for server in servers:
        server.crash_when("running")
        server.restart_after = 0.1
    events = []

    for event in events_on(servers, jobs_of(a_job, 1), patience=2, retries=1):
        events.append(event)
        for server in servers:
            server.crash_when("running")

    assert len(of(Failed, events)) + len(of(Rendered, events)) == 1
    assert sum(len(server.submissions) for server in servers) <= 2 * (1 + 1)


# Different ones ----------------------------------------------------------------------------------


def test_a_server_that_lacks_the_model_is_given_no_job(fakes, events_on, a_job):
    """Seen from its definitions, read once a class, before anything is submitted."""
    lacking, _having = servers = fakes(0.1, 0.1)
    lacking.models = {**lacking.models, "checkpoints": ["another.safetensors"]}
    jobs = jobs_of(a_job, 4)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    assert lacking.submissions == []
    (lacks,) = of(ServerLacks, events)
    assert (lacks.server, type(lacks.reason)) == (lacking.url, MissingModelError)
    asked = Counter(each.path for each in lacking.requests if each.route == "/object_info")
    assert asked
    assert set(asked.values()) == {1}


@pytest.mark.parametrize(
    "answer",
    [Answer(body=b"{}"), Answer(status=404), Answer(status=403), Answer(status=500)],
    ids=["empty", "404", "403", "500"],
)
def test_a_definition_that_says_nothing_excludes_nobody(fakes, events_on, a_job, answer):
    """Then the submission decides, and a refused job goes elsewhere."""
    lacking, _having = servers = fakes(0.2, 0.2)
    lacking.models = {**lacking.models, "checkpoints": ["another.safetensors"]}
    lacking.answer("/object_info", answer)
    jobs = jobs_of(a_job, 5)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    (lacks,) = of(ServerLacks, events)
    assert (lacks.server, type(lacks.reason)) == (lacking.url, MissingModelError)
    assert lacking.executed == []


def test_a_server_that_lacks_a_node_is_given_no_more_such_jobs(fakes, events_on, a_job):
    lacking, _having = servers = fakes(0.2, 0.2)
    lacking.nodes = {name: each for name, each in lacking.nodes.items() if name != "VAEDecode"}
    jobs = jobs_of(a_job, 5)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    (lacks,) = of(ServerLacks, events)
    assert type(lacks.reason) is MissingNodeError
    assert lacking.executed == []


def test_a_model_that_nobody_has_fails_with_what_there_is(fakes, events_on, a_job):
    servers = fakes(0.1, 0.1)
    for server, name in zip(servers, ("a", "b"), strict=True):
        server.models = {**server.models, "checkpoints": [f"{name}.safetensors"]}

    events = list(events_on(servers, jobs_of(a_job, 3)))

    errors = [event.error for event in of(Failed, events)]
    assert [type(error) for error in errors] == [MissingModelError] * 3
    assert "a.safetensors" in errors[0].way_out
    assert [server.submissions for server in servers] == [[], []]


def test_a_group_that_one_server_alone_can_do_goes_there_first(fakes, events_on, a_job, a_graph):
    able, _other = servers = fakes(0.15, 0.15)
    able.models = {**able.models, "checkpoints": [MODEL, "rare.safetensors"]}
    rare = {**a_graph(), "4": {**a_graph()["4"], "inputs": {"ckpt_name": "rare.safetensors"}}}
    common = jobs_of(a_job, 4)
    special = [
        a_job(number, graph={**rare, "3": a_graph(seed=number)["3"]}) for number in range(11, 15)
    ]

    events = list(events_on(servers, common + special))

    assert keys(events) == once(common + special)
    first = able.submissions[0]["prompt"]["4"]["inputs"]["ckpt_name"]
    assert first == "rare.safetensors"


@pytest.mark.parametrize(
    ("named", "installed"),
    [
        ("xl/base.safetensors", "xl\\base.safetensors"),
        ("xl\\base.safetensors", "xl/base.safetensors"),
        ("xl/base.safetensors", "xl/base.safetensors"),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_a_model_in_a_folder_is_found_on_windows_too(
    fakes, events_on, a_job, a_graph, named, installed, count
):
    """ComfyUI lists files with the separator of its system, and takes no other."""
    servers = fakes(*[0.05] * count)
    for server in servers:
        server.models = {**server.models, "checkpoints": [installed]}
    graph = {**a_graph(), "4": {**a_graph()["4"], "inputs": {"ckpt_name": named}}}
    jobs = [
        a_job(number, graph={**graph, "3": a_graph(seed=number)["3"]}) for number in range(1, 4)
    ]

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    for server in servers:
        sent = {each["prompt"]["4"]["inputs"]["ckpt_name"] for each in server.submissions}
        assert sent <= {installed}


# The end -----------------------------------------------------------------------------------------


def test_closing_withdraws_from_every_server(fakes, events_on, a_job):
    servers = fakes(0, 0, 0)
    for server in servers:
        server.hold()
    events = events_on(servers, jobs_of(a_job, 9))
    submitted = 0
    while submitted < 6:
        submitted += isinstance(next(events), Submitted)
    for server in servers:
        server.enqueue_foreign(0.01)

    events.close()

    for server in servers:
        ours = {each["prompt_id"] for each in server.submissions}
        assert len(ours) == 2
        assert set(server.deleted) | set(server.interrupted) == ours


def test_the_time_for_all_jobs_ends_on_every_server(fakes, events_on, a_job):
    servers = fakes(0.3, 60)
    began = time.monotonic()

    events = list(events_on(servers, jobs_of(a_job, 12), max_time=1.2))

    assert time.monotonic() - began < 6
    rendered, failed = of(Rendered, events), of(Failed, events)
    assert len(rendered) + len(failed) == 12
    assert {type(event.error) for event in failed} == {OutOfTimeError}
    for server in servers:
        ours = {each["prompt_id"] for each in server.submissions}
        done = set(server.executed) & ours
        assert set(server.deleted) | set(server.interrupted) == ours - done


def test_many_jobs_on_many_servers_end_once_each(fakes, events_on, a_job):
    servers = fakes(*[0.01] * 8)
    jobs = jobs_of(a_job, 200)

    events = list(events_on(servers, jobs))

    assert keys(events) == once(jobs)
    assert of(Failed, events) == []


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_each_job_ends_once(fakes, events_on, a_job, seed):
    """Servers die and come back, lose queue, history and files, answer nonsense, serve others."""
    chance = random.Random(seed)  # noqa: S311  # the same mischief every time
    servers = fakes(0.02, 0.1, 0.3)
    jobs, over = jobs_of(a_job, 80), threading.Event()

    def harm(server):
        match chance.randrange(6):
            case 0:
                server.restart(after=chance.uniform(0, 0.3))
            case 1:
                server.clear_queue()
            case 2:
                server.forget_history()
            case 3:
                server.delete_outputs()
            case 4:
                server.enqueue_foreign(chance.uniform(0, 0.3))
            case 5:
                routes = ["/queue", "/history", "/view", "/prompt", "/object_info", "/ws"]
                broken = Answer(status=chance.choice([500, 502, 503]))
                server.answer(chance.choice(routes), broken, times=chance.randint(1, 3))

    def harm_them():
        while not over.wait(chance.uniform(0.02, 0.4)):
            harm(chance.choice(servers))

    harming = threading.Thread(target=harm_them)
    harming.start()
    try:
        events = list(events_on(servers, jobs))
    finally:
        over.set()
        harming.join()

    ends = Counter(event.job.key for event in events if isinstance(event, Rendered | Failed))
    assert ends == once(jobs)
    submitted = Counter(
        each["prompt"]["3"]["inputs"]["seed"] for server in servers for each in server.submissions
    )
    assert max(submitted.values()) <= 2 * (1 + Limits().retries)
