"""The site that a command is about: its mkdocs.yml, loaded as the build loads it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mkdocs.config import load_config
from mkdocs.exceptions import MkDocsException

from mkdocs_comfy.builtin import builtin_templates, folder_templates
from mkdocs_comfy.commands.events import Messages, foreign
from mkdocs_comfy.config import ComfyConfig
from mkdocs_comfy.errors import ConfigurationError
from mkdocs_comfy.workflows.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig

    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.site import PageReader

CONFIG_FILES = ("mkdocs.yml", "mkdocs.yaml", "properdocs.yml", "properdocs.yaml")
"""Where a configuration is looked for, in the working directory, if none is named."""


@runtime_checkable
class PageGiver(Protocol):
    """What our MkDocs plugin is to a command.

    Attributes:
        config: Its options.
    """

    config: ComfyConfig

    def give_pages_to(self, take: Callable[[PageReader], None] | None) -> None:
        """Have ``take`` given a build's pages, in the place of rendering their heroes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site and how it is configured.

    Attributes:
        file: Its mkdocs.yml.
        config: MkDocs' view of it; plugins are loaded, no event has run.
        plugin: Our plugin in it.
        comfy: Our options.
        settings: The pipeline's view of them.
        site_dir: Where a build puts the site.
    """

    file: Path
    config: MkDocsConfig
    plugin: PageGiver
    comfy: ComfyConfig
    settings: Settings
    site_dir: Path


def load_site(config_file: Path | None) -> Site:
    """Load a site's configuration: ``!ENV``, ``!!python/name`` and ``INHERIT`` work as in a build.

    Args:
        config_file: Its mkdocs.yml; ``None`` for the one in the working directory.

    Raises:
        ConfigurationError: There is none, it cannot be used, or it does not name the plugin.
    """
    file = config_file or find_config()
    if file is None:
        raise ConfigurationError(
            key="mkdocs.yml",
            problem=f"there is none in {Path.cwd()}",
            way_out="go to the site's folder, or name the file: -f path/to/mkdocs.yml",
        )
    config = _load(file)
    plugin = config.plugins.get("comfy")
    if not isinstance(plugin, PageGiver):
        raise ConfigurationError(
            key="plugins",
            problem=f"{file} does not name the plugin comfy",
            way_out="add `- comfy` below `plugins:`",
        )
    comfy = plugin.config
    return Site(
        file=file,
        config=config,
        plugin=plugin,
        comfy=comfy,
        settings=comfy.settings(os.environ),
        site_dir=Path(config.site_dir),
    )


def find_config() -> Path | None:
    """Return the configuration in the working directory, or ``None``."""
    return next((Path(name) for name in CONFIG_FILES if Path(name).is_file()), None)


def find_settings(config_file: Path | None) -> Settings:
    """Return the settings of a site, or the defaults where there is no configuration.

    Raises:
        ConfigurationError: The configuration cannot be used, see :func:`load_site`.
    """
    if config_file is not None or find_config() is not None:
        return load_site(config_file).settings
    comfy = ComfyConfig()
    comfy.load_dict({})
    comfy.validate()
    return comfy.settings(os.environ)


def site_folder(config_file: Path | None) -> Path:
    """Return the folder of the site's own templates, as its author would write it.

    Raises:
        ConfigurationError: The configuration cannot be used, see :func:`load_site`.
    """
    folder = find_settings(config_file).templates_dir
    return Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder


def library_of(settings: Settings) -> Library:
    """Return the templates that a site's pages can name: its own, then the built-in ones."""
    return Library([folder_templates(settings.templates_dir), builtin_templates()])


def _load(file: Path) -> MkDocsConfig:
    messages = Messages(keep_errors=True)
    with foreign(messages):
        try:
            return load_config(str(file), strict=False)
        except MkDocsException as error:
            problem = "; ".join(messages.kept) or str(error)
            raise ConfigurationError(key=str(file), problem=problem) from error
        except OSError as error:
            problem = f"it cannot be read: {error.strerror or error}"
            raise ConfigurationError(key=str(file), problem=problem) from error
