"""The command-line door: ``mkdocs-comfy``.

Commands return their exit status. What they raise is told here, once: to people on stderr, and
with ``--json`` as the one document on stdout.
"""

from __future__ import annotations

import io
import sys
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.commands.output import FINDINGS, FINE, USAGE, exit_status, tell_failure
from mkdocs_comfy.errors import HeroError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "check": "mkdocs_comfy.commands.checking",
        "doctor": "mkdocs_comfy.commands.doctor",
        "freeze": "mkdocs_comfy.commands.storing",
        "keep": "mkdocs_comfy.commands.keeping",
        "plan": "mkdocs_comfy.commands.plans",
        "prune": "mkdocs_comfy.commands.storing",
        "render": "mkdocs_comfy.commands.rendering",
        "template": "mkdocs_comfy.commands.templates",
    }
)
"""Command → the module that has it under that name."""


class Door(click.Group):
    """A group of commands, loaded when they are called, whose failures are told in one way."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command by its name, or ``None``."""
        if cmd_name not in COMMANDS:
            return None
        if find_spec("mkdocs") is None:  # ProperDocs alone: it serves its modules under that name
            import_module("properdocs.replacement")
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command

    def main(  # type: ignore[override]  # of click's own arguments, only these are used
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> None:
        """Run the command line and exit: 0 fine, 1 findings or failures, 2 usage, configuration."""
        given = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in given
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # arrows on an old console
        extra["standalone_mode"] = False
        try:
            status = super().main(given, prog_name, **extra)
        except click.ClickException as error:
            if as_json:
                tell_failure(None, as_json=True, kind="usage", message=error.format_message())
            else:
                error.show()
            status = USAGE
        except click.Abort:  # Ctrl-C; what had to be said of it is said
            if as_json:
                tell_failure(None, as_json=True, kind="aborted", message="stopped by Ctrl-C")
            else:
                click.echo("Aborted!", err=True)
            status = FINDINGS
        except HeroError as error:
            tell_failure(error, as_json=as_json)
            status = exit_status(error)
        sys.exit(status or FINE)


@click.group(cls=Door)
@click.version_option(package_name="mkdocs-comfy")
def main() -> None:
    """Hero images for MkDocs, rendered by your ComfyUI server."""
