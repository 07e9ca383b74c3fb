"""The command-line door: ``mkdocs-comfy``.

Commands return their exit status. What they raise is told here, once: to people on stderr, and
with ``--json`` as the one document on stdout.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.commands.doctor import doctor
from mkdocs_comfy.commands.output import FINE, USAGE, exit_status, tell_failure
from mkdocs_comfy.commands.templates import template
from mkdocs_comfy.errors import HeroError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Door(click.Group):
    """A group of commands whose failures are told in one way."""

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
        except HeroError as error:
            tell_failure(error, as_json=as_json)
            status = exit_status(error)
        sys.exit(status or FINE)


@click.group(cls=Door)
@click.version_option(package_name="mkdocs-comfy")
def main() -> None:
    """Hero images for MkDocs, rendered by your ComfyUI server."""


main.add_command(template)
main.add_command(doctor)
