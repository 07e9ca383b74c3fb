"""Exceptions of the network and its libraries, mapped to ours: the one place that does."""

from __future__ import annotations

import errno
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import WebSocketException

from mkdocs_comfy.comfyui.answers import not_http, proxy_wants_credentials
from mkdocs_comfy.errors import AuthError, NotComfyUIError, RenderError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs_comfy.comfyui.server import ServerConfig

FOREIGN = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpx.CookieConflict,
    WebSocketException,
    OSError,  # ssl.SSLError, socket.gaierror, ConnectionError and TimeoutError among them
    UnicodeError,  # a host name that cannot be encoded
)
"""Whatever httpx, websockets, ssl and the operating system raise on the way to a server."""

SOCKET_FAULTS = (
    WebSocketException,
    OSError,
    EOFError,
    ValueError,  # impossible proxy addresses
    ImportError,  # a SOCKS proxy, for which websockets wants one more package
)
"""Whatever ends a socket; it only brings news early, so none of them is an error of ours."""

DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
"""The connection broke, maybe an old one that the server closed: a GET may be asked again."""

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    socket.gaierror,
    UnicodeError,
)
"""What happens before anything of a request is sent."""

_NO_TLS_FAULTS = (
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
_UNCONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)
"""No connection to whatever is next on the way: behind a proxy, that is the proxy."""

_WAY_OUT = "start it, point `server:` elsewhere, or build with what is there: mode: offline"
_OTHER_WAY = (
    "start it, or go another way: `proxy: none` is the direct one; `proxy: auto` takes HTTP_PROXY,"
    " HTTPS_PROXY and NO_PROXY from the environment"
)
_ABOUT_OURS = (  # alerts of a server (RFC 8446 §6.2), which can only mean the certificate of ours
    "CERTIFICATE REQUIRED",
    "HANDSHAKE FAILURE",
    "BAD CERTIFICATE",
    "ALERT UNKNOWN CA",
    "ALERT CERTIFICATE EXPIRED",
    "ALERT CERTIFICATE REVOKED",
    "ALERT CERTIFICATE UNKNOWN",
    "ALERT UNSUPPORTED CERTIFICATE",
)
_CERTIFICATE_PROBLEMS = {  # X509_verify_cert_error codes of OpenSSL (x509_vfy.h)
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate comes from an authority of its own",
    20: "its certificate comes from an unknown authority",
    21: "its certificate comes from an unknown authority",
    62: "its certificate is for another host",
    64: "its certificate is for another address",
}
_OS_PROBLEMS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection lost",
    errno.EPIPE: "connection lost",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no network",
    errno.ETIMEDOUT: "no answer",
}
_PROBLEMS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (httpx.ConnectTimeout, "no answer to the attempt to connect"),
    (httpx.PoolTimeout, "all connections are busy"),
    ((httpx.TimeoutException, TimeoutError), "no answer in time"),
    (httpx.ConnectError, "no connection"),
    ((*DROPPED, ConnectionError, ssl.SSLError), "connection lost"),
    ((httpx.InvalidURL, httpx.UnsupportedProtocol), "its address cannot be used"),
)


@contextmanager
def mapped(server: ServerConfig, *, met: bool = False, proxy: str | None = None) -> Iterator[None]:
    """Turn every foreign exception inside into a ``RenderError``.

    Args:
        server: The server that is talked to.
        met: True once the server has answered in this run: then it went away.
        proxy: URL of the proxy on the way to it, or ``None``.

    Raises:
        RenderError: In the place of a foreign exception, with it as the cause, unless its text
            holds a secret.
    """
    try:
        yield
    except FOREIGN as error:
        raise explain(error, server, met=met, proxy=proxy) from _speakable(error, server)


def explain(
    error: BaseException, server: ServerConfig, *, met: bool = False, proxy: str | None = None
) -> RenderError:
    """The error of ours that ``error`` amounts to; see ``mapped``."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _NO_TLS_FAULTS):
            return _tls(cause, server)
    if isinstance(error, httpx.RemoteProtocolError) and not _broken_off(error):
        return not_http(server)
    if isinstance(error, httpx.DecodingError | httpx.TooManyRedirects | httpx.HTTPStatusError):
        return NotComfyUIError(
            f"{server.display} is no ComfyUI: its answer cannot be read"
            f" ({server.clean(str(error), 120)})",
            way_out="check host, port and path in `server:`",
        )
    if isinstance(error, httpx.ProxyError) and str(error).startswith("407"):
        return proxy_wants_credentials(server)
    reason, way_out = _reason(error, chain, server, host=server.host), _WAY_OUT
    if proxy is not None and isinstance(error, _UNCONNECTED):
        reason, way_out = _no_proxy(error, chain, server, proxy), _OTHER_WAY
    arrived = not isinstance(error, _NOT_SENT)
    if met:
        return UnreachableError(
            f"ComfyUI at {server.display} went away ({reason})",
            way_out="start it again and build once more: what is rendered is kept",
            arrived=arrived,
        )
    return UnreachableError(
        f"no ComfyUI at {server.display} ({reason})", way_out=way_out, arrived=arrived
    )


def _no_proxy(
    error: BaseException, chain: list[BaseException], server: ServerConfig, proxy: str
) -> str:
    """The proxy is what is missing; its URL may hold a password."""
    parts = urlsplit(proxy)
    shown = server.clean(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", 80)
    return f"the proxy {shown}: {_reason(error, chain, server, host=parts.hostname or '')}"


def _reason(
    error: BaseException, chain: list[BaseException], server: ServerConfig, *, host: str
) -> str:
    """Why nothing was to be had at ``host``, in plain words."""
    for cause in chain:
        if isinstance(cause, socket.gaierror | UnicodeError):
            return f"the name {server.clean(host, 80)} is not known"
        if isinstance(cause, OSError) and cause.errno in _OS_PROBLEMS:
            return _OS_PROBLEMS[cause.errno]
    said = server.clean(str(error), 120)
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refuses: {said}"
    known = (words for kinds, words in _PROBLEMS if isinstance(error, kinds))
    return next(known, said or type(error).__name__)


def _broken_off(error: httpx.RemoteProtocolError) -> bool:
    """True where the other side hung up (texts of httpcore, h11); else it did not speak HTTP."""
    return str(error).startswith(("Server disconnected", "peer closed connection"))


def _tls(error: ssl.SSLError, server: ServerConfig) -> RenderError:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = server.clean(getattr(error, "verify_message", str(error)), 80)
        problem = _CERTIFICATE_PROBLEMS.get(
            getattr(error, "verify_code", 0), f"its certificate is refused: {said}"
        )
        return UnreachableError(
            f"no ComfyUI at {server.display} ({problem})",
            way_out="for an authority of your own name its file: verify: ca.pem;"
            " `verify: false` trusts whoever answers",
        )
    said = f"{getattr(error, 'reason', None)} {error}".upper().replace("_", " ")
    if any(alert in said for alert in _ABOUT_OURS):
        sent = "refuses ours" if server.client_cert is not None else "none is configured"
        return AuthError(
            f"{server.display} wants a client certificate ({sent})",
            way_out="name its file: client_cert: client.pem, or [certificate, key]",
        )
    if "WRONG VERSION NUMBER" in said or "RECORD LAYER FAILURE" in said or "HTTP REQUEST" in said:
        return NotComfyUIError(
            f"{server.display} does not speak TLS",
            way_out="write http:// in `server:`, or the port that has TLS",
        )
    return UnreachableError(
        f"no ComfyUI at {server.display} (TLS fails: {server.clean(str(error), 120)})",
        way_out="check `verify:` and `client_cert:`, and the TLS settings of the server",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """``error``, what caused it and what happened before it, groups unpacked."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions)
        waiting.extend(other for other in (each.__cause__, each.__context__) if other)


def _speakable(error: BaseException, server: ServerConfig) -> BaseException | None:
    """``error`` as a cause, or ``None`` where a traceback with it would show a secret."""
    told = (f"{each} {each!r}" for each in _chain(error))
    return None if any(server.redact(text) != text for text in told) else error
