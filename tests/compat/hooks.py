"""Hooks of the compatibility site: what its authors need besides us.

mkdocs-static-i18n 1.3.1 drops the pages that Material's blog makes (its issue 283), so the blog
is hidden from it and stays in the default language; mkdocs-rss-plugin 1.19.0 cannot be configured
twice in one process, as the second language does. Neither is our doing, and without the hooks the
site would have no blog and could not be built with ``--strict``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mkdocs.plugins import CombinedEvent, event_priority

if TYPE_CHECKING:
    from mkdocs.structure.files import File


@event_priority(100)
def on_config(config):
    """Give the rss plugin its option back as it was written."""
    rss = config.plugins.get("rss")
    if rss and isinstance(rss.config.date_from_meta.default_time, datetime):
        rss.config.date_from_meta.default_time = "12:00"
    return config


class _Blog:
    """Takes the blog out of the files before i18n sees them, and puts it back behind it."""

    def __init__(self) -> None:
        self.hidden: list[File] = []

    @event_priority(-75)
    def hide(self, files, config):
        i18n = config.plugins.get("i18n")
        if not i18n:
            return files
        self.hidden = [file for file in files if file.src_uri.startswith("blog/")]
        for file in self.hidden:
            files.remove(file)
        return files

    @event_priority(-110)
    def show(self, files, config):
        i18n = config.plugins.get("i18n")
        if i18n and i18n.is_default_language_build:
            for file in self.hidden:
                files.append(file)
        self.hidden = []
        return files


_blog = _Blog()
on_files = CombinedEvent(_blog.hide, _blog.show)
