"""Images may be elsewhere; our credentials stay here."""

import pytest

from mkdocs_comfy.errors import LostError
from mkdocs_comfy.testing import Answer


def moved(target, status=302):
    return Answer(status=status, headers={"Location": target})


@pytest.fixture
def elsewhere(raw_server, http_answer, next_request):
    """Another server, which notes what it is sent."""
    heads = []

    def talk(connection):
        heads.append(next_request(connection).lower())
        connection.sendall(http_answer(b"image from elsewhere"))

    server = raw_server(talk)
    server.heads = heads
    return server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_gets_no_credentials(comfyui, render, a_job, elsewhere, status):
    """Cloud storage signs its URLs; a forwarded X-API-Key would be a leak."""
    comfyui.answer("/view", moved(f"{elsewhere.url}/signed?x=1", status))
    url = comfyui.url.replace("http://", "http://ada:hunter22@")

    result = render([a_job()], url=url, headers={"X-API-Key": "s3cr3t-token"})

    assert list(result.images.values()) == [b"image from elsewhere"]
    (head,) = elsewhere.heads
    assert head.startswith(b"get /signed?x=1 ")
    for forbidden in (b"x-api-key", b"s3cr3t", b"authorization", b"cookie"):
        assert forbidden not in head


def test_cookies_of_the_server_stay_with_it(comfyui, render, a_job, elsewhere):
    """A load balancer's cookie goes back to it, and nowhere else."""
    comfyui.answer(
        "/view",
        Answer(
            status=302, headers={"Location": elsewhere.url, "Set-Cookie": "session=abc; Path=/"}
        ),
    )

    render([a_job()])

    assert b"cookie" not in elsewhere.heads[0]


def test_a_redirect_within_the_server_keeps_the_headers(comfyui, render, a_job):
    comfyui.headers_required = {"X-Key": "k"}
    comfyui.answer("/view", moved("/api/view?filename=nope.png&type=output"), times=1)

    error = render([a_job()], headers={"X-Key": "k"}, retries=0).error

    assert "is not there any more (404)" in error.what


@pytest.mark.parametrize(
    "target",
    ["ftp://gpu.lan/x", "file:///etc/passwd", "https://gpu.lan:99999/", "https:///x", "http://["],
)
def test_addresses_that_must_not_be_followed(comfyui, render, a_job, target):
    comfyui.answer("/view", moved(target))

    error = render([a_job()]).error

    assert type(error) is LostError
    # What is no address at all is refused by the library, as a broken answer.
    assert "an address that must not be followed" in error.what or "broke off" in error.what


def test_never_from_https_to_http():
    from mkdocs_comfy.comfyui.download import _may_follow  # noqa: PLC0415  # the rule itself

    assert not _may_follow("https://gpu.lan/x", "http://gpu.lan/x")
    assert _may_follow("https://gpu.lan/x", "https://storage.example/x")
    assert _may_follow("http://gpu.lan/x", "https://storage.example/x")


def test_redirects_in_a_circle_end(comfyui, render, a_job):
    comfyui.answer("/view", moved("/api/view?again"))

    error = render([a_job()]).error

    assert "is moved more than 3 times" in error.what
    assert [each.route for each in comfyui.requests].count("/view") == 4


def test_a_place_that_cannot_be_reached(comfyui, render, a_job, a_closed_port):
    comfyui.answer("/view", moved(f"http://127.0.0.1:{a_closed_port}/x"))

    error = render([a_job()]).error

    assert type(error) is LostError
    assert "is moved to 127.0.0.1, which cannot be reached (ConnectError)" in error.what


def test_a_place_that_refuses(comfyui, render, a_job, raw_server, http_answer):
    other = raw_server(http_answer(b"", status="403 Forbidden"))
    comfyui.answer("/view", moved(f"{other.url}/x"))

    assert "which answers 403" in render([a_job()]).error.what


def test_a_place_behind_a_proxy_that_cannot_be_used(comfyui, render, a_job, monkeypatch):
    monkeypatch.setenv("http_proxy", "nonsense://x")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    comfyui.answer("/view", moved("http://storage.invalid/x"))

    assert "to where no connection can be made" in render([a_job()]).error.what
