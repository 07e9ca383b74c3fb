"""The socket of a connection set: early news about our jobs, and nothing that decides.

A socket may be refused, silent, full of garbage or closed at any time (a server forgets the socket
of a client that has connected twice and never says so). All that costs is speed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from mkdocs_comfy.comfyui.border import SOCKET_FAULTS
from mkdocs_comfy.comfyui.previews import PREVIEWS_WANTED
from mkdocs_comfy.comfyui.protocol import read_frame
from mkdocs_comfy.comfyui.timing import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.comfyui.protocol import Frame
    from mkdocs_comfy.comfyui.transport import Transport

_AGAIN = 0.5  # seconds before a closed socket is opened again
_AGAIN_AT_MOST = 15.0  # seconds, after doubling each time
_STEADY = 10.0  # seconds after which a socket is no longer new


class Listener:
    """Listens to ``/ws``, under a new ``client_id`` for each connection.

    A server that is given an id for the second time forgets both sockets once the first one ends
    (``server.py`` ``websocket_handler``), and says so to nobody. So what was submitted under the
    id of a closed socket is heard of no more.

    Attributes:
        client_id: The id of the connection that is open, or will be opened next.
        open: True while there is a connection.
    """

    def __init__(
        self, transport: Transport, *, tell: Callable[[Frame], None], closed: Callable[[], None]
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            transport: The way to the server.
            tell: Called with each frame.
            closed: Called each time when a connection that was there is gone.
        """
        self.client_id = str(uuid4())
        self.open = False
        self._transport = transport
        self._tell, self._closed = tell, closed
        self._settled = asyncio.Event()

    async def ready(self, seconds: float) -> None:
        """Wait until the connection is there or refused, at most ``seconds``."""
        await wait_for(self._settled, seconds)

    async def listen(self) -> None:
        """Tell what is heard, until this is cancelled; a closed connection is opened again.

        A first one that is refused is not asked for again: something in between has no sockets.
        """
        clock = asyncio.get_running_loop().time
        wait, opened_once = _AGAIN, False
        while True:
            began = clock()
            opened_once = await self._connect() or opened_once
            if not opened_once:
                return
            if clock() - began > _STEADY:
                wait = _AGAIN
            await asyncio.sleep(wait)
            wait = min(wait * 2, _AGAIN_AT_MOST)

    async def _connect(self) -> bool:
        """Connect once; True where there was a connection."""
        opened = False
        try:
            with suppress(*SOCKET_FAULTS):
                async with self._transport.socket(self.client_id) as connection:
                    self.open = opened = True
                    self._settled.set()
                    await connection.send(PREVIEWS_WANTED)
                    async for message in connection:
                        self._tell(read_frame(message))
        finally:
            self._settled.set()
            if self.open:
                self.open = False
                self.client_id = str(uuid4())
                self._closed()
        return opened
