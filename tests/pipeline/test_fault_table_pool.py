"""The fault table: two servers, and what becomes of the images where one is of no use."""

import pytest

from mkdocs_comfy.comfyui.jobs import Rendered, Running, ServerDown, ServerLacks
from mkdocs_comfy.errors import MissingModelError, UnreachableError
from mkdocs_comfy.testing import Answer, FakeComfyUI, flat_painter

HEROES = 6


@pytest.fixture
def other():
    """The second server."""
    with FakeComfyUI(painter=flat_painter) as server:
        yield server


@pytest.fixture
def build(lab, other):
    """Build on both servers."""

    def run(**options):
        return lab.build(servers=[{}, {"url": other.url}], **options)

    lab.begin(heroes=HEROES)
    lab.comfyui.latency = other.latency = 0.2
    return run


def submissions(*servers):
    return sum(len(server.submissions) for server in servers)


def assert_all_images(outcome, promise):
    assert outcome.kinds == []
    assert outcome.in_cache == HEROES
    assert promise.startswith("all images")


def told(outcome, kind):
    """What was told about a server, once for each."""
    return [(event.server, type(event.reason)) for event in outcome.events if type(event) is kind]


def renderers(outcome):
    return {event.server for event in outcome.events if isinstance(event, Rendered)}


@pytest.mark.parametrize("point", ["submitted", "running"])
def test_one_dies(lab, build, other, promised, point):
    """What it had goes to the other one."""
    other.crash_when(point)

    outcome = build(patience=0.5)

    assert_all_images(outcome, promised["two servers, one dies"])
    assert HEROES <= submissions(lab.comfyui, other) <= HEROES + 2
    assert told(outcome, ServerDown) == [(other.url, UnreachableError)]


def test_one_dies_and_comes_back(lab, build, other, promised):
    other.crash_when("running", restart_after=0.5)

    outcome = build()

    assert_all_images(outcome, promised["two servers, one restarts"])
    lost, copied_in_the_end = 2, 2
    most = HEROES + lost + copied_in_the_end
    assert HEROES <= submissions(lab.comfyui, other) <= most


def test_one_is_not_there(lab, build, other, promised):
    other.crash()

    outcome = build()

    assert_all_images(outcome, promised["two servers, one is not there"])
    assert submissions(lab.comfyui) == HEROES
    assert told(outcome, ServerDown) == [(other.url, UnreachableError)]


def test_both_die(lab, build, other, promised):
    other.crash_when("running")

    outcome = build(at={Running: lambda _: lab.comfyui.crash()}, patience=0.5)

    assert set(outcome.kinds) == {UnreachableError}
    assert outcome.in_cache == len(outcome.images) == HEROES - len(outcome.errors)
    assert submissions(lab.comfyui, other) <= 4
    assert promised["two servers, both die"].startswith("`unreachable`")


def test_one_is_slow(lab, build, other, promised):
    """It would take ten minutes for one; the other one renders that too, and it is withdrawn."""
    other.latency = 600.0
    theirs = other.enqueue_foreign(0.1)

    outcome = build(timeout=1200)

    assert_all_images(outcome, promised["two servers, one is slow"])
    assert HEROES <= submissions(lab.comfyui, other) <= HEROES + 2
    assert renderers(outcome) == {lab.comfyui.url}
    ours = {each["prompt_id"] for each in other.submissions}
    assert ours == {*other.interrupted, *other.deleted}
    assert theirs not in {*other.interrupted, *other.deleted}


def test_one_lacks_the_model(lab, build, other, promised):
    other.models = {**other.models, "checkpoints": ["v1-5-pruned-emaonly.safetensors"]}

    outcome = build()

    assert_all_images(outcome, promised["two servers, one lacks the model"])
    assert submissions(lab.comfyui) == HEROES
    assert submissions(other) == 0
    assert told(outcome, ServerLacks) == [(other.url, MissingModelError)]


def test_one_hides_what_it_has_and_lacks_the_model(lab, build, other, promised):
    """Then the submission decides, once for all jobs with that model."""
    other.models = {**other.models, "checkpoints": ["v1-5-pruned-emaonly.safetensors"]}
    other.answer("/object_info", Answer(status=403))

    outcome = build()

    assert_all_images(outcome, promised["two servers, one lacks the model and does not say so"])
    assert submissions(lab.comfyui) == HEROES
    assert submissions(other) == 0
    posts = [each for each in other.requests if (each.method, each.route) == ("POST", "/prompt")]
    assert len(posts) <= 2, "as many as it is kept ahead"


def test_both_lack_the_model(lab, build, other, promised):
    lab.comfyui.models = other.models = {**other.models, "checkpoints": ["other.safetensors"]}

    outcome = build()

    assert outcome.kinds == [MissingModelError] * HEROES
    assert submissions(lab.comfyui, other) == 0
    assert promised["two servers, both lack the model"].startswith("`missing_model`")
