"""Options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


def config_option(command: F) -> F:
    """Give a command the option ``-f``: ``config_file``, a path or ``None``."""
    return click.option(
        "-f",
        "--config-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The site's mkdocs.yml; by default the one in this folder.",
    )(command)


def json_option(command: F) -> F:
    """Give a command the option ``--json``: ``as_json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
    )(command)
