"""The first question: is there a ComfyUI, and does it let us in?"""

import asyncio
import datetime as dt
import gzip
import logging
import socket
import ssl
import time
import traceback

import pytest
import trustme

from mkdocs_comfy.comfyui.client import Client
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.comfyui.transport import Transport
from mkdocs_comfy.errors import AuthError, NotComfyUIError, UnreachableError

STATS = b'{"system": {"comfyui_version": "0.3.75"}, "devices": []}'


def probe(url, *, pace=None, **config):
    """Ask ``url`` the first question."""

    async def ask():
        async with Client(Transport(ServerConfig(url=url, **config), pace or Pace())) as client:
            await client.probe()

    asyncio.run(ask())


def refusal(kind, url, **config):
    """The error that the first question ends with, of exactly this kind."""
    with pytest.raises(kind) as caught:
        probe(url, **config)
    assert type(caught.value) is kind
    return caught.value


def test_system_stats_is_asked_once_below_api(raw_server, http_answer, next_request):
    asked = []

    def talk(connection):
        asked.append(next_request(connection).split(b"\r\n")[0])
        connection.sendall(http_answer(STATS))

    probe(raw_server(talk).url + "/comfy/")

    assert asked == [b"GET /comfy/api/system_stats HTTP/1.1"]


def test_no_server(a_closed_port):
    error = refusal(UnreachableError, f"http://127.0.0.1:{a_closed_port}")

    assert error.what == f"no ComfyUI at http://127.0.0.1:{a_closed_port} (connection refused)"
    assert error.way_out == (
        "start it, point `server:` elsewhere, or build with what is there: mode: offline"
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "gpu..lan", "x" * 64 + ".lan"])
def test_a_host_that_is_not_known(host, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")

    error = refusal(UnreachableError, f"http://{host}")

    assert "is not known" in error.what or "cannot be used" in error.what


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"<!doctype html><title>Grafana</title>", "with an HTML page titled 'Grafana'"),
        (b'{"status": "UP"}', "with JSON of another service (status)"),
        (b"pong", "with text 'pong'"),
        (b"", "with nothing"),
        (b"[" * 100_000, "with text"),
    ],
)
def test_a_wrong_port(raw_server, http_answer, body, found):
    error = refusal(NotComfyUIError, raw_server(http_answer(body)).url)

    assert f"is no ComfyUI: it answers {found}" in error.what


@pytest.mark.parametrize("status", ["404 Not Found", "405 Nope", "500 Oops", "418 Teapot"])
def test_a_wrong_path(raw_server, http_answer, status):
    error = refusal(NotComfyUIError, raw_server(http_answer(b"", status=status)).url)

    assert f"it answers {status[:3]} to /api/system_stats" in error.what


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_credentials_are_wanted(raw_server, http_answer, status):
    url = raw_server(http_answer(b"", status=status)).url

    assert "without credentials" in refusal(AuthError, url).what
    assert "(X-Key sent)" in refusal(AuthError, url, headers={"X-Key": "wrong"}).what


def test_a_redirect_to_a_login_page(raw_server, http_answer):
    answer = http_answer(
        b"", status="302 Found", headers=["Location: https://sso.example/login?x=1"]
    )

    error = refusal(AuthError, raw_server(answer).url)

    assert "a redirect to https://sso.example/login: probably a login page" in error.what


def test_http_to_https_is_not_followed(raw_server, http_answer):
    """Followed, POST would become GET."""
    target = "https://127.0.0.1/api/system_stats"
    answer = http_answer(b"", status="301 Moved", headers=[f"Location: {target}"])

    error = refusal(NotComfyUIError, raw_server(answer).url)

    assert error.way_out == "write https://127.0.0.1 in `server:`"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"220 mail.lan ESMTP\r\n500 what?\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",  # a TLS server's alert
        b"HTTP/1.1 abc\r\n\r\n",
        b"\x00" * 100,
    ],
)
def test_something_that_does_not_speak_http(raw_server, nonsense):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(nonsense)

    assert "does not answer in HTTP" in refusal(NotComfyUIError, raw_server(talk).url).what


def test_something_that_waits_for_an_answer_in_its_own_language(raw_server):
    def talk(connection):
        connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
        while connection.recv(65536):
            pass

    error = refusal(NotComfyUIError, raw_server(talk).url, pace=Pace(probe=0.3))

    assert error.what.endswith("does not answer in HTTP but with 'SSH-2.0-OpenSSH_9.9'")


def test_something_that_hangs_up(raw_server):
    error = refusal(UnreachableError, raw_server(lambda connection: connection.recv(9999)).url)

    assert error.what.endswith("(connection lost)")


def test_something_that_resets_the_connection(raw_server):
    def talk(connection):
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    assert refusal(UnreachableError, raw_server(talk).url).what.endswith("(connection lost)")


def test_a_get_is_asked_again_where_an_old_connection_was_closed(
    raw_server, http_answer, next_request
):
    tries = []

    def talk(connection):
        next_request(connection)
        tries.append(connection)
        if len(tries) > 1:
            connection.sendall(http_answer(STATS))

    probe(raw_server(talk).url)

    assert len(tries) == 2


@pytest.mark.parametrize("pace", [Pace(answer=0.2), Pace(probe=0.2)])
def test_something_that_never_answers(raw_server, pace):
    server = raw_server(lambda connection: connection.recv(9999) and connection.recv(9999))

    error = refusal(UnreachableError, server.url, pace=pace)

    assert error.what.endswith("(no answer in time)")


def test_a_dripping_answer_has_a_deadline(raw_server):
    """The library's timeout is for each read, so one byte at a time takes for ever."""

    def talk(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.05)

    began = time.monotonic()
    error = refusal(UnreachableError, raw_server(talk).url, pace=Pace(probe=0.3, answer=10))

    assert error.what.endswith("(no answer in time)")
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("declared", [True, False])
def test_an_endless_json_answer_is_cut(raw_server, next_request, declared):
    def talk(connection):
        next_request(connection)
        length = "Content-Length: 99999999\r\n" if declared else ""
        connection.sendall(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        while True:
            connection.sendall(b" " * 65536)

    error = refusal(NotComfyUIError, raw_server(talk).url, pace=Pace(json_bytes=2**20))

    assert "does not end within 1 MiB" in error.what


def test_unpacked_bytes_count(raw_server, http_answer):
    """A small compressed answer may unpack to gigabytes."""
    bomb = gzip.compress(b" " * 4 * 2**20)
    answer = http_answer(bomb, headers=["Content-Encoding: gzip"])

    error = refusal(NotComfyUIError, raw_server(answer).url, pace=Pace(json_bytes=2**20))

    assert "does not end within 1 MiB" in error.what


def test_a_body_that_cannot_be_unpacked(raw_server, http_answer):
    answer = http_answer(b"no gzip", headers=["Content-Encoding: gzip"])

    assert "its answer cannot be read" in refusal(NotComfyUIError, raw_server(answer).url).what


def test_headers_are_sent_and_never_shown(raw_server, next_request, http_answer, caplog):
    """Not even where the server sends them back, in the error, its causes or a log."""
    heads = []

    def talk(connection):
        heads.append(next_request(connection))
        connection.sendall(http_answer(b"you said s3cr3t-token and hunter22"))

    url = raw_server(talk).url.replace("http://", "http://ada:hunter22@")
    with caplog.at_level(logging.DEBUG):
        error = refusal(NotComfyUIError, url, headers={"X-Key": "s3cr3t-token", "X-Ü"[:1]: "ü"})

    assert b"x-key: s3cr3t-token" in heads[0].lower()
    assert b"authorization: basic ywrhomh1bnrlcjiy" in heads[0].lower()
    assert "x: ü".encode() in heads[0].lower()
    shown = "".join(traceback.format_exception(error)) + caplog.text
    assert "you said *** and ***" in shown
    assert "s3cr3t" not in shown
    assert "hunter22" not in shown
    assert "YWRhOmh1bnRlcjIy" not in shown


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls_server(raw_server, http_answer, authority):
    """Start a ComfyUI with TLS, as far as the first question needs one."""

    def start(*names, client_authority=None, issuer=authority, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert(*(names or ["127.0.0.1"]), **options).configure_cert(context)
        if client_authority is not None:
            client_authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED

        def wrap(plain):
            connection = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            try:
                connection.do_handshake()
            except ssl.SSLError:
                time.sleep(0.2)  # closed at once, the alert would be lost with what is unread
                connection.close()
                raise
            return connection

        server = raw_server(http_answer(STATS), wrap=wrap)
        return server.url.replace("http:", "https:")

    return start


@pytest.fixture
def ca_file(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def test_tls_with_an_authority_of_ones_own(tls_server, ca_file):
    probe(tls_server(), verify=ca_file)
    probe(tls_server(), verify=False)


def test_tls_certificate_of_an_unknown_authority(tls_server):
    error = refusal(UnreachableError, tls_server())

    assert "(its certificate comes from an" in error.what
    assert "verify: ca.pem" in error.way_out


def test_tls_certificate_for_another_host(tls_server, ca_file):
    error = refusal(UnreachableError, tls_server("other.lan"), verify=ca_file)

    assert "(its certificate is for another " in error.what


def test_tls_certificate_that_has_expired(tls_server, ca_file):
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    error = refusal(UnreachableError, tls_server(not_after=past), verify=ca_file)

    assert "(its certificate has expired)" in error.what


def test_tls_is_not_spoken(raw_server, http_answer):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(http_answer(b"", status="400 Bad Request"))

    url = raw_server(talk).url.replace("http:", "https:")

    error = refusal(NotComfyUIError, url)

    assert error.what == f"{url} does not speak TLS"


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (lambda connection: connection.recv(9999), "no connection"),
        (lambda connection: connection.recv(9999) and connection.recv(9999), "to connect"),
    ],
)
def test_a_tls_handshake_that_comes_to_nothing(raw_server, talk, reason):
    url = raw_server(talk).url.replace("http:", "https:")

    error = refusal(UnreachableError, url, pace=Pace(connect=0.3))

    assert error.what.endswith(f"{reason})")


def test_a_client_certificate_is_sent(tls_server, authority, ca_file, tmp_path):
    ours = trustme.CA()
    ours.issue_cert("build@example.org").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "client.pem"
    )

    probe(tls_server(client_authority=ours), verify=ca_file, client_cert=tmp_path / "client.pem")


def test_a_client_certificate_is_wanted(tls_server, ca_file):
    error = refusal(AuthError, tls_server(client_authority=trustme.CA()), verify=ca_file)

    assert "wants a client certificate (none is configured)" in error.what


def test_the_environments_proxy_is_used_but_not_for_loopback(raw_server, http_answer, monkeypatch):
    """``localhost.`` is this machine too, but only the proxy rule knows it by another name."""
    asked = []

    def talk(connection):
        asked.append(connection.recv(65536).split(b"\r\n")[0])
        connection.sendall(http_answer(STATS))

    server = raw_server(http_answer(STATS))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", raw_server(talk).url)

    probe(server.url)
    assert asked == []

    probe("http://localhost.:8188")
    assert asked == [b"GET http://localhost.:8188/api/system_stats HTTP/1.1"]


def test_a_proxy_that_refuses(raw_server, http_answer):
    proxy = raw_server(http_answer(b"", status="403 Forbidden"))

    error = refusal(UnreachableError, "https://gpu.lan", proxy=proxy.url)

    assert "the proxy refuses: 403 Forbidden" in error.what


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_credentials(raw_server, http_answer, scheme):
    """With TLS it refuses the tunnel, without it the request."""
    proxy = raw_server(http_answer(b"", status="407 Proxy Authentication Required"))

    error = refusal(AuthError, f"{scheme}://gpu.lan", proxy=proxy.url)

    assert f"the proxy on the way to {scheme}://gpu.lan wants credentials" in error.what
    assert "user:password@" in error.way_out


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_what_the_error_names(a_closed_port, scheme):
    proxy = f"http://ada:pass-word@127.0.0.1:{a_closed_port}"

    error = refusal(UnreachableError, f"{scheme}://gpu.lan", proxy=proxy)

    shown = f"http://127.0.0.1:{a_closed_port}"
    assert error.what == (
        f"no ComfyUI at {scheme}://gpu.lan (the proxy {shown}: connection refused)"
    )
    assert "proxy: none" in error.way_out


def test_a_proxy_whose_name_is_not_known():
    error = refusal(UnreachableError, "http://gpu.lan", proxy="http://proxy.invalid:3128")

    assert (
        "(the proxy http://proxy.invalid:3128: the name proxy.invalid is not known)" in error.what
    )
