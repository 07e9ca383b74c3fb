"""Why a ComfyUI refused a workflow, read from its error documents; no I/O.

The documents: ``{"error": {type, message, details, extra_info}, "node_errors": {id: {"errors":
[{type, message, details, extra_info}], "class_type", …}}}`` (``execution.py`` ``validate_prompt``).
Other front ends send other JSON: a text for ``error``, ``{code, message}``, a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.comfyui.protocol import as_list, as_mapping, as_text
from mkdocs_comfy.errors import (
    MissingModelError,
    MissingNodeError,
    NodeRef,
    RejectedError,
)
from mkdocs_comfy.workflows.key import MODEL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mkdocs_comfy.comfyui.protocol import Subject

_KINDS_OF_MODEL = {  # by the input of ComfyUI's own loaders (nodes.py)
    "ckpt_name": "checkpoint",
    "unet_name": "diffusion model",
    "vae_name": "VAE",
    "lora_name": "LoRA",
    "clip_name": "text encoder",
    "control_net_name": "ControlNet",
    "style_model_name": "style model",
}
_SHOWN_ERRORS = 3
_SHOWN_MODELS = 8
_COMPARED_MODELS = 2000  # a server with more is told by the first ones
_UNKNOWN_CLASS = re.compile(r"node (?P<class>.+) does not exist")
_NODE_ID = re.compile(r"Node ID '#?(?P<id>[^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeError:
    """One fault of one node.

    Attributes:
        node_id: Node id as the server wrote it.
        class_type: The node's class, as far as the server said.
        type: Kind of fault, for example ``"value_not_in_list"``.
        message: The server's words.
        details: More of them.
        input: The input at fault, or ``""``.
        received: The value that was refused, any JSON.
        has_received: True where the server said which value it refused.
        options: What the input takes, or ``None`` where the server did not say: it leaves out
            lists of more than 20.
    """

    node_id: str
    class_type: str
    type: str
    message: str
    details: str
    input: str
    received: Any
    has_received: bool
    options: tuple[str, ...] | None

    @property
    def wants_options(self) -> bool:
        """True where the options must be asked for before the fault can be explained."""
        return self.type == "value_not_in_list" and self.options is None and bool(self.class_type)


def read_node_errors(node_errors: object) -> tuple[NodeError, ...]:
    """The faults in a ``node_errors`` document, in its order; none where it has another shape."""
    return tuple(
        error
        for node_id, node in as_mapping(node_errors).items()
        for error in _errors_of(str(node_id), node)
    )


def read_options(object_info: object, class_type: str, name: str) -> tuple[str, ...] | None:
    """What the input ``name`` takes, from the reply of ``GET /object_info/{class}``."""
    inputs = as_mapping(as_mapping(as_mapping(object_info).get(class_type)).get("input"))
    for group in ("required", "optional"):
        options = _options(as_mapping(inputs.get(group)).get(name))
        if options is not None:
            return options
    return None


def rejection(
    reply: object,
    subject: Subject,
    *,
    options: Sequence[str] | None = None,
) -> RejectedError:
    """The error for a refused workflow.

    Args:
        reply: The error document, any JSON, or the text that came in its place.
        subject: What the message speaks of.
        options: What the first input with ``wants_options`` takes, where it was asked for.
    """
    document = as_mapping(reply)
    errors = read_node_errors(document.get("node_errors"))
    for error in errors:
        known = error.options if error.options is not None else options
        if error.type == "value_not_in_list" and _names_a_model(error, known or ()):
            return _missing_model(error, known, subject)
    if errors:
        return _faults(errors, subject, options)
    general = as_mapping(document.get("error"))
    kind, message = as_text(general.get("type")), as_text(general.get("message"))
    details = as_text(general.get("details"))
    extra = as_mapping(general.get("extra_info"))
    unknown = _UNKNOWN_CLASS.search(message) if kind == "invalid_prompt" else None
    if kind == "missing_node_type" or unknown:
        named = _NODE_ID.search(details)
        return _missing_node(
            as_text(extra.get("class_type")) or (unknown["class"] if unknown else ""),
            as_text(extra.get("node_id")) or (named["id"] if named else ""),
            subject,
        )
    words = [message or kind, details if details != message else ""]
    if not any(words):
        words = [as_text(document.get("error")), as_text(document.get("message")), as_text(reply)]
    said = subject.says(": ".join(part for part in words if part))
    return RejectedError(
        f"template {subject.template!r}: ComfyUI at {subject.server.display} refused the workflow"
        f": {said or 'it did not say why'}",
        way_out="check that the workflow runs in ComfyUI itself, then export it again (API)",
    )


def _errors_of(node_id: str, node: object) -> Iterator[NodeError]:
    document = as_mapping(node)
    for value in as_list(document.get("errors")):
        error = as_mapping(value)
        extra = as_mapping(error.get("extra_info"))
        yield NodeError(
            node_id=node_id,
            class_type=as_text(document.get("class_type")),
            type=as_text(error.get("type")),
            message=as_text(error.get("message")),
            details=as_text(error.get("details")),
            input=as_text(extra.get("input_name")),
            received=extra.get("received_value"),
            has_received="received_value" in extra,
            options=_options(extra.get("input_config")),
        )


def _options(config: object) -> tuple[str, ...] | None:
    """Options of an input: ``[[…], {…}]``, or ``["COMBO", {"options": […]}]`` of newer nodes."""
    match config:
        case [list(options), *_] | ["COMBO", {"options": list(options)}, *_]:
            return tuple(option for option in options if isinstance(option, str))
        case _:
            return None


def _names_a_model(error: NodeError, options: Sequence[str]) -> bool:
    named = as_text(error.received), *options
    return any(name.lower().endswith(MODEL_SUFFIXES) for name in named)


def _missing_model(
    error: NodeError, installed: Sequence[str] | None, subject: Subject
) -> MissingModelError:
    node = subject.node(error.node_id, error.class_type)
    model = subject.says(error.received, 120)
    name = subject.says(error.input, 60)
    kind = _KINDS_OF_MODEL.get(error.input.rstrip("0123456789"), "model file")
    closest = [subject.says(each, 120) for each in _closest(model, installed or ())]
    if installed is None:
        way_out = f"put {model} where the server keeps its models, or name one that is there"
    elif not closest:
        way_out = f"installed: none; put {model} where the server keeps its models"
    else:
        counted = f" ({len(closest)} of {len(installed)})" if len(installed) > len(closest) else ""
        way_out = (
            f"installed{counted}: {', '.join(closest)}\n"
            f"install {model}, or name one that is there:"
            f' hero_params: {{"{node.title}.{name}": "{closest[0]}"}}'
        )
    return MissingModelError(
        f"template {subject.template!r}: ComfyUI has no {kind} {model!r} ({node}, {name})",
        model=model,
        input=name,
        installed=installed or (),
        way_out=way_out,
        node=node,
    )


def _closest(model: str, installed: Sequence[str]) -> list[str]:
    """At most eight of ``installed``, the most similar to ``model`` first."""
    wanted = model.lower()
    alike = sorted(
        installed[:_COMPARED_MODELS],
        key=lambda name: (-SequenceMatcher(None, name[:200].lower(), wanted).ratio(), name),
    )
    return alike[:_SHOWN_MODELS]


def _missing_node(class_type: str, node_id: str, subject: Subject) -> MissingNodeError:
    node = subject.node(node_id, class_type) if node_id else None
    at = f" ({node})" if node else ""
    name = subject.says(class_type, 120) or (node.class_type if node else "?")
    return MissingNodeError(
        f"template {subject.template!r}: ComfyUI at {subject.server.display} has no node class"
        f" {name!r}{at}",
        way_out="install the extension that brings it on the server, or use another template",
        node=node,
    )


def _faults(
    errors: Sequence[NodeError], subject: Subject, options: Sequence[str] | None
) -> RejectedError:
    first: NodeRef = subject.node(errors[0].node_id, errors[0].class_type)
    listed = "; ".join(_fault(error, subject) for error in errors[:_SHOWN_ERRORS])
    more = len(errors) - _SHOWN_ERRORS
    taken = errors[0].options or options or ()
    close = get_close_matches(as_text(errors[0].received)[:200], taken[:_COMPARED_MODELS], n=1)
    meant = f"did you mean {subject.says(close[0], 120)!r}?\n" if close else ""
    return RejectedError(
        f"template {subject.template!r}: ComfyUI refused the workflow: {listed}"
        + (f"; and {more} more" if more > 0 else ""),
        way_out=f"{meant}mend the value in the template, or in the page: hero_params, hero_size",
        node=first,
    )


def _fault(error: NodeError, subject: Subject) -> str:
    """One fault readably: node, class, input, the server's words and the value."""
    node = subject.node(error.node_id, error.class_type)
    kind = f" ({node.class_type})" if node.class_type != node.title else ""
    where = f", {subject.says(error.input, 60)}" if error.input else ""
    said = subject.says(error.message or error.type or "no reason given", 120)
    details = subject.says(error.details, 120)
    if details and details not in (error.input, error.message):
        said += f": {details}"
    got = ""
    if error.has_received:
        received = subject.says(error.received, 80)
        got = f", got {received!r}" if isinstance(error.received, str) else f", got {received}"
    return f"{node}{kind}{where}: {said}{got}"
