"""The fault table: names, certificates and proxies on the way to the server.

Servers with certificates, and proxies, on real sockets of this machine.
"""

import contextlib
import datetime as dt
import select
import socket
import ssl
import threading
from dataclasses import dataclass, field

import pytest
import trustme

from mkdocs_comfy.errors import AuthError, UnreachableError

ELSEWHERE = "comfy.invalid"
"""A name that nobody ever has (RFC 2606 §2): only a proxy leads there."""

ANY = "0.0.0.0"  # noqa: S104  # connected to, not bound
REFUSAL = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(kw_only=True)
class Row:
    """One way to the server.

    Attributes:
        name: What is the matter, as the table says it.
        server: What the configuration says of the server, with files by their names.
        certificate: The server's.
        error: What every hero fails with; ``None`` where all images come.
        words: What the error says.
    """

    name: str
    server: dict = field(default_factory=dict)
    certificate: str = "good"
    error: type | None = None
    words: str = ""

    def __str__(self):
        return self.name


# What stands in between ---------------------------------------------------------------------------


class Relay:
    """Takes connections and leads them to a server of this machine.

    Attributes:
        port: That of the server.
        url: Its own address.
    """

    def __init__(self, port):
        self.port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open, self._threads = [], []
        self._run(self._accept)

    def serve(self, client):
        """Serve one connection."""
        self.lead(client)

    def lead(self, client, head=b""):
        """Pass on what comes in both directions, ``head`` first, until one side has enough."""
        with socket.create_connection(("127.0.0.1", self.port)) as server:
            self._open.append(server)
            server.sendall(head)
            shuttle(client, server)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            hang_up(connection)
        for thread in list(self._threads):
            thread.join(5)

    def _run(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self._run(self._answer, connection)

    def _answer(self, client):
        with contextlib.suppress(OSError):
            self.serve(client)
        drain(client)
        client.close()


def shuttle(one, other):
    across = {one: other, other: one}
    while True:
        buffered = [each for each in across if isinstance(each, ssl.SSLSocket) and each.pending()]
        for source in buffered or select.select([*across], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            across[source].sendall(data)


def hang_up(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def drain(connection):
    """Say the last word and hear the other side out: else it may get a reset in its place."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


# Names and certificates --------------------------------------------------------------------------


CERTIFICATES = [
    Row(
        name="certificate expired",
        certificate="expired",
        server={"verify": "ca"},
        error=UnreachableError,
        words="its certificate has expired",
    ),
    Row(
        name="certificate not valid yet",
        certificate="early",
        server={"verify": "ca"},
        error=UnreachableError,
        words="its certificate is not valid yet",
    ),
    Row(
        name="certificate of another name",
        certificate="other",
        server={"verify": "ca"},
        error=UnreachableError,
        words="its certificate is for another address",
    ),
    Row(
        name="certificate of an unknown authority",
        error=UnreachableError,
        words="its certificate comes from an unknown authority",
    ),
    Row(
        name="self-signed certificate",
        certificate="itself",
        error=UnreachableError,
        words="its certificate is self-signed",
    ),
    Row(
        name="certificate of an unknown authority, `verify: false`",
        server={"verify": False},
    ),
    Row(
        name="certificate of an authority of one's own, its file in `verify`",
        server={"verify": "ca"},
    ),
]

CLIENT_CERTIFICATES = [
    Row(
        name="client certificate wanted, none given",
        server={"verify": "ca"},
        error=AuthError,
        words="wants a client certificate (none is configured)",
    ),
    Row(
        name="client certificate wanted, one of another authority given",
        server={"verify": "ca", "client_cert": "stranger"},
        error=AuthError,
        words="wants a client certificate (refuses ours)",
    ),
    Row(
        name="client certificate wanted and given",
        server={"verify": "ca", "client_cert": "client"},
    ),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """PEM files: certificates of an authority of our own and of a stranger, with their keys."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, stranger = trustme.CA(), trustme.CA()
    today = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    issued = {
        "good": ours.issue_cert("127.0.0.1", ELSEWHERE),
        "expired": ours.issue_cert("127.0.0.1", not_before=today - 9 * day, not_after=today - day),
        "early": ours.issue_cert("127.0.0.1", not_before=today + day),
        "other": ours.issue_cert("127.0.0.2", "other.example"),
        "client": ours.issue_cert("docs@example.org"),
        "stranger": stranger.issue_cert("docs@example.org"),
    }
    paths = {name: folder / f"{name}.pem" for name in (*issued, "ca", "itself")}
    for name, certificate in issued.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(paths[name])
    ours.cert_pem.write_to_path(paths["ca"])
    stranger.private_key_pem.write_to_path(paths["itself"])
    stranger.cert_pem.write_to_path(paths["itself"], append=True)
    return paths


class Guard(Relay):
    """Ends TLS before a server, and lets in who has a certificate of ours.

    asyncio's servers hang up without the alert that says so; what people put before ComfyUI
    does not.
    """

    def __init__(self, port, context):
        self._context = context
        super().__init__(port)
        self.url = self.url.replace("http", "https")

    def serve(self, client):
        inside = self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        self._open.append(inside)
        try:
            inside.do_handshake()
            self.lead(inside)
        finally:
            with socket.socket(fileno=inside.detach()) as plain:
                drain(plain)


@pytest.fixture
def context(files):
    """What a server needs to speak TLS with one of those certificates."""

    def make(certificate, *, wants_ours=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[certificate])
        if wants_ours:
            context.load_verify_locations(files["ca"])
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    return make


@pytest.fixture
def secured(comfyui, context):
    """Let the server come back with TLS."""

    def secure(certificate):
        comfyui.tls = context(certificate)
        comfyui.restart()

    return secure


@pytest.mark.parametrize("row", CERTIFICATES, ids=str)
def test_certificates(row, lab, files, secured, promised):
    lab.begin()
    secured(row.certificate)

    build_on(row, lab.comfyui.url, lab, files, promised)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("row", CLIENT_CERTIFICATES, ids=str)
def test_client_certificates(row, version, lab, files, context, promised):
    """TLS 1.3 tells of a missing one with the first answer only."""
    lab.begin()
    wanting = context(row.certificate, wants_ours=True)
    wanting.minimum_version = wanting.maximum_version = version
    with contextlib.closing(Guard(int(lab.comfyui.url.rpartition(":")[2]), wanting)) as guard:
        build_on(row, guard.url, lab, files, promised)


def build_on(row, url, lab, files, promised):
    options = {key: files.get(value, value) for key, value in row.server.items()}

    outcome = lab.build(servers=[{"url": url, **options}])

    assert_ends(row, outcome, promised)
    assert len(lab.comfyui.submissions) == (2 if row.error is None else 0)
    assert any(each.route == "/ws" for each in lab.comfyui.requests) == (row.error is None)


def test_a_name_that_is_not_known(lab, promised):
    row = Row(name="DNS failure", error=UnreachableError, words=f"the name {ELSEWHERE} is not")
    lab.begin()

    outcome = lab.build(servers=[{"url": f"http://{ELSEWHERE}:8188", "proxy": "none"}])

    assert_ends(row, outcome, promised)
    assert lab.comfyui.requests == []


def assert_ends(row, outcome, promised):
    """All images, or one error for both heroes; what was rendered before is there in any case."""
    assert len({id(error) for error in outcome.errors}) == (row.error is not None)
    assert outcome.kinds == ([] if row.error is None else [row.error] * 2)
    assert all(row.words in error.what for error in outcome.errors)
    assert all(error.way_out for error in outcome.errors)
    assert outcome.in_cache == (2 if row.error is None else 0)
    end = "all images" if row.error is None else f"`{row.error.kind}`"
    assert promised[row.name].startswith(end)


# Proxies -----------------------------------------------------------------------------------------


class Proxy(Relay):
    """An HTTP proxy that leads to one server, whatever it is asked for.

    Attributes:
        asked: First line of the first request of each connection.
        refusal: What it says in the place of a connection; ``None`` where it serves.
    """

    def __init__(self, port):
        super().__init__(port)
        self.asked, self.refusal = [], None

    def serve(self, client):
        head = client.recv(65536)
        if not head:
            return
        self.asked.append(head.partition(b"\r\n")[0].decode())
        if self.refusal is not None:
            client.sendall(REFUSAL % self.refusal)
        elif head.startswith(b"CONNECT"):
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            self.lead(client)
        else:
            self.lead(client, head)


@pytest.fixture
def proxy(comfyui, monkeypatch):
    """The proxy of the environment, and of no other environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with contextlib.closing(Proxy(int(comfyui.url.rpartition(":")[2]))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        yield proxy


@pytest.fixture
def through(lab, promised):
    """Build on a server of some URL, and see how it ends; the requests of the server."""

    def build(row, url, **server):
        lab.begin()
        outcome = lab.build(servers=[{"url": url, **server}])
        assert_ends(row, outcome, promised)
        assert len(lab.comfyui.submissions) == (2 if row.error is None else 0)
        return {request.route for request in lab.comfyui.requests}

    return build


def test_this_machine_is_reached_without_a_proxy(comfyui, proxy, through):
    through(Row(name="proxy in the environment, server on this machine"), comfyui.url)

    assert proxy.asked == []


def test_another_machine_is_reached_through_the_proxy(proxy, through):
    """HTTP and socket alike."""
    asked = through(
        Row(name="proxy in the environment, server elsewhere"), f"http://{ELSEWHERE}:8188"
    )

    assert "/ws" in asked
    assert {line.split(" ")[0] for line in proxy.asked} >= {"GET", "CONNECT"}
    assert all(ELSEWHERE in line for line in proxy.asked)


def test_another_machine_is_reached_through_a_tunnel(proxy, lab, files, secured, promised):
    """Of what TLS protects, the proxy sees the server's name and nothing else."""
    lab.begin()
    secured("good")
    row = Row(name="proxy in the environment, https", server={"verify": "ca"})

    build_on(row, f"https://{ELSEWHERE}", lab, files, promised)

    assert {line.split(" ")[1] for line in proxy.asked} == {f"{ELSEWHERE}:443"}


def test_no_proxy_is_heeded(comfyui, proxy, through, monkeypatch):
    """0.0.0.0 is a name of this machine that the rule for loopback does not know."""
    monkeypatch.setenv("NO_PROXY", ANY)
    row = Row(name="proxy in the environment, server in NO_PROXY")

    through(row, comfyui.url.replace("127.0.0.1", ANY))

    assert proxy.asked == []


def test_a_proxy_that_is_dead(proxy, through):
    proxy.close()
    row = Row(
        name="proxy dead",
        error=UnreachableError,
        words=f"(the proxy {proxy.url}: connection refused)",
    )

    through(row, f"http://{ELSEWHERE}:8188")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_credentials(proxy, through, scheme):
    proxy.refusal = b"407 Proxy Authentication Required"
    row = Row(name="proxy wants credentials", error=AuthError, words="wants credentials (407)")

    through(row, f"{scheme}://{ELSEWHERE}")


@pytest.mark.parametrize(
    ("scheme", "words"), [("http", "a proxy answers 502"), ("https", "the proxy refuses: 502")]
)
def test_a_proxy_that_does_not_reach_the_server(proxy, through, scheme, words):
    proxy.refusal = b"502 Bad Gateway"
    row = Row(name="proxy does not reach the server", error=UnreachableError, words=words)

    through(row, f"{scheme}://{ELSEWHERE}")
