"""What connections are built with: headers, TLS, proxies, and nothing from the environment."""

import asyncio
import logging
import ssl

import httpx
import pytest
import trustme

from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.comfyui.transport import (
    Transport,
    foreign_context,
    proxy_for,
    tls_context,
)
from mkdocs_comfy.errors import ConfigurationError


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Start from an environment that names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def client_cert(authority, tmp_path):
    """One file with certificate and key, and the two in files of their own."""
    issued = authority.issue_cert("client@example.org")
    both, certificate, key = (tmp_path / name for name in ("both.pem", "client.pem", "client.key"))
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    return both, (certificate, key)


def transport(**config):
    return Transport(ServerConfig(**config), Pace())


def headers_of(client):
    return {name.decode().lower(): value.decode() for name, value in client.headers.raw}


def test_headers_go_with_http_and_socket_alike():
    built = transport(url="https://ada:secret@gpu.lan", headers={"X-Key": "wäßä"})

    http = headers_of(built.http())
    socket = built.socket("me").additional_headers

    assert http["x-key"] == socket["X-Key"] == "wäßä"
    assert http["authorization"] == socket["Authorization"] == "Basic YWRhOnNlY3JldA=="
    assert http["user-agent"] == built.socket("me").user_agent_header == "mkdocs-comfy"
    assert http["accept-encoding"] == "identity"


def test_a_user_agent_can_be_configured():
    built = transport(url="http://gpu.lan", headers={"User-Agent": "mine"})

    assert headers_of(built.http())["user-agent"] == "mine"
    assert built.socket("me").user_agent_header == "mine"
    assert "User-Agent" not in built.socket("me").additional_headers


def test_no_credentials_from_the_environment(monkeypatch, tmp_path):
    """httpx would send a password from .netrc, and our headers through any proxy."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine gpu.lan login ada password hunter22\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client = transport(url="http://gpu.lan").http()

    assert client.trust_env is False
    assert client.follow_redirects is False
    assert "authorization" not in headers_of(client)


def test_places_that_the_server_names_get_none_of_our_headers():
    built = transport(url="http://ada:secret@gpu.lan", headers={"X-API-Key": "abcdef"})

    assert set(headers_of(built.elsewhere("https://storage.example/x"))) == {
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
    }


def test_the_socket_follows_no_redirect():
    """The library would take X-API-Key along to another host."""
    error = OSError("a redirect")

    assert transport(url="http://gpu.lan").socket("me").process_redirect(error) is error


def test_the_socket_library_logs_no_headers(caplog):
    with caplog.at_level(logging.DEBUG):
        connection = transport(url="http://gpu.lan").socket("me")

    assert not connection.logger.isEnabledFor(logging.CRITICAL)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8188", "http://[::1]:8188", "http://localhost:1"]
)
def test_loopback_never_goes_through_the_environments_proxy(monkeypatch, url):
    """It would not reach this machine, and would see the credentials."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.lan:3128")
    monkeypatch.setenv("ALL_PROXY", "http://proxy.lan:3128")

    assert proxy_for(url, "auto") is None
    assert transport(url=url).socket("me").proxy is None


@pytest.mark.parametrize(
    ("variable", "value", "url", "proxy"),
    [
        ("HTTP_PROXY", "http://proxy.lan:3128", "http://gpu.lan", "http://proxy.lan:3128"),
        ("HTTP_PROXY", "proxy.lan:3128", "http://gpu.lan", "http://proxy.lan:3128"),
        ("HTTPS_PROXY", "http://proxy.lan:3128", "https://gpu.lan", "http://proxy.lan:3128"),
        ("ALL_PROXY", "https://proxy.lan", "https://gpu.lan", "https://proxy.lan"),
        ("HTTP_PROXY", "http://proxy.lan:3128", "https://gpu.lan", None),
        ("HTTP_PROXY", "http://proxy.lan:3128", "http://localhost.:8188", "http://proxy.lan:3128"),
    ],
)
def test_the_environments_proxy(monkeypatch, variable, value, url, proxy):
    monkeypatch.setenv(variable, value)

    assert proxy_for(url, "auto") == proxy
    assert transport(url=url).socket("me").proxy == proxy


def test_no_proxy_names_exceptions(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.lan:3128")
    monkeypatch.setenv("NO_PROXY", "gpu.lan,10.0.0.0")

    assert proxy_for("http://gpu.lan:8188", "auto") is None
    assert proxy_for("http://other.lan", "auto") == "http://proxy.lan:3128"


def test_proxy_none_and_a_proxy_of_ones_own(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.lan:3128")

    assert proxy_for("http://gpu.lan", "none") is None
    assert proxy_for("http://gpu.lan", "http://mine.lan:1") == "http://mine.lan:1"
    assert proxy_for("http://127.0.0.1", "http://mine.lan:1") == "http://mine.lan:1"


@pytest.mark.parametrize("proxy", ["ftp://me:hunter22@proxy.lan", "http://", "http://[::1", "x"])
def test_an_impossible_proxy_is_refused_without_quoting_it(proxy):
    with pytest.raises(ConfigurationError, match="proxy: it is no URL such as") as caught:
        transport(url="http://gpu.lan", proxy=proxy)

    assert "hunter22" not in str(caught.value)


def test_a_socks_proxy_wants_another_package(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.lan:1080")

    with pytest.raises(ConfigurationError, match="HTTP_PROXY or ALL_PROXY names a SOCKS proxy"):
        transport(url="http://gpu.lan")


def test_a_socks_proxy_with_that_package(monkeypatch):
    monkeypatch.setattr("mkdocs_comfy.comfyui.transport.find_spec", lambda _: object())

    assert proxy_for("http://gpu.lan", "socks5h://proxy.lan") == "socks5h://proxy.lan"


def test_certificates_are_checked_unless_told_otherwise():
    checked = tls_context(ServerConfig(url="https://gpu.lan"))
    unchecked = tls_context(ServerConfig(url="https://gpu.lan", verify=False))

    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_NONE, False)


def test_a_ca_file_is_the_only_authority(ca_file):
    context = tls_context(ServerConfig(url="https://gpu.lan", verify=ca_file))

    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_elsewhere_the_ca_file_is_one_authority_among_others(ca_file, client_cert):
    server = ServerConfig(url="https://gpu.lan", verify=ca_file, client_cert=client_cert[0])

    assert len(foreign_context(server).get_ca_certs()) > 1
    trusting = foreign_context(ServerConfig(url="https://gpu.lan", verify=False))
    assert trusting.verify_mode is ssl.CERT_REQUIRED


def test_http_and_socket_share_one_tls_context(ca_file, monkeypatch):
    given = {}
    monkeypatch.setattr(
        "mkdocs_comfy.comfyui.transport.SameOriginConnect",
        lambda *_address, **options: given.update(options),
    )
    built = transport(url="https://gpu.lan", verify=ca_file)

    built.socket("me")

    assert given["ssl"] is built._context


@pytest.mark.parametrize("form", [0, 1])
def test_a_client_certificate_in_one_file_or_two(client_cert, form):
    tls_context(ServerConfig(url="https://gpu.lan", client_cert=client_cert[form]))


@pytest.mark.parametrize(
    ("option", "content", "problem"),
    [
        ("verify", None, "No such file or directory"),
        ("verify", "no certificate", "it is no PEM file, or has a pass phrase"),
        ("verify", "", "it is no PEM file, or has a pass phrase"),
        ("client_cert", None, "No such file or directory"),
        ("client_cert", "no certificate", "it is no PEM file, or has a pass phrase"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, option, content, problem):
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigurationError, match=f"{option}: cannot use .*{problem}") as caught:
        transport(url="https://gpu.lan", **{option: path})

    assert caught.value.key == option


def test_plain_http_loads_no_authorities():
    """That takes 30 ms for nothing."""
    assert transport(url="http://gpu.lan")._context is None


def test_timeouts_are_those_of_the_pace():
    built = Transport(ServerConfig(url="http://gpu.lan"), Pace(connect=1, answer=2))

    assert built.http().timeout == httpx.Timeout(2, connect=1)
    assert built.socket("me").open_timeout == 1


def test_clients_close_without_ever_being_used():
    asyncio.run(transport(url="http://gpu.lan").http().aclose())


def test_a_path_that_no_system_can_open():
    with pytest.raises(ConfigurationError, match=r"verify: cannot use .*: embedded null"):
        transport(url="https://gpu.lan", verify="a\0b")
