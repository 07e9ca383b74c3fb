"""Replies and frames, from recordings and from garbage."""

import json

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.previews import Pictured, media_type
from mkdocs_comfy.comfyui.protocol import (
    Accepted,
    Ended,
    Heard,
    Place,
    Started,
    Stepped,
    Subject,
    find_in_queue,
    is_queue,
    load_json,
    read_accepted,
    read_frame,
    wording,
)

RUNS = [
    "run-batch-of-2",
    "run-execution-error",
    "run-fresh",
    "run-fully-cached",
    "run-interrupted",
    "run-preview-frames",
    "run-preview-node-and-save-node",
    "run-save-image-websocket",
    "run-subfolder",
    "run-success-txt2img",
]

JPEG = b"\xff\xd8\xff\xe0 and so on"

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def news(recording):
    """The frames of a recorded run that say something, and its prompt id."""
    prompt_id = recording["post"]["body"]["prompt_id"]
    frames = [frame["text"] for frame in recording["ws"] if "text" in frame]
    read = [read_frame(json.dumps(frame)) for frame in frames]
    return prompt_id, [frame for frame in read if not isinstance(frame, Heard)]


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_run_begins_and_ends(recorded, name):
    prompt_id, frames = news(recorded(name))

    assert frames[0] == Started(prompt_id=prompt_id)
    assert frames[-1] == Ended(prompt_id=prompt_id, recorded=False)
    assert {frame.prompt_id for frame in frames} == {prompt_id}


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_submission_is_accepted(recorded, name):
    reply = recorded(name)["post"]["body"]

    assert read_accepted(reply) == Accepted(prompt_id=reply["prompt_id"], node_errors={})


def test_steps_of_the_sampler_are_told(recorded):
    _, frames = news(recorded("run-success-txt2img"))
    steps = [(frame.step, frame.steps) for frame in frames if isinstance(frame, Stepped)]

    assert set(steps) == {(1, 4), (2, 4), (3, 4), (4, 4)}
    assert steps == sorted(steps)


def test_executing_null_comes_after_the_history_is_written():
    frame = {"type": "executing", "data": {"node": None, "prompt_id": "a"}}

    assert read_frame(json.dumps(frame)) == Ended(prompt_id="a", recorded=True)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "executing", "data": {"node": "3"}},  # sent on reconnect, without prompt_id
        {"type": "executing", "data": {"node": "3", "prompt_id": "a"}},
        {"type": "executing", "data": {"prompt_id": "a"}},
        {"type": "progress", "data": {"value": 1, "max": 0, "prompt_id": "a"}},
        {"type": "progress", "data": {"value": True, "max": 4, "prompt_id": "a"}},
        {"type": "progress", "data": {"value": float("nan"), "max": 4, "prompt_id": "a"}},
        {"type": "progress_state", "data": {"nodes": [], "prompt_id": "a"}},
        {"type": "status", "data": {"sid": "x"}},
        {"type": "new-in-1.0", "data": {"prompt_id": "a"}},
        {"type": ["executing"], "data": {"prompt_id": "a"}},
        {"type": "execution_start", "data": {"prompt_id": 7}},
        {"type": "execution_start", "data": None},
        [],
        "execution_start",
    ],
)
def test_frames_that_say_nothing_about_a_job(frame):
    assert read_frame(json.dumps(frame)) == Heard()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00\x00\x00\x01",
        b"\x00\x00\x00\x01\x00\x00\x00\x02<svg>",
        b"\x00\x00\x00\x03\x00\x00\x00\x01some text",
        b"\x00\x00\x00\x04\x00\x00\x00\x02{}" + JPEG,
        b"\x00\x00\x00\x04\x00\x00\x00\x02[]" + JPEG,
        b"\x00\x00\x00\x04\xff\xff\xff\xff{}" + JPEG,
        b"\x00\x00\x00\x04\x00\x01\x86\x9f" + b"[" * 99999 + JPEG,
        "",
        "{nope",
        "[" * 99999,
    ],
)
def test_other_binary_frames_and_garbage_are_only_a_sign_of_life(message):
    assert read_frame(message) == Heard()


@pytest.mark.parametrize(
    ("frame", "prompt_id"),
    [
        (b"\x00\x00\x00\x01\x00\x00\x00\x01" + JPEG, ""),
        (b'\x00\x00\x00\x04\x00\x00\x00\x11{"prompt_id":"a"}' + JPEG, "a"),
    ],
)
def test_previews_tell_their_job_or_mean_the_one_that_runs(frame, prompt_id):
    assert read_frame(frame) == Pictured(prompt_id=prompt_id, image=JPEG)
    assert media_type(JPEG) == "image/jpeg"


def test_progress_is_clamped():
    frame = {"type": "progress", "data": {"value": 9, "max": 4, "prompt_id": "a"}}

    assert read_frame(json.dumps(frame)) == Stepped(prompt_id="a", step=4, steps=4)


def test_a_running_job_is_found_in_the_queue(recorded):
    queue = recorded("queue-running-and-pending")["GET /queue"]
    running = queue["queue_running"][0][1]
    pending = queue["queue_pending"][0][1]

    assert is_queue(queue)
    assert find_in_queue(queue, running) == Place(running=True, ahead=0)
    assert find_in_queue(queue, pending) == Place(running=False, ahead=1)
    assert find_in_queue(queue, "somebody else") is None


def test_a_deleted_job_is_gone_from_the_queue(recorded):
    recording = recorded("queue-running-and-pending")
    deleted = recording["GET /queue"]["queue_pending"][0][1]

    assert find_in_queue(recording["GET /queue after"], deleted) is None


def test_pending_jobs_are_in_heap_order():
    """Only their numbers tell which comes first."""
    queue = {
        "queue_running": [[1, "r"]],
        "queue_pending": [
            [4, "mine"],
            [9, "later"],
            [2.5, "earlier"],
            [-3, "front"],
            "garbage",
            [],
        ],
    }

    assert find_in_queue(queue, "mine") == Place(running=False, ahead=3)
    assert find_in_queue(queue, "front") == Place(running=False, ahead=1)


@pytest.mark.parametrize("reply", [None, [], {}, {"queue_running": []}, {"queue_pending": 1}, "x"])
def test_what_is_no_queue(reply):
    assert not is_queue(reply)
    assert find_in_queue(reply, "a") is None


@pytest.mark.parametrize(
    "reply",
    [
        {"exec_info": {"queue_remaining": 0}},  # a POST that a redirect turned into a GET
        {"prompt_id": None},
        {"prompt_id": 5},
        {"prompt_id": ""},
        {"prompt_id": "x" * 201},
        [],
        None,
    ],
)
def test_a_reply_without_job_id_is_no_acceptance(reply):
    assert read_accepted(reply) is None


def test_node_errors_of_an_accepted_job_are_kept():
    """One valid output lets the others be dropped in silence."""
    reply = {"prompt_id": "a", "node_errors": {"9": {"errors": []}}}

    assert read_accepted(reply).node_errors == {"9": {"errors": []}}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 200_000, b"1" * 5000])
def test_no_json_is_a_value_error(data):
    with pytest.raises(ValueError):  # noqa: PT011  # the words are the library's
        load_json(data)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (1.5, "1.5"),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "an object"),
    ],
)
def test_any_value_in_words(value, words):
    assert wording(value) == words


def test_a_node_is_named_as_its_author_knows_it(subject, server):
    assert str(subject.node("4")) == 'node 4 "Load Checkpoint"'
    assert subject.node("77", "Made\x1b[1mUp").title == "MadeUp"
    assert subject.node(["no", "id"]).class_type == "?"
    odd = Subject(server=server, template="x", graph={"1": {"class_type": "A", "_meta": "?"}})
    assert odd.node("1").title == "A"


@given(any_json)
def test_any_json_is_read_as_a_value(document):
    read_accepted(document)
    is_queue(document)
    find_in_queue(document, "a")
    wording(document)


@given(st.text() | st.binary() | any_json.map(json.dumps))
def test_any_frame_is_read_as_a_value(message):
    assert isinstance(read_frame(message), Heard | Started | Stepped | Ended | Pictured)


@given(
    st.sampled_from(
        ["execution_start", "executing", "progress", "progress_state", "execution_error"]
    ),
    st.dictionaries(
        st.sampled_from(["prompt_id", "node", "value", "max", "nodes", "state"]), any_json
    ),
)
def test_any_data_of_a_known_frame_is_read_as_a_value(kind, data):
    frame = read_frame(json.dumps({"type": kind, "data": data}))

    if isinstance(frame, Stepped):
        assert 0 <= frame.step <= frame.steps
