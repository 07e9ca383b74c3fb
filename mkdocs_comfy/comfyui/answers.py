"""What an HTTP answer that is not the expected one means; no I/O."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from mkdocs_comfy.comfyui.protocol import load_json
from mkdocs_comfy.errors import (
    AuthError,
    NotComfyUIError,
    QuotaError,
    RejectedError,
    RenderError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.comfyui.server import ServerConfig

_TITLE = re.compile(rb"<title[^>]*>(.{0,500}?)</title", re.IGNORECASE | re.DOTALL)
_HTML = re.compile(
    rb"\s*(?:<\?xml.{0,200}?>\s*)?(?:<!--.{0,500}?-->\s*)?<(?:!doctype html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_LOGIN = re.compile(r"log-?in|sign-?in|oauth|auth|sso|session|account", re.IGNORECASE)
_REDIRECTS = range(300, 400)  # RFC 9110 §15.4
_SERVER_ERRORS = range(500, 600)  # RFC 9110 §15.6
_LONGEST_WAIT = 9  # digits of a Retry-After that makes sense
_LOOKED_AT = 20_000  # bytes of a body that are looked at to say what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer to one of our requests.

    Attributes:
        url: What was asked for, without credentials.
        status: HTTP status.
        headers: Header names in lower case → values.
        body: The body, or its beginning.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def unexpected(answer: Answer, server: ServerConfig) -> RenderError:
    """The error for an answer that no ComfyUI gives to a request in order."""
    error: RenderError
    match answer.status:
        case 401 | 403:
            error = _refused(answer, server)
        case 407:
            error = proxy_wants_credentials(server)
        case 402 | 429:
            error = _quota(answer, server)
        case 413:
            error = RejectedError(
                f"{server.display} takes no request of that size: {_found(answer, server)}",
                way_out="raise --max-upload-size of ComfyUI, or the limit of the proxy before it",
            )
        case 502 | 503 | 504:
            error = UnreachableError(
                f"no ComfyUI at {server.display} (a proxy answers {answer.status})",
                way_out="start the ComfyUI behind the proxy, point `server:` elsewhere, or build"
                " with what is there: mode: offline",
                retry_after=seconds_to_wait(answer),
            )
        case status if status in _REDIRECTS:
            error = _redirected(answer, server)
        case status if status in _SERVER_ERRORS:
            error = UnreachableError(
                f"ComfyUI at {server.display} answers {_found(answer, server)}",
                way_out="look into the server's own log",
            )
        case _:
            error = not_comfyui(answer, server)
    return error


def not_comfyui(answer: Answer, server: ServerConfig) -> NotComfyUIError:
    """The error for an answer that shows that something else than ComfyUI is there."""
    return NotComfyUIError(
        f"{server.display} is no ComfyUI: it answers {_found(answer, server)}",
        way_out=f"check host, port and path in `server:`; {server.routes}/system_stats must answer"
        ' JSON with "system"' + _path_hint(server),
    )


def not_http(server: ServerConfig, banner: bytes = b"") -> NotComfyUIError:
    """The error for something that talks, but not HTTP; ``banner`` is what it said."""
    said = server.clean(banner.decode("utf-8", "replace"), 60)
    return NotComfyUIError(
        f"{server.display} is no ComfyUI: it does not answer in HTTP"
        + (f" but with {said!r}" if said else ""),
        way_out="check host and port in `server:`; a port that expects TLS wants https://",
    )


def proxy_wants_credentials(server: ServerConfig) -> AuthError:
    """The error for a proxy on the way that lets nobody through (RFC 9110 §15.5.8)."""
    return AuthError(
        f"the proxy on the way to {server.display} wants credentials (407)",
        way_out="write them into its URL, in HTTP_PROXY, HTTPS_PROXY or `proxy:`:"
        " http://user:password@proxy.lan:3128",
    )


def is_html(body: bytes) -> bool:
    """True where ``body`` is a page for people: a proxy, a login, another service."""
    return _HTML.match(body) is not None


def seconds_to_wait(answer: Answer) -> float | None:
    """Seconds that the answer asks to wait (RFC 9110 §10.2.3); dates are left out of account."""
    wait = answer.headers.get("retry-after", "").strip()
    usable = wait.isascii() and wait.isdecimal() and len(wait) <= _LONGEST_WAIT
    return float(wait) if usable else None


def _found(answer: Answer, server: ServerConfig) -> str:
    """What an answer is, in words that fit behind 'answers'."""
    if answer.status != 200:  # noqa: PLR2004  # RFC 9110 §15.3.1
        return f"{answer.status} to {_route(answer, server)}" + _quoted(answer, server)
    if is_html(answer.body):
        title = _title(answer, server)
        return f"with an HTML page titled {title!r}" if title else "with an HTML page"
    try:
        document = load_json(answer.body)
    except ValueError:
        return ("with text" + _quoted(answer, server)) if answer.body.strip() else "with nothing"
    if isinstance(document, dict):
        names = ", ".join(str(name) for name in list(document)[:5])
        return f"with JSON of another service ({server.clean(names, 80) or 'an empty object'})"
    return "with JSON of another service"


def _quoted(answer: Answer, server: ServerConfig) -> str:
    """The beginning of a body behind a blank, or nothing where there is none to show."""
    if is_html(answer.body):
        title = _title(answer, server)
        return f" with an HTML page titled {title!r}" if title else " with an HTML page"
    text = answer.body[:_LOOKED_AT].decode("utf-8", "replace")
    shown = server.clean(text, 80)
    return f" {shown!r}" if shown else ""


def _title(answer: Answer, server: ServerConfig) -> str:
    found = _TITLE.search(answer.body[:_LOOKED_AT])
    return server.clean(html.unescape(found[1].decode("utf-8", "replace")), 80) if found else ""


def _route(answer: Answer, server: ServerConfig) -> str:
    path = urlsplit(answer.url).path
    return server.clean(path, 80) or "/"


def _refused(answer: Answer, server: ServerConfig) -> AuthError:
    sent = sorted(server.sent_headers())
    if sent:
        problem = f"with the configured credentials ({', '.join(sent)} sent)"
        way_out = "check the values in `headers:`, or the user and password in `server:`"
    else:
        problem = "without credentials (none sent)"
        way_out = (
            "put what the proxy before ComfyUI asks for into `headers:`, for example"
            " Authorization: !ENV COMFY_TOKEN"
        )
    return AuthError(
        f"{server.display} lets nobody in {problem}: it answers {answer.status}", way_out=way_out
    )


def _quota(answer: Answer, server: ServerConfig) -> QuotaError:
    wait = server.clean(answer.headers.get("retry-after", ""), 40)
    asked = f", retry after {wait}{' s' if wait.isdecimal() else ''}" if wait else ""
    reason = "payment due" if answer.status == 402 else "too many requests"  # noqa: PLR2004  # RFC 9110 §15.5.3
    return QuotaError(
        f"{server.display} takes no more jobs ({answer.status}, {reason}{asked})"
        + _quoted(answer, server),
        way_out="render the rest later: what is done is kept",
        retry_after=seconds_to_wait(answer),
    )


def _redirected(answer: Answer, server: ServerConfig) -> RenderError:
    """Redirects are not followed: they would turn POST into GET, and credentials would go along."""
    shown, upgrade = "nowhere", False
    try:
        target = urlsplit(urljoin(answer.url, answer.headers.get("location", "")))
        asked = urlsplit(answer.url)
        if "location" in answer.headers and target.hostname:
            port = f":{target.port}" if target.port else ""
            shown = server.clean(f"{target.scheme}://{target.hostname}{port}{target.path}", 120)
            upgrade = (
                (asked.scheme, target.scheme) == ("http", "https")
                and asked.hostname == target.hostname
                and not _LOGIN.search(target.path.removeprefix(urlsplit(server.routes).path))
            )
    except ValueError:
        shown = "an impossible address"
    if upgrade:
        better = shown.split("/api/")[0]
        return NotComfyUIError(
            f"{server.display} answers {answer.status}, a redirect to https"
            " (a redirect turns the POST of a job into a GET)",
            way_out=f"write {better} in `server:`",
        )
    return AuthError(
        f"{server.display} answers {answer.status}, a redirect to {shown}: probably a login page",
        way_out="put what the proxy before ComfyUI asks for into `headers:`, or write the address"
        " that ComfyUI itself has into `server:`",
    )


def _path_hint(server: ServerConfig) -> str:
    if urlsplit(server.display).path.endswith("/api"):
        return "; leave out the /api at its end"
    return ""
