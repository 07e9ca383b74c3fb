"""The one place that builds connections: HTTP client, socket, TLS and proxies of one server."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import urllib.request
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import httpx
from websockets.asyncio.client import connect

from mkdocs_comfy.comfyui.server import is_loopback
from mkdocs_comfy.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.comfyui.server import Pace, ServerConfig

AGENT = "mkdocs-comfy"
"""What we call ourselves to servers."""

_LISTENING = 1.0  # seconds for something that is no ComfyUI to say what it is
_FRAME_BYTES = 16 * 2**20  # previews of large images; a socket that sends more is given up


class Transport:
    """Builds everything that talks to one server, from its one configuration.

    Nothing is taken from the environment but proxies (where ``proxy`` is ``auto``) and the
    system's certificate authorities: no ``.netrc``, no credentials.

    Raises:
        ConfigurationError: A certificate file cannot be used, or the proxy cannot.
    """

    def __init__(self, server: ServerConfig, pace: Pace) -> None:
        self.server = server
        self.pace = pace
        self.proxy = proxy_for(server.display, server.proxy)
        self._context = tls_context(server) if server.secure else None

    def http(self) -> httpx.AsyncClient:
        """A client for the server itself, with its headers; follows no redirect."""
        return self._client(self.server.sent_headers(), self.proxy, self._context)

    def elsewhere(self, url: str) -> httpx.AsyncClient:
        """A client for a place that the server sent us to: no header or certificate of ours.

        Raises:
            ConfigurationError: The environment's proxy for that place cannot be used.
        """
        proxy = proxy_for(url, self.server.proxy)
        context = foreign_context(self.server) if url.startswith("https:") else None
        return self._client({}, proxy, context)

    def socket(self, client_id: str) -> SameOriginConnect:
        """A connection to ``/ws`` that is not open yet, with the same headers, TLS and proxy."""
        headers = self.server.sent_headers()
        agent = next(
            (headers.pop(name) for name in [*headers] if name.lower() == "user-agent"), AGENT
        )
        return SameOriginConnect(
            f"{self.server.socket}?{urlencode({'clientId': client_id})}",
            additional_headers=headers,
            user_agent_header=agent,
            proxy=self.proxy,
            ssl=self._context,
            compression=None,
            open_timeout=self.pace.connect,
            close_timeout=0.2,
            max_size=_FRAME_BYTES,
            # At level DEBUG the library logs every header with its value.
            logger=logging.Logger("mkdocs_comfy.socket", logging.CRITICAL + 1),  # noqa: LOG001  # not in the tree
        )

    async def banner(self) -> bytes:
        """What the other side says to a plain HTTP request, for a message; empty where unknown.

        The HTTP library tells no silence from a text that is not HTTP.
        """
        if self.proxy is not None or self.server.secure:
            return b""
        url = urlsplit(self.server.display)
        with suppress(OSError, ValueError):
            async with asyncio.timeout(_LISTENING):
                reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
                try:
                    writer.write(f"GET / HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
                    return await reader.read(100)
                finally:
                    writer.transport.abort()
        return b""

    def _client(
        self, headers: Mapping[str, str], proxy: str | None, context: ssl.SSLContext | None
    ) -> httpx.AsyncClient:
        # Compressed answers would have to be unpacked before their size is known.
        sent = {"user-agent": AGENT, "accept-encoding": "identity"}
        sent |= {name.lower(): value for name, value in headers.items()}
        return httpx.AsyncClient(
            headers=httpx.Headers(sent, encoding="utf-8"),
            proxy=None if proxy is None else httpx.Proxy(proxy),
            verify=context or _no_authorities(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self.pace.answer, connect=self.pace.connect),
        )


class SameOriginConnect(connect):
    """A socket that follows no redirect: the library would take our headers along."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Answer every redirect with the error that it is."""
        return exc


def proxy_for(url: str, setting: str) -> str | None:
    """The proxy on the way to ``url``, or ``None`` for the direct way.

    Args:
        url: Where the connection goes.
        setting: ``"auto"``, ``"none"`` or the URL of a proxy. ``auto`` is the environment's with
            its exceptions (``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``), never
            for loopback; a URL is used for every host.

    Raises:
        ConfigurationError: The proxy's URL cannot be used; it is not quoted, since it may hold a
            password.
    """
    if setting == "none":
        return None
    if setting != "auto":
        return _usable_proxy(setting, "it")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    known = urllib.request.getproxies()
    found = known.get(parts.scheme) or known.get("all")
    if not found:
        return None
    if "://" not in found:
        found = f"http://{found}"
    return _usable_proxy(found, f"the environment's {parts.scheme.upper()}_PROXY or ALL_PROXY")


def tls_context(server: ServerConfig) -> ssl.SSLContext:
    """TLS towards the server, as ``verify`` and ``client_cert`` say.

    Raises:
        ConfigurationError: A file cannot be read or is no PEM file.
    """
    context = _authorities() if server.verify in (True, False) else _only(server)
    if server.verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if server.client_cert is not None:
        given = server.client_cert
        certificate, key = given if isinstance(given, tuple) else (given, None)
        try:
            # Without a password the library would ask for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                key="client_cert",
                problem=f"cannot use {os.fspath(certificate)}: {_reason(error)}",
                way_out="it takes a PEM file with certificate and key (without pass phrase),"
                " or a list of the two",
            ) from error
    return context


def foreign_context(server: ServerConfig) -> ssl.SSLContext:
    """TLS towards a place that the server sent us to: always checked, without our certificate.

    A CA file of the configuration is trusted there too, next to the usual authorities.
    """
    context = _authorities()
    if not isinstance(server.verify, bool):
        context.load_verify_locations(server.verify)
    return context


def _authorities() -> ssl.SSLContext:
    """The authorities that come with httpx and those of the system."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _only(server: ServerConfig) -> ssl.SSLContext:
    path = os.fspath(server.verify)  # type: ignore[arg-type]  # the caller has ruled out bool
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            key="verify",
            problem=f"cannot use {path}: {_reason(error)}",
            way_out="it takes true, false or a PEM file with the certificate of an authority",
        ) from error


def _no_authorities() -> ssl.SSLContext:
    """For plain HTTP: loading authorities would take 30 ms for nothing."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _usable_proxy(url: str, source: str) -> str:
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    scheme = parts.scheme if known else ""
    if scheme in ("http", "https"):
        return url
    if scheme in ("socks5", "socks5h") and find_spec("socksio"):
        return url
    problem = f"{source} is no URL such as http://proxy.lan:3128"
    if scheme.startswith("socks"):
        problem = f"{source} names a SOCKS proxy, for which the package socksio is missing"
    raise ConfigurationError(
        key="proxy", problem=problem, way_out="write `proxy: none` for the direct way"
    )


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLError():
            return "it is no PEM file, or has a pass phrase"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return str(error)
