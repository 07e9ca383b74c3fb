"""The heroes of one MkDocs build: what the hooks hand over to."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError

from mkdocs_comfy.pages.markup import apply_meta, hero_markdown, relative_url
from mkdocs_comfy.pages.placement import insert_image
from mkdocs_comfy.progress import Progress, cleared_before_records, live_terminal
from mkdocs_comfy.settings import OnMissing
from mkdocs_comfy.site import add_image, is_generated
from mkdocs_comfy.wording import (
    counted,
    error_text,
    heroes_text,
    missing_texts,
    seconds_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.plugins import PrefixedLogger
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from mkdocs_comfy.errors import HeroError
    from mkdocs_comfy.pages.spec import Place
    from mkdocs_comfy.pipeline import (
        PageSource,
        Pipeline,
        Plan,
        Production,
        SiteImage,
    )
    from mkdocs_comfy.site import PageReader


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What one page shows.

    ``prompt`` is the front matter's own; ``image`` is ``None`` where there is none.
    """

    prompt: object
    alt: str
    place: Place
    image: SiteImage | None


class Heroes:
    """Plans and renders the heroes of a build, then gives each page its own.

    Args:
        pipeline: Lives longer than the build.
        log: The plugin's logger, whose warnings ``--strict`` counts.
        covers: Whether a page, by its path, may have a hero.
    """

    def __init__(
        self, pipeline: Pipeline, *, log: PrefixedLogger, covers: Callable[[str], bool]
    ) -> None:
        self._pipeline = pipeline
        self._covers = covers
        self._log = log
        self._production: Production | None = None
        self._pages: dict[str, _Shown] = {}
        self._late: list[str] = []
        self._stale = 0

    def prepare(
        self, reader: PageReader, *, config: MkDocsConfig, files: Files, tell_policy: bool
    ) -> None:
        """Plan all pages, render what is missing, and make the images files of the site.

        Args:
            reader: Gives the pages.
            config: The site's configuration.
            files: The build's files, to which the images are added.
            tell_policy: Whether to log what a CI build renders.

        Raises:
            PluginError: Front matter or a template is wrong, or a hero is missing and
                ``on_missing`` is ``error``. Everything that is wrong is logged first.
        """
        asked: dict[str, object] = {}
        plan = self._pipeline.plan(_noted(reader.pages(), asked))
        self._refuse([*reader.errors, *plan.errors])
        if tell_policy and plan.heroes and (policy := self._pipeline.settings.policy):
            self._log.info(policy)
        for finding, pages in plan.findings.items():
            self._log.warning(counted(finding, pages))
        for note, pages in plan.notes.items():
            self._log.info(counted(note, pages))
        with (
            closing(self._progress()) as progress,
            cleared_before_records(self._log.logger, progress.clear),
        ):
            production = self._pipeline.produce(plan, report=progress)
        self._tell_missing(plan, production)
        for image in (*production.images.values(), *production.former.values()):
            add_image(image, config=config, files=files)
        # The graphs are not needed any more, and a large site has many.
        self._production = production
        self._pages = {
            path: _Shown(
                prompt=asked[path],
                alt=hero.spec.alt,
                place=hero.place,
                image=production.former.get(path) or production.images.get(hero.key),
            )
            for path, hero in plan.heroes.items()
        }

    def insert(self, markdown: str, page: Page) -> str:
        """Return the page's Markdown with its hero, and tell its metadata of it."""
        path = page.file.src_uri
        hero = self._pages.get(path)
        if hero is None or hero.prompt != page.meta.get("hero_prompt"):
            self._note_late(page)
        if hero is None or (image := hero.image) is None:
            return markdown
        alt, width, height = hero.alt, image.width, image.height
        apply_meta(page.meta, url=image.uri, alt=alt, width=width, height=height)
        if hero.place == "none":
            return markdown
        url = relative_url(image.uri, path)
        return insert_image(
            markdown,
            hero_markdown(url=url, alt=alt, width=width, height=height, place=hero.place),
        )

    def warn_of_late_prompts(self) -> None:
        """Warn once of prompts that another plugin set after the images were planned."""
        if self._late:
            self._log.warning(
                counted(
                    "hero_prompt was set by another plugin, too late to be rendered", self._late
                )
            )

    def summary(self) -> str | None:
        """One line on the build, or ``None`` where no page asks for a hero."""
        if self._production is None or not self._pages:
            return None
        made = self._production
        found = made.frozen + made.cached + made.shared
        total = found + made.rendered + len(made.failures)
        parts = [f"{made.frozen} frozen"] if made.frozen else []
        parts += [f"{made.cached} cached"] if made.cached else []
        parts += [f"{made.shared} from the shared cache"] if made.shared else []
        if made.rendered:
            parts.append(f"{made.rendered} rendered in {seconds_text(made.seconds)}")
        if self._stale:
            parts.append(f"{self._stale} stale")
        if count := len(made.failures) - self._stale:
            placeholders = "1 placeholder" if count == 1 else f"{count} placeholders"
            parts.append(placeholders if self._placeholders else f"{count} missing")
        return f"{heroes_text(total)}: {', '.join(parts)}"

    @property
    def _placeholders(self) -> bool:
        return self._pipeline.settings.on_missing is OnMissing.PLACEHOLDER

    def _refuse(self, errors: Sequence[HeroError]) -> None:
        if not errors:
            return
        for error in errors:
            self._log.error(error_text(error))
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise PluginError(f"comfy: {count} in front matter or templates, listed above")

    def _tell_missing(self, plan: Plan, production: Production) -> None:
        """One message for each cause, with how many are missing or stale and the first pages."""
        self._stale = len({plan.heroes[page].key for page in production.former})
        texts = missing_texts(plan.heroes.values(), production.failures, production.former)
        match self._pipeline.settings.on_missing:
            case OnMissing.ERROR if texts:
                raise PluginError("\n".join(f"comfy: {text}" for text in texts))
            case OnMissing.WARN:
                speak = self._log.warning
            case _:
                speak = self._log.info
        for text in texts:
            speak(text)

    def _note_late(self, page: Page) -> None:
        if (
            "hero_prompt" in page.meta
            and page.meta.get("hero") is not False
            and not is_generated(page)
            and self._covers(page.file.src_uri)
        ):
            self._late.append(page.file.src_uri)

    def _progress(self) -> Progress:
        ci = self._pipeline.settings.ci
        terminal = live_terminal(ci=ci) if self._log.isEnabledFor(logging.INFO) else None
        return Progress(say=self._log.info, warn=self._log.warning, terminal=terminal)


def _noted(pages: Iterable[PageSource], asked: dict[str, object]) -> Iterator[PageSource]:
    """Pass pages on and note their prompts, to see whether one is changed later."""
    for page in pages:
        asked[page.path] = page.meta["hero_prompt"]
        yield page
