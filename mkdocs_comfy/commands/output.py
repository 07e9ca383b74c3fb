"""How a command speaks: one JSON document or lines on stdout, everything else on stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.errors import (
    AmbiguousTemplateError,
    BindingError,
    ConfigurationError,
    FrontMatterError,
    MissingModelError,
    PagesError,
    RenderError,
    TemplateError,
    TemplateNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mkdocs_comfy.errors import HeroError

FINE, FINDINGS, USAGE = 0, 1, 2
"""Exit statuses: fine; findings or failures; usage or configuration."""


def tell(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print a command's answer: ``document``, or ``lines`` for people."""
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for line in lines:
        click.echo(line)


def tell_failure(
    error: HeroError | None, *, as_json: bool, kind: str = "", message: str = ""
) -> None:
    """Print why there is no answer: as a document on stdout, or in words on stderr.

    Args:
        error: One of ours; or ``None``, with ``kind`` and ``message`` in its place.
        as_json: Whether scripts read it.
        kind: Word for scripts.
        message: Sentence for people.
    """
    fault = {"kind": kind, "message": message} if error is None else fault_of(error)
    if as_json:
        click.echo(json.dumps({"error": fault}, indent=2))
        return
    told = error.errors if isinstance(error, PagesError) else (error or message,)
    for each in told:
        click.echo(f"error: {each}", err=True)


def fault_of(error: HeroError) -> dict[str, Any]:
    """Return an error as documents tell it: ``kind``, ``message`` and what else it knows."""
    return {"kind": error.kind, "message": error.what} | _details(error)


def exit_status(error: HeroError) -> int:
    """Return the exit status of a command that ends with ``error``."""
    usage = isinstance(error, ConfigurationError | TemplateNotFoundError)
    return USAGE if usage else FINDINGS


def short_path(file: str | Path) -> str:
    """Return a path as its owner would write it, from the working directory."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(file)


def table(rows: Iterable[Sequence[str]], *, indent: str = "") -> list[str]:
    """Return ``rows`` as lines whose cells stand below one another; the last cell is not padded."""
    cells = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    return [
        indent
        + "".join(
            f"{cell:<{width}}  " for cell, width in zip(row, (*widths, 0), strict=True)
        ).rstrip()
        for row in cells
    ]


def _details(error: HeroError) -> dict[str, Any]:
    details: dict[str, Any] = {"way_out": error.way_out} if error.way_out else {}
    match error:
        case AmbiguousTemplateError(template=template, role=role, candidates=candidates):
            details |= {"template": template, "role": role}
            details["candidates"] = [
                {
                    "target": f"{each.node}.{each.input}",
                    "class": each.class_type,
                    "title": each.title,
                    "text": each.text,
                }
                for each in candidates
            ]
        case BindingError(template=template, parameter=parameter):
            details |= {"template": template, "parameter": parameter}
        case TemplateError(template=template):
            details |= {"template": template}
        case PagesError(errors=errors):
            details["errors"] = [fault_of(each) for each in errors]
        case FrontMatterError(page=page, line=line, key=key):
            details |= {"page": page, "line": line, "key": key}
        case ConfigurationError(key=key):
            details |= {"key": key}
        case MissingModelError(model=model, input=name, installed=installed):
            details |= {"model": model, "input": name, "installed": list(installed)}
    if isinstance(error, RenderError) and error.node is not None:
        details["node"] = error.node.id
    return details
