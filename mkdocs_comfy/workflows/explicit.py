"""What an author says about a template, in a ``NAME.toml`` beside its ``NAME.json``.

::

    size = "1344x768"              # recommended pixels
    output = "Save Image"          # the node whose image is meant

    [parameters.prompt]            # also negative, seed, width, height, steps, cfg
    to = ["Prompt.text"]           # all of these are set

Nodes are named by title, class or id; a title wins over a class, a class over an id.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from mkdocs_comfy.errors import TemplateError, shorten
from mkdocs_comfy.text import normalise_text
from mkdocs_comfy.workflows.graph import Graph, Target, title_of
from mkdocs_comfy.workflows.rules import ROLES, Role
from mkdocs_comfy.workflows.sizes import size_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands in the ``.toml`` of one template.

    Attributes:
        name: Name of the template, for errors.
        file: The ``.toml``, for errors.
        size: Recommended width and height in pixels, or ``None``.
        output: Title, class or id of the output node, or ``None``.
        targets: Role → references ``<node>.<input>``, as written.
    """

    name: str
    file: str
    size: tuple[int, int] | None = None
    output: str | None = None
    targets: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)

    def refuse(self, problem: str, way_out: str = "") -> NoReturn:
        """Raise a :class:`TemplateError` about this file."""
        raise TemplateError(template=self.name, problem=f"{self.file}: {problem}", way_out=way_out)


def read_settings(name: str, toml: str | None, *, file: str) -> Settings:
    """Return what ``toml`` says.

    Args:
        name: Name of the template.
        toml: Content of the file; ``None`` where there is none.
        file: The file as its author knows it.

    Raises:
        TemplateError: It is no TOML, or has a key or a value that means nothing here.
    """
    empty = Settings(name=name, file=file)
    if toml is None:
        return empty
    try:
        document = tomllib.loads(toml.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TemplateError(template=name, problem=f"{file} is no TOML: {error}") from error
    _only(empty, document, ("size", "output", "parameters"), "")
    output = document.get("output")
    if output is not None and not isinstance(output, str):
        empty.refuse(f"output must name a node, got {shorten(repr(output))}")
    return Settings(
        name=name,
        file=file,
        size=_size(empty, document.get("size")),
        output=output,
        targets=_parameters(empty, document.get("parameters", {})),
    )


def toml_beside(file: str) -> str:
    """Return the ``.toml`` that belongs to a template's ``.json``."""
    return file.removesuffix(".json") + ".toml"


def named_nodes(graph: Graph, reference: str) -> tuple[str, ...]:
    """Return the ids of the nodes that ``reference`` names by title, else by class, else by id."""
    wanted = normalise_text(reference)
    for names in _NAMINGS:
        if found := tuple(each for each in graph if wanted == names(graph, each)):
            return found
    return ()


def named_targets(graph: Graph, reference: str) -> tuple[Target, ...]:
    """Return the inputs that ``reference``, ``<node>.<input>``, can mean; one is as it should be.

    Titles and input names may have dots in them, so every dot may be the one between the two.
    """
    splits = list(_splits(normalise_text(reference)))
    for names in _NAMINGS:
        found = tuple(
            Target(node=each, input=name)
            for each in graph
            for node, name in splits
            if node == names(graph, each) and name in graph[each]["inputs"]
        )
        if found:
            return found
    return ()


def reference_to(graph: Graph, target: Target) -> str:
    """Return a reference that means ``target`` and nothing else: by title, where that is so."""
    by_title = f"{title_of(graph[target.node])}.{target.input}"
    return by_title if named_targets(graph, by_title) == (target,) else str(target)


def toml_text(text: str) -> str:
    """Return ``text`` as a TOML string with its quotes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def settling_lines(graph: Graph, role: str, targets: Iterable[Target]) -> str:
    """Return the lines of a ``.toml`` that bind ``role`` to ``targets``."""
    references = ", ".join(toml_text(reference_to(graph, target)) for target in targets)
    return f"[parameters.{role}]\nto = [{references}]"


_NAMINGS: tuple[Callable[[Graph, str], str], ...] = (
    lambda graph, node_id: title_of(graph[node_id]),
    lambda graph, node_id: normalise_text(graph[node_id]["class_type"]),
    lambda _, node_id: normalise_text(node_id),
)


def _splits(reference: str) -> Iterator[tuple[str, str]]:
    for dot in re.finditer(r"\.", reference):
        yield reference[: dot.start()], reference[dot.end() :]


def _only(settings: Settings, table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            settings.refuse(f"unknown key {where}{key}", f"known are {', '.join(known)}")


def _size(settings: Settings, value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    match = (
        re.fullmatch(r"(\d{1,5})x(\d{1,5})", value, re.ASCII) if isinstance(value, str) else None
    )
    if match is None:
        settings.refuse(f'size must be "<width>x<height>" in pixels, got {shorten(repr(value))}')
    size = int(match[1]), int(match[2])
    if problem := size_problem(size):
        settings.refuse(f"size: {problem}")
    return size


def _parameters(settings: Settings, value: object) -> Mapping[Role, tuple[str, ...]]:
    if not isinstance(value, dict):
        settings.refuse(f"parameters must be a table, got {shorten(repr(value))}")
    _only(settings, value, ROLES, "parameters.")
    targets: dict[Role, tuple[str, ...]] = {}
    for role in ROLES:
        if role not in value:
            continue
        table = value[role]
        if not isinstance(table, dict):
            settings.refuse(f"parameters.{role} must be a table with the key `to`")
        _only(settings, table, ("to",), f"parameters.{role}.")
        to = table.get("to")
        if not isinstance(to, list) or not to or not all(isinstance(each, str) for each in to):
            settings.refuse(f'parameters.{role}.to must be a list of "<node>.<input>"')
        targets[role] = tuple(to)
    if ("width" in targets) != ("height" in targets):
        settings.refuse("width and height go together: name both, or neither")
    return targets
