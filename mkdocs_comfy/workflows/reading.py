"""From the text of a file to a graph that can run, or to an error that says why not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from mkdocs_comfy.errors import (
    BrokenGraphError,
    NotAWorkflowError,
    UiFormatError,
    shell_word,
    shorten,
)
from mkdocs_comfy.workflows.graph import Graph, link_of, links, title_of
from mkdocs_comfy.workflows.key import canonical_literal

EXPORT = "choose Workflow → Export (API) (in older menus File → Export (API))"
WRAPPERS: Mapping[str, str] = MappingProxyType(
    {
        "prompt": "a request to ComfyUI's /prompt",
        "output": "the editor's answer to a script, graph and drawing in one",
        "workflow": "a request to the Comfy API",
    }
)
"""Key below which a graph stands in what programs exchange → what that is."""

MAX_CHARACTERS = 8_000_000
MAX_NODES = 25_000
"""Of a file; the largest workflows that people share have a hundredth of either."""

_WAY_OUT = f"a template is a workflow in API format: in ComfyUI {EXPORT}"

MAX_DIGITS = 400
"""Of a whole number; the largest double has 309, and Python reads no more than 4300."""


def read_graph(name: str, text: str, *, file: str) -> Graph:
    """Return the graph that ``text`` holds in API format.

    Every entry of the result has a ``class_type`` and ``inputs``, every link leads to a node, no
    chain of links comes back to where it started, and every literal has a key.

    Args:
        name: Name of the template, for errors.
        text: Content of the file; a byte order mark is ignored.
        file: The file as its author knows it, for errors.

    Raises:
        UiFormatError: The file was saved in the editor's own format.
        BrokenGraphError: The graph cannot run.
        NotAWorkflowError: The file is no JSON or no graph, or larger than any real one.
    """
    document = _read_json(name, text, file)
    for key, what in WRAPPERS.items():
        if _wrapped(document, key) is not None:
            raise NotAWorkflowError(
                template=name,
                problem=f'{file} is no workflow but {what}: {{"{key}": {{…}}}} around a workflow',
                way_out=f'keep only what stands in "{key}", or import it: '
                f"mkdocs-comfy template add {shell_word(file)} --name NAME; "
                f"or in ComfyUI {EXPORT}, and save what you get as {file}",
            )
    return _checked(name, document, file)


def read_wrapped(name: str, text: str, *, file: str) -> tuple[Graph, bool]:
    """Return the graph in ``text``, and whether something was wrapped around it.

    Accepts what :func:`read_graph` does and the requests and answers that carry a graph.

    Raises:
        NotAWorkflowError: As :func:`read_graph` does.
    """
    document = _read_json(name, text, file)
    for key in WRAPPERS:
        if inner := _wrapped(document, key):
            return _checked(name, inner, file), True
    return _checked(name, document, file), False


def find_cycle(graph: Graph) -> tuple[str, ...]:
    """Return the nodes of one circle in the order of flow, the first again at the end, or ``()``.

    All links of ``graph`` must lead to nodes of it.
    """
    sources = {node_id: {link.node for _, link in links(node)} for node_id, node in graph.items()}
    users: dict[str, list[str]] = {node_id: [] for node_id in graph}
    for node_id, its_sources in sources.items():
        for source in its_sources:
            users[source].append(node_id)
    waiting = Counter({node_id: len(its_sources) for node_id, its_sources in sources.items()})
    ready = [node_id for node_id, count in waiting.items() if not count]
    while ready:
        node_id = ready.pop()
        del waiting[node_id]
        for user in users[node_id]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    if not waiting:
        return ()
    # Each node that still waits has a source that waits: going up must come round again.
    path: dict[str, None] = {}
    here = min(waiting)
    while here not in path:
        path[here] = None
        here = min(source for source in sources[here] if source in waiting)
    steps = list(path)
    circle = steps[steps.index(here) :]
    return (here, *reversed(circle))


def _read_json(name: str, text: str, file: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        _refuse(name, f"{file} has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read")
    try:
        document = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
            parse_int=_whole_number,
        )
        # What cannot be written again cannot be submitted: 1e999 is read as infinity, and an
        # escape like "\ud83d" as half a character.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        _refuse(name, f"{file} is no JSON: {place}: {error.msg}", cause=error)
    except RecursionError as error:
        _refuse(name, f"{file} holds no graph: its values are nested too deep", cause=error)
    except UnicodeEncodeError as error:
        _refuse(name, f"{file} has a text with half a character in it (a surrogate)", cause=error)
    except ValueError as error:
        _refuse(name, f"{file}: {error}", cause=error)
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        [(key, count)] = Counter(key for key, _ in pairs).most_common(1)
        message = f"the key {shorten(key)!r} stands {count} times in the same object"
        raise ValueError(message)
    return made


def _no_constant(constant: str) -> NoReturn:
    message = f"{constant} is no number that a server could read"
    raise ValueError(message)


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        message = f"a number has {len(digits)} digits"
        raise ValueError(message)
    return int(digits)


def _checked(name: str, document: Any, file: str) -> Graph:
    if isinstance(document, dict) and isinstance(document.get("nodes"), list):
        raise UiFormatError(
            template=name,
            problem=f"{file} is in the format of ComfyUI's editor, which servers do not run",
            way_out=f"open it in ComfyUI, {EXPORT}, and save what you get as {file}",
        )
    if not isinstance(document, dict) or not document:
        kind = "an empty graph" if document == {} else f"no graph but {_kind(document)}"
        _refuse(name, f"{file} holds {kind}")
    if len(document) > MAX_NODES:
        _refuse(name, f"{file} has {len(document):,} nodes; at most {MAX_NODES:,} are read")
    for node_id, node in document.items():
        if problem := _node_problem(node):
            _break(name, f"{file}: node {shorten(node_id)} {problem}")
    for node_id, node in document.items():
        if problem := _link_problem(document, node):
            _break(name, f"{file}: node {shorten(node_id)} {title_of(node)!r}: {problem}")
    if cycle := find_cycle(document):
        chain = " → ".join(f"{node_id} {title_of(document[node_id])!r}" for node_id in cycle)
        _break(name, f"{file}: the nodes form a cycle: {shorten(chain, 1_000)}")
    return document


def _wrapped(document: Any, key: str) -> Mapping[str, Any] | None:
    """Return the graph that stands below ``key`` of a request or an answer, or ``None``."""
    inner = document.get(key) if isinstance(document, Mapping) else None
    if (
        not isinstance(inner, Mapping)
        or "class_type" in inner
        or isinstance(inner.get("nodes"), list)
    ):
        return None
    return inner


def _refuse(name: str, problem: str, *, cause: Exception | None = None) -> NoReturn:
    raise NotAWorkflowError(template=name, problem=problem, way_out=_WAY_OUT) from cause


def _break(name: str, problem: str) -> NoReturn:
    raise BrokenGraphError(template=name, problem=problem, way_out=_WAY_OUT)


def _node_problem(node: object) -> str | None:
    if not isinstance(node, Mapping):
        return f"is no node but {_kind(node)}"
    if not isinstance(node.get("class_type"), str) or not node["class_type"].strip():
        return "has no class_type"
    if not isinstance(node.get("inputs"), Mapping):
        return "has no inputs"
    try:
        canonical_literal(node["inputs"])
    except ValueError as error:
        return f"cannot run: {error}"
    return None


def _link_problem(graph: Graph, node: Mapping[str, Any]) -> str | None:
    for name, value in node["inputs"].items():
        link = link_of(value)
        if link and link.node not in graph:
            return f"{name} is linked to node {shorten(link.node)!r}, which does not exist"
        if link and (link.slot != value[1] or link.slot < 0):
            return f"{name} is linked to output {value[1]}; outputs are counted 0, 1, 2 …"
    return None


def _kind(value: object) -> str:
    match value:
        case list():
            return "a list"
        case str():
            return f"the text {shorten(value)!r}"
        case None:
            return "null"
        case _:
            return f"the value {json.dumps(value)}"
