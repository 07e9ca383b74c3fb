"""``mkdocs-comfy template``: import, list, show and lint workflow templates."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.commands.files import read_workflow
from mkdocs_comfy.commands.options import config_option, json_option
from mkdocs_comfy.commands.output import FINDINGS, FINE, table, tell
from mkdocs_comfy.errors import TemplateError, printable
from mkdocs_comfy.workflows.describing import as_document, as_rows, drawn, finding_document
from mkdocs_comfy.workflows.linting import LintFinding, lint, needed_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mkdocs_comfy.commands.files import Format
    from mkdocs_comfy.commands.importing import Import
    from mkdocs_comfy.workflows.library import Library
    from mkdocs_comfy.workflows.template import WorkflowTemplate

_ENDINGS = frozenset({".avif", ".json", ".png", ".webp"})


@click.group()
def template() -> None:
    """Import, list, show and lint workflow templates."""


@template.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="What pages call it; by default the name of the file.")
@click.option("--force", is_flag=True, help="Replace a template of that name.")
@config_option
@json_option
def add(
    *, file: Path, name: str | None, force: bool, config_file: Path | None, as_json: bool
) -> int:
    """Import FILE into the site's templates.

    FILE is a workflow in API format, an image that ComfyUI saved, or a workflow in the format of
    ComfyUI's editor where a converter is installed (comfy-cli, comfyui-autograph).
    """
    from mkdocs_comfy.commands.importing import import_workflow  # noqa: PLC0415  # heavy: MkDocs

    done = import_workflow(file, name=name, force=force, config_file=config_file)
    tell(_import_document(done), _import_lines(done), as_json=as_json)
    return FINE


@template.command("list")
@config_option
@json_option
def list_templates(*, config_file: Path | None, as_json: bool) -> int:
    """List the templates that pages can name, the site's own and the built-in ones."""
    library = _library(config_file)
    entries = [_entry(library, name) for name in library.names()]
    rows = [
        (each["name"], each["size"] or "", each["error"] or each["description"] or each["file"])
        for each in entries
    ]
    tell({"templates": entries}, table(rows), as_json=as_json)
    return FINDINGS if any(each["error"] for each in entries) else FINE


@template.command()
@click.argument("name_or_file")
@config_option
@json_option
def show(*, name_or_file: str, config_file: Path | None, as_json: bool) -> int:
    """Show where a template's arguments go, and what it needs.

    NAME_OR_FILE is the name of a template, or a file, for which no mkdocs.yml is needed.
    """
    shown, was = _read(name_or_file, config_file)()
    document = as_document(shown, format=was)
    tell(document, _show_lines(shown, document), as_json=as_json)
    return FINE


@template.command("lint")
@click.argument("names_or_files", nargs=-1)
@config_option
@json_option
def lint_templates(
    *, names_or_files: tuple[str, ...], config_file: Path | None, as_json: bool
) -> int:
    """Look for what is wrong or worth knowing, without asking a server.

    NAMES_OR_FILES are names of templates, or files; by default all templates that pages can name.
    """
    wanted = names_or_files or _library(config_file).names()
    found = [(each, finding) for each in wanted for finding in _lint(_read(each, config_file))]
    counts = Counter(finding.severity for _, finding in found)
    document = {
        "findings": [{"template": each, **finding_document(finding)} for each, finding in found],
        "counts": {severity: counts[severity] for severity in ("error", "warning", "note")},
    }
    lines = [_finding_line(finding, f"{printable(each)}: ") for each, finding in found]
    summary = f"{len(wanted)} checked: " + ", ".join(
        f"{counts[severity]} {severity}s" for severity in ("error", "warning", "note")
    )
    tell(document, [*lines, summary], as_json=as_json)
    return FINDINGS if counts["error"] or counts["warning"] else FINE


def _library(config_file: Path | None) -> Library:
    from mkdocs_comfy.commands.site import find_settings, library_of  # noqa: PLC0415  # likewise

    return library_of(find_settings(config_file))


def _read(
    name_or_file: str, config_file: Path | None
) -> Callable[[], tuple[WorkflowTemplate, Format]]:
    """Return what reads a template by name, or from a file, and tells what the file was."""
    path = Path(name_or_file)
    is_file = path.suffix.lower() in _ENDINGS or len(path.parts) > 1 or path.is_file()

    def read() -> tuple[WorkflowTemplate, Format]:
        if is_file:
            workflow = read_workflow(path)
            return workflow.template(), workflow.format
        return _library(config_file).template(name_or_file), "api"

    return read


def _lint(read: Callable[[], tuple[WorkflowTemplate, Format]]) -> tuple[LintFinding, ...]:
    try:
        return lint(read()[0])
    except TemplateError as error:
        message = f"{error.problem}\n{error.way_out}" if error.way_out else error.problem
        return (LintFinding(kind=error.kind, severity="error", node=None, message=message),)


def _entry(library: Library, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = dict.fromkeys(
        ("file", "description", "licence", "size", "parameters", "models", "error")
    )
    try:
        found = library.template(name)
    except TemplateError as error:
        return {"name": name, **entry, "error": error.problem}
    size = found.recommended_size or found.graph_size
    return {
        "name": name,
        **entry,
        "file": found.file,
        "description": found.description,
        "licence": found.licence,
        "size": None if size is None else "{}x{}".format(*size),
        "parameters": list(found.declared),
        "models": list(needed_models(found)),
    }


def _show_lines(shown: WorkflowTemplate, document: dict[str, Any]) -> Iterator[str]:
    yield f"{printable(shown.name)} ({printable(shown.file)})"
    for text in (shown.description, shown.licence and f"licence: {shown.licence}"):
        if text:
            yield f"  {printable(text)}"
    yield ""
    yield from table([("parameter", "goes to", "default"), *as_rows(shown)])
    for name, parameter in shown.declared.items():
        if parameter.description or parameter.choices or parameter.minimum is not None:
            words = f": {printable(parameter.description)}" if parameter.description else ""
            yield f"  {name} is {printable(parameter.expected)}{words}"
    yield ""
    yield from drawn(shown)
    yield ""
    for what, needed in document["needs"].items():
        if needed:
            yield f"needs {what}: {', '.join(map(printable, needed))}"
    for finding in lint(shown):
        yield _finding_line(finding)


def _finding_line(finding: LintFinding, where: str = "") -> str:
    message = "\n".join(map(printable, finding.message.split("\n")))
    return f"{where}{finding.severity}: {message} [{finding.kind}]".replace("\n", "\n    ")


def _import_document(done: Import) -> dict[str, Any]:
    return {
        "written": str(done.file) if done.written else None,
        **as_document(done.template, format=done.format),
    }


def _import_lines(done: Import) -> Iterator[str]:
    verb = "wrote" if done.written else "is already there:"
    yield f"{verb} {printable(str(done.file))}"
    if done.converter:
        yield f"converted by {done.converter}: compare with what ComfyUI exports itself"
    if done.hides_builtin:
        yield f"it stands in the place of the built-in template {done.template.name}"
    yield from (f"  {row[0]} → {row[1]}" for row in as_rows(done.template))
    for finding in lint(done.template):
        yield _finding_line(finding)
    yield f"use it: hero_template: {done.template.name}"
