"""Comfy API v2: the table of faults, and that credentials stay where they were meant to go.

docs/cloud.md promises the same. Times are short here; ``QUICK`` says how short.
"""

import asyncio
import contextlib
import dataclasses
import inspect
import json
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from mkdocs_comfy.comfyui.client import Client
from mkdocs_comfy.comfyui.cloud import CloudClient
from mkdocs_comfy.comfyui.jobs import (
    Failed,
    Limits,
    Progress,
    Queued,
    Rendered,
    Retried,
    Running,
    Submitted,
    Waiting,
)
from mkdocs_comfy.comfyui.recognition import EitherClient
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.comfyui.server_client import ServerClient
from mkdocs_comfy.comfyui.transport import Transport
from mkdocs_comfy.errors import (
    AuthError,
    ConfigurationError,
    InterruptedRenderError,
    LostError,
    NodeFailedError,
    NotComfyUIError,
    OutOfMemoryError,
    QuotaError,
    RejectedError,
    RenderTimeoutError,
    TooLargeError,
    UnreachableError,
)
from mkdocs_comfy.testing import Answer, FakeCloud

QUICK = Pace(
    connect=1, answer=2, download=2, poll_last=0.2, poll_live=0.3, lost=0.6, withdraw=1, beat=0.05
)
TOKEN = "Bearer comfyui-s3cr3t-token"
PARTNER = "comfyui-p4rtner-key"


def refusal(status, code, message="so it is", *, details=None, **headers):
    body = json.dumps({"error": {"code": code, "message": message, "details": details}})
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status=status, headers={"Content-Type": "application/json", **headers}, body=body.encode()
    )


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture
def cloud(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with FakeCloud(storage_tls=context) as server:
        server.headers_required = {"Authorization": TOKEN}
        yield server


@pytest.fixture
def on_cloud(cloud, ca_file):
    """Render there; a generator that closes at the test's end."""
    with contextlib.ExitStack() as stack:

        def start(jobs, *, pace=QUICK, **options):
            names = {limit.name for limit in dataclasses.fields(Limits)}
            limits = {name: options.pop(name) for name in names & set(options)}
            server = ServerConfig(
                **{
                    "url": cloud.url,
                    "headers": {"Authorization": TOKEN},
                    "verify": ca_file,
                    **options,
                }
            )
            limits = Limits(**{"timeout": 30, "max_bytes": 2**24, "patience": 1, **limits})
            renderer = Renderer(server, limits=limits, pace=pace)
            return stack.enter_context(contextlib.closing(renderer.render(jobs)))

        yield start


def images_of(events):
    return {event.job.key: event.data for event in events if isinstance(event, Rendered)}


def errors_of(events):
    return {event.job.key: event.error for event in events if isinstance(event, Failed)}


def kinds(events):
    return [type(event) for event in events]


def paths(requests, method="GET"):
    return [request.path for request in requests if request.method == method]


# The way of an image -----------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [True, False], ids=["events", "no events"])
def test_images_come(cloud, on_cloud, a_job, streams):
    """Events only bring news: without them the images are the same."""
    cloud.streams, cloud.latency = streams, 0.3
    jobs = [a_job(number) for number in range(4)]

    events = list(on_cloud(jobs))

    images = images_of(events)
    assert set(images) == {job.key for job in jobs}
    assert all(data.startswith(b"\x89PNG") for data in images.values())
    assert len(set(images.values())) == 4
    assert len(cloud.submissions) == len(set(cloud.keys)) == 4
    first = [type(event) for event in events if getattr(event, "job", None) == jobs[0]]
    assert first[0] is Submitted
    assert first.index(Submitted) < first.index(Running) < first.index(Rendered)
    assert (Progress in kinds(events)) == streams
    steps = {(event.step, event.steps) for event in events if isinstance(event, Progress)}
    assert steps == ({(1, 4)} if streams else set())


def test_a_job_tells_its_place_in_the_queue(cloud, on_cloud, a_job):
    cloud.submit_foreign(0.4)

    events = list(on_cloud([a_job(1)]))

    assert next(event.ahead for event in events if isinstance(event, Queued)) == 1
    assert images_of(events)


def test_a_submission_holds_the_workflow_and_nothing_more(cloud, on_cloud, a_job):
    list(on_cloud([a_job(1)]))

    (body,) = cloud.submissions
    assert set(body) == {"workflow"}
    assert body["workflow"]["9"]["inputs"]["filename_prefix"].startswith("mkdocs-comfy/")
    (posted,) = [request for request in cloud.requests if request.method == "POST"]
    assert posted.headers["Idempotency-Key"] == cloud.keys[0]


@dataclass(kw_only=True)
class Row:
    """One fault.

    Attributes:
        name: What happens.
        arrange: Done to the server before two jobs are rendered.
        at: Kind of event → what is done to the server at the first of that kind.
        error: What fails the first job; ``None`` where both images come.
        both: True where the second job fails with the first.
        submitted: Jobs that the server accepted, at least and at most.
        options: Limits and the like.
        tells: Kinds of events that must be among those told.
    """

    name: str
    arrange: object = lambda _: None
    at: dict = field(default_factory=dict)
    error: type | None = None
    both: bool = False
    submitted: tuple = (2, 2)
    options: dict = field(default_factory=dict)
    tells: tuple = ()

    def __str__(self):
        return self.name


def answers(route, answer, times=None):
    return lambda cloud: cloud.answer(route, answer, times=times)


def knob(**values):
    def turn(cloud):
        for name, value in values.items():
            setattr(cloud, name, value)

    return turn


def each(*steps):
    def take(cloud):
        for step in steps:
            step(cloud)

    return take


def no_listing(cloud):
    cloud.lists_jobs = False


FULL = {"both": True, "error": QuotaError, "submitted": (0, 0)}
STORED = knob(storage=True)

ROWS = [
    # Submissions without an answer
    Row(
        name="answer lost",
        arrange=answers("submit", Answer(handled=True, reset=True), times=1),
    ),
    Row(
        name="answer never comes",
        arrange=answers("submit", Answer(handled=True, delay=9), times=1),
    ),
    Row(
        name="lost on its way",
        arrange=answers("submit", Answer(reset=True), times=1),
        tells=(Retried,),
    ),
    Row(
        name="answer lost, and the workflow not to be had at once",
        arrange=each(
            answers("submit", Answer(handled=True, reset=True), times=1),
            answers("workflow", refusal(404, "not_found"), times=1),
        ),
    ),
    Row(
        name="answer lost by a server that lists nothing",
        arrange=each(no_listing, answers("submit", Answer(handled=True, reset=True), times=1)),
        submitted=(3, 3),
        tells=(Retried,),
    ),
    Row(
        name="lost on its way to a server that lists nothing",
        arrange=each(no_listing, answers("submit", Answer(reset=True), times=1)),
    ),
    Row(
        name="key used, and nothing known of a job",
        arrange=answers("submit", refusal(422, "idempotency_key_reuse"), times=1),
        tells=(Retried,),
    ),
    Row(
        name="500 upstream_error, though it was taken",
        arrange=answers(
            "submit", dataclasses.replace(refusal(500, "upstream_error"), handled=True), times=1
        ),
    ),
    Row(
        name="503 upstream_unreachable, once",
        arrange=answers("submit", refusal(503, "upstream_unreachable"), times=1),
    ),
    Row(
        name="502 HTML, for ever",
        arrange=answers("submit", Answer(status=502, body=b"<html>Bad Gateway</html>")),
        error=UnreachableError,
        both=True,
        submitted=(0, 0),
        options={"patience": 0.5},
    ),
    # Refusals that pass
    Row(
        name="429 rate_limited",
        arrange=answers("submit", refusal(429, "rate_limited", Retry_After="1"), times=1),
        options={"patience": 5},
        tells=(Waiting,),
    ),
    Row(
        name="429 rate_limited while it is watched",
        arrange=answers("job", refusal(429, "rate_limited", Retry_After="1"), times=1),
        options={"patience": 5},
    ),
    Row(
        name="429 queue_full for longer than patience",
        arrange=answers("submit", refusal(429, "queue_full", Retry_After="1"), times=3),
        options={"patience": 0.5},
        tells=(Waiting,),
    ),
    Row(
        name="429 deployment_not_ready: a cold start",
        arrange=answers("submit", refusal(429, "deployment_not_ready", Retry_After="1"), times=3),
        options={"patience": 0},
        tells=(Waiting,),
    ),
    Row(
        name="429 without a time",
        arrange=answers("submit", refusal(429, "queue_full"), times=1),
        options={"patience": 5},
    ),
    # Refusals that do not pass
    Row(
        name="429 deployment_not_ready for ever",
        arrange=answers("submit", refusal(429, "deployment_not_ready", Retry_After="1")),
        options={"timeout": 1.5},
        **FULL,
    ),
    Row(
        name="429 with more than patience",
        arrange=answers("submit", refusal(429, "rate_limited", Retry_After="3600")),
        **FULL,
    ),
    Row(
        name="402 insufficient_credits",
        arrange=answers("submit", refusal(402, "insufficient_credits", Retry_After="1")),
        **FULL,
    ),
    Row(
        name="422 deployment_stopped",
        arrange=answers("submit", refusal(422, "deployment_stopped")),
        **FULL,
    ),
    Row(
        name="422 invalid_workflow",
        arrange=answers("submit", refusal(422, "invalid_workflow"), times=1),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="422 workflow_format_ui",
        arrange=answers("submit", refusal(422, "workflow_format_ui"), times=1),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="422 missing_asset",
        arrange=answers("submit", refusal(422, "missing_asset"), times=1),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="413",
        arrange=answers("submit", Answer(status=413), times=1),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="401",
        arrange=answers("submit", refusal(401, "unauthorized")),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="403",
        arrange=answers("submit", refusal(403, "forbidden")),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="404",
        arrange=answers("submit", Answer(status=404, body=b"404 page not found")),
        error=NotComfyUIError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="302",
        arrange=answers("submit", Answer(status=302, headers={"Location": "/login"})),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="201 that is no JSON",
        arrange=answers("submit", Answer(status=201, body=b"fine")),
        error=NotComfyUIError,
        both=True,
        submitted=(0, 0),
    ),
    # While it is watched
    Row(name="expired, but only for a moment", arrange=knob(expired=1)),
    Row(
        name="expired for good",
        arrange=knob(expired=10**6),
        at={Retried: knob(expired=0)},
        submitted=(3, 6),
    ),
    Row(
        name="jobs forgotten",
        arrange=knob(latency=0.3),
        at={Submitted: lambda cloud: cloud.forget()},
        submitted=(3, 4),
        tells=(Retried,),
    ),
    Row(
        name="canceled by someone",
        arrange=lambda cloud: cloud.hold(),
        at={Running: lambda cloud: (cloud.cancel(0), cloud.release())},
        error=InterruptedRenderError,
    ),
    Row(
        name="200 that is no job",
        arrange=answers("job", Answer(body=b"{}")),
        error=NotComfyUIError,
        both=True,
    ),
    Row(
        name="goes away for good",
        arrange=lambda cloud: cloud.hold(),
        at={Running: lambda cloud: cloud.stop()},
        error=UnreachableError,
        both=True,
        submitted=(1, 2),
    ),
    Row(
        name="502 HTML while it is watched",
        arrange=answers("job", Answer(status=502, body=b"<html>Bad Gateway</html>"), times=2),
        options={"patience": 5},
    ),
    Row(
        name="503 upstream_unreachable while it is watched",
        arrange=answers("job", refusal(503, "upstream_unreachable"), times=2),
        options={"patience": 5},
    ),
    Row(
        name="a node fails",
        arrange=knob(fail_with={"code": "node_execution_error", "message": "shapes differ"}),
        error=NodeFailedError,
        both=True,
    ),
    Row(
        name="out of memory",
        arrange=knob(fail_with={"code": "node_execution_error", "message": "CUDA out of memory."}),
        error=OutOfMemoryError,
        both=True,
    ),
    Row(
        name="success without an image",
        arrange=knob(without_images=True),
        at={Retried: knob(without_images=False)},
        submitted=(3, 4),
    ),
    # Events
    Row(name="429 too_many_streams", arrange=answers("events", refusal(429, "too_many_streams"))),
    Row(name="events: garbage", arrange=answers("events", Answer(body=b"data: {\n\n\n\xff\n\n"))),
    Row(name="events: reset", arrange=answers("events", Answer(reset=True))),
    Row(
        name="events: a lie",
        arrange=answers("events", Answer(body=b'event: status\ndata: {"status": "failed"}\n\n')),
    ),
    # The image
    Row(name="from a storage", arrange=STORED),
    Row(
        name="a signature has expired",
        arrange=each(STORED, answers("storage", Answer(status=403), times=1)),
    ),
    Row(
        name="the storage answers 503, three times",
        arrange=each(STORED, answers("storage", Answer(status=503), times=3)),
    ),
    Row(
        name="the storage answers 403 for ever",
        arrange=each(STORED, answers("storage", Answer(status=403))),
        error=LostError,
        both=True,
    ),
    Row(
        name="the storage resets the connection, once",
        arrange=each(STORED, answers("storage", Answer(reset=True), times=1)),
    ),
    Row(
        name="the storage sends us in circles",
        arrange=each(STORED, answers("storage", Answer(status=302, headers={"Location": "/x"}))),
        error=LostError,
        both=True,
    ),
    Row(
        name="the storage sends us to plain http",
        arrange=each(
            STORED,
            answers("storage", Answer(status=302, headers={"Location": "http://localhost:1/x"})),
        ),
        error=LostError,
        both=True,
    ),
    Row(
        name="404 output_unavailable, once",
        arrange=answers("content", refusal(404, "output_unavailable"), times=1),
        submitted=(3, 3),
    ),
    Row(
        name="more bytes than allowed",
        arrange=answers("content", Answer(body=bytes(2**25)), times=1),
        error=TooLargeError,
    ),
    Row(
        name="an image that never comes",
        arrange=answers("content", Answer(delay=9)),
        error=RenderTimeoutError,
        both=True,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_table(row, cloud, on_cloud, a_job):
    jobs = [a_job(1), a_job(2)]
    row.arrange(cloud)
    at, events = dict(row.at), []

    for event in on_cloud(jobs, api="v2", **row.options):
        events.append(event)
        if act := at.pop(type(event), None):
            act(cloud)

    images, errors = images_of(events), errors_of(events)
    assert images.keys() | errors.keys() == {job.key for job in jobs}, "every job ends"
    assert len(images) + len(errors) == 2, "and once"
    failed = 0 if row.error is None else 1 + row.both
    assert [type(error) for error in errors.values()] == [row.error] * failed
    assert not at, "everything happened"
    assert set(row.tells) <= set(kinds(events))
    least, most = row.submitted
    assert least <= len(cloud.submissions) <= most
    prefixes = [each["workflow"]["9"]["inputs"]["filename_prefix"] for each in cloud.submissions]
    assert len(set(prefixes)) == len(prefixes), "no job is sent twice"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_is_promised_in_the_documentation(row):
    """The table of docs/cloud.md has it, with the end that it has here."""
    page = Path(__file__).parents[2] / "docs" / "cloud.md"
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    (line,) = [line for line in lines if line.startswith(f"| {row.name} |")]

    ends = line.split("|")[2]
    assert ("all images" in ends) == (row.error is None)
    if row.error is not None:
        assert f"`{row.error.kind}`" in ends


# Credentials -------------------------------------------------------------------------------------


def test_credentials_never_reach_the_storage_host(cloud, on_cloud, a_job, authority, tmp_path):
    """A signed address lets in whoever knows it; a key sent along would be a leak."""
    cloud.storage = True
    cloud.headers_required = {"X-API-Key": "s3cr3t-key", "Authorization": TOKEN}
    # The second image comes over the server's own address, which redirects to the storage.
    cloud.answer("storage", Answer(status=403), times=1)
    certificate = tmp_path / "client.pem"
    authority.issue_cert("us@docs.lan").private_key_and_cert_chain_pem.write_to_path(certificate)

    events = list(
        on_cloud(
            [a_job(1), a_job(2)],
            headers={"X-API-Key": "s3cr3t-key", "Authorization": TOKEN},
            partner_key=PARTNER,
            client_cert=certificate,
        )
    )

    assert len(images_of(events)) == 2
    assert len(cloud.storage_requests) == 3
    for request in cloud.storage_requests:
        sent = {name.lower() for name in request.headers}
        assert sent <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
        told = f"{request.path} {dict(request.query)} {dict(request.headers)}"
        assert not [each for each in ("s3cr3t", "p4rtner") if each in told]
    assert any("/content" in path for path in paths(cloud.requests))


def test_cookies_of_the_server_stay_with_it(cloud, on_cloud, a_job):
    cloud.storage = True
    cookie = {"Content-Type": "application/json", "Set-Cookie": "session=abc; Path=/"}
    cloud.answer("list", Answer(headers=cookie, body=b'{"jobs": []}'), times=1)

    events = list(on_cloud([a_job(1)], api="v2"))

    assert images_of(events)
    assert any("session=abc" in request.headers.get("Cookie", "") for request in cloud.requests)
    assert all("Cookie" not in request.headers for request in cloud.storage_requests)


def outputs_at(*urls):
    """An answer that names an image at these addresses."""
    outputs = [{"node_id": "9", "type": "image", "name": "x.png", "url": url} for url in urls]
    document = {"id": "x", "status": "succeeded", "outputs": outputs}
    return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:9/x.png",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "https://gpu.lan:99999/",
        "https:///x",
        "http://[",
    ],
)
def test_addresses_that_must_not_be_followed(cloud, on_cloud, a_job, url):
    """Another host is asked by https only, whatever the server says."""
    cloud.answer("job", outputs_at(url))

    (error,) = errors_of(on_cloud([a_job(1)], retries=0)).values()

    assert type(error) is LostError
    assert "an address that must not be followed" in error.what or "no image" in error.what


def test_an_address_without_a_host_is_the_origins(cloud, on_cloud, a_job, raw_server, http_answer):
    """Below a path it would be doubled: links already have the whole of it."""
    asked = []

    def talk(connection):
        head = connection.recv(65536).decode()
        asked.append(head.split(" ")[1])
        replies = {
            "/gate/api/v2/jobs?limit=1": (b'{"jobs": []}', "200 OK"),
            "/gate/api/v2/jobs": (b'{"id": "j"}', "201 Created"),
            "/gate/api/v2/jobs/j": (outputs_at("/gate/api/v2/assets/a/content").body, "200 OK"),
            "/gate/api/v2/assets/a/content": (b"the image", "200 OK"),
        }
        body, status = replies.get(asked[-1], (b"", "404 Not Found"))
        connection.sendall(http_answer(body, status=status))

    server = raw_server(talk)

    events = list(on_cloud([a_job(1)], url=f"{server.url}/gate", api="v2"))

    assert list(images_of(events).values()) == [b"the image"]
    assert "/gate/api/v2/assets/a/content" in asked


def test_a_secret_is_in_no_error(cloud, on_cloud, a_job):
    echo = f"you sent {TOKEN} and {PARTNER}"
    cloud.answer("submit", refusal(422, "invalid_workflow", echo))

    (error,) = errors_of(on_cloud([a_job(1)], partner_key=PARTNER)).values()

    assert "you sent *** and ***" in str(error)


# The key for partner nodes -----------------------------------------------------------------------


def test_the_partner_key_goes_beside_the_workflow(cloud, on_cloud, a_job):
    list(on_cloud([a_job(1)], partner_key=PARTNER))

    (body,) = cloud.submissions
    assert body["extra_data"] == {"api_key_comfy_org": PARTNER}
    assert PARTNER not in json.dumps(body["workflow"])


def test_the_partner_key_goes_to_comfyui_too(comfyui, render, a_job):
    result = render([a_job(1)], partner_key=PARTNER)

    assert result.images
    (posted,) = comfyui.submissions
    assert posted["extra_data"]["api_key_comfy_org"] == PARTNER


@pytest.mark.parametrize(
    ("url", "proxy"),
    [("http://gpu.lan:8188", "auto"), ("http://127.0.0.1:8188", "http://proxy.lan:3128")],
)
def test_the_partner_key_is_never_sent_unencrypted(url, proxy):
    with pytest.raises(ConfigurationError, match="partner_key: it would go unencrypted") as error:
        ServerConfig(url=url, proxy=proxy, partner_key=PARTNER)

    assert PARTNER not in str(error.value)


@pytest.mark.parametrize("url", ["https://gpu.lan", "http://127.0.0.1:1", "http://localhost:1"])
def test_where_the_partner_key_may_go(url):
    server = ServerConfig(url=url, partner_key=PARTNER)

    assert PARTNER not in repr(server)
    assert server.redact(f"a {PARTNER}") == "a ***"


# Clients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [Client, CloudClient, EitherClient])
def test_every_client_is_one_that_a_session_can_use(client):
    """With the very arguments that ``ServerClient`` has: a session knows no other."""
    needed = {
        name: each
        for name, each in vars(ServerClient).items()
        if inspect.isfunction(each) and not name.startswith("_")
    }

    assert {"probe", "submit", "job", "download", "withdraw"} <= needed.keys()
    for name, each in needed.items():
        given = inspect.signature(getattr(client, name)).parameters
        assert list(given) == list(inspect.signature(each).parameters), name


def test_a_submission_that_never_left_is_known_not_to_have_arrived(a_job, a_closed_port):
    async def submit():
        server = ServerConfig(url=f"http://127.0.0.1:{a_closed_port}")
        async with CloudClient(Transport(server, QUICK)) as client:
            await client.submit(a_job(1), a_job(1).graph, prompt_id="x", client_id="")

    with pytest.raises(UnreachableError) as error:
        asyncio.run(submit())

    assert not error.value.arrived


# Which API it is ---------------------------------------------------------------------------------


def test_a_local_proxy_is_recognised(cloud, on_cloud, a_job):
    events = list(on_cloud([a_job(1)], api="auto"))

    assert images_of(events)
    assert paths(cloud.requests)[:2] == ["/api/system_stats", "/api/v2/jobs"]


def test_one_that_wants_a_token_is_recognised(cloud, on_cloud, a_job):
    """As comfy-api-proxy does, it asks for it below /api/v2 only."""
    (error,) = errors_of(on_cloud([a_job(1)], headers={}, api="auto")).values()

    assert type(error) is AuthError
    assert "an API key" in error.way_out


def test_what_speaks_neither_is_told_as_before(raw_server, on_cloud, a_job, http_answer):
    server = raw_server(http_answer(b"<html><title>Printer</title></html>"))

    (error,) = errors_of(on_cloud([a_job(1)], url=server.url, api="auto")).values()

    assert type(error) is NotComfyUIError
    assert "an HTML page titled 'Printer'" in error.what


def test_a_comfyui_is_not_asked_for_anything_else(comfyui, render, a_job):
    assert render([a_job(1)]).images
    assert not [path for path in paths(comfyui.requests) if "/v2" in path]


def test_api_v2_asks_for_nothing_of_comfyui(cloud, on_cloud, a_job):
    list(on_cloud([a_job(1)], api="v2"))

    assert all(request.path.startswith("/api/v2/") for request in cloud.requests)


def test_api_comfyui_asks_for_nothing_of_v2(cloud, on_cloud, a_job):
    (error,) = errors_of(on_cloud([a_job(1)], api="comfyui")).values()

    assert type(error) is NotComfyUIError
    assert not [path for path in paths(cloud.requests) if "/v2" in path]


def test_api_v2_with_a_comfyui_says_what_to_write(comfyui, render, a_job):
    result = render([a_job(1)], api="v2")

    assert type(result.error) is NotComfyUIError
    assert "`api: comfyui`" in result.error.way_out


@pytest.mark.parametrize(
    "answer",
    [
        refusal(501, "not_implemented"),
        refusal(403, "public_deployment_no_list"),
        refusal(404, "not_found"),
        refusal(429, "deployment_not_ready", Retry_After="1"),
    ],
    ids=["501", "403 of a public deployment", "404", "429"],
)
def test_a_server_that_lists_no_jobs_takes_them_all_the_same(cloud, on_cloud, a_job, answer):
    cloud.answer("list", answer)

    assert images_of(on_cloud([a_job(1)], api="v2"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(401, "unauthorized"), AuthError),
        (refusal(403, "forbidden"), AuthError),
        (refusal(422, "deployment_stopped"), QuotaError),
        (refusal(503, "upstream_unreachable"), UnreachableError),
        (Answer(status=404, body=b"404 page not found"), NotComfyUIError),
        (Answer(body=b"[]"), NotComfyUIError),
        (Answer(body=b"no JSON"), NotComfyUIError),
    ],
    ids=["401", "403", "stopped", "503", "404", "a list", "text"],
)
def test_what_the_first_answer_may_be(cloud, on_cloud, a_job, answer, kind):
    cloud.answer("list", answer)

    (error,) = errors_of(on_cloud([a_job(1)], api="v2")).values()

    assert type(error) is kind
    assert cloud.submissions == []


def test_a_pool_of_both_kinds(cloud, comfyui, ca_file, a_job):
    jobs = [a_job(number) for number in range(6)]
    cloud.latency = comfyui.latency = 0.2
    servers = [
        ServerConfig(url=comfyui.url),
        ServerConfig(url=cloud.url, headers={"Authorization": TOKEN}),
    ]

    events = list(Renderer(servers, limits=Limits(timeout=30), pace=QUICK).render(jobs))

    assert set(images_of(events)) == {job.key for job in jobs}
    assert {event.server for event in events if isinstance(event, Rendered)} == {
        comfyui.url,
        cloud.url,
    }


@pytest.mark.parametrize("host", ["cloud.comfy.org", "docs.run.comfy.app"])
def test_known_hosts_are_not_asked_what_they_speak(cloud, on_cloud, a_job, host):
    """The fake is the proxy on the way to them, which reads the address that is asked for."""
    events = on_cloud([a_job(1)], url=f"http://{host}", proxy=cloud.url)

    assert images_of(events)
    assert all(request.path.startswith("/api/v2/") for request in cloud.requests)
    assert {request.headers["Host"] for request in cloud.requests} == {host}


def test_a_deployment_is_given_as_many_jobs_as_it_may_have_gpus(cloud, on_cloud, a_job):
    cloud.hold()
    jobs = [a_job(number) for number in range(20)]
    most = 0

    for event in on_cloud(jobs, url="http://docs.run.comfy.app", proxy=cloud.url):
        if isinstance(event, Submitted):
            most = max(most, len(cloud.submissions))
            if most == 9:
                cloud.release()

    assert most >= 9
    assert len(cloud.submissions) == 20


def test_what_is_on_this_machine_is_given_one_at_a_time(cloud, on_cloud, a_job, eventually):
    cloud.hold()
    events = on_cloud([a_job(number) for number in range(4)])
    while not isinstance(next(events), Running):
        pass
    eventually(lambda: len(cloud.submissions) == 2)

    with pytest.raises(AssertionError):
        eventually(lambda: len(cloud.submissions) > 2, seconds=0.5)


# Withdrawal --------------------------------------------------------------------------------------


def test_what_is_withdrawn_is_ours_by_id(cloud, on_cloud, a_job, eventually):
    cloud.hold()
    foreign = cloud.submit_foreign(60)
    events = on_cloud([a_job(1), a_job(2), a_job(3)])
    for event in events:
        if isinstance(event, Submitted) and len(cloud.submissions) == 2:
            break

    events.close()

    assert len(cloud.canceled) == 2
    assert foreign not in cloud.canceled
    assert cloud.states()[foreign] == "running"
    assert all(request.body == b"" for request in cloud.requests if "cancel" in request.path)


def test_a_job_whose_answer_is_still_on_its_way_is_found_and_withdrawn(cloud, on_cloud, a_job):
    """The server has taken it and we have no id of it: it is looked for by its workflow."""
    cloud.hold()
    cloud.submit_foreign(60)
    cloud.answer("submit", Answer(handled=True, reset=True), times=1)
    events = on_cloud([a_job(1)])
    assert type(next(events)) is Submitted

    events.close()

    assert len(cloud.submissions) == len(cloud.canceled) == 1


def test_a_job_that_takes_too_long_is_canceled(cloud, on_cloud, a_job):
    cloud.hold()

    (error,) = errors_of(on_cloud([a_job(1)], timeout=0.3)).values()

    assert type(error) is RenderTimeoutError
    assert len(cloud.canceled) == 1


def test_what_arrived_late_is_told_and_kept(cloud, on_cloud, a_job):
    """Credits end in the middle: what was accepted is awaited."""
    cloud.latency = 0.3
    events = []
    for event in on_cloud([a_job(1), a_job(2), a_job(3)], ahead=1):
        events.append(event)
        if isinstance(event, Submitted) and len(cloud.submissions) == 2:
            cloud.answer("submit", refusal(402, "insufficient_credits", "top up"))

    assert len(images_of(events)) == 2
    (error,) = errors_of(events).values()
    assert "insufficient_credits: top up" in error.what
