"""What an author says about a template, in a ``NAME.toml`` beside its ``NAME.json``.

::

    description = "Harbours in oil"
    licence = "SDXL base 1.0: CreativeML Open RAIL++-M"
    size = "1344x768"              # recommended pixels
    negative = "text, watermark"   # in the place of the graph's own
    output = "Save Image"          # the node whose image is meant

    [parameters.prompt]            # also negative, seed, width, height, steps, cfg
    to = ["Prompt.text"]           # all of these are set

    [parameters.lora_strength]     # what else a page may set
    to = ["Load LoRA.strength_model", "Load LoRA.strength_clip"]
    type = "float"
    min = 0
    max = 2
    default = 1

Nodes are named by title, class or id; a title wins over a class, a class over an id.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from mkdocs_comfy.errors import TemplateSettingsError, brief, shorten
from mkdocs_comfy.text import normalise_text
from mkdocs_comfy.workflows.parameters import KINDS, NUMBER_KINDS, Kind, is_number
from mkdocs_comfy.workflows.rules import ROLES, Role
from mkdocs_comfy.workflows.sizes import size_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mkdocs_comfy.workflows.graph import Scalar

MAX_TOML = 256 * 1024
"""Characters of a ``.toml``; what people write has a few hundred."""

NUMBER_ROLES: tuple[Role, ...] = ("steps", "cfg")
"""Roles that pages set as parameters, by their own names."""

_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,63}")
_REFERENCE = 1_000
"""Characters of ``<node>.<input>``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One ``[parameters.NAME]``, as written.

    Attributes:
        name: A role, or a name of the author's own.
        to: References ``<node>.<input>``; empty only for a role, which is traced then.
        kind: Its ``type``, or ``None`` where it does not say.
        minimum: Its ``min``, or ``None``.
        maximum: Its ``max``, or ``None``.
        choices: Its ``choices``, all texts or all numbers.
        default: Its ``default``, or ``None``.
        description: Its ``description``, or ``""``.
    """

    name: str
    to: tuple[str, ...] = ()
    kind: Kind | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int | float, ...] = ()
    default: Scalar | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands in the ``.toml`` of one template.

    Attributes:
        name: Name of the template, for errors.
        file: The ``.toml``, for errors.
        description: What the template is for, or ``""``.
        licence: Under what terms its models are used, or ``""``.
        size: Recommended width and height in pixels, or ``None``.
        negative: The template's own negative (NFC, LF), or ``None`` for the graph's.
        output: Title, class or id of the output node, or ``None``.
        parameters: Name → what is declared of it.
    """

    name: str
    file: str
    description: str = ""
    licence: str = ""
    size: tuple[int, int] | None = None
    negative: str | None = None
    output: str | None = None
    parameters: Mapping[str, Declaration] = field(default_factory=dict)

    @property
    def targets(self) -> Mapping[Role, tuple[str, ...]]:
        """Role → references ``<node>.<input>``, for the roles that are not traced."""
        declared = self.parameters
        return {role: declared[role].to for role in ROLES if role in declared and declared[role].to}

    def refuse(self, problem: str, way_out: str = "") -> NoReturn:
        """Raise a :class:`TemplateSettingsError` about this file."""
        raise TemplateSettingsError(
            template=self.name, problem=f"{self.file}: {problem}", way_out=way_out
        )


def read_settings(name: str, toml: str | None, *, file: str) -> Settings:
    """Return what ``toml`` says.

    Args:
        name: Name of the template.
        toml: Content of the file; ``None`` where there is none.
        file: The file as its author knows it.

    Raises:
        TemplateSettingsError: It is no TOML, or has a key or a value that means nothing here.
    """
    empty = Settings(name=name, file=file)
    if toml is None:
        return empty
    if len(toml) > MAX_TOML:
        empty.refuse(f"it has {len(toml):,} characters; at most {MAX_TOML:,} are read")
    try:
        document = tomllib.loads(toml.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TemplateSettingsError(template=name, problem=f"{file} is no TOML: {error}") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise TemplateSettingsError(template=name, problem=f"{file}: {error}") from error
    known = ("description", "licence", "size", "negative", "output", "parameters")
    _only(empty, document, known, "")
    output = document.get("output")
    if output is not None and not isinstance(output, str):
        empty.refuse(f"output must name a node, got {brief(output)}")
    return Settings(
        name=name,
        file=file,
        description=_text(empty, document, "description") or "",
        licence=_text(empty, document, "licence") or "",
        size=_size(empty, document.get("size")),
        negative=_text(empty, document, "negative"),
        output=output,
        parameters=_parameters(empty, document.get("parameters", {})),
    )


def toml_beside(file: str) -> str:
    """Return the ``.toml`` that belongs to a template's ``.json``."""
    return file.removesuffix(".json") + ".toml"


def _only(settings: Settings, table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            listed = ", ".join(known)
            settings.refuse(f"unknown key {where}{shorten(key)}", f"known are {listed}")


def _text(settings: Settings, table: Mapping[str, Any], key: str, where: str = "") -> str | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        settings.refuse(f"{where}{key} must be a text, got {brief(value)}")
    return normalise_text(value)


def _size(settings: Settings, value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    match = (
        re.fullmatch(r"(\d{1,5})x(\d{1,5})", value, re.ASCII) if isinstance(value, str) else None
    )
    if match is None:
        settings.refuse(f'size must be "<width>x<height>" in pixels, got {brief(value)}')
    size = int(match[1]), int(match[2])
    if problem := size_problem(size):
        settings.refuse(f"size: {problem}")
    return size


def _parameters(settings: Settings, value: object) -> Mapping[str, Declaration]:
    if not isinstance(value, dict):
        settings.refuse(f"parameters must be a table, got {brief(value)}")
    declared = {name: _declaration(settings, name, table) for name, table in value.items()}
    named = {name for name, each in declared.items() if each.to}
    if ("width" in named) != ("height" in named):
        settings.refuse("width and height go together: name both, or neither")
    return declared


def _declaration(settings: Settings, name: str, table: object) -> Declaration:
    if not _PARAMETER.fullmatch(name):
        settings.refuse(
            f"parameters: {shorten(repr(name))} is no name",
            "names are made of a-z 0-9 _ and start with a letter",
        )
    where = f"parameters.{name}"
    if not isinstance(table, dict):
        settings.refuse(f"{where} must be a table such as [{where}] with the key `to`")
    is_role = name in ROLES
    valued = not is_role or name in NUMBER_ROLES
    known = ("to", "description") + (("type", "min", "max", "choices", "default") * valued)
    _only(settings, table, known, f"{where}.")
    to = table.get("to", [] if is_role and table else None)
    if (
        not isinstance(to, list)
        or (not to and "to" in table)
        or not all(isinstance(each, str) and len(each) <= _REFERENCE for each in to)
    ):
        settings.refuse(f'{where}.to must be a list of "<node>.<input>"')
    choices = _choices(settings, table.get("choices"), where)
    kind = _kind(settings, table.get("type"), where, has_choices=bool(choices))
    minimum, maximum = (_number(settings, table, key, where) for key in ("min", "max"))
    if minimum is not None and maximum is not None and minimum > maximum:
        settings.refuse(f"{where}: min {minimum:g} is above max {maximum:g}")
    if (minimum, maximum) != (None, None) and kind not in (None, *NUMBER_KINDS):
        settings.refuse(f"{where}: only numbers have min and max, its type is {kind}")
    return Declaration(
        name=name,
        to=tuple(to),
        kind=kind,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        default=_default(settings, table.get("default"), where),
        description=_text(settings, table, "description", f"{where}.") or "",
    )


def _kind(settings: Settings, value: object, where: str, *, has_choices: bool) -> Kind | None:
    kind = next((each for each in KINDS if each == value), None)
    if value is not None and kind is None:
        settings.refuse(f"{where}.type must be one of {', '.join(KINDS)}, got {brief(value)}")
    if has_choices and kind not in (None, "choice"):
        settings.refuse(f'{where}: choices go with type "choice", its type is {kind}')
    if kind == "choice" and not has_choices:
        settings.refuse(f"{where}: a choice needs choices, a list of texts or of numbers")
    return "choice" if has_choices else kind


def _choices(settings: Settings, value: object, where: str) -> tuple[str | int | float, ...]:
    if value is None:
        return ()
    texts = [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
    if texts and texts == value:
        return tuple(map(normalise_text, texts))
    if not isinstance(value, list) or not value or not all(map(is_number, value)):
        got = brief(value)
        settings.refuse(f"{where}.choices must be a list of texts or of numbers, got {got}")
    return tuple(value)


def _number(settings: Settings, table: Mapping[str, Any], key: str, where: str) -> float | None:
    value: object = table.get(key)
    if value is not None and not is_number(value):
        settings.refuse(f"{where}.{key} must be a number, got {brief(value)}")
    return value


def _default(settings: Settings, value: object, where: str) -> Scalar | None:
    if value is not None and not isinstance(value, str | bool) and not is_number(value):
        got = brief(value)
        settings.refuse(f"{where}.default must be a text, a number, true or false, got {got}")
    return value
