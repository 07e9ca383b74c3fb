"""The sessions on ``/ws``: who hears what, and how a client that reconnects is lost."""

from __future__ import annotations

import asyncio
import json
import struct
import uuid
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Mapping

PREVIEW = 1
PREVIEW_WITH_METADATA = 4
JPEG, PNG = 1, 2

# The longest that a job waits for a listener to take its last frame, in seconds.
PATIENCE = 0.05


class Sessions:
    """The open sockets of one server, by client id.

    Frames are queued and sent one after another by :meth:`publish`, so that a listener that does
    not read holds up nobody but other listeners.
    """

    def __init__(self) -> None:
        self.running_for: str | None = None
        self.running_node: str | None = None
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._flags: dict[str, Mapping[str, Any]] = {}
        self._frames: asyncio.Queue[tuple[str | bytes, str | None]] = asyncio.Queue()

    def post(self, event: str, data: Mapping[str, Any], client_id: str | None = None) -> None:
        """Queue a message for one client, or for all of them."""
        if self._hears(client_id):
            self._frames.put_nowait((json.dumps({"type": event, "data": data}), client_id))

    def post_preview(self, image: bytes, about: Mapping[str, Any], client_id: str | None) -> None:
        """Queue a JPEG for one client, with metadata where it asked for that."""
        if client_id is None or not self._hears(client_id):
            return
        if self._flags.get(client_id, {}).get("supports_preview_metadata"):
            said = json.dumps({**about, "image_type": "image/jpeg"}).encode()
            frame = struct.pack(">II", PREVIEW_WITH_METADATA, len(said)) + said + image
        else:
            frame = struct.pack(">II", PREVIEW, JPEG) + image
        self._frames.put_nowait((frame, client_id))

    def post_png(self, image: bytes, client_id: str | None) -> None:
        """Queue a finished PNG, as SaveImageWebsocket sends it, for one client or for all."""
        if self._hears(client_id):
            self._frames.put_nowait((struct.pack(">II", PREVIEW, PNG) + image, client_id))

    def post_anything(self, frame: str | bytes) -> None:
        """Queue a frame for everybody, as it is."""
        self._frames.put_nowait((frame, None))

    async def close(self) -> None:
        """Close every socket; a client may come back."""
        for socket in list(self._sockets.values()):
            await socket.close()

    def forget(self) -> None:
        """Lose every session, as a killed process does; its connections are closed elsewhere."""
        self.running_for = self.running_node = None
        self._sockets, self._flags, self._frames = {}, {}, asyncio.Queue()

    async def publish(self) -> None:
        """Send queued frames, for ever."""
        while True:
            frame, client_id = await self._frames.get()
            for socket in self._listeners(client_id):
                try:
                    if isinstance(frame, bytes):
                        await socket.send_bytes(frame)
                    else:
                        await socket.send_str(frame)
                except ConnectionError:
                    continue  # it went away; its own handler notices
            self._frames.task_done()

    async def settle(self) -> None:
        """Wait until what was posted is on its way, but not for a listener that does not read."""
        if self._sockets:
            sent = asyncio.ensure_future(self._frames.join())
            await asyncio.wait({sent}, timeout=PATIENCE)
            sent.cancel()

    async def serve(
        self, request: web.Request, *, status: Mapping[str, Any], features: Mapping[str, Any]
    ) -> web.WebSocketResponse:
        """Keep one socket until its client leaves."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        # An empty clientId gets a new one; a known one takes over the session.
        client_id = request.query.get("clientId", "") or uuid.uuid4().hex
        self._sockets[client_id], self._flags[client_id] = socket, {}
        try:
            await _say(socket, "status", {"status": status, "sid": client_id})
            if client_id == self.running_for and self.running_node is not None:
                await _say(socket, "executing", {"node": self.running_node})
            await self._listen(socket, client_id, features)
        finally:
            # As in the real server: the first socket of a client takes the second one with it.
            self._sockets.pop(client_id, None)
            self._flags.pop(client_id, None)
        return socket

    async def _listen(
        self, socket: web.WebSocketResponse, client_id: str, features: Mapping[str, Any]
    ) -> None:
        first = True
        async for message in socket:
            said = _parse(message.data) if message.type is WSMsgType.TEXT else None
            if first and said is not None and said.get("type") == "feature_flags":
                self._flags[client_id] = said.get("data", {})
                await _say(socket, "feature_flags", features)
            first = first and said is None

    def _hears(self, client_id: str | None) -> bool:
        return bool(self._sockets) if client_id is None else client_id in self._sockets

    def _listeners(self, client_id: str | None) -> list[web.WebSocketResponse]:
        if client_id is None:
            return list(self._sockets.values())
        socket = self._sockets.get(client_id)
        return [] if socket is None else [socket]


async def keep_silent(request: web.Request) -> web.WebSocketResponse:
    """Accept a socket and say nothing on it until its client leaves."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for _ in socket:
        pass
    return socket


async def _say(socket: web.WebSocketResponse, event: str, data: Mapping[str, Any]) -> None:
    await socket.send_json({"type": event, "data": data})


def _parse(text: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
