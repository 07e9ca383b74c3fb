"""An image from a server or from the storage that it names: streamed, with a cap on bytes and time.

Redirects are followed by hand, and headers and certificates of ours stay with the server.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

import httpx

from mkdocs_comfy.comfyui.answers import Answer, unexpected
from mkdocs_comfy.comfyui.border import DROPPED, FOREIGN, mapped
from mkdocs_comfy.comfyui.server import origin
from mkdocs_comfy.errors import (
    ConfigurationError,
    LostError,
    RenderError,
    RenderTimeoutError,
    TooLargeError,
)

if TYPE_CHECKING:
    from mkdocs_comfy.comfyui.protocol import ImageRef, Subject
    from mkdocs_comfy.comfyui.server import ServerConfig
    from mkdocs_comfy.comfyui.transport import Transport

_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # RFC 9110 §15.4, those that name a place
_PASSING = frozenset({408, 429, 500, 502, 503, 504})  # of a storage that may do better at once
_GONE = frozenset({400, 404, 410})  # a file name that the server cannot use, or does not have
_ERROR_BYTES = 20_000  # of a body that is only read to say what it is
_LONGEST_NUMBER = 20  # digits of a Content-Length that makes sense
_AGAIN = "build again to render it anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One download.

    Attributes:
        transport: Ways to the server and to places that it names.
        subject: What messages speak of.
        max_bytes: Bytes that the image may have.
        storage: True where images are kept on another host as a rule: it is asked by https only,
            and once more where it fails.
    """

    transport: Transport
    subject: Subject
    max_bytes: int
    storage: bool = False

    async def fetch(self, http: httpx.AsyncClient, image: ImageRef) -> bytes:
        """The bytes of ``image``, through ``http``; see ``Client.download`` for what it raises."""
        *others, last = image.urls or (self._view(image),)
        try:
            async with asyncio.timeout(self.transport.pace.download):
                for url in others:
                    with suppress(LostError):  # a signature may have expired
                        return await self._follow(http, url)
                return await self._follow(http, last)
        except TimeoutError as error:
            raise self._late() from error

    @property
    def _server(self) -> ServerConfig:
        return self.subject.server

    def _view(self, image: ImageRef) -> str:
        names = {"filename": image.filename, "subfolder": image.subfolder, "type": image.type}
        return f"{self._server.routes}/view?{urlencode(names, errors='replace')}"

    @property
    def _whose(self) -> str:
        return f"template {self.subject.template!r}: the image on {self._server.display}"

    async def _follow(self, http: httpx.AsyncClient, url: str) -> bytes:
        """Get ``url`` or what it redirects to; credentials stay behind at another origin."""
        before = self._server.routes
        async with AsyncExitStack() as stack:
            for _ in range(_HOPS + 1):
                if not self._may_ask(before, url):
                    raise LostError(
                        f"{self._whose} is moved to an address that must not be followed",
                        way_out="only http and https are, and never from https back to http",
                    )
                if origin(url) != origin(before):
                    http = await stack.enter_async_context(self._stranger(url))
                got = await self._get(http, url)
                if isinstance(got, bytes):
                    return got
                before, url = url, got
        raise LostError(f"{self._whose} is moved more than {_HOPS} times", way_out=_AGAIN)

    def _may_ask(self, before: str, url: str) -> bool:
        return _may_follow(before, url) and (
            not self.storage or self._is_home(url) or origin(url)[0] == "https"
        )

    def _stranger(self, url: str) -> httpx.AsyncClient:
        try:
            return self.transport.elsewhere(url)
        except (ConfigurationError, OSError) as error:
            raise LostError(f"{self._whose} is moved to where no connection can be made") from error

    async def _get(self, http: httpx.AsyncClient, url: str) -> bytes | str:
        """The body at ``url``, or the address that it redirects to."""
        if self._is_home(url):
            with mapped(self._server, met=True, proxy=self.transport.proxy):
                return await self._insist(http, url)
        try:
            return await self._insist(http, url)
        except FOREIGN as error:
            host = self._server.clean(origin(url)[1], 80)
            raise LostError(
                f"{self._whose} is moved to {host}, which cannot be reached"
                f" ({type(error).__name__})",
                way_out=_AGAIN,
                remedy="fetch" if self.storage else "",
            ) from error

    async def _insist(self, http: httpx.AsyncClient, url: str) -> bytes | str:
        """One request; once more where the connection breaks, which an old one may."""
        try:
            try:
                return await self._receive(http, url)
            except DROPPED:
                return await self._receive(http, url)
        except httpx.ReadTimeout as error:
            raise self._late() from error
        except DROPPED as error:
            raise LostError(
                f"{self._whose} broke off twice", way_out=_AGAIN, remedy="fetch"
            ) from error

    async def _receive(self, http: httpx.AsyncClient, url: str) -> bytes | str:
        async with http.stream("GET", url) as response:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                return _join(url, response.headers["location"])
            if response.status_code != HTTPStatus.OK:
                raise self._refused(response, await read_body(response, _ERROR_BYTES) or b"", url)
            data = await read_body(response, self.max_bytes)
            if data is None:
                raise TooLargeError(
                    f"{self._whose} has more than {self.max_bytes} bytes",
                    way_out="raise `max_bytes:`, or let the workflow save a smaller file",
                )
            return data

    def _refused(self, response: httpx.Response, body: bytes, url: str) -> RenderError:
        if response.status_code in _GONE:
            return LostError(
                f"{self._whose} is not there any more ({response.status_code}),"
                " although the job succeeded",
                way_out=_AGAIN,
                remedy="render",
            )
        if not self._is_home(url):
            host = self._server.clean(origin(url)[1], 80)
            return LostError(
                f"{self._whose} is moved to {host}, which answers {response.status_code}",
                way_out=_AGAIN,
                remedy="fetch" if self.storage and response.status_code in _PASSING else "",
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(url=url, status=response.status_code, headers=headers, body=body)
        return unexpected(answer, self._server)

    def _is_home(self, url: str) -> bool:
        return origin(url) == origin(self._server.routes)

    def _late(self) -> RenderTimeoutError:
        return RenderTimeoutError(
            f"{self._whose} did not arrive within {self.transport.pace.download:g} s",
            way_out="the job is done; the way to the server is too slow, or the server is stuck",
        )


async def read_body(response: httpx.Response, limit: int) -> bytes | None:
    """The decoded body, or ``None`` where it has more than ``limit`` bytes.

    Raises:
        httpx.HTTPError: The connection broke, or the body cannot be decoded.
    """
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < _LONGEST_NUMBER and int(declared) > limit:
        return None
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _join(url: str, location: str) -> str:
    """The address that ``location`` stands for, ``""`` where it is none."""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _may_follow(url: str, target: str) -> bool:
    try:
        before, after = origin(url)[0], origin(target)
    except ValueError:
        return False
    return bool(after[1]) and after[0] in ("https", before)
