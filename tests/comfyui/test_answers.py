"""HTTP answers that no ComfyUI gives."""

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.answers import Answer, not_comfyui, unexpected
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import (
    AuthError,
    NotComfyUIError,
    QuotaError,
    RejectedError,
    RenderError,
    UnreachableError,
)


def answer(status=200, body=b"", url="http://gpu.lan:8188/api/system_stats", **headers):
    return Answer(
        url=url,
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
    )


PLAIN = ServerConfig(url="http://gpu.lan:8188")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"<!DOCTYPE html><title>Grafana</title>", "with an HTML page titled 'Grafana'"),
        (
            b"  <html><head><TITLE lang=en>\n A &amp; B \n</TITLE>",
            "with an HTML page titled 'A & B'",
        ),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html><p>', "with an HTML page"),
        (b"<html>", "with an HTML page"),
        (b'{"status": "ok", "version": 3}', "with JSON of another service (status, version)"),
        (b"{}", "with JSON of another service (an empty object)"),
        (b"[1]", "with JSON of another service"),
        (b"OK\x1b[2J\n", "with text 'OK'"),
        (b"", "with nothing"),
    ],
)
def test_the_error_says_what_was_found(body, found):
    error = not_comfyui(answer(body=body), PLAIN)

    assert error.what == f"http://gpu.lan:8188 is no ComfyUI: it answers {found}"
    assert 'http://gpu.lan:8188/api/system_stats must answer JSON with "system"' in error.way_out


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (404, b"", "404 to /api/system_stats"),
        (404, b"404: Not Found", "404 to /api/system_stats '404: Not Found'"),
        (
            400,
            b"<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
            (
                "400 to /api/system_stats with an HTML page titled"
                " '400 The plain HTTP request was sent to HTTPS port'"
            ),
        ),
        (405, b"<html>", "405 to /api/system_stats with an HTML page"),
        (101, b"", "101 to /api/system_stats"),
    ],
)
def test_other_statuses_are_no_comfyui(status, body, found):
    error = unexpected(answer(status, body), PLAIN)

    assert type(error) is NotComfyUIError
    assert error.what == f"http://gpu.lan:8188 is no ComfyUI: it answers {found}"


def test_a_base_that_ends_in_api_gets_a_hint():
    server = ServerConfig(url="http://gpu.lan:8188/api")

    assert "leave out the /api at its end" in unexpected(answer(404), server).way_out


@pytest.mark.parametrize("status", [401, 403])
def test_no_credentials_were_sent(status):
    error = unexpected(answer(status), PLAIN)

    assert type(error) is AuthError
    assert error.what == (
        f"http://gpu.lan:8188 lets nobody in without credentials (none sent): it answers {status}"
    )
    assert "`headers:`" in error.way_out


def test_wrong_credentials_are_named_without_their_value(server):
    error = unexpected(answer(401), server)

    assert "with the configured credentials (Authorization sent)" in error.what
    assert "`headers:`" in error.way_out
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize(
    ("location", "write"),
    [
        ("https://gpu.lan/api/system_stats", "write https://gpu.lan in `server:`"),
        ("https://gpu.lan:8443/api/system_stats", "write https://gpu.lan:8443 in `server:`"),
        ("https://gpu.lan/", "write https://gpu.lan/ in `server:`"),
    ],
)
def test_http_to_https_of_the_same_host(location, write):
    """Followed, it would turn POST into GET, which is answered 200 with something else."""
    error = unexpected(answer(301, location=location), PLAIN)

    assert type(error) is NotComfyUIError
    assert error.way_out == write


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/login?next=/api/system_stats", "http://gpu.lan:8188/login"),
        ("https://sso.example/authorize?state=abc", "https://sso.example/authorize"),
        ("https://gpu.lan/oauth2/start?rd=/", "https://gpu.lan/oauth2/start"),
        ("//user:pw@evil.example/\x1b[1mx", "http://evil.example/x"),
        ("https://gpu.lan:99999/", "an impossible address"),
        ("http://[::1", "an impossible address"),
    ],
)
def test_any_other_redirect_is_probably_a_login_page(location, shown):
    error = unexpected(answer(302, location=location), PLAIN)

    assert type(error) is AuthError
    assert f"a redirect to {shown}: probably a login page" in error.what


def test_a_redirect_without_target():
    assert "a redirect to nowhere" in unexpected(answer(304), PLAIN).what


@pytest.mark.parametrize(
    ("status", "headers", "words", "seconds"),
    [
        (402, {}, "(402, payment due)", None),
        (429, {"retry_after": "30"}, "(429, too many requests, retry after 30 s)", 30.0),
        (
            429,
            {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"},
            "(429, too many requests, retry after Wed, 21 Oct 2026 07:28:00 GMT)",
            None,
        ),
    ],
)
def test_quota(status, headers, words, seconds):
    error = unexpected(answer(status, b'{"code": "QUEUE_LIMIT"}', **headers), PLAIN)

    assert type(error) is QuotaError
    assert error.what == (
        f'http://gpu.lan:8188 takes no more jobs {words} \'{{"code": "QUEUE_LIMIT"}}\''
    )
    assert error.retry_after == seconds


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_comfyui_behind_it(status):
    error = unexpected(answer(status, b"<html>"), PLAIN)

    assert type(error) is UnreachableError
    assert error.what == f"no ComfyUI at http://gpu.lan:8188 (a proxy answers {status})"


def test_a_server_error():
    error = unexpected(answer(500, b"500 Internal Server Error"), PLAIN)

    assert type(error) is UnreachableError
    assert "answers 500 to /api/system_stats '500 Internal Server Error'" in error.what


def test_a_body_that_is_too_large():
    error = unexpected(answer(413, b"Maximum request body size 104857600 exceeded."), PLAIN)

    assert type(error) is RejectedError
    assert "takes no request of that size" in error.what
    assert "--max-upload-size" in error.way_out


@given(
    st.integers(100, 599),
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(["location", "retry-after"]), st.text()),
)
def test_any_answer_gives_an_error_in_one_plain_line(status, body, headers):
    given_answer = Answer(url="http://gpu.lan/api/queue", status=status, headers=headers, body=body)

    for error in (unexpected(given_answer, PLAIN), not_comfyui(given_answer, PLAIN)):
        assert isinstance(error, RenderError)
        assert error.what.isprintable()
