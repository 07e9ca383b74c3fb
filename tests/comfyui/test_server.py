"""One configuration of a server: what it shows, what it sends, what it hides."""

import base64

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.server import ServerConfig, is_loopback, origin, plain
from mkdocs_comfy.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "display", "api", "socket"),
    [
        (
            "http://127.0.0.1:8188",
            "http://127.0.0.1:8188",
            "http://127.0.0.1:8188/api",
            "ws://127.0.0.1:8188/api/ws",
        ),
        (
            "https://gpu.lan/comfy/",
            "https://gpu.lan/comfy",
            "https://gpu.lan/comfy/api",
            "wss://gpu.lan/comfy/api/ws",
        ),
        (
            "https://ada:pass%40word@gpu.lan:8443/comfy",
            "https://gpu.lan:8443/comfy",
            "https://gpu.lan:8443/comfy/api",
            "wss://gpu.lan:8443/comfy/api/ws",
        ),
        (
            "http://[::1]:8188",
            "http://[::1]:8188",
            "http://[::1]:8188/api",
            "ws://[::1]:8188/api/ws",
        ),
    ],
)
def test_routes_are_below_api_of_the_base_path(url, display, api, socket):
    config = ServerConfig(url=url)

    assert (config.display, config.routes, config.socket) == (display, api, socket)


def test_user_and_password_of_the_url_become_basic_credentials():
    config = ServerConfig(url="https://ada:pass%40word@gpu.lan")

    scheme, _, pair = config.sent_headers()["Authorization"].partition(" ")

    assert scheme == "Basic"
    assert base64.b64decode(pair) == b"ada:pass@word"


def test_a_user_without_password_is_sent_too():
    sent = ServerConfig(url="https://token-only@gpu.lan").sent_headers()

    assert base64.b64decode(sent["Authorization"].removeprefix("Basic ")) == b"token-only:"


def test_repr_holds_no_secret():
    config = ServerConfig(
        url="https://ada:hunter22@gpu.lan",
        headers={"X-API-Key": "comfyui-123456"},
        proxy="http://me:proxypass@proxy.lan:3128",
    )

    assert repr(config) == "ServerConfig(url='https://gpu.lan', headers=['X-API-Key'])"


@pytest.mark.parametrize(
    "text",
    [
        "hunter 22",
        "hunter%2022",
        "comfyui-123456",
        "Bearer abcdef",
        "abcdef",
        "proxy:pass",
        base64.b64encode(b"ada:hunter 22").decode(),
    ],
)
def test_secrets_are_redacted_in_every_form_they_are_sent_in(text):
    config = ServerConfig(
        url="https://ada:hunter%2022@gpu.lan",
        headers={"X-API-Key": "comfyui-123456", "X-Token": "Bearer abcdef"},
        proxy="http://me:proxy%3Apass@proxy.lan:3128",
    )

    assert text not in config.redact(f"the server said {text}.")


def test_text_from_a_server_becomes_one_short_plain_line(server):
    hostile = "\x1b[31mred\x1b[0m\r\n\x07 \x1b]0;title\x07 s3cr3t-token \u202eevil" + "x" * 400

    cleaned = server.clean(hostile)

    assert cleaned.startswith("red *** evil" + "x" * 50)
    assert len(cleaned) == 300
    assert cleaned.endswith("…")


def test_an_escape_sequence_cannot_hide_a_secret(server):
    assert server.clean("s3cr3t\x1b[0m-token") == "***"


def test_a_secret_is_not_halved_by_the_cut(server):
    cleaned = server.clean("x" * 3995 + "s3cr3t-token", limit=5000)

    assert "s3cr3" not in cleaned


@given(st.text())
def test_plain_text_is_one_line_and_stays_as_it_is(text):
    once = plain(text)

    assert once.isprintable() or not once
    assert plain(once) == once


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gpu.lan:8188",
        "ftp://gpu.lan",
        "http://",
        "http://gpu.lan:99999",
        "http://gpu.lan:0",
        "http://gpu.lan/?token=s3cr3t",
        "http://gpu.lan/#graph",
        "http://[::1",
        "http://gpu lan",
        "http://gpu.lan\n",
    ],
)
def test_an_impossible_url_is_refused_without_quoting_it(url):
    with pytest.raises(ConfigurationError, match="server: expected a URL such as") as caught:
        ServerConfig(url=url)

    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("value", ["two\nlines", "null\x00", "return\r"])
def test_a_header_value_with_control_characters_is_refused_without_quoting_it(value):
    with pytest.raises(ConfigurationError, match="the value of X-Token has a line break") as caught:
        ServerConfig(url="http://gpu.lan", headers={"X-Token": value})

    assert value not in str(caught.value)


def test_a_header_name_must_be_a_token():
    with pytest.raises(ConfigurationError, match="'X Token' is not the name of a header"):
        ServerConfig(url="http://gpu.lan", headers={"X Token": "x"})


def test_credentials_in_two_places_are_refused():
    with pytest.raises(ConfigurationError, match="the URL holds a user and `headers:`"):
        ServerConfig(url="http://ada:pw@gpu.lan", headers={"authorization": "Bearer x"})


def test_white_space_around_a_header_value_is_not_sent():
    """It would be an invalid header, and the library's error would quote it."""
    assert ServerConfig(url="http://gpu.lan", headers={"X": " y "}).sent_headers() == {"X": "y"}


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::ffff:127.0.0.1", True),
        ("localhost.", False),
        ("10.0.0.1", False),
        ("gpu.lan", False),
        ("", False),
    ],
)
def test_loopback(host, answer):
    assert is_loopback(host) is answer


def test_default_ports_belong_to_the_origin():
    assert origin("https://a.example/x") == origin("https://a.example:443/y")
    assert origin("https://a.example") != origin("http://a.example")
    assert origin("http://a.example") != origin("http://a.example:8188")


def test_a_header_without_a_value_is_not_sent():
    """``!ENV [COMFY_AUTHORIZATION, ""]`` where the variable is not set, beside a user in a URL."""
    config = ServerConfig(url="http://gpu.lan", headers={"Authorization": " ", "X": "y"})
    both = ServerConfig(url="http://docs:pass@gpu.lan", headers={"Authorization": ""})

    assert config.sent_headers() == {"X": "y"}
    assert both.sent_headers()["Authorization"].startswith("Basic ")
