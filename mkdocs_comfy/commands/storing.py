"""``mkdocs-comfy freeze`` and ``prune``: what is kept of images, and what goes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.commands.options import config_option, json_option
from mkdocs_comfy.commands.output import FINDINGS, FINE, short_path, table, tell
from mkdocs_comfy.commands.planning import planned_site
from mkdocs_comfy.commands.versions import plan_at
from mkdocs_comfy.errors import printable
from mkdocs_comfy.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mkdocs_comfy.pipeline.freezing import Freezing
    from mkdocs_comfy.pipeline.pruning import Pruning


@click.command()
@click.option(
    "--lossless", is_flag=True, help="Keep every pixel; files are about four times as large."
)
@config_option
@json_option
def freeze(*, lossless: bool, config_file: Path | None, as_json: bool) -> int:
    """Copy the images that pages use from the cache into the frozen directory, to be committed."""
    with planned_site(config_file) as planned:
        planned.refuse_errors()
        planned.tell_findings()
        with closing(planned.upkeep) as upkeep:
            done = upkeep.freeze(planned.plan, lossless=lossless)
        folder = planned.site.settings.frozen_dir
    document = {
        "written": list(done.written),
        "kept": done.kept,
        "missing": [{"page": page, "key": key} for page, key in done.missing.items()],
        "bytes": done.bytes,
    }
    tell(document, _freeze_lines(done, folder), as_json=as_json)
    return FINDINGS if done.missing else FINE


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@click.option(
    "--also",
    multiple=True,
    metavar="REF",
    help="Keep what the site uses at this commit, tag or branch too; may be given several times.",
)
@config_option
@json_option
def prune(*, dry_run: bool, also: tuple[str, ...], config_file: Path | None, as_json: bool) -> int:
    """Remove the images that no page uses: frozen ones at once, from the cache after 30 days."""
    plans = [plan_at(ref, config_file) for ref in also]
    with planned_site(config_file) as planned:
        planned.refuse_errors()
        with closing(planned.upkeep) as upkeep:
            done = upkeep.prune(
                [planned.plan, *plans], dry_run=dry_run, site_dir=planned.site.site_dir
            )
    document = {
        "removed": [
            {"where": each.where, "file": each.file, "bytes": each.bytes} for each in done.removed
        ],
        "sizes": {"frozen": done.sizes.frozen, "cache": done.sizes.cache, "site": done.sizes.site},
        "dry_run": dry_run,
    }
    tell(document, _prune_lines(done, dry_run=dry_run), as_json=as_json)
    return FINE


def size_text(size: int) -> str:
    """Return a number of bytes as people read it: ``0 B``, ``12.3 kB``, ``4.0 MB``."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004  # what the prefixes stand for
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _freeze_lines(done: Freezing, folder: Path) -> Iterator[str]:
    name = printable(short_path(str(folder)))
    yield from (f"wrote {name}/{each}" for each in done.written)
    yield (
        f"{name}: {len(done.written)} written ({size_text(done.bytes)}), {done.kept} there already"
    )
    if done.missing:
        yield counted("not rendered yet, so not frozen (mkdocs-comfy render)", list(done.missing))


def _prune_lines(done: Pruning, *, dry_run: bool) -> Iterator[str]:
    verb = "would remove" if dry_run else "removed"
    for each in done.removed:
        yield f"{verb} {printable(short_path(each.file))} ({each.where}, {size_text(each.bytes)})"
    total = sum(each.bytes for each in done.removed)
    yield f"{verb} {len(done.removed)} files, {size_text(total)}; what is left:"
    sizes: dict[str, Any] = {
        "frozen": done.sizes.frozen,
        "cache": done.sizes.cache,
        "site": done.sizes.site,
    }
    yield from table(
        ((where, size_text(size)) for where, size in sizes.items() if size is not None), indent="  "
    )
