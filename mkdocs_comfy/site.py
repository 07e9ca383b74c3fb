"""The border to MkDocs: its files and pages in, page sources out, images into its files.

Works alike on ProperDocs, which serves the same classes under the name ``mkdocs``.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, InclusionLevel
from mkdocs.utils.meta import get_data

from mkdocs_comfy.errors import HeroError
from mkdocs_comfy.pages.front_matter import broken_front_matter, unlike_inherited
from mkdocs_comfy.pages.title import first_title
from mkdocs_comfy.pipeline import PageSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from mkdocs_comfy.pipeline import SiteImage

_PROMPT = "hero_prompt"
_MERGED_KEY = re.compile(r'for key: "(.*)"$')  # in mergedeep's error


class PageReader:
    """Reads the front matter of a build's pages before MkDocs does.

    MkDocs parses front matter only after ``on_nav``, which is too late for images that are to be
    files of the site; ``mkdocs.utils.meta.get_data`` is what it parses with.

    Args:
        config: The site's configuration.
        files: The build's files, as ``on_nav`` is given them.
        serving: True in ``mkdocs serve``, which shows drafts.
        covers: Whether a page, by its path, may have a hero.

    Attributes:
        errors: Front matter that MkDocs passes over in silence although it asks for a hero.
    """

    def __init__(
        self,
        *,
        config: MkDocsConfig,
        files: Files,
        serving: bool,
        covers: Callable[[str], bool],
    ) -> None:
        self.errors: list[HeroError] = []
        self._config = config
        self._files = files
        self._covers = covers
        self._inclusion = InclusionLevel.is_in_serve if serving else InclusionLevel.is_included
        self._inherit = _inheritance(config, files)
        self._inherited_prompt = self._inherit is not None and self._inherit.asks

    def pages(self) -> Iterator[PageSource]:
        """Give every page that asks for a hero."""
        docs_dir = Path(self._config.docs_dir)
        for file in self._files.documentation_pages(inclusion=self._inclusion):
            if not self._covers(file.src_uri):
                continue
            meta = self._meta(file)
            if _PROMPT in meta:
                yield PageSource(
                    path=file.src_uri,
                    meta=meta,
                    title=partial(_title, file, meta),
                    source=partial(_text, file),
                    docs_dir=docs_dir,
                )

    def file_of(self, path: str) -> Path | None:
        """Return the file that an author edits; ``None`` for a page that a plugin generated."""
        file = self._files.get_file_from_path(path)
        if file is None or file.generated_by is not None or file.abs_src_path is None:
            return None
        return Path(file.abs_src_path)

    def _meta(self, file: File) -> MutableMapping[str, Any]:
        page = file.page
        if page is not None and page.meta:
            return page.meta  # a post of Material's blog, which has read and merged it
        try:
            source = file.content_string
        except (OSError, UnicodeDecodeError):
            return {}  # MkDocs, whose turn is next, names the page in its error
        meta: MutableMapping[str, Any] = {}
        if _PROMPT in source or self._inherited_prompt:
            meta = get_data(source)[1]
            if not meta and _PROMPT in source:
                error = broken_front_matter(source, page=file.src_uri)
                if error is not None:
                    self.errors.append(error)
        # What another plugin generated (archives, API pages) inherits no hero.
        if self._inherit is None or file.generated_by is not None:
            return meta
        if _PROMPT in meta or self._inherited_prompt:
            try:
                return self._inherit(file, meta)
            except HeroError as error:
                self.errors.append(error)
                return {}
        return meta


def add_image(image: SiteImage, *, config: MkDocsConfig, files: Files) -> None:
    """Make the image a file of the site, once however many pages show it."""
    if files.get_file_from_path(image.uri) is None:
        # abs_src_path, not content: plugins that open every image need a real file.
        file = File.generated(
            config, image.uri, abs_src_path=str(image.path), inclusion=InclusionLevel.INCLUDED
        )
        files.append(file)


def is_generated(page: Page) -> bool:
    """Whether a plugin made the page, rather than an author."""
    return page.file.generated_by is not None


class _Inheritance:
    """How pages inherit front matter from ``.meta.yml``.

    Material's ``meta`` plugin merges in ``on_page_markdown``, too late for us; its blog calls
    that handler early with a page of its own making, and so do we.

    Attributes:
        asks: True where some ``.meta.yml`` asks for heroes.
    """

    def __init__(self, plugin: Any, config: MkDocsConfig, files: Files) -> None:
        self.asks = any(_PROMPT in (found or {}) for found in plugin.meta.values())
        self._plugin = plugin
        self._config = config
        self._files = files

    def __call__(self, file: File, meta: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Return the page's own front matter on top of what it inherits.

        Raises:
            HeroError: The page has a list where it inherits text, or the like, at which the
                plugin's way of merging (mergedeep's ``TYPESAFE_ADDITIVE``) stops.
        """
        page = SimpleNamespace(file=file, meta=meta)
        try:
            self._plugin.on_page_markdown("", page=page, config=self._config, files=self._files)
        except TypeError as error:
            found = _MERGED_KEY.search(str(error))
            raise unlike_inherited(
                found[1] if found else "", page=file.src_uri, source=file.content_string
            ) from error
        merged: MutableMapping[str, Any] = page.meta
        return merged


def _inheritance(config: MkDocsConfig, files: Files) -> _Inheritance | None:
    for name in ("material/meta", "materialx/meta"):
        plugin: Any = config.plugins.get(name)
        if plugin is not None and plugin.config.get("enabled", True) and any(plugin.meta.values()):
            return _Inheritance(plugin, config, files)
    return None


def _title(file: File, meta: MutableMapping[str, Any]) -> str:
    """Front matter, else the navigation, else the first H1, else the file's name."""
    if title := meta.get("title"):
        return str(title)
    page = file.page
    if page is not None and (named := vars(page).get("title")):  # set by the navigation only
        return str(named)
    markdown = get_data(file.content_string)[0]
    if heading := first_title(markdown):
        return heading
    if page is not None and page.is_homepage:
        return "Home"
    name = re.sub(r"[-_]", " ", file.name)
    return name.capitalize() if name.lower() == name else name


def _text(file: File) -> str:
    """The page's file; nothing where it was deleted while images were rendered."""
    try:
        return file.content_string
    except FileNotFoundError:
        return ""
