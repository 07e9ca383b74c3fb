r"""What a server's own node definitions say about a graph; no I/O.

A definition is the reply of ``GET /object_info/{class}``: ``{class: {"input": {"required": {name:
[options, {…}]}}}}``. A server that does not know the class answers ``{}``, and so do some that do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from mkdocs_comfy.comfyui.protocol import as_mapping, as_text
from mkdocs_comfy.comfyui.rejections import read_options, rejection
from mkdocs_comfy.workflows.key import MODEL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mkdocs_comfy.comfyui.protocol import Subject
    from mkdocs_comfy.errors import RejectedError

Definitions: TypeAlias = "Mapping[str, object]"
"""Node class → the reply of ``GET /object_info/{class}``."""

_UPLOADED = "_upload"  # image_upload, video_upload, …: such inputs take more than they list


def models_in(graph: Mapping[str, Any]) -> tuple[str, ...]:
    r"""The model files that ``graph`` loads, sorted, each once, with ``/`` for ``\``."""
    return tuple(
        sorted({value.replace("\\", "/") for *_, value in _texts(graph) if _is_model(value)})
    )


def classes_to_ask(graph: Mapping[str, Any]) -> frozenset[str]:
    """Node classes whose definitions may contradict ``graph``: those that are given a text."""
    return frozenset(class_type for _, class_type, *_ in _texts(graph))


def classes_to_spell(graph: Mapping[str, Any]) -> frozenset[str]:
    """Node classes that load a model from a folder, whose name may be spelled in two ways."""
    return frozenset(
        class_type
        for _, class_type, _, value in _texts(graph)
        if _is_model(value) and ("/" in value or "\\" in value)
    )


def spelled(graph: Mapping[str, Any], definitions: Definitions) -> Mapping[str, Any]:
    r"""``graph`` with the names of model files as this server spells them.

    ComfyUI lists files with the separator of its system (``folder_paths.py``
    ``recursive_search``) and takes no other: ``xl\base.safetensors`` on Windows.
    """
    changed: dict[str, dict[str, str]] = {}
    for node_id, class_type, name, value in _texts(graph):
        if not _is_model(value) or class_type not in definitions:
            continue
        options = read_options(definitions[class_type], class_type, name) or ()
        if value not in options:
            same = (each for each in options if _slashed(each) == _slashed(value))
            if (known := next(same, None)) is not None:
                changed.setdefault(node_id, {})[name] = known
    if not changed:
        return graph
    return {
        node_id: {**node, "inputs": {**node["inputs"], **changed[node_id]}}
        if node_id in changed
        else node
        for node_id, node in graph.items()
    }


def contradiction(subject: Subject, definitions: Definitions) -> RejectedError | None:
    """Why the server would refuse the graph, as far as its definitions show it.

    Only a list of options that lacks what the graph names is one. A class without a definition
    means nothing: the submission will tell.
    """
    return next(contradictions(subject, definitions), None)


def contradictions(subject: Subject, definitions: Definitions) -> Iterator[RejectedError]:
    """Yield everything that :func:`contradiction` looks for."""
    graph = spelled(subject.graph, definitions)
    for node_id, class_type, name, value in _texts(graph):
        if class_type not in definitions:
            continue
        definition = definitions[class_type]
        options = read_options(definition, class_type, name)
        if (
            options is not None
            and value not in options
            and _is_closed(definition, class_type, name)
        ):
            yield rejection(_refusal(node_id, class_type, name, value), subject, options=options)


def _texts(graph: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Node id, class, input and value of each text in the graph."""
    for node_id, node in graph.items():
        class_type = as_text(as_mapping(node).get("class_type"))
        for name, value in as_mapping(as_mapping(node).get("inputs")).items():
            if isinstance(value, str):
                yield node_id, class_type, name, value


def _is_model(value: str) -> bool:
    return value.lower().endswith(MODEL_SUFFIXES)


def _slashed(name: str) -> str:
    return name.replace("\\", "/")


def _is_closed(definition: object, class_type: str, name: str) -> bool:
    """True where the input takes what it lists and nothing else."""
    inputs = as_mapping(as_mapping(as_mapping(definition).get(class_type)).get("input"))
    for group in ("required", "optional"):
        match as_mapping(inputs.get(group)).get(name):
            case [list(options), *rest] | ["COMBO", {"options": list(options)}, *rest]:
                more = as_mapping(rest[0]) if rest else {}
                return all(isinstance(each, str) for each in options) and not any(
                    key.endswith(_UPLOADED) for key in more
                )
    return False


def _refusal(node_id: str, class_type: str, name: str, value: str) -> Mapping[str, Any]:
    """What ``POST /prompt`` would answer (``execution.py`` ``validate_inputs``)."""
    extra: Mapping[str, Any] = {"input_name": name, "received_value": value, "input_config": None}
    errors: Sequence[Mapping[str, Any]] = [
        {"type": "value_not_in_list", "message": "Value not in list", "extra_info": extra}
    ]
    return {"node_errors": {node_id: {"class_type": class_type, "errors": errors}}}
