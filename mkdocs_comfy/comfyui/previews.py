"""Preview images of a running job, as they come over the socket; no I/O.

A server sends them only if it was started with ``--preview-method``, and only to the socket that
the job was submitted for.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum

PREVIEWS_WANTED = '{"type":"feature_flags","data":{"supports_preview_metadata":true}}'
"""The first thing to say on a socket, so that previews come with the id of their job (``server.py``
``websocket_handler``). Servers before 0.3.41 do not know it and send them without."""

MEDIA_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
"""First bytes → media type, of the formats that a server sends previews in."""

_HEAD = struct.Struct(">II")


class BinaryFrame(IntEnum):
    """The kinds of binary frames that matter here (ComfyUI's ``BinaryEventTypes``)."""

    PREVIEW = 1
    PREVIEW_WITH_METADATA = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictured:
    """What the image of a running job looks like so far.

    Attributes:
        prompt_id: The job; ``""`` where the server does not say and means the one that runs.
        image: A JPEG or PNG, by its first bytes; nobody has looked further.
    """

    prompt_id: str
    image: bytes


def read_preview(message: bytes) -> Pictured | None:
    """The preview in a binary frame; ``None`` where it holds something else."""
    if len(message) < _HEAD.size:
        return None
    kind, number = _HEAD.unpack_from(message)
    match kind:
        case BinaryFrame.PREVIEW:  # the number is the format, which the image tells too
            prompt_id, image = "", message[_HEAD.size :]
        case BinaryFrame.PREVIEW_WITH_METADATA:
            end = _HEAD.size + number
            prompt_id, image = _job_in(message[_HEAD.size : end]), message[end:]
            if not prompt_id:
                return None
        case _:
            return None
    return Pictured(prompt_id=prompt_id, image=image) if media_type(image) else None


def media_type(image: bytes) -> str:
    """The media type of a preview, by its first bytes; ``""`` where it is none."""
    return next((kind for start, kind in MEDIA_TYPES.items() if image.startswith(start)), "")


def _job_in(metadata: bytes) -> str:
    try:
        document = json.loads(metadata)
    except (ValueError, RecursionError):
        return ""
    prompt_id = document.get("prompt_id") if isinstance(document, dict) else None
    return prompt_id if isinstance(prompt_id, str) else ""
