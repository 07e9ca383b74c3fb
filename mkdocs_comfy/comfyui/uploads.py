"""Source images on their way to one server: each is uploaded once."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.comfyui.server_client import ServerClient

UPLOADS = "mkdocs-comfy"
"""Folder below the server's ``input`` that uploads go into."""

_NAME = 32  # hex digits of the digest: a name of the image's own, whoever uploads it


class Uploads:
    """The source images that one server has been given.

    A server that is asked for the same image again is not sent it again. An upload that failed is
    tried again with the next job that needs it.
    """

    def __init__(self, client: ServerClient) -> None:
        """Prepare; nothing is sent yet."""
        self._client = client
        self._sent: dict[str, asyncio.Task[str]] = {}

    async def placed(self, job: RenderJob, graph: Mapping[str, Any]) -> Mapping[str, Any]:
        """``graph`` with the server's names of images in the place of what stands for them.

        Raises:
            RenderError: An image cannot be uploaded, or is another one by now.
        """
        if not job.uploads:
            return graph
        names = {
            literal: await self._upload(literal, path, job) for literal, path in job.uploads.items()
        }
        return {
            node_id: {
                **node,
                "inputs": {
                    name: names.get(value, value) if isinstance(value, str) else value
                    for name, value in node["inputs"].items()
                },
            }
            for node_id, node in graph.items()
        }

    async def _upload(self, literal: str, path: Path, job: RenderJob) -> str:
        task = self._sent.get(literal)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._sent[literal] = asyncio.create_task(self._send(literal, path, job))
        return await asyncio.shield(task)

    async def _send(self, literal: str, path: Path, job: RenderJob) -> str:
        digest = literal.rpartition(":")[2]
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise _changed(job, f"cannot be read any more: {error.strerror or error}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _changed(job, "was changed during the build")
        return await self._client.upload(data, f"{digest[:_NAME]}{path.suffix.lower()}")


def multipart(fields: Mapping[str, str], *, name: str, data: bytes) -> tuple[bytes, str]:
    """Return a form with one image as a body, and its content type (RFC 7578).

    Args:
        fields: Plain fields; neither names nor values have quotes or line breaks.
        name: File name of the image, likewise.
        data: Its bytes.
    """
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(parts).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def _changed(job: RenderJob, problem: str) -> RejectedError:
    return RejectedError(
        f"template {job.template!r}: the source image of {job.page} {problem}",
        way_out="build again",
    )
