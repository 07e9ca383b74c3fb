"""Ways out that only the whole knows: which other template would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.errors import HeroError, MissingModelError, TemplateError
from mkdocs_comfy.settings import Mode

if TYPE_CHECKING:
    from mkdocs_comfy.errors import RenderError
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.library import Library


MAIN_MODELS = frozenset({"ckpt_name", "unet_name"})
"""Inputs that name the model which a template is about; a VAE alone makes no template fit."""


def advised(error: RenderError, *, library: Library, folder: str) -> RenderError:
    """Add to a missing model the line of mkdocs.yml that mends it for the whole site.

    That is a template whose model the server does have, or else a workflow of the site's own.

    Args:
        error: Any failure of a render.
        library: The templates that there are.
        folder: Name of the folder for the site's own.
    """
    if not isinstance(error, MissingModelError) or error.node is None:
        return error
    fitting = _fitting(error, library)
    installed, *others = error.way_out.splitlines()
    if fitting is not None:
        lines = [installed, f"in mkdocs.yml, template: {fitting} uses one of them", *others]
    else:
        lines = [
            installed,
            *others,
            (
                f"or export a workflow of yours in API format to {folder}/NAME.json,"
                " and in mkdocs.yml: template: NAME"
            ),
        ]
    return MissingModelError(
        error.what,
        model=error.model,
        input=error.input,
        installed=error.installed,
        way_out="\n".join(lines),
        node=error.node,
    )


def why_nothing_is_rendered(settings: Settings) -> HeroError | None:
    """Say why a configuration renders nothing; ``None`` where it may."""
    if settings.mode is Mode.OFFLINE:
        return HeroError(
            "nothing is rendered (mode: offline)",
            way_out="where your ComfyUI is: mkdocs-comfy render && mkdocs-comfy freeze; then"
            " commit the images",
        )
    if settings.silenced_by_ci:
        return HeroError(
            "nothing is rendered (CI is set, and no `server:`)",
            way_out="where your ComfyUI is: mkdocs-comfy render && mkdocs-comfy freeze; then"
            " commit the images; or name a server that this build reaches",
        )
    return None


def _fitting(error: MissingModelError, library: Library) -> str | None:
    """Name of a template whose model, of the same kind, is installed."""
    if error.node is None or error.input not in MAIN_MODELS:
        return None
    for name in library.names():
        try:
            graph = library.template(name).live
        except TemplateError:
            continue
        models = {
            node["inputs"].get(error.input)
            for node in graph.values()
            if node["class_type"] == error.node.class_type
        }
        if models and models <= set(error.installed):
            return name
    return None
