"""A workflow from wherever it is, as a template file of the site."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.commands.converting import convert, installed_converter
from mkdocs_comfy.commands.files import read_workflow
from mkdocs_comfy.commands.site import find_settings, site_folder
from mkdocs_comfy.errors import (
    AmbiguousTemplateError,
    ConfigurationError,
    TemplateError,
    TemplateSettingsError,
    printable,
)
from mkdocs_comfy.pipeline.connection import connected
from mkdocs_comfy.workflows.library import NAME
from mkdocs_comfy.workflows.writing import graph_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mkdocs_comfy.commands.files import Format
    from mkdocs_comfy.workflows.template import WorkflowTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What came of an import.

    Attributes:
        file: The template file.
        written: False where it was there already, byte for byte.
        format: What the imported file was.
        converter: What converted it, or ``None``.
        hides_builtin: True where a built-in template has the same name.
        template: The template that it is now.
    """

    file: Path
    written: bool
    format: Format
    converter: str | None
    hides_builtin: bool
    template: WorkflowTemplate


def import_workflow(
    source: Path, *, name: str | None, force: bool, config_file: Path | None
) -> Import:
    """Write the workflow in ``source`` into the site's templates.

    A ``.toml`` of that name that is there already counts. Where only a ``.toml`` can tell what
    the workflow's arguments are, the file is written all the same, and the error says what to
    write beside it.

    Args:
        source: The workflow.
        name: What to call the template; ``None`` for the name of the file.
        force: Whether to replace a template of that name.
        config_file: The site's mkdocs.yml, see :func:`find_settings`.

    Raises:
        ConfigurationError: The name is none, or the site's configuration cannot be used.
        TemplateError: The file holds no workflow that can be a template, another template has
            the name, or the folder cannot be written.
        RenderError: A conversion needs a server that cannot be had.
    """
    name = name or source.stem
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            key="--name",
            problem=f"{name!r} is no name of a template",
            way_out="names are made of A-Z a-z 0-9 . _ - and do not start with a dot",
        )
    folder = site_folder(config_file)
    workflow = read_workflow(
        source,
        convert=partial(convert, name, str(source), definitions=partial(_nodes, config_file)),
    )
    target = folder / f"{name}.json"
    toml = target.with_suffix(".toml")
    workflow = replace(
        workflow, name=name, file=str(target), toml=_text(toml, name) if toml.is_file() else None
    )
    made: WorkflowTemplate | TemplateError
    try:
        made = workflow.template()
    except (AmbiguousTemplateError, TemplateSettingsError) as error:
        made = error
    text = graph_text(workflow.graph)
    old = _text(target, name) if target.exists() else None
    if old not in (None, text) and not force:
        raise TemplateError(
            template=name,
            problem=f"{printable(str(target))} is there already, and is another workflow",
            way_out="replace it: --force; or call this one something else: --name NAME",
        )
    if old != text:
        _write(target, text, name)
    if isinstance(made, TemplateError):
        raise made
    return Import(
        file=target,
        written=old != text,
        format=workflow.format,
        converter=installed_converter() if workflow.format == "ui" else None,
        hides_builtin=f"{name}.json" in builtin_templates().files(),
        template=made,
    )


def _nodes(config_file: Path | None, classes: Iterable[str]) -> Mapping[str, object]:
    """Ask the site's first server for its node definitions."""
    from mkdocs_comfy.comfyui.examination import node_definitions  # noqa: PLC0415  # heavy

    with connected(find_settings(config_file).servers) as servers:
        known = node_definitions(servers[0])
    return {each: known[each] for each in classes if each in known}


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(
            template=name, problem=f"{printable(str(path))} cannot be read: {error}"
        ) from error


def _write(target: Path, text: str, name: str) -> None:
    """Write the whole file or nothing."""
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise TemplateError(
            template=name,
            problem=f"{printable(str(target))} cannot be written: {error.strerror or error}",
        ) from error
