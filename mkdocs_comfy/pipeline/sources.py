"""Source images: files of the site that templates start from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import BadImageError, BindingError
from mkdocs_comfy.images.containers import sniff
from mkdocs_comfy.workflows.binding import image_literal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """An image of the site that a workflow starts from.

    Attributes:
        literal: What stands for it in the bound workflow, by its bytes.
        path: The file.
    """

    literal: str
    path: Path


def source_image(
    reference: str, *, page: str, docs_dir: Path | None, template: str, max_bytes: int
) -> SourceImage:
    """Return the image that a page names.

    Args:
        reference: Path relative to the page or, with ``/`` in front, to docs_dir.
        page: Path of the page relative to docs_dir, with ``/``.
        docs_dir: The site's docs_dir; ``None`` where pages have no files.
        template: Name of the template that takes it, for errors.
        max_bytes: Bytes that it may have.

    Raises:
        BindingError: There is no such file within docs_dir, links followed, or it is no PNG,
            JPEG or WebP.
    """

    def refused(problem: str, way_out: str = "") -> BindingError:
        return BindingError(
            template=template,
            parameter="image",
            problem=f"its source image {reference!r} {problem}",
            way_out=way_out,
        )

    if docs_dir is None:
        raise refused("cannot be found: this page has no folder")
    top = docs_dir.resolve()
    folder = top if reference.startswith("/") else (top / page).parent
    try:
        path = (folder / reference.lstrip("/")).resolve()
        if not path.is_relative_to(top):
            raise refused("is not in docs_dir", "move it there, links do not lead out either")
        if path.stat().st_size > max_bytes:
            raise refused(f"has more than {max_bytes:,} bytes", "raise max_bytes: in mkdocs.yml")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        looked = "docs_dir" if reference.startswith("/") else "the page's folder"
        raise refused(f"cannot be read: {reason}", f"it is looked for in {looked}") from error
    try:
        kind = sniff(data)
    except BadImageError as error:
        raise refused(f"cannot be used: {error.what}") from error
    if kind == "avif":
        raise refused("is an AVIF, which not every ComfyUI reads", "save it as PNG, JPEG or WebP")
    return SourceImage(literal=image_literal(hashlib.sha256(data).hexdigest()), path=path)
