"""Where one ComfyUI is and how to reach it; light, so that every build may import it."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote, urlsplit

from mkdocs_comfy.errors import ConfigurationError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from urllib.parse import SplitResult

TEXT_LIMIT = 300
"""Characters that a text from a server may add to an error."""

_READ_AT_MOST = 4000  # characters that are looked at to find those that are shown
_SHORTEST_SECRET = 4  # hiding shorter texts would hide every word that contains them
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2, a token
_NOT_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 §5.5
_ESCAPE_SEQUENCES = re.compile(  # ECMA-48: control sequences, strings, two-character escapes
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServerConfig:
    """Everything that a connection to one ComfyUI needs to know.

    Its ``repr`` holds no secret.

    Attributes:
        url: ``http(s)://[user:password@]host[:port][/path]``, without query and fragment. ComfyUI
            is expected at ``{url}/api``. User and password become a Basic ``Authorization``
            header (RFC 7617).
        headers: Header name → value, sent to this server and to nobody else. One whose value is
            blank is not sent: the environment variable behind it is not set here.
        verify: True to check certificates, False not to, or the path of a PEM file with the
            only authority to trust.
        client_cert: PEM file with certificate and key, or (certificate, key); ``None`` for none.
        proxy: ``"auto"`` for the environment's (never for loopback), ``"none"``, or a URL.
        api: ``"comfyui"`` for ComfyUI's own API, ``"v2"`` for Comfy API v2, ``"auto"`` for
            whichever the server speaks.
        partner_key: Key of a Comfy account for nodes that call paid services, or ``""``. It goes
            along with each workflow, encrypted or to this machine only.

    Raises:
        ConfigurationError: The URL, a header or the key cannot be used; none is quoted, since
            all may be secrets.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    verify: bool | str | PathLike[str] = True
    client_cert: str | PathLike[str] | tuple[str | PathLike[str], str | PathLike[str]] | None = None
    proxy: str = "auto"
    api: Literal["auto", "comfyui", "v2"] = "auto"
    partner_key: str = ""

    def __post_init__(self) -> None:
        parts = _split(self.url)
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ConfigurationError(
                    key="headers", problem=f"{shorten(repr(name))} is not the name of a header"
                )
            if _NOT_IN_A_HEADER.search(value):
                raise ConfigurationError(
                    key="headers",
                    problem=f"the value of {name} has a line break or a control character",
                    way_out="check the environment variable or the file that it comes from",
                )
        if parts.username is not None and "authorization" in {
            name.lower() for name, value in self.headers.items() if value.strip()
        }:
            raise ConfigurationError(
                key="server",
                problem="the URL holds a user and `headers:` an Authorization header",
                way_out="keep one of the two",
            )
        if self.partner_key and not (self.secure or self._stays_here):
            raise ConfigurationError(
                key="partner_key",
                problem=f"it would go unencrypted to {self.display}",
                way_out="write https:// in `server:`, or reach the server through an SSH tunnel",
            )

    def __repr__(self) -> str:
        return f"ServerConfig(url={self.display!r}, headers={sorted(self.headers)})"

    @property
    def display(self) -> str:
        """The URL for people: without user, password and trailing slash."""
        parts = _split(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    @property
    def routes(self) -> str:
        """The URL that every route starts with.

        ComfyUI serves each of its routes below ``/api`` too (``add_routes`` in its server.py), and
        other servers of the same interface serve them only there.
        """
        return f"{self.display}/api"

    @property
    def socket(self) -> str:
        """The URL of the socket, without its query."""
        return f"ws{self.routes.removeprefix('http')}/ws"

    @property
    def host(self) -> str:
        """Host name or address, lower case, without brackets."""
        return _split(self.url).hostname or ""

    @property
    def secure(self) -> bool:
        """True for ``https``."""
        return _split(self.url).scheme == "https"

    @property
    def _stays_here(self) -> bool:
        """True where what is sent does not leave this machine."""
        return is_loopback(self.host) and "://" not in self.proxy

    def sent_headers(self) -> dict[str, str]:
        """The headers that go with every request to this server, Basic credentials included."""
        headers = {name: value.strip() for name, value in self.headers.items() if value.strip()}
        parts = _split(self.url)
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers

    def redact(self, text: str) -> str:
        """``text`` with every secret of this configuration replaced by ``***``."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def clean(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """Text from a server as it may enter an error: one plain line, no secret, cut to ``limit``.

        Escape sequences, control and other invisible characters go, any white space becomes one
        space.
        """
        # Redacted twice: the cut must not halve a secret, an escape sequence must not hide one.
        return shorten(self.redact(plain(self.redact(text)[:_READ_AT_MOST])), limit)

    def _secrets(self) -> set[str]:
        parts = _split(self.url)
        found = {parts.password, unquote(parts.password or ""), self.partner_key}
        for value in self.sent_headers().values():
            # "Bearer x" is echoed as x too; Basic's x is the pair in base64.
            found |= {value, value.rpartition(" ")[2], quote(value, safe="")}
        if "://" in self.proxy:
            secret = _password(self.proxy)
            found |= {secret, unquote(secret)}
        return {each for each in found if each and len(each) >= _SHORTEST_SECRET}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to wait for what, in seconds, and how much to read.

    Attributes:
        connect: For a connection.
        answer: For the next bytes of an answer.
        probe: For the whole of the first answer.
        total: For one whole JSON answer.
        download: For one whole image.
        poll_first: Before the first look at the queue, without news from the socket.
        poll_last: Between two looks, after growing by half each time.
        poll_live: Between two looks while the socket brings news.
        lag: Before the second look at the history of a job that is said to be done.
        lost: For a job to be in neither queue nor history, without interruption, before it is
            taken for lost.
        beat: Between two looks at the clock, which tell that the machine has slept.
        withdraw: For withdrawing our own jobs when a build stops.
        json_bytes: Bytes of one JSON answer.
    """

    connect: float = 5.0
    answer: float = 60.0
    probe: float = 20.0
    total: float = 120.0
    download: float = 120.0
    poll_first: float = 0.05
    poll_last: float = 2.0
    poll_live: float = 5.0
    lag: float = 0.005
    lost: float = 10.0
    beat: float = 1.0
    withdraw: float = 1.5
    json_bytes: int = 64 * 2**20


def is_loopback(host: str) -> bool:
    """True for 127.0.0.0/8, ``::1`` and ``localhost``: this machine, which no proxy reaches."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def plain(text: str) -> str:
    """``text`` as one line without escape sequences, control and other invisible characters."""
    text = _ESCAPE_SEQUENCES.sub("", text)
    kept = (each for each in text if each.isspace() or each.isprintable())
    return " ".join("".join(kept).split())


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of ``url``: what two addresses share when they are one server's.

    Raises:
        ValueError: ``url`` has an impossible port or host.
    """
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def _password(url: str) -> str:
    return urlsplit(url).password or ""


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or re.search(r"[\x00-\x20\x7f]", url):
        raise ConfigurationError(
            key="server",
            problem="expected a URL such as http://127.0.0.1:8188 or https://gpu.example.org/comfy"
            " (no query, no fragment)",
        ) from None
    return parts
