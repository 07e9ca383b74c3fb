"""Foreign exceptions become ours at one border, and none is forgotten."""

import errno
import inspect
import socket
import ssl
import traceback

import httpx
import pytest
import websockets.exceptions

from mkdocs_comfy.comfyui.border import FOREIGN, explain, mapped
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import AuthError, NotComfyUIError, RenderError, UnreachableError


def tree(kind):
    """``kind`` and everything below it."""
    return {kind}.union(*(tree(each) for each in kind.__subclasses__()))


def exceptions_of(module):
    """The public ones; ``vars`` leaves out those that are deprecated and made when asked for."""
    return [
        each
        for name, each in vars(module).items()
        if inspect.isclass(each) and issubclass(each, Exception) and not name.startswith("_")
    ]


def an_instance(kind):
    """An exception of ``kind``, however many arguments it wants."""

    class Silent(kind):
        def __init__(self):
            pass

        def __str__(self):
            return "the library's words"

    return Silent()


def caused(error, cause):
    error.__cause__ = cause
    return error


def test_every_exception_of_httpx_is_mapped(server):
    public = {each for each in exceptions_of(httpx) if each.__module__.startswith("httpx")}
    whole = public | tree(httpx.HTTPError) | tree(httpx.StreamError)

    assert len(whole) > 20
    for kind in sorted(whole, key=lambda each: each.__name__):
        assert issubclass(kind, FOREIGN), kind
        assert isinstance(explain(an_instance(kind), server), RenderError)


@pytest.mark.parametrize("module", [websockets.exceptions, ssl, socket])
def test_every_exception_of_the_socket_libraries_is_mapped(server, module):
    for kind in exceptions_of(module):
        assert issubclass(kind, FOREIGN), kind
        assert isinstance(explain(an_instance(kind), server), RenderError)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "connection lost"),
        (OSError(errno.EHOSTUNREACH, "x"), "no route to the host"),
        (socket.gaierror(-2, "Name or service not known"), "the name gpu.lan is not known"),
        (UnicodeError("label empty or too long"), "the name gpu.lan is not known"),
        (httpx.ConnectTimeout("x"), "no answer to the attempt to connect"),
        (httpx.ReadTimeout("x"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (httpx.PoolTimeout("x"), "all connections are busy"),
        (httpx.RemoteProtocolError("Server disconnected without x"), "connection lost"),
        (httpx.RemoteProtocolError("peer closed connection without x"), "connection lost"),
        (httpx.ReadError(""), "connection lost"),
        (httpx.ProxyError("403 For\x1b[1mbidden"), "the proxy refuses: 403 Forbidden"),
        (httpx.InvalidURL("x"), "its address cannot be used"),
        (OSError("odd"), "odd"),
        (OSError(), "OSError"),
        (
            caused(
                httpx.ConnectError("All connection attempts failed"),
                ExceptionGroup("several", [OSError(errno.ECONNREFUSED, "x")]),
            ),
            "connection refused",
        ),
    ],
)
def test_reasons_in_plain_words(server, error, reason):
    ours = explain(error, server)

    assert type(ours) is UnreachableError
    assert ours.what == f"no ComfyUI at http://gpu.lan:8188 ({reason})"
    assert ours.way_out == (
        "start it, point `server:` elsewhere, or build with what is there: mode: offline"
    )


def test_a_server_that_was_there_went_away(server):
    ours = explain(httpx.ReadError(""), server, met=True)

    assert ours.what == "ComfyUI at http://gpu.lan:8188 went away (connection lost)"


@pytest.mark.parametrize(
    "error",
    [
        httpx.RemoteProtocolError("illegal status line"),
        httpx.DecodingError("bad gzip"),
        httpx.TooManyRedirects("x"),
    ],
)
def test_what_is_no_http_is_no_comfyui(server, error):
    assert type(explain(error, server)) is NotComfyUIError


def verification(code, message=""):
    error = ssl.SSLCertVerificationError("x")
    error.verify_code, error.verify_message = code, message
    return caused(httpx.ConnectError("x"), error)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (10, "its certificate has expired"),
        (18, "its certificate is self-signed"),
        (20, "its certificate comes from an unknown authority"),
        (62, "its certificate is for another host"),
        (23, "its certificate is refused: certificate revoked"),
    ],
)
def test_certificates_that_are_not_trusted(server, code, problem):
    ours = explain(verification(code, "certificate revoked"), server)

    assert type(ours) is UnreachableError
    assert problem in ours.what
    assert "verify: ca.pem" in ours.way_out


def tls(reason):
    error = ssl.SSLError("x")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", AuthError, "wants a client certificate (none is"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", AuthError, "wants a client certificate"),
        ("WRONG_VERSION_NUMBER", NotComfyUIError, "does not speak TLS"),
        ("RECORD_LAYER_FAILURE", NotComfyUIError, "does not speak TLS"),
        ("NO_PROTOCOLS_AVAILABLE", UnreachableError, "TLS fails: "),
    ],
)
def test_tls_failures(server, reason, kind, words):
    ours = explain(caused(httpx.ConnectError("x"), tls(reason)), server)

    assert type(ours) is kind
    assert words in ours.what


def test_a_refused_client_certificate():
    server = ServerConfig(url="https://gpu.lan", client_cert="client.pem")

    assert "(refuses ours)" in explain(tls("TLSV1_ALERT_BAD_CERTIFICATE"), server).what


def test_the_foreign_exception_is_the_cause(server):
    foreign = httpx.ReadError("x")

    with pytest.raises(UnreachableError) as caught, mapped(server):
        raise foreign

    assert caught.value.__cause__ is foreign


def test_a_cause_that_holds_a_secret_is_cut_off(server):
    """A traceback shows the texts of all causes."""
    foreign = caused(
        httpx.LocalProtocolError("bad"), ValueError("Illegal header value b'Bearer s3cr3t-token'")
    )

    with pytest.raises(UnreachableError) as caught, mapped(server):
        raise foreign

    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_our_own_errors_pass(server):
    ours = AuthError("x")

    with pytest.raises(AuthError) as caught, mapped(server):
        raise ours

    assert caught.value is ours
