"""Who is given which job, as far as it can be said without a server."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.backlog import Backlog, Entry, choose, group_of
from mkdocs_comfy.comfyui.choice import Choice
from mkdocs_comfy.comfyui.forecast import Load, Speeds, leave_to_others, worth_a_copy
from mkdocs_comfy.comfyui.health import Health
from mkdocs_comfy.comfyui.jobs import Limits
from mkdocs_comfy.comfyui.member import Attempt, Member
from mkdocs_comfy.comfyui.moves import Phase
from mkdocs_comfy.errors import AuthError, LostError, QuotaError, UnreachableError

A, B, C = ("a", ()), ("b", ()), ("c", ())


@pytest.fixture
def backlog(a_job):
    def make(*groups):
        return Backlog(Entry(job=a_job(index), group=group) for index, group in enumerate(groups))

    return make


def chosen(backlog, *, last=None, may=lambda _: True, servers=None, busy=None):
    return choose(backlog, last=last, may=may, servers=servers or {}, busy=busy or {})


# Groups ------------------------------------------------------------------------------------------


def test_a_group_is_a_template_and_its_models(a_job, a_graph):
    windows = {**a_graph(), "4": {**a_graph()["4"], "inputs": {"ckpt_name": "xl\\b.safetensors"}}}
    linux = {**a_graph(), "4": {**a_graph()["4"], "inputs": {"ckpt_name": "xl/b.safetensors"}}}

    assert group_of(a_job(1)) == group_of(a_job(2)) == ("sdxl", ("sd_xl_base_1.0.safetensors",))
    assert group_of(a_job(graph=windows)) == group_of(a_job(graph=linux))
    assert group_of(a_job(graph=linux)) != group_of(a_job())


def test_a_server_keeps_to_the_models_it_has_loaded(backlog):
    assert chosen(backlog(A, B, B), last=B) == B


def test_a_server_begins_where_nobody_is(backlog):
    assert chosen(backlog(A, A, A, B), busy={A: 1}) == B


def test_a_build_is_rendered_in_its_order(backlog):
    assert chosen(backlog(B, A, A)) == B


def test_a_server_helps_where_most_is_left_for_each(backlog):
    assert chosen(backlog(A, A, A, B, B), last=C, busy={A: 2, B: 1}) == A
    assert chosen(backlog(A, A, B, B), last=C, busy={A: 2, B: 1}) == B


def test_what_only_one_server_can_do_comes_before_what_it_has_loaded(backlog):
    assert chosen(backlog(A, A, B), last=A, servers={A: 2, B: 1}) == B


def test_what_a_server_cannot_do_is_not_chosen(backlog):
    assert chosen(backlog(A, B), may=lambda group: group == B) == B
    assert chosen(backlog(A), may=lambda _: False) is None
    assert chosen(backlog()) is None


def test_an_entry_that_is_put_back_is_the_next_one(backlog):
    left = backlog(A, A)
    first = left.take(A)
    left.put_back(first)

    assert len(left) == 2
    assert left.take(A) is first
    left.settle(first)
    assert list(left.unsettled) == [left.take(A)]
    assert left.groups == []


# Forecasts ---------------------------------------------------------------------------------------


def load(each=1.0, running=None, waiting=0, *, away=False):
    return Load(each=each, running=running, waiting=waiting, away=away)


def test_speeds_follow_the_newest_jobs():
    speeds = Speeds()
    assert speeds.of(A) is None
    speeds.learn(A, 10)
    assert speeds.of(A) == 10
    assert speeds.of(B) == 10, "better than nothing"
    speeds.learn(A, 20)
    assert 10 < speeds.of(A) < 20
    for _ in range(30):
        speeds.learn(A, 20)
    assert speeds.of(A) == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize(
    ("there", "free"),
    [
        (load(), 0.0),
        (load(running=0.4), 0.6),
        (load(running=0.4, waiting=2), 2.6),
        (load(running=3.0), 3.0),  # late: as long again
        (load(None, running=3.0), 3.0),
        (load(None, running=3.0, waiting=1), None),
        (load(None), 0.0),
        (load(away=True), math.inf),
    ],
)
def test_when_a_server_is_free(there, free):
    assert there.free_in() == (None if free is None else pytest.approx(free))


@pytest.mark.parametrize(
    ("here", "others", "jobs", "left"),
    [
        (load(60), [load(1)], 1, True),
        (load(60), [load(1)], 50, True),
        (load(60), [load(1)], 60, False),
        (load(60), [load(1, running=0.5, waiting=100)], 1, False),
        (load(1), [load(60)], 1, False),
        (load(1), [load(1)], 1, False),
        (load(None), [load(1)], 1, False),
        (load(60), [load(None)], 1, False),
        (load(60), [load(1, away=True)], 1, False),
        (load(60), [], 1, False),
        (load(1, running=0.5, waiting=1), [load(1, running=0.5)], 1, True),
    ],
)
def test_the_last_jobs_are_left_to_those_that_end_them_first(here, others, jobs, left):
    assert leave_to_others(here, others, jobs) is left


@pytest.mark.parametrize(
    ("there", "ahead", "here", "worth"),
    [
        (load(60, running=10), 0, 1, True),
        (load(1, running=0.1), 0, 1, False),
        (load(1, running=0.1, waiting=1), 1, 1, True),  # it waits behind the one that runs
        (load(1, running=0.9, waiting=1), 1, 1, False),
        (load(1, running=5), 0, 1, True),  # late
        (load(1, running=1.1), 0, 1, False),  # hardly late
        (load(1, away=True), 0, None, True),
        (load(1, running=50), 0, None, False),
        (load(None, running=1, waiting=1), 1, 1, False),
    ],
)
def test_a_second_copy_is_rendered_where_it_ends_earlier(there, ahead, here, worth):
    assert (worth_a_copy(there, ahead=ahead, here=here) is not None) is worth


loads = st.builds(
    Load,
    each=st.floats(0.01, 100) | st.none(),
    running=st.floats(0, 100) | st.none(),
    waiting=st.integers(0, 5),
    away=st.booleans(),
)


@given(st.lists(loads, min_size=1, max_size=6), st.integers(1, 50))
def test_the_last_job_is_never_left_to_each_other(servers, jobs):
    """Somebody takes it: else a build would wait for ever."""
    takers = [
        not leave_to_others(here, [*servers[:index], *servers[index + 1 :]], jobs)
        for index, here in enumerate(servers)
    ]
    assert any(takers)


# Members ---------------------------------------------------------------------------------------


@pytest.fixture
def member():
    """A server as far as a choice sees it, with ``running`` jobs and ``waiting`` ones."""

    def make(breadth=1, others=0, seconds=None):
        session = SimpleNamespace(breadth=breadth, others=others, health=Health())
        made = Member(session)
        made.opened = True
        if seconds is not None:
            made.speeds.learn(A, seconds)
        return made

    return make


def gives(member, entry, *, started_at=None):
    """Let ``member`` have ``entry``, running since ``started_at`` or waiting."""
    phase = Phase.QUEUED if started_at is None else Phase.RUNNING
    watch = SimpleNamespace(phase=phase, started_at=started_at, has_slot=True, submissions=1)
    member.attempts.append(Attempt(entry=entry, watch=watch))
    entry.attempts += 1


def test_a_service_that_is_paid_renders_no_second_copy_of_what_runs_elsewhere(member, a_job):
    slow, service, own = member(seconds=60), member(breadth=8, seconds=1), member(seconds=1)
    entry = Entry(job=a_job(), group=A)
    gives(slow, entry, started_at=0.0)
    choice = Choice([slow, service, own], Backlog(()), limits=Limits())

    assert choice.pick(service, 1.0) is None
    assert choice.pick(own, 1.0) is entry
    for _ in range(2):
        slow.session.health.failed(away())
    assert choice.pick(service, 1.0) is entry, "it does not answer any more"


@pytest.mark.parametrize(
    ("breadth", "running", "waiting", "others", "queue"),
    [(1, 0, 0, 0, 0), (1, 1, 0, 0, 1), (1, 1, 1, 2, 4), (8, 7, 0, 0, 0), (8, 8, 1, 0, 2)],
)
def test_how_many_jobs_must_end_before_another_one_starts(
    member, a_job, breadth, running, waiting, others, queue
):
    there = member(breadth, others, seconds=10)
    for _ in range(running):
        gives(there, Entry(job=a_job(), group=A), started_at=0.0)
    for _ in range(waiting):
        gives(there, Entry(job=a_job(), group=A))

    load = there.load(A, 4.0, usual=None)

    assert there.queue == queue
    assert load.running == (4.0 if running == breadth else None)
    assert load.waiting == max(0, queue - (running == breadth))


# Health ------------------------------------------------------------------------------------------


def away(**options):
    return UnreachableError("it went away", **options)


def test_failures_in_a_row_open_the_circuit_and_an_answer_closes_it():
    health = Health()
    health.failed(away())
    assert health.closed, "one may be a connection that the server closed"
    health.answered()
    health.failed(away())
    assert health.closed
    health.failed(away())
    assert not health.closed
    assert isinstance(health.reason, UnreachableError)
    health.answered()
    assert (health.closed, health.reason) == (True, None)


def test_a_failure_of_a_job_says_nothing_of_its_server():
    health = Health()
    for _ in range(5):
        health.failed(LostError("gone"))
    assert health.closed


def test_time_half_opens_the_circuit_of_a_server_that_was_given_up():
    health = Health()
    rests = []
    for _ in range(6):
        health.give_up(away(), 100.0)
        rests.append(health.again_at - 100)
        assert (health.given_up, health.final, health.closed) == (True, False, False)

    assert rests == [5, 10, 20, 40, 60, 60]
    health.answered()
    assert not health.closed, "what was given up is asked again first"
    health.revive()
    assert health.closed
    health.give_up(away(), 0.0)
    assert health.again_at == 5


@pytest.mark.parametrize(
    ("error", "final", "seconds"),
    [
        (away(), False, 5),
        (away(retry_after=30), False, 30),
        (QuotaError("busy", retry_after=90), False, 90),
        (QuotaError("pay"), True, None),
        (AuthError("who?"), True, None),
    ],
)
def test_what_will_not_change_by_itself_is_not_asked_again(error, final, seconds):
    health = Health()
    health.give_up(error, 0.0)

    assert health.final is final
    if seconds is not None:
        assert health.again_at == seconds
