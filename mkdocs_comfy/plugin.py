"""The MkDocs door: thin hooks over the pipeline.

Hooks and their order are MkDocs' own (mkdocs.org, "Developing plugins"); the priorities are
chosen against those of Material's plugins, glightbox, rss, minify and static-i18n.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mkdocs.plugins import BasePlugin, event_priority, get_plugin_logger

from mkdocs_comfy.colours import theme_colours
from mkdocs_comfy.config import ComfyConfig
from mkdocs_comfy.heroes import Heroes
from mkdocs_comfy.pages.placement import move_to_top
from mkdocs_comfy.pipeline import Pipeline
from mkdocs_comfy.site import PageReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from jinja2 import Environment
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.nav import Navigation
    from mkdocs.structure.pages import Page

log = get_plugin_logger("comfy")


class ComfyPlugin(BasePlugin[ComfyConfig]):
    """Gives every page with a ``hero_prompt`` its own image."""

    def __init__(self) -> None:
        self._serving = False
        self._told_policy = False
        self._pipeline: Pipeline | None = None
        self._heroes: Heroes | None = None
        self._take: Callable[[PageReader], None] | None = None

    def give_pages_to(self, take: Callable[[PageReader], None] | None) -> None:
        """Have ``take`` given the pages, in the place of planning and rendering them.

        For commands, which want exactly the pages that a build sees; ``None`` ends it.
        """
        self._take = take

    def on_startup(self, *, command: Literal["build", "gh-deploy", "serve"], dirty: bool) -> None:
        """Remember the command. That this exists keeps the instance through ``serve``."""
        self._serving = command == "serve"
        self._told_policy = False

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Take the configuration; opens nothing, since tools call this for many commands."""
        self._heroes = None
        if self.config.enabled:
            settings = self.config.settings(os.environ, colours=theme_colours(config.theme))
            if self._pipeline is None or self._pipeline.settings != settings:
                self._close()
                self._pipeline = Pipeline(settings)
            if "attr_list" not in config.markdown_extensions:
                config.markdown_extensions.append("attr_list")
            if self._serving and settings.templates_dir.is_dir():
                config.watch.append(str(settings.templates_dir))
        return config

    @event_priority(-100)
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
        """Plan, render what is missing and add the images; every page is known by now."""
        if self._pipeline is not None and self.config.enabled:
            reader = PageReader(
                config=config, files=files, serving=self._serving, covers=self.config.covers
            )
            if self._take is not None:
                self._take(reader)
            else:
                self._heroes = Heroes(self._pipeline, log=log, covers=self.config.covers)
                self._heroes.prepare(
                    reader, config=config, files=files, tell_policy=not self._told_policy
                )
                self._told_policy = True
        return nav

    @event_priority(-40)
    def on_page_markdown(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        """Insert the image: after i18n, meta and macros, before blog excerpts and feeds."""
        return markdown if self._heroes is None else self._heroes.insert(markdown, page)

    @event_priority(100)
    def on_page_content(self, html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
        """Move the hero of a page with ``place: top`` in front of its heading."""
        return html if self._heroes is None else move_to_top(html)

    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:
        """Every page is populated: say which prompts came too late."""
        if self._heroes is not None:
            self._heroes.warn_of_late_prompts()
        return env

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Sum up the build in one line."""
        if self._heroes is not None and (summary := self._heroes.summary()):
            log.info(summary)

    def on_build_error(self, *, error: Exception) -> None:
        """Let go of the cache; our queued jobs are withdrawn by now."""
        self._close()

    def on_shutdown(self) -> None:
        """Let go of the cache."""
        self._close()

    def _close(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
