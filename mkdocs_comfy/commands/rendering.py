"""``mkdocs-comfy render``: have images made outside a build, or candidates to choose from."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.comfyui.jobs import Rendered
from mkdocs_comfy.commands.candidates import candidates_of, sheet_page
from mkdocs_comfy.commands.options import config_option, json_option
from mkdocs_comfy.commands.output import FINDINGS, FINE, fault_of, short_path, tell
from mkdocs_comfy.commands.planning import planned_site
from mkdocs_comfy.commands.plans import hero_entries, plan_document, plan_lines
from mkdocs_comfy.commands.sheet import sheet_html
from mkdocs_comfy.errors import printable, shell_word
from mkdocs_comfy.images.blobs import write
from mkdocs_comfy.progress import Progress, live_terminal
from mkdocs_comfy.wording import heroes_text, missing_texts, seconds_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs_comfy.commands.planning import PlannedSite
    from mkdocs_comfy.pipeline import Event, Plan, Production
    from mkdocs_comfy.workflows.key import CacheKey

SHEET = "contact-sheet.html"
"""Name of the contact sheet in the cache."""

_MOST = 1000  # candidates of one page: more than anybody looks at


@click.command()
@click.argument("pages", nargs=-1)
@click.option("--force", is_flag=True, help="Render anew what is at hand, too.")
@click.option(
    "--seeds",
    type=click.IntRange(1, _MOST),
    metavar="N",
    help="Render N candidates for each of PAGES, and write a contact sheet of them.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be rendered.")
@config_option
@json_option
def render(
    *,
    pages: tuple[str, ...],
    force: bool,
    seeds: int | None,
    dry_run: bool,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Render the missing images of PAGES, by default of all, into the cache.

    With a shared cache they are looked for there first, and what it lacks is written to it.
    PAGES are paths relative to docs_dir.
    """
    if seeds and not pages:
        raise click.UsageError("--seeds needs PAGES: candidates are chosen page by page")
    with planned_site(config_file) as planned:
        planned.refuse_errors()
        planned.tell_findings()
        plan = candidates_of(planned, pages, seeds) if seeds else planned.plan_of(pages)
        if dry_run:
            return _tell_what_would_be(planned, plan, force=force, as_json=as_json)
        done = _produce(planned, plan, anew=force, candidates=bool(seeds))
        document = _document(planned, plan, done)
        lines = [_summary(done), *_notes(planned, document, config_file)]
        if seeds:
            sheet = planned.site.settings.cache_dir / SHEET
            page = sheet_page(planned, plan, done.production, config_file)
            write(str(sheet), sheet_html(page).encode())
            document["sheet"] = str(sheet)
            lines.append(f"to choose, look at {printable(short_path(sheet))}")
    tell(document, lines, as_json=as_json)
    return FINDINGS if done.production.failures else FINE


@dataclass(slots=True, kw_only=True)
class _Done:
    """What came of rendering; ``made``: seconds and server of each image that a server sent."""

    production: Production
    made: Mapping[CacheKey, tuple[float, str]] = field(default_factory=dict)


def _produce(planned: PlannedSite, plan: Plan, *, anew: bool, candidates: bool) -> _Done:
    settings = planned.site.settings
    made: dict[CacheKey, tuple[float, str]] = {}
    with _shown(ci=settings.ci) as progress:
        if policy := settings.policy:
            click.echo(policy, err=True)

        def report(event: Event) -> None:
            if isinstance(event, Rendered):
                made[event.job.key] = round(event.seconds, 3), event.server
            progress(event)

        production = planned.pipeline.produce(
            plan, report=report, anew=anew, remember=not candidates, share=True
        )
        for text in missing_texts(
            plan.heroes.values(), production.failures, former=production.former
        ):
            progress.clear()
            click.echo(f"error: {text}", err=True)
    return _Done(production=production, made=made)


@contextmanager
def _shown(*, ci: bool) -> Iterator[Progress]:
    """Show progress on stderr, as a build does."""

    def say(text: str) -> None:
        progress.clear()
        click.echo(text, err=True)

    progress = Progress(
        say=say, warn=lambda text: say(f"warning: {text}"), terminal=live_terminal(ci=ci)
    )
    with closing(progress):
        yield progress


def _document(planned: PlannedSite, plan: Plan, done: _Done) -> dict[str, Any]:
    with closing(planned.upkeep) as upkeep:
        entries = hero_entries(plan, upkeep.survey(plan, asked=True))
    for entry in entries:
        seconds, server = done.made.get(entry["key"], (None, None))
        error = done.production.failures.get(entry["key"])
        entry |= {
            "seconds": seconds,
            "server": server,
            "error": None if error is None else fault_of(error),
        }
    return plan_document(entries)


def _tell_what_would_be(planned: PlannedSite, plan: Plan, *, force: bool, as_json: bool) -> int:
    """Answer ``--dry-run``: the plan of what is missing, or of everything."""
    with closing(planned.upkeep) as upkeep:
        entries = hero_entries(plan, upkeep.survey(plan))
    unknown = dict.fromkeys(("seconds", "server", "error"))
    wanted = [each | unknown for each in entries if force or each["image"] is None]
    tell(plan_document(wanted), plan_lines(wanted), as_json=as_json)
    return FINE


def _summary(done: _Done) -> str:
    made = done.production
    found = {
        "frozen": made.frozen,
        "cached": made.cached,
        "from the shared cache": made.shared,
    }
    total = sum(found.values()) + made.rendered + len(made.failures)
    parts = [f"{count} {where}" for where, count in found.items() if count]
    if made.rendered:
        parts.append(f"{made.rendered} rendered in {seconds_text(made.seconds)}")
    if made.failures:
        parts.append(f"{len(made.failures)} missing")
    return f"{heroes_text(total)}{': ' if parts else ''}{', '.join(parts)}"


def _notes(
    planned: PlannedSite, document: Mapping[str, Any], config_file: Path | None
) -> Iterator[str]:
    """Tell of images that were rendered anew and stay hidden behind their frozen ones."""
    folder = planned.site.settings.frozen_dir
    option = "" if config_file is None else f" -f {shell_word(str(config_file))}"
    for each in document["pages"]:
        if each["server"] and Path(each["image"] or "").is_relative_to(folder):
            yield (
                f"{printable(each['page'])} shows its frozen image; to take the new one:"
                f" rm {shell_word(short_path(each['image']))} && mkdocs-comfy freeze{option}"
            )
