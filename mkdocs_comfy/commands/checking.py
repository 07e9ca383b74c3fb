"""``mkdocs-comfy check``: whether a site has the images that its pages use, for CI."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mkdocs_comfy.commands.options import config_option, json_option
from mkdocs_comfy.commands.output import FINDINGS, FINE, tell
from mkdocs_comfy.commands.planning import planned_site
from mkdocs_comfy.errors import printable
from mkdocs_comfy.pipeline.fixes import Commands
from mkdocs_comfy.wording import heroes_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs_comfy.commands.planning import PlannedSite
    from mkdocs_comfy.pipeline.checking import Finding

KINDS = ("missing", "stale", "orphaned", "corrupt", "lfs_pointer", "no_alt")
"""Kinds of findings, in the order in which they are counted."""


@click.command()
@click.option("--quick", is_flag=True, help="Compare digests only, and decode nothing.")
@click.option("--require-alt", is_flag=True, help="A page without hero_alt is an error.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub Actions.")
@config_option
@json_option
def check(
    *, quick: bool, require_alt: bool, github: bool, config_file: Path | None, as_json: bool
) -> int:
    """Check that the images that pages use are there, committed and whole; needs no server."""
    with planned_site(config_file) as planned:
        planned.refuse_errors()
        planned.tell_findings()
        with closing(planned.upkeep) as upkeep:
            findings = upkeep.check(
                planned.plan,
                root=_root(planned),
                quick=quick,
                require_alt=require_alt,
                commands=Commands(options=_options(config_file)),
            )
        count = len(planned.plan.heroes)
        annotations = [_annotation(each, _place(each, planned)) for each in findings if github]
        lines = [line for each in findings for line in _told(each, _place(each, planned))]
    counts: Counter[str] = Counter(each.kind for each in findings)
    document = {
        "findings": [each.document() for each in findings],
        "counts": {kind: counts[kind] for kind in KINDS},
    }
    for each in annotations:
        click.echo(each, err=as_json)
    listed = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    summary = f"{heroes_text(count)} checked: {listed or 'all is well'}"
    tell(document, [*([] if github else lines), summary], as_json=as_json)
    return FINDINGS if any(each.severity == "error" for each in findings) else FINE


def escape_data(text: str) -> str:
    """Return ``text`` as the message of a workflow command of GitHub Actions.

    As the runner reads it back (actions/toolkit, packages/core/src/command.ts).
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Return ``text`` as a property of a workflow command of GitHub Actions."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _root(planned: PlannedSite) -> Path:
    return planned.site.file.resolve().parent


def _options(config_file: Path | None) -> str:
    return "" if config_file is None else f"-f {shlex.quote(str(config_file))}"


def _place(finding: Finding, planned: PlannedSite) -> str:
    """The file that a finding is about, from the root of the repository or from here."""
    if finding.page is not None:
        file = planned.files.get(finding.page, Path(planned.site.config.docs_dir) / finding.page)
    elif finding.file is not None:
        file = _root(planned) / finding.file
    else:
        file = planned.site.file
    return os.path.relpath(file, os.environ.get("GITHUB_WORKSPACE") or None).replace(os.sep, "/")


def _annotation(finding: Finding, place: str) -> str:
    """One annotation; its place is the page's line, so that a pull request shows it there."""
    command = "error" if finding.severity == "error" else "notice"
    line = "" if finding.line is None else f",line={finding.line}"
    message = escape_data(f"{finding.message}\n{printable(finding.fix)}")
    title = escape_property(f"hero {finding.kind}")
    return f"::{command} file={escape_property(printable(place))}{line},title={title}::{message}"


def _told(finding: Finding, place: str) -> Iterator[str]:
    line = "" if finding.line is None else f":{finding.line}"
    where = f"{printable(place)}{line}"
    yield f"{where}: {finding.severity}: {printable(finding.message)} [{finding.kind}]"
    yield f"    {printable(finding.fix)}"
