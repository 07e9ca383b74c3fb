"""Documents and events of Comfy API v2, read; whatever they look like, nothing else is raised."""

import asyncio

import httpx
import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.answers import Answer
from mkdocs_comfy.comfyui.cloud_protocol import (
    is_submission,
    read_cloud_job,
    read_envelope,
    read_event,
    read_id,
    read_listing,
)
from mkdocs_comfy.comfyui.cloud_refusals import refused
from mkdocs_comfy.comfyui.event_streams import EventStreams, _Lines
from mkdocs_comfy.comfyui.protocol import (
    Ended,
    Heard,
    ImageRef,
    Place,
    Started,
    Stepped,
    Subject,
)
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import (
    InterruptedRenderError,
    LostError,
    MissingModelError,
    NodeFailedError,
    OutOfMemoryError,
    QuotaError,
    RejectedError,
    RenderError,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
IMAGE = {"node_id": "9", "type": "image", "name": "x.png", "id": "a b", "url": "/api/v2/a"}


def read(subject, status, **fields):
    return read_cloud_job({"id": "j", "status": status, **fields}, output="9", subject=subject)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"status": "queued", "queue_position": 3}, Place(running=False, ahead=3)),
        ({"status": "queued", "queue_position": None}, Place(running=False, ahead=None)),
        ({"status": "queued", "queue_position": True}, Place(running=False, ahead=None)),
        ({"status": "running"}, Place(running=True, ahead=0)),
        ({"status": "canceling"}, Place(running=True, ahead=0)),
        ({"status": "of a later version"}, Place(running=True, ahead=0)),
        ({"status": "expired", "outputs": [IMAGE]}, None),
    ],
)
def test_where_a_job_is(subject, document, place):
    assert read(subject, **document) == place


def test_where_its_image_is(subject):
    found = read(subject, "succeeded", outputs=[{**IMAGE, "node_id": "3"}, IMAGE])

    assert isinstance(found, ImageRef)
    assert found.urls == (
        "http://gpu.lan:8188/api/v2/a",
        "http://gpu.lan:8188/api/v2/assets/a%20b/content",
    )
    assert "a%20b" not in repr(found), "an address may be signed"


def test_the_image_of_another_node_will_do(subject):
    other = {**IMAGE, "node_id": "12", "url": "https://store.example/x?sig=1", "id": ""}

    found = read(subject, "succeeded", outputs=[{"type": "text"}, None, other])

    assert found.urls == ("https://store.example/x?sig=1",)


@pytest.mark.parametrize("outputs", [[], None, [{"type": "image"}], [{**IMAGE, "type": "text"}]])
def test_success_without_an_image_is_rendered_again(subject, outputs):
    with pytest.raises(LostError, match="there is no image of node 9") as error:
        read(subject, "succeeded", outputs=outputs)

    assert error.value.remedy == "render"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            {"message": "shapes differ", "node_id": "3", "class_type": "KSampler"},
            NodeFailedError,
            'node 3 "KSampler" failed on http://gpu.lan:8188: shapes differ',
        ),
        ({"code": "node_execution_error"}, NodeFailedError, ": node_execution_error"),
        (None, NodeFailedError, "a node failed on http://gpu.lan:8188 without saying why"),
        ({"message": "Allocation on device 0"}, OutOfMemoryError, "Allocation on device"),
    ],
)
def test_why_a_job_failed(subject, error, kind, words):
    with pytest.raises(kind, match=words.replace(".", r"\.")) as raised:
        read(subject, "failed", error=error)

    assert type(raised.value) is kind


def test_a_canceled_job_was_interrupted(subject):
    with pytest.raises(InterruptedRenderError):
        read(subject, "canceled")


@pytest.mark.parametrize(
    ("ran", "same"),
    [
        ({"9": {"inputs": {"filename_prefix": "ours", "seed": 1.0}}}, True),
        ({"9": {"inputs": {"filename_prefix": "theirs"}}}, False),
        ({"9": {"inputs": []}}, False),
        (None, False),
    ],
)
def test_a_prefix_tells_our_submission(ran, same):
    graph = {"9": {"inputs": {"filename_prefix": "ours", "seed": 1}}}

    assert is_submission({"workflow": ran}, graph, "9") is same


def test_without_a_prefix_the_whole_workflow_does():
    graph = {"9": {"inputs": {"images": ["8", 0]}}}

    assert is_submission({"workflow": graph}, graph, "9")
    assert not is_submission({"workflow": {**graph, "1": {}}}, graph, "9")
    assert not is_submission({}, {}, "9")


@pytest.mark.parametrize(
    ("event", "data", "frame"),
    [
        ("status", b'{"status": "queued"}', Heard()),
        ("status", b'{"status": "running"}', Started(prompt_id="j")),
        ("status", b'{"status": "succeeded"}', Ended(prompt_id="j", recorded=False)),
        ("status", b'{"status": "expired"}', Ended(prompt_id="j", recorded=False)),
        ("progress", b'{"step": 3, "steps": 20}', Stepped(prompt_id="j", step=3, steps=20)),
        ("progress", b'{"step": 30, "steps": 20}', Stepped(prompt_id="j", step=20, steps=20)),
        ("progress", b'{"step": null, "steps": null, "value": 0.5}', Heard()),
        ("progress", b'{"step": 1, "steps": 1}', Heard()),
        ("progress", b'{"status": "running"}', Heard()),
        ("preview", b'{"status": "running"}', Heard()),
        ("status", b"{", Heard()),
        ("status", b"[]", Heard()),
    ],
)
def test_what_an_event_says(event, data, frame):
    assert read_event("j", event, data) == frame


def answer(status, body, **headers):
    return Answer(url="http://gpu.lan:8188/api/v2/jobs", status=status, headers=headers, body=body)


def test_a_refused_workflow_names_node_and_input(server, subject):
    """The API's own, shorter form of node errors."""
    body = (
        b'{"error": {"code": "invalid_workflow", "message": "no", "details":'
        b' {"node_errors": {"3": [{"field": "model", "reason": "missing_input"}]}}}}'
    )

    error = refused(answer(422, body), server, subject)

    assert type(error) is RejectedError
    assert error.node.id == "3"
    assert 'node 3 "KSampler", model: missing input' in error.what


def test_a_missing_model_is_named_where_the_server_does_not_list_the_others(server, subject):
    """ComfyUI leaves out lists of more than 20, and there is nobody else to ask."""
    body = (
        b'{"error": {"code": "invalid_workflow", "message": "no", "details": {"node_errors":'
        b' {"4": {"class_type": "CheckpointLoaderSimple", "errors": [{"type":'
        b' "value_not_in_list", "extra_info": {"input_name": "ckpt_name",'
        b' "input_config": null, "received_value": "x.safetensors"}}]}}}}}'
    )

    error = refused(answer(422, body), server, subject)

    assert type(error) is MissingModelError
    assert "installed: none" not in error.way_out


@pytest.mark.parametrize(
    ("status", "code", "passing", "wait"),
    [
        (429, "queue_full", True, 7.0),
        (429, "deployment_not_ready", True, 7.0),
        (429, "rate_limited", False, 7.0),
        (402, "insufficient_credits", False, None),
        (422, "deployment_stopped", False, None),
    ],
)
def test_what_is_waited_for(server, subject, status, code, passing, wait):
    body = f'{{"error": {{"code": "{code}"}}}}'.encode()

    error = refused(answer(status, body, **{"retry-after": "7"}), server, subject)

    assert type(error) is QuotaError
    assert (error.passing, error.retry_after) == (passing, wait)


@given(document=JSON)
def test_no_document_raises_anything_else(document):
    subject = Subject(server=ServerConfig(url="http://a"), template="t", graph={})
    for status in ("queued", "failed", "succeeded", document):
        try:
            read_cloud_job(
                {
                    "status": status,
                    "outputs": document,
                    "error": document,
                    "queue_position": document,
                },
                output="9",
                subject=subject,
            )
        except RenderError:
            continue
    read_id(document)
    read_listing({"jobs": document})
    is_submission({"workflow": document}, {"9": {"inputs": document}}, "9")


@given(body=st.binary(max_size=60))
def test_no_body_is_too_strange(body):
    read_envelope(body)
    read_event("j", "status", body)


# Streams -----------------------------------------------------------------------------------------


def heard(raw_server, body, *, seconds=0.4):
    """What is told of a job whose stream answers ``body``."""
    frames, asked = [], []

    def talk(connection):
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)

    async def listen():
        async with httpx.AsyncClient(trust_env=False) as http:
            streams = EventStreams(http, f"{server.url}/api/v2/jobs", tell=frames.append)
            streams.follow("theirs", known_as="ours")
            task = asyncio.create_task(streams.listen())
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.wait({task})

    server = raw_server(talk)
    asyncio.run(listen())
    return frames, asked


def test_lines_may_end_in_any_way_and_come_in_pieces(raw_server):
    body = (
        b': a comment\r\n\r\nevent: status\r\ndata: {\r\ndata:  "status": "running"}\r\n\r\n'
        b'event:progress\rdata:{"step": 1, "steps": 2}\r\rid: 7\n\n'
        b'event: status\ndata: {"status": "succeeded"}\n\n'
    )

    frames, asked = heard(raw_server, body)

    assert frames == [
        Started(prompt_id="ours"),
        Stepped(prompt_id="ours", step=1, steps=2),
        Ended(prompt_id="ours", recorded=False),
    ]
    assert len(asked) == 1
    assert asked[0].startswith(b"GET /api/v2/jobs/theirs/events ")


@given(sizes=st.lists(st.integers(1, 9), min_size=1), end=st.sampled_from(["\n", "\r", "\r\n"]))
def test_pieces_of_a_stream_make_the_same_lines(sizes, end):
    whole = ["event: status", "data: {}", "", ": x", "", "", "end"]
    text, lines, found = end.join(whole).encode(), _Lines(), []

    for size in sizes * len(text):
        if text:
            found += lines.feed(text[:size])
            text = text[size:]

    assert found == [line.encode() for line in whole[:-1]]


def test_a_stream_that_breaks_off_is_asked_for_again(raw_server):
    frames, asked = heard(
        raw_server, b'event: status\ndata: {"status": "running"}\n\n', seconds=1.6
    )

    assert len(asked) == 2
    assert frames == [Started(prompt_id="ours")] * 2


def test_a_stream_that_says_nothing_is_left_alone(raw_server):
    frames, asked = heard(raw_server, b"", seconds=1.5)

    assert (frames, len(asked)) == ([], 1)


def test_a_stream_without_an_end_of_line_is_given_up(raw_server):
    frames, _ = heard(raw_server, b"data: " + b"x" * (17 * 2**20), seconds=2)

    assert frames == []
