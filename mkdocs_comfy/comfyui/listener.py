"""The socket of a connection set: early news about our jobs, and nothing that decides.

A socket may be refused, silent, full of garbage or closed at any time (a server forgets the socket
of a client that has connected twice and never says so). All that costs is speed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.border import SOCKET_FAULTS
from mkdocs_comfy.comfyui.protocol import read_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs_comfy.comfyui.protocol import Frame
    from mkdocs_comfy.comfyui.transport import Transport

_NEVER = float("-inf")


class Listener:
    """Listens to ``/ws`` under one ``client_id``.

    Attributes:
        open: True while there is a connection.
        heard_at: When the last frame came, in seconds of the loop's clock.
    """

    def __init__(
        self,
        transport: Transport,
        client_id: str,
        *,
        tell: Callable[[Frame], None],
        closed: Callable[[], None],
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            transport: The way to the server.
            client_id: Whose news to listen to.
            tell: Called with each frame.
            closed: Called once when a connection that was there is gone.
        """
        self.open = False
        self.heard_at = _NEVER
        self._transport, self._client_id = transport, client_id
        self._tell, self._closed = tell, closed
        self._settled = asyncio.Event()

    async def ready(self, seconds: float) -> None:
        """Wait until the connection is there or refused, at most ``seconds``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settled.wait()

    async def listen(self) -> None:
        """Connect once and tell what is heard, until the connection ends or this is cancelled."""
        try:
            with suppress(*SOCKET_FAULTS):
                async with self._transport.socket(self._client_id) as connection:
                    self.open = True
                    self._settled.set()
                    async for message in connection:
                        self.heard_at = asyncio.get_running_loop().time()
                        self._tell(read_frame(message))
        finally:
            self._settled.set()
            if self.open:
                self.open = False
                self._closed()
