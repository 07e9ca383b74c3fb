"""The route by which images come in: ``/upload/image``, as ComfyUI 0.3.64 has it."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from mkdocs_comfy.testing.files import Disk


def add_uploads(app: web.Application, disk: Disk) -> None:
    """Register the route, below ``/api`` too."""

    async def upload(request: web.Request) -> web.Response:
        fields, filename, data = form_of(
            request.headers.get("Content-Type", ""), await request.read()
        )
        subfolder = fields.get("subfolder", "")
        overwrite = fields.get("overwrite") in {"true", "1"}
        name = disk.take(filename, data, subfolder=subfolder, overwrite=overwrite)
        if name is None:
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        return web.json_response({"name": name, "subfolder": subfolder, "type": "input"})

    for prefix in ("", "/api"):
        app.router.add_post(f"{prefix}/upload/image", upload)


def form_of(content_type: str, body: bytes) -> tuple[dict[str, str], str, bytes]:
    """Return the plain fields of a form, and the name and the bytes of its file ``image``.

    The request has been read already, for the record, so that aiohttp cannot read it again.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    filename, data = "", b""
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if name == "image":
            filename, data = part.get_filename() or "", content
        else:
            fields[str(name)] = content.decode()
    return fields, filename, data
