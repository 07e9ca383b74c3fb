"""Requests to one server and their whole answers: what clients of every API share."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from mkdocs_comfy.comfyui.answers import Answer, not_comfyui, not_http, unexpected
from mkdocs_comfy.comfyui.border import DROPPED, FOREIGN, mapped
from mkdocs_comfy.comfyui.download import Download, read_body
from mkdocs_comfy.comfyui.protocol import Subject, load_json
from mkdocs_comfy.errors import NotComfyUIError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.comfyui.protocol import ImageRef
    from mkdocs_comfy.comfyui.transport import Transport


class Exchange:
    """One connection set to one server; an async context manager.

    Every method raises ``RenderError`` only. Errors with ``fatal`` speak of the server, the
    others of the one job.

    Attributes:
        server: The server.
        pace: How long to wait for what.
        version: ComfyUI's own version, known after ``probe``; ``""`` if not told.
    """

    _images_in_storage: ClassVar[bool] = False

    def __init__(self, transport: Transport) -> None:
        """Prepare; nothing is opened yet."""
        self.server = transport.server
        self.pace = transport.pace
        self.version = ""
        self._transport = transport
        self._http = transport.http()
        self._met = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(*FOREIGN):  # what is broken already need not be closed well
            await self._http.aclose()

    def subject(self, job: RenderJob) -> Subject:
        """What messages about ``job`` speak of."""
        return Subject(server=self.server, template=job.template, graph=job.graph)

    async def download(self, image: ImageRef, job: RenderJob, *, max_bytes: int) -> bytes:
        """The bytes of ``image``, whatever they are.

        Raises:
            TooLargeError: There are more than ``max_bytes``.
            RenderTimeoutError: They did not come in time.
            LostError: The server does not have the image any more, or it broke off.
            RenderError: The server cannot be used.
        """
        download = Download(
            transport=self._transport,
            subject=self.subject(job),
            max_bytes=max_bytes,
            storage=self._images_in_storage,
        )
        return await download.fetch(self._http, image)

    def _extra_data(self) -> dict[str, object]:
        """What goes beside a workflow: the key for partner nodes, where there is one."""
        key = self.server.partner_key
        return {"extra_data": {"api_key_comfy_org": key}} if key else {}

    def _document(self, answer: Answer) -> object:
        """The JSON of an answer that must be one with status 200."""
        if answer.status != HTTPStatus.OK:
            raise unexpected(answer, self.server)
        try:
            return load_json(answer.body)
        except ValueError:
            raise not_comfyui(answer, self.server) from None

    async def _greet(self, route: str) -> Answer:
        """The answer to the first request.

        Raises:
            UnreachableError: Nothing answers.
            NotComfyUIError: What answers does not speak HTTP.
        """
        try:
            return await self._ask("GET", route, within=self.pace.probe)
        except UnreachableError as error:
            banner = await self._transport.banner()
            if banner and not banner.startswith(b"HTTP/"):
                raise not_http(self.server, banner) from error
            raise

    async def _ask(
        self,
        method: str,
        route: str,
        document: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
    ) -> Answer:
        """One request and its whole answer, whatever its status."""
        body = None if document is None else json.dumps(document).encode()
        sent = {} if body is None else {"Content-Type": "application/json"}
        return await self._send(method, route, body, {**sent, **(headers or {})}, within=within)

    async def _send(
        self,
        method: str,
        route: str,
        body: bytes | None,
        sent: Mapping[str, str],
        *,
        within: float | None = None,
    ) -> Answer:
        """The same, for a body of any kind."""
        with mapped(self.server, met=self._met, proxy=self._transport.proxy):
            async with asyncio.timeout(within or self.pace.total):
                try:
                    return await self._exchange(method, route, body, sent)
                except DROPPED:
                    if method != "GET":
                        raise
                    return await self._exchange(method, route, body, sent)

    async def _exchange(
        self, method: str, route: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        url = f"{self.server.routes}{route}"
        async with self._http.stream(method, url, content=body, headers=headers) as response:
            content = await read_body(response, self.pace.json_bytes)
            if content is None:
                raise NotComfyUIError(
                    f"{self.server.display} is no ComfyUI: its answer to {route} does not end"
                    f" within {self.pace.json_bytes // 2**20} MiB",
                    way_out="check host, port and path in `server:`",
                )
            return Answer(
                url=url,
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=content,
            )
