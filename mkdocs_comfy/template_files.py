"""Where the files of workflow templates are: in the site's folder, and among our own files.

``workflows`` opens no files; this hands it callables that do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import NotAWorkflowError, TemplateError
from mkdocs_comfy.workflows.library import Library, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILT_IN = "built-in templates"


def template_library(directory: Path, place: str) -> Library:
    """Return the templates in ``directory`` and, behind them, the built-in ones.

    Args:
        directory: The site's own folder; it need not exist.
        place: The folder as the configuration has it, for messages.
    """
    return Library([site_templates(directory, place), built_in_templates()])


def site_templates(directory: Path, place: str) -> Source:
    """Return the templates in ``directory``, see :func:`template_library`."""
    return Source(
        place=place,
        read=lambda file: _read(directory / file, f"{place}/{file}"),
        files=lambda: _files(directory),
    )


def built_in_templates() -> Source:
    """Return the templates that ship with us.

    They are in ``mkdocs_comfy/templates`` where a wheel is installed, and in ``templates`` beside
    the package in a checkout and an editable install.
    """
    package = Path(__file__).parent
    installed = package / "templates"
    return site_templates(
        installed if installed.is_dir() else package.parent / "templates", BUILT_IN
    )


def _read(path: Path, file: str) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise NotAWorkflowError(
            template=path.stem,
            problem=f"{file} is not UTF-8 text (byte {error.start})",
            way_out="a template is a text file, exported from ComfyUI: Workflow → Export (API)",
        ) from error
    except OSError as error:
        raise TemplateError(
            template=path.stem, problem=f"{file} cannot be read: {error.strerror or error}"
        ) from error


def _files(directory: Path) -> Iterator[str]:
    try:
        yield from sorted(entry.name for entry in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise TemplateError(
            template="*", problem=f"{directory.name} cannot be listed: {error.strerror or error}"
        ) from error
