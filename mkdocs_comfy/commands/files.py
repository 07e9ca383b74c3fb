"""Workflow files as people have them: what is read from one, whatever form it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from mkdocs_comfy.errors import BadImageError, NotAWorkflowError, TemplateError, UiFormatError
from mkdocs_comfy.images.embedded import embedded_texts
from mkdocs_comfy.workflows.reading import EXPORT, read_wrapped
from mkdocs_comfy.workflows.template import template_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mkdocs_comfy.workflows.graph import Graph
    from mkdocs_comfy.workflows.template import WorkflowTemplate

    Converter: TypeAlias = Callable[[str], str]

Format: TypeAlias = Literal["api", "wrapper", "image", "ui"]
"""What a file was: a graph; a request or an answer around one; an image; the editor's drawing."""

MAX_BYTES = 64 * 1024 * 1024
"""Of a file that is read."""

_IMAGES = (b"\x89PNG\r\n\x1a\n", b"RIFF", b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFile:
    """A workflow that was read from a file.

    Attributes:
        name: What a template of it is called by default: the file's name without its ending.
        file: The file as its owner knows it.
        format: What it was.
        graph: The workflow, as it can run.
        toml: Content of the ``.toml`` beside it, or ``None``.
    """

    name: str
    file: str
    format: Format
    graph: Graph
    toml: str | None = None

    def template(self) -> WorkflowTemplate:
        """Return it as a template.

        Raises:
            TemplateError: It cannot be one, see :func:`template_of`.
        """
        return template_of(self.name, self.graph, toml=self.toml, file=self.file)


def read_workflow(path: Path, *, convert: Converter | None = None) -> WorkflowFile:
    """Return the workflow in a file.

    Args:
        path: A workflow in API format, also inside a request or an answer; an image that ComfyUI
            saved; or the editor's own format.
        convert: Turns the editor's format into API format; without it, it is refused.

    Raises:
        TemplateError: The file cannot be read, or holds no workflow that could run.
    """
    name, file = path.stem, str(path)
    data = _bytes(path, name)
    texts = _texts_of_image(data, name, file)
    text = _decoded(data, name, file) if texts is None else texts.get("prompt", "")
    was: Format = "api" if texts is None else "image"
    if texts is not None and not text:
        text = texts.get("workflow", "")
    try:
        graph, wrapped = read_wrapped(name, text, file=file)
    except UiFormatError:
        if convert is None:
            raise
        was, wrapped = "ui", False
        graph, _ = read_wrapped(name, convert(text), file=file)
    toml = path.with_suffix(".toml")
    return WorkflowFile(
        name=name,
        file=file,
        format="wrapper" if wrapped and was == "api" else was,
        graph=graph,
        toml=_decoded(_bytes(toml, name), name, str(toml)) if toml.is_file() else None,
    )


def _bytes(path: Path, name: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise NotAWorkflowError(
                template=name, problem=f"{path} has {size:,} bytes; at most {MAX_BYTES:,} are read"
            )
        return path.read_bytes()
    except OSError as error:
        raise TemplateError(
            template=name, problem=f"{path} cannot be read: {error.strerror or error}"
        ) from error


def _texts_of_image(data: bytes, name: str, file: str) -> dict[str, str] | None:
    """Return what ComfyUI wrote into an image; ``None`` where the file is none."""
    if not data.startswith(_IMAGES) and data[4:8] != b"ftyp":
        return None
    try:
        texts = embedded_texts(data)
    except BadImageError as error:
        raise NotAWorkflowError(
            template=name, problem=f"{file}: {error.what}", way_out=_WAY_OUT
        ) from error
    if not texts.get("prompt") and not texts.get("workflow"):
        raise NotAWorkflowError(
            template=name,
            problem=f"{file} is an image without a workflow in it",
            way_out="take the file that ComfyUI saved itself: editors and web sites throw the "
            f"workflow away, and so does --disable-metadata\nor {_WAY_OUT}",
        )
    return texts


def _decoded(data: bytes, name: str, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAWorkflowError(
            template=name,
            problem=f"{file} is not UTF-8 text (byte {error.start})",
            way_out=_WAY_OUT,
        ) from error


_WAY_OUT = f"in ComfyUI {EXPORT}, and take that file"
