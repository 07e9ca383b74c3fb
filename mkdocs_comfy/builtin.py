"""Where the files of workflow templates are: among our own files, and in the site's folder.

``workflows`` opens no files; this hands it callables that do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import NotAWorkflowError, TemplateError
from mkdocs_comfy.workflows.library import Source
from mkdocs_comfy.workflows.reading import EXPORT, MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator


MAX_BYTES = 4 * MAX_CHARACTERS
"""Of a template's file: what as many characters can take in UTF-8."""


def builtin_templates() -> Source:
    """Return the templates that ship with us.

    They are in ``mkdocs_comfy/templates`` where a wheel is installed, and in ``templates`` beside
    the package in a checkout and an editable install.
    """
    package = Path(__file__).parent
    installed = package / "templates"
    directory = installed if installed.is_dir() else package.parent / "templates"
    return folder_templates(directory, place="built-in templates")


def folder_templates(directory: Path, *, place: str = "") -> Source:
    """Return the templates in a folder, which need not exist.

    Args:
        directory: The folder.
        place: What to call it in messages; by default its name.
    """
    place = place or directory.name
    return Source(
        place=place,
        read=lambda file: _read(directory / file, f"{place}/{file}"),
        files=lambda: _files(directory, place),
    )


def _read(path: Path, file: str) -> str | None:
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise NotAWorkflowError(
                template=path.stem,
                problem=f"{file} has {size:,} bytes; at most {MAX_BYTES:,} are read",
            )
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise NotAWorkflowError(
            template=path.stem,
            problem=f"{file} is not UTF-8 text (byte {error.start})",
            way_out=f"a template is a workflow in API format: in ComfyUI {EXPORT}",
        ) from error
    except OSError as error:
        raise TemplateError(
            template=path.stem, problem=f"{file} cannot be read: {error.strerror or error}"
        ) from error


def _files(directory: Path, place: str) -> Iterator[str]:
    try:
        yield from sorted(entry.name for entry in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise TemplateError(
            template="*", problem=f"{place} cannot be listed: {error.strerror or error}"
        ) from error
