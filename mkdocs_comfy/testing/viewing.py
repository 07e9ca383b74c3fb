"""``/view``: pictures as they were saved, in another format, slowly, or without an end."""

from __future__ import annotations

import asyncio
import mimetypes
from typing import TYPE_CHECKING

from aiohttp import web

from mkdocs_comfy.testing.transcoding import as_preview, without_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mkdocs_comfy.testing.files import Disk
    from mkdocs_comfy.testing.knobs import Knobs


async def view(request: web.Request, knobs: Knobs, disk: Disk) -> web.StreamResponse:
    """Answer ``GET /view``; refusals have no body, as those of a real server."""
    query = request.query
    if "filename" not in query:
        return web.Response(status=404)
    found = disk.find(
        query["filename"], subfolder=query.get("subfolder"), folder=query.get("type", "output")
    )
    if isinstance(found, int):
        return web.Response(status=found)
    headers = {"Content-Disposition": f'filename="{found.name}"'}
    if knobs.endless or knobs.drip > 0:
        return await _trickle(request, knobs, knobs.picture or found.read_bytes(), headers)
    if knobs.picture is not None:
        return web.Response(body=knobs.picture, headers=headers, content_type=_type_of(found))
    changed = _changed(found, query)
    if changed is not None:
        kind, body = changed
        return web.Response(body=body, headers=headers, content_type=f"image/{kind}")
    return _whole_or_part(request, found, headers)


def _whole_or_part(request: web.Request, file: Path, headers: Mapping[str, str]) -> web.Response:
    """Send a file, the range of it that is asked for, or word that the client has it already.

    aiohttp's own response for files leaves one open where the client goes away too early.
    """
    body, stat = file.read_bytes(), file.stat()
    response = web.Response(headers={**headers, "Accept-Ranges": "bytes"})
    response.content_type = _type_of(file)
    response.etag = etag = f"{stat.st_mtime_ns:x}-{stat.st_size:x}"
    response.last_modified = stat.st_mtime
    if any(tag.value in {etag, "*"} for tag in request.if_none_match or ()):
        response.set_status(304)
        return response
    try:
        part = range(len(body))[request.http_range]
    except ValueError:
        part = range(0)
    if not part:
        response.set_status(416)
        response.headers["Content-Range"] = f"bytes */{len(body)}"
        return response
    if len(part) < len(body):
        response.set_status(206)
        response.headers["Content-Range"] = f"bytes {part[0]}-{part[-1]}/{len(body)}"
    response.body = body[part.start : part.stop]
    return response


def _changed(file: Path, query: Mapping[str, str]) -> tuple[str, bytes] | None:
    """Return format and bytes where the request wants other ones than those of the file."""
    channel = query.get("channel", "")
    if "preview" in query:
        return as_preview(file.read_bytes(), query["preview"], channel)
    return ("png", without_metadata(file.read_bytes())) if channel == "rgb" else None


async def _trickle(
    request: web.Request, knobs: Knobs, body: bytes, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send a body slowly, or without an end, for as long as the settings say so."""
    response = web.StreamResponse(headers={**headers, "Content-Type": "image/png"})
    await response.prepare(request)
    for piece in _pieces(knobs, body):
        await response.write(piece)
        await asyncio.sleep(knobs.drip)
    return response


def _pieces(knobs: Knobs, body: bytes) -> Iterator[bytes]:
    if not knobs.endless:
        yield from (body[index : index + 1] for index in range(len(body)))
        return
    yield body
    while knobs.endless:
        yield bytes(65536)


def _type_of(file: Path) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"
