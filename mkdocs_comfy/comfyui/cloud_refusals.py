"""Why a server of Comfy API v2 does not do what it was asked for; no I/O.

The codes are those of the API's description (2.0.0) and of comfy-api-proxy 0.1.6. What is not
an error document of that API comes from something in between, and is explained as elsewhere.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.comfyui.answers import seconds_to_wait, unexpected
from mkdocs_comfy.comfyui.cloud_protocol import is_listing, read_envelope
from mkdocs_comfy.comfyui.protocol import as_list, as_mapping, as_text, load_json
from mkdocs_comfy.comfyui.rejections import rejection
from mkdocs_comfy.errors import (
    AuthError,
    NotComfyUIError,
    QuotaError,
    RejectedError,
    RenderError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.comfyui.answers import Answer
    from mkdocs_comfy.comfyui.cloud_protocol import Envelope
    from mkdocs_comfy.comfyui.protocol import Subject
    from mkdocs_comfy.comfyui.server import ServerConfig

_PASSING = frozenset({"queue_full", "deployment_not_ready"})  # end with a job, with a start
_UNTIMED = 2.0  # seconds until the next attempt where the server does not say
_SERVER_ERRORS = range(500, 600)  # RFC 9110 §15.6
_NO_LISTING = frozenset({404, 405, 501})  # statuses
_OTHER_WAYS_OUT = {
    "missing_asset": "the template names a file that the server does not have: take it out",
    "workflow_format_ui": "in ComfyUI choose Workflow → Export (API), and use what you get",
}


def speaks_v2(answer: Answer) -> bool:
    """Whether the answer to ``GET /api/v2/jobs`` is one of Comfy API v2, a refusal included."""
    if answer.status != HTTPStatus.OK:
        return read_envelope(answer.body) is not None
    try:
        return is_listing(load_json(answer.body))
    except ValueError:
        return False


def lists_nothing(answer: Answer) -> bool:
    """Whether the server keeps its jobs to itself, as Comfy Cloud does, and is fine otherwise."""
    envelope = read_envelope(answer.body)
    public = envelope is not None and envelope.code == "public_deployment_no_list"
    return public or (envelope is not None and answer.status in _NO_LISTING)


def is_reuse(answer: Answer) -> bool:
    """Whether an ``Idempotency-Key`` was refused since it has been used."""
    envelope = read_envelope(answer.body)
    return envelope is not None and envelope.code == "idempotency_key_reuse"


def refused(answer: Answer, server: ServerConfig, subject: Subject | None = None) -> RenderError:
    """The error for an answer that is no success.

    Args:
        answer: The answer.
        server: Who gave it.
        subject: What a message about the workflow speaks of, where one was sent.
    """
    envelope = read_envelope(answer.body)
    if envelope is None:
        error = unexpected(answer, server)
        # What no API gives to a request in order: nothing is known of what is there.
        return not_v2(server) if isinstance(error, NotComfyUIError) else error
    said = _said(envelope, server)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _barred(answer, said, server)
    if answer.status in _SERVER_ERRORS:
        return UnreachableError(
            f"{server.display} cannot do its work ({said})",
            way_out="look whether the ComfyUI behind it runs; what is rendered is kept",
            retry_after=seconds_to_wait(answer),
        )
    return _full(answer, envelope, said, server) or (
        not_v2(server) if subject is None else _rejected(envelope, said, subject)
    )


def not_v2(server: ServerConfig) -> NotComfyUIError:
    """The error for something that does not speak Comfy API v2."""
    return NotComfyUIError(
        f"{server.display} does not speak Comfy API v2",
        way_out=f"check host, port and path in `server:`; {server.routes}/v2/jobs must answer as"
        " that API does; a plain ComfyUI wants `api: comfyui`",
    )


def _said(envelope: Envelope, server: ServerConfig) -> str:
    message = server.clean(envelope.message)
    code = server.clean(envelope.code, 60)
    return f"{code}: {message}" if message else code


def _full(answer: Answer, envelope: Envelope, said: str, server: ServerConfig) -> QuotaError | None:
    """The error for a server that takes no jobs, or ``None`` for any other refusal."""
    if answer.status == HTTPStatus.PAYMENT_REQUIRED:
        return QuotaError(
            f"{server.display} takes no more jobs ({said})",
            way_out="buy credits, or wait for the next month's, and build again:"
            " what is rendered is kept",
        )
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = seconds_to_wait(answer)
        return QuotaError(
            f"{server.display} takes no jobs at the moment ({said})",
            way_out="build again later: what is rendered is kept",
            retry_after=_UNTIMED if wait is None else wait,
            passing=envelope.code in _PASSING,
        )
    if envelope.code == "deployment_stopped":
        return QuotaError(
            f"{server.display} takes no jobs ({said})",
            way_out="start the deployment (comfy deploy up), or name another one in `server:`",
        )
    return None


def _barred(answer: Answer, said: str, server: ServerConfig) -> AuthError:
    sent = ", ".join(sorted(server.sent_headers())) or "no credentials"
    way_out = (
        "it wants an API key, for example\n"
        "headers: {Authorization: !ENV COMFY_AUTHORIZATION} with"
        " COMFY_AUTHORIZATION='Bearer comfyui-…'"
    )
    if answer.status == HTTPStatus.FORBIDDEN and server.sent_headers():
        way_out = "look at what the account may do: access by API needs a paid plan on Comfy Cloud"
    return AuthError(
        f"{server.display} lets nobody in with {sent}: it answers {answer.status} ({said})",
        way_out=way_out,
    )


def _rejected(envelope: Envelope, said: str, subject: Subject) -> RejectedError:
    if way_out := _OTHER_WAYS_OUT.get(envelope.code):
        return RejectedError(
            f"template {subject.template!r}: {subject.server.display} refused the workflow"
            f" ({said})",
            way_out=way_out,
        )
    faults = _node_errors(envelope.details.get("node_errors"))
    error = {"type": "invalid_prompt", "message": envelope.message or envelope.code}
    return rejection({"error": error, "node_errors": faults}, subject)


def _node_errors(document: object) -> Mapping[str, Any]:
    """Node errors in the form that ComfyUI gives them; v2 has a shorter one of its own.

    That is ``{id: [{"field": "model", "reason": "missing_input"}]}``.
    """
    found: dict[str, Any] = {}
    for node_id, faults in as_mapping(document).items():
        if isinstance(faults, list):
            faults = {"errors": [_fault(as_mapping(each)) for each in as_list(faults)]}  # noqa: PLW2901  # the same, longer
        found[str(node_id)] = faults
    return found


def _fault(fault: Mapping[Any, Any]) -> Mapping[str, Any]:
    reason = as_text(fault.get("reason"))
    return {
        "type": reason,
        "message": as_text(fault.get("message")) or reason.replace("_", " "),
        "extra_info": {"input_name": as_text(fault.get("field"))},
    }
