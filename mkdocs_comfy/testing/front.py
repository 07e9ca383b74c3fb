"""What happens to every request before its route sees it: record, refuse, answer from a can."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from mkdocs_comfy.testing.answers import Answer, Request, route_of

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from mkdocs_comfy.testing.knobs import Knobs

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def front_door(knobs: Knobs) -> Middleware:
    """Return the middleware of a server with these settings."""

    @web.middleware
    async def enter(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        seen = Request(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=body,
        )
        knobs.requests.append(seen)
        wanted = knobs.headers_required
        if any(request.headers.get(name) != value for name, value in wanted.items()):
            return web.Response(status=401)
        if is_foreign(request.headers.get("Host", ""), request.headers.get("Origin", "")):
            return web.Response(status=403)
        answer = knobs.canned_answer(seen.path, route_of(seen.path))
        if answer is None:
            return await handler(request)
        if answer.handled:
            await handler(request)
        return await say(request, answer)

    return enter


def is_foreign(host: str, origin: str) -> bool:
    """Whether a page of another site asks a server that was reached over loopback."""
    asked, asking = urlsplit(f"//{host.lower()}"), urlsplit(origin.lower())
    if asked.hostname not in LOOPBACK or not asking.netloc:
        return False
    if asked.port is None or asking.port is None:
        return asked.hostname != asking.hostname
    return asked.netloc != asking.netloc


async def say(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Give a canned answer."""
    if answer.delay > 0:
        await asyncio.sleep(answer.delay)
    if answer.reset and request.transport is not None:
        abort(request.transport)
    if answer.breaks_off is not None:
        return await _break_off(request, answer, int(len(answer.body) * answer.breaks_off))
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


async def _break_off(request: web.Request, answer: Answer, sent: int) -> web.StreamResponse:
    """Promise the whole body, send its beginning and close the connection."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[:sent])
    if request.transport is not None:
        request.transport.close()
    return response


def abort(transport: asyncio.Transport, *, reset: bool = True) -> None:
    """Close a connection at once; with ``reset`` the peer sees it reset, not ended."""
    sock = transport.get_extra_info("socket")
    if reset and sock is not None:
        # Lingering for 0 seconds makes the kernel send RST in the place of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
