"""What became of a job, read from the history; no I/O.

A job has its image only where the history says ``success``, ``completed``, names no error and no
interruption among its messages (a cycle that is found late is recorded as a success with an
error), and lists an image that is kept on the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from mkdocs_comfy.comfyui.protocol import ImageRef, Place, as_list, as_mapping, as_text
from mkdocs_comfy.errors import (
    InterruptedRenderError,
    LostError,
    NodeFailedError,
    NodeRef,
    OutOfMemoryError,
    RenderTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs_comfy.comfyui.protocol import Subject

_OUT_OF_MEMORY = (  # the allocators of torch, its backends and the operating system
    "out of memory",
    "outofmemory",
    "allocation on device",
    "not enough memory",
    "memoryerror",
    "insufficient memory",
)


def read_history(
    reply: object, prompt_id: str, *, output: str, subject: Subject
) -> ImageRef | None:
    """The image of the job, or ``None`` while ``GET /history/{prompt_id}`` does not know it.

    Args:
        reply: The JSON reply: ``{}`` for a job that is unknown or not finished.
        prompt_id: The job.
        output: Id of the node whose image is wanted.
        subject: What messages speak of.

    Raises:
        NodeFailedError: A node raised; ``OutOfMemoryError`` where it ran out of memory.
        InterruptedRenderError: Somebody interrupted the job.
        LostError: The job ended without an image, or the entry cannot be read.
    """
    if prompt_id not in as_mapping(reply):
        return None
    return _result(as_mapping(as_mapping(reply)[prompt_id]), output, subject)


def _result(entry: Mapping[Any, Any], output: str, subject: Subject) -> ImageRef:
    """The image of a job that is over, of which ``entry`` has ``status`` and ``outputs``."""
    status = as_mapping(entry.get("status"))
    for name, data in _messages(status.get("messages")):
        if name == "execution_error":
            raise_failed(data, subject)
        if name == "execution_interrupted":
            raise_interrupted(data, subject)
    if status.get("status_str") == "error":
        raise_failed({}, subject)
    if status.get("status_str") != "success" or status.get("completed") is not True:
        raise LostError(
            f"template {subject.template!r}: the job ended on {subject.server.display} without"
            f" success (status {subject.says(status.get('status_str'), 40)})",
            way_out="look into ComfyUI's own log, then render again",
        )
    return _image(as_mapping(entry.get("outputs")), output, subject)


def read_job(reply: object, *, output: str, subject: Subject) -> ImageRef | Place:
    """What ``GET /api/jobs/{id}`` says of a job: where it is, or its image.

    The states and fields are those of ComfyUI 0.38 (``comfy_execution/jobs.py``). The same rule
    decides as for the history, which stands in ``execution_status``, where the server sends it.

    Args:
        reply: The JSON reply, a job.
        output: Id of the node whose image is wanted.
        subject: What messages speak of.

    Raises:
        RenderError: See ``read_history``.
    """
    job = as_mapping(reply)
    match job.get("status"):
        case "pending":
            return Place(running=False, ahead=None)
        case "in_progress":
            return Place(running=True, ahead=0)
        case "cancelled":
            raise_interrupted({}, subject)
        case "failed":
            raise_failed(as_mapping(job.get("execution_error")), subject)
    status = as_mapping(job.get("execution_status"))
    if job.get("status") == "completed" and not status:
        status = {"status_str": "success", "completed": True}
    return _result({"outputs": job.get("outputs"), "status": status}, output, subject)


def vanished(subject: Subject) -> LostError:
    """The error for a job that is neither queued nor in the history."""
    return LostError(
        f"template {subject.template!r}: the job vanished from"
        f" {subject.server.display}: it is neither queued nor in the history",
        way_out="the server was restarted, or somebody emptied its queue; build again to render it",
        remedy="render",
    )


def too_long(subject: Subject, seconds: float) -> RenderTimeoutError:
    """The error for a job that ran longer than ``seconds``."""
    return RenderTimeoutError(
        f"template {subject.template!r}: the job ran longer than {seconds:g} s"
        f" on {subject.server.display} and was withdrawn",
        way_out="raise `timeout:` (seconds), or ask for less (steps, size)",
    )


def _messages(messages: object) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    for message in as_list(messages):
        match message:
            case [str(name), data, *_]:
                yield name, as_mapping(data)


def raise_failed(data: Mapping[Any, Any], subject: Subject) -> NoReturn:
    """Raise the error for a job in which a node raised.

    Args:
        data: ``exception_type``, ``exception_message``, ``node_id`` and ``node_type``, each as
            far as it is known.
        subject: What the message speaks of.

    Raises:
        NodeFailedError: In general.
        OutOfMemoryError: Where the node ran out of memory.
    """
    kind = as_text(data.get("exception_type"))
    message = as_text(data.get("exception_message"))
    reason = subject.says(": ".join(part for part in (kind, message) if part.strip()))
    node = _node(data, subject)
    what = f"template {subject.template!r}: {node or 'a node'} failed on {subject.server.display}"
    what += f": {reason}" if reason else " without saying why"
    said = f"{kind} {message}".lower()
    if any(words in said for words in _OUT_OF_MEMORY):
        raise OutOfMemoryError(
            what,
            way_out="ask for a smaller image (hero_size, or `size:` for all pages), use a template"
            " with a smaller model, or end what else uses the server's memory",
            node=node,
        )
    raise NodeFailedError(
        what, way_out="the whole traceback stands in ComfyUI's own log", node=node
    )


def raise_interrupted(data: Mapping[Any, Any], subject: Subject) -> NoReturn:
    """Raise the error for a job that somebody interrupted, at ``node_id`` where ``data`` has it.

    Raises:
        InterruptedRenderError: Always.
    """
    node = _node(data, subject)
    at = f" at {node}" if node else ""
    raise InterruptedRenderError(
        f"template {subject.template!r}: somebody interrupted the job{at}"
        f" on {subject.server.display}",
        way_out="build again to render it",
        node=node,
    )


def _node(data: Mapping[Any, Any], subject: Subject) -> NodeRef | None:
    node_id = data.get("node_id")
    return None if node_id is None else subject.node(node_id, data.get("node_type"))


def _image(outputs: Mapping[Any, Any], output: str, subject: Subject) -> ImageRef:
    """The first image of the wanted node; of any node where that one has none."""
    mine = list(_files(outputs.get(output)))
    others = [file for node, value in outputs.items() if node != output for file in _files(value)]
    for file in (*mine, *others):
        if file.type == "output":
            return file
    node = subject.node(output)
    found = "previews only" if mine or others else "no image"
    raise LostError(
        f"template {subject.template!r}: the job succeeded on {subject.server.display}, but there"
        f" is {found} of {node}",
        way_out="the output must be a node that saves images, such as Save Image",
        node=node,
        remedy="" if mine or others else "render",
    )


def _files(output: object) -> Iterator[ImageRef]:
    """Files among the outputs of a node, told by their shape; images come first."""
    by_key = as_mapping(output)
    for key in sorted(by_key, key=lambda key: key != "images"):
        for value in as_list(by_key[key]):
            file = as_mapping(value)
            if as_text(file.get("filename")):
                yield ImageRef(
                    filename=file["filename"],
                    subfolder=as_text(file.get("subfolder")),
                    type=as_text(file.get("type")) or "output",
                )
