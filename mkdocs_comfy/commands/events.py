"""MkDocs' events up to ``on_nav``, run as a build runs them, and no further.

Everything here is the work of others: plugins, hooks, and the programs that they start. What
they print goes to stderr, what they log from warnings on is shown, what they raise becomes one
error, and where they would write the site is a folder that is thrown away.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from contextlib import ExitStack, contextmanager, redirect_stdout
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import click
from mkdocs.exceptions import MkDocsException
from mkdocs.structure.files import get_files, set_exclusions
from mkdocs.structure.nav import get_navigation

from mkdocs_comfy.errors import HeroError, HookError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from mkdocs.config.defaults import MkDocsConfig

LOGGERS = ("mkdocs", "properdocs")
"""Above the loggers of MkDocs and its plugins; ProperDocs has one of its own."""

_PROJECTS = ("material/projects", "materialx/projects")


@contextmanager
def site_events(config: MkDocsConfig) -> Iterator[None]:
    """Run the events of a build up to ``on_nav``, for each language of static-i18n.

    Within the block the site is as our own ``on_nav`` found it; behind it the plugins are told
    that the process ends.

    Args:
        config: Freshly loaded; its ``site_dir`` is replaced.

    Raises:
        HookError: A plugin or a hook fails.
    """
    plugins = config.plugins
    with ExitStack() as stack:
        config.site_dir = stack.enter_context(TemporaryDirectory(prefix="mkdocs-comfy-"))
        with foreign():
            for name in _PROJECTS:  # these are sites of their own, built in other processes
                if (projects := plugins.get(name)) is not None:
                    projects.config["projects"] = False
            plugins.on_startup(command="build", dirty=False)
        stack.callback(_shut_down, config)
        with foreign():
            _run_to_nav(config)
            for _ in _other_languages(plugins.get("i18n")):
                _run_to_nav(config)
        yield


@contextmanager
def foreign(messages: Messages | None = None) -> Iterator[None]:
    """Run the code of others: plugins, hooks, and the programs that they start.

    Args:
        messages: Takes what is logged meanwhile; by default it is shown.

    Raises:
        HookError: It fails.
    """
    with _stdout_on_stderr(), messages or Messages(), _Failures():
        yield


class Messages(logging.Handler):
    """Shows warnings and errors of MkDocs and its plugins on stderr; may keep errors instead.

    Args:
        keep_errors: True where the exception that follows does not repeat them.

    Attributes:
        kept: Texts of the errors that were kept.
    """

    def __init__(self, *, keep_errors: bool = False) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []
        self._keep_errors = keep_errors

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message."""
        if record.levelno >= logging.ERROR and self._keep_errors:
            self.kept.append(record.getMessage())
        else:
            click.echo(f"{record.levelname.lower()}: {record.getMessage()}", err=True)

    def __enter__(self) -> Self:
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self)


def _run_to_nav(config: MkDocsConfig) -> None:
    """Do what ``mkdocs.commands.build.build`` does first."""
    plugins = config.plugins
    config = plugins.on_config(config)
    plugins.on_pre_build(config=config)
    files = get_files(config)
    files.add_files_from_theme(config.theme.get_env(), config)
    files = plugins.on_files(files, config=config)
    set_exclusions(files, config)
    plugins.on_nav(get_navigation(files, config), config=config, files=files)


def _other_languages(i18n: Any) -> Iterator[None]:
    """Set static-i18n to each further language, as its ``on_post_build`` does."""
    languages = getattr(i18n, "build_languages", ())
    first = getattr(i18n, "current_language", None)
    for language in languages:
        if language != first:
            i18n.current_language = language
            yield


def _shut_down(config: MkDocsConfig) -> None:
    with foreign():
        config.plugins.on_shutdown()


class _Failures:
    """Makes one error of whatever plugins and hooks raise, since they may raise anything."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, HeroError) or not isinstance(error, Exception | SystemExit):
            return
        if isinstance(error, MkDocsException):  # worded for the author of a site
            what, _, more = str(error).partition("\n")
            raise HookError(what, way_out=more) from error
        place = traceback.extract_tb(trace)[-1]
        raise HookError(
            f"a plugin or hook failed: {type(error).__name__}: {error}"
            f" ({place.filename}:{place.lineno})",
            way_out="`mkdocs build` fails too, and shows how it came to this",
        ) from error


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    """Keep stdout for our own answer, from programs that plugins start too."""
    stdout = sys.stdout
    stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
        stdout.flush()  # somebody may have kept the stream
    finally:
        os.dup2(kept, 1)
        os.close(kept)
