"""What the pages of a site ask for, as a build would find it, for the commands about heroes."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mkdocs_comfy.commands.events import site_events
from mkdocs_comfy.commands.site import load_site
from mkdocs_comfy.errors import ConfigurationError, PagesError, printable
from mkdocs_comfy.pipeline import Pipeline, Plan
from mkdocs_comfy.pipeline.upkeep import Upkeep
from mkdocs_comfy.settings import OnMissing
from mkdocs_comfy.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mkdocs_comfy.commands.site import Site
    from mkdocs_comfy.errors import HeroError
    from mkdocs_comfy.pipeline import PageSource, PlannedHero
    from mkdocs_comfy.site import PageReader


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSite:
    """A site and what its pages ask for, those of all its languages.

    Attributes:
        site: Its configuration.
        pipeline: Plans, renders and looks up; closed behind the block.
        plan: All heroes. Where the languages of a site make different heroes of one page, the
            further ones stand under ``<page> (2)`` and so on.
        sources: Page → its front matter, for every page with a prompt.
        files: Page → the file that its author edits; not there for pages that plugins generate.
        off: Pages that have a prompt and ``hero: false``.
        errors: All that keeps a build from being right.
    """

    site: Site
    pipeline: Pipeline
    plan: Plan
    sources: dict[str, PageSource]
    files: dict[str, Path]
    off: tuple[str, ...]
    errors: tuple[HeroError, ...]

    def refuse_errors(self) -> None:
        """Raise what a build would not put up with.

        Raises:
            HeroError: The one error that there is.
            PagesError: All errors, where there are several.
        """
        match self.errors:
            case ():
                return
            case (error,):
                raise error
            case errors:
                raise PagesError(errors)

    def page(self, given: str) -> str:
        """Return the page that somebody means, as the plan calls it.

        Args:
            given: Path relative to docs_dir, or to the working directory as a shell completes it.

        Raises:
            UsageError: No page of that name asks for a hero.
        """
        docs = Path(self.site.config.docs_dir).resolve()
        path = given.replace(os.sep, "/").removeprefix("./")
        if path not in self.sources and (here := Path(given).resolve()).is_relative_to(docs):
            path = here.relative_to(docs).as_posix()
        if path in self.sources and path not in self.off:
            return path
        if path in self.off:
            problem = "has `hero: false`"
        else:
            problem = "asks for no hero" if (docs / path).is_file() else "is not there"
        close = get_close_matches(given, self.sources.keys() - {path}, n=1)
        hint = f"; did you mean {printable(close[0])}?" if close else ""
        raise click.UsageError(f"the page {printable(given)} {problem}{hint}")

    def tell_findings(self) -> None:
        """Show on stderr what has no effect and what is likely not meant."""
        for word, told in (("warning", self.plan.findings), ("note", self.plan.notes)):
            for text, pages in told.items():
                click.echo(f"{word}: {counted(text, pages)}", err=True)

    def plan_of(self, pages: Iterable[str]) -> Plan:
        """Return the plan for some pages, or for all where none is named.

        Raises:
            UsageError: See :meth:`page`.
        """
        wanted = {self.page(each) for each in pages}
        if not wanted:
            return self.plan
        heroes = self.plan.heroes.items()
        return replace(
            self.plan,
            heroes={name: hero for name, hero in heroes if hero.spec.page in wanted},
        )

    @property
    def upkeep(self) -> Upkeep:
        """What looks at the images of this site; close it."""
        return Upkeep(self.site.settings)


@contextmanager
def planned_site(config_file: Path | None) -> Iterator[PlannedSite]:
    """Load a site, run the events of its build up to ``on_nav``, and plan.

    Args:
        config_file: Its mkdocs.yml, see :func:`load_site`.

    Raises:
        ConfigurationError: It cannot be used, or the plugin is switched off.
        HookError: Another plugin or a hook fails.
    """
    site = load_site(config_file)
    if not site.comfy.enabled:
        raise ConfigurationError(
            key="enabled",
            problem="`false`: no page has a hero",
            way_out="set what `enabled:` stands for in mkdocs.yml to true",
        )
    with ExitStack() as stack:
        # A command has no page to put a placeholder on, and goes on where an image fails.
        pipeline = Pipeline(replace(site.settings, on_missing=OnMissing.WARN))
        stack.callback(pipeline.close)
        gathered = _Gathered(pipeline=pipeline)
        site.plugin.give_pages_to(gathered.take)
        stack.callback(site.plugin.give_pages_to, None)
        stack.enter_context(site_events(site.config))
        yield PlannedSite(
            site=site,
            pipeline=pipeline,
            plan=Plan(
                heroes=gathered.heroes,
                errors=(),
                findings=gathered.findings,
                notes=gathered.notes,
            ),
            sources=gathered.sources,
            files=gathered.files,
            off=tuple(gathered.off),
            errors=tuple(gathered.errors.values()),
        )


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """The pages of one build after another."""

    pipeline: Pipeline
    heroes: dict[str, PlannedHero] = field(default_factory=dict)
    sources: dict[str, PageSource] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    findings: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    off: dict[str, None] = field(default_factory=dict)
    errors: dict[str, HeroError] = field(default_factory=dict)

    def take(self, reader: PageReader) -> None:
        """Plan what one build sees."""
        sources = list(reader.pages())
        plan = self.pipeline.plan(sources)
        for source in sources:
            self.sources.setdefault(source.path, source)
            if file := reader.file_of(source.path):
                self.files.setdefault(source.path, file)
            if source.meta.get("hero") is False:
                self.off[source.path] = None
        for error in (*reader.errors, *plan.errors):
            self.errors.setdefault(str(error), error)
        for known, told in ((self.findings, plan.findings), (self.notes, plan.notes)):
            for text, pages in told.items():
                before = known.setdefault(text, [])
                before.extend(page for page in pages if page not in before)
        for page, hero in plan.heroes.items():
            self._add(page, hero)

    def _add(self, page: str, hero: PlannedHero) -> None:
        name, number = page, 1
        while (known := self.heroes.get(name)) is not None and known.key != hero.key:
            number += 1
            name = f"{page} ({number})"
        self.heroes.setdefault(name, hero)
