"""``mkdocs-comfy doctor``: whether servers and shared cache do what the site asks of them."""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.builtin import folder_templates
from mkdocs_comfy.comfyui.jobs import RenderJob
from mkdocs_comfy.commands.options import config_option, json_option
from mkdocs_comfy.commands.output import FINDINGS, FINE, fault_of, tell
from mkdocs_comfy.commands.site import library_of, load_site
from mkdocs_comfy.errors import BadImageError, HeroError, TemplateError
from mkdocs_comfy.pipeline.connection import connected
from mkdocs_comfy.workflows.binding import BoundWorkflow, Inputs, bind, image_literal
from mkdocs_comfy.workflows.key import workflow_key
from mkdocs_comfy.workflows.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mkdocs_comfy.comfyui.examination import ServerReport
    from mkdocs_comfy.comfyui.server import ServerConfig
    from mkdocs_comfy.settings import Settings

SIDE = 64
"""Pixels of each side of the image that is made to see that one comes back."""

_TEST = "round trip"


@click.command()
@click.argument("templates", nargs=-1)
@config_option
@json_option
def doctor(*, templates: tuple[str, ...], config_file: Path | None, as_json: bool) -> int:
    """Ask the site's servers whether they can render its heroes, and try its shared cache.

    TEMPLATES are names of templates to check; by default the site's own and the one that
    `template:` names. One small image is made on each server.
    """
    settings = load_site(config_file).settings
    bound, broken = _bound(library_of(settings), templates or _names(settings))
    graphs = {name: each.graph for name, each in bound.items()}
    from mkdocs_comfy.comfyui.examination import examine  # noqa: PLC0415  # heavy

    with connected(settings.servers) as servers:
        reports = [
            _document(report, _round_trip(server, settings) if report.error is None else None)
            for server, report in zip(servers, examine(servers, graphs), strict=True)
        ]
    shared = _shared(settings)
    document = {
        "servers": reports,
        "shared_cache": shared,
        "templates": [
            {"name": name, "error": fault_of(broken[name]) if name in broken else None}
            for name in sorted({*graphs, *broken})
        ],
    }
    tell(document, _lines(document), as_json=as_json)
    fit = all(each["fit"] for each in reports) and not (shared and shared["error"])
    return FINE if fit and not broken else FINDINGS


def _names(settings: Settings) -> tuple[str, ...]:
    own = Library([folder_templates(settings.templates_dir)]).names()
    styled = {style.template for style in settings.styles.values() if style.template}
    return tuple(sorted({settings.template, *own, *styled}))


def _bound(
    library: Library, names: Iterable[str]
) -> tuple[dict[str, BoundWorkflow], dict[str, TemplateError]]:
    """Return each template as it runs for a page that sets nothing, or why it cannot."""
    bound: dict[str, BoundWorkflow] = {}
    broken: dict[str, TemplateError] = {}
    for name in names:
        try:
            template = library.template(name)
            image = image_literal("0" * 64) if template.image else None
            bound[name] = bind(template, Inputs(prompt=_TEST, seed=1, image=image))
        except TemplateError as error:
            broken[name] = error
    return bound, broken


def _round_trip(server: ServerConfig, settings: Settings) -> dict[str, Any]:
    """Have one small image made, fetched and decoded."""
    from mkdocs_comfy.comfyui.jobs import Failed, Limits, Rendered  # noqa: PLC0415
    from mkdocs_comfy.comfyui.renderer import Renderer  # noqa: PLC0415  # heavy
    from mkdocs_comfy.images.inspect import inspect_image  # noqa: PLC0415  # heavy

    limits = Limits(timeout=settings.timeout, retries=0, patience=0, max_time=settings.timeout)
    started = time.monotonic()
    fault: HeroError | None = None
    size: tuple[int, int] | None = None
    with closing(Renderer(server, limits=limits).render([_small_job()])) as events:
        for event in events:
            match event:
                case Rendered(data=data):
                    try:
                        info = inspect_image(data, max_pixels=settings.max_pixels)
                        size = info.width, info.height
                    except BadImageError as error:
                        fault = error
                case Failed(error=error):
                    fault = error
    return {
        "seconds": round(time.monotonic() - started, 3),
        "size": "{}x{}".format(*size) if size else None,
        "error": None if fault is None else fault_of(fault),
    }


def _small_job() -> RenderJob:
    blank = {"width": SIDE, "height": SIDE, "batch_size": 1, "color": secrets.randbelow(2**24)}
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": blank},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "", "images": ["1", 0]}},
    }
    return RenderJob(
        key=workflow_key(graph, "2"), graph=graph, output="2", template=_TEST, page=_TEST
    )


def _shared(settings: Settings) -> dict[str, Any] | None:
    """Read and write the shared cache."""
    from mkdocs_comfy.pipeline.trial import try_shared_cache  # noqa: PLC0415  # seldom wanted

    trial = try_shared_cache(settings)
    if trial is None:
        return None
    return {
        "url": trial.url,
        "readable": trial.readable,
        "writable": trial.writable,
        "seconds": trial.seconds,
        "error": None if trial.error is None else fault_of(trial.error),
        "refusal": None if trial.refusal is None else trial.refusal.problem,
    }


def _shared_lines(shared: Mapping[str, Any]) -> Iterator[str]:
    if shared["error"]:
        yield from _told(shared["error"])
        return
    done = "read and written" if shared["writable"] else "read, and not to be written"
    if shared["refusal"]:
        done = f"read; not written: {shared['refusal']}"
    yield f"shared cache {shared['url']}: {done} ({shared['seconds']:.1f} s)"


def _document(report: ServerReport, image: dict[str, Any] | None) -> dict[str, Any]:
    faults = [
        fault_of(error) | {"template": name}
        for name, each in report.faults.items()
        for error in each
    ]
    return {
        "url": report.server,
        "about": report.about,
        "error": None if report.error is None else fault_of(report.error),
        "tells_nodes": report.tells,
        "faults": faults,
        "image": image,
        "fit": not faults and image is not None and image["error"] is None,
    }


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    names = [each["name"] for each in document["templates"] if each["error"] is None]
    for server in document["servers"]:
        if server["error"]:
            yield from _told(server["error"])
            continue
        yield f"{server['about']} at {server['url']}"
        image = server["image"]
        if image["error"]:
            yield from _told(image["error"], "  a small image: ")
        else:
            yield f"  a small image: {image['size']}, there and back in {image['seconds']:.1f} s"
        if not server["tells_nodes"]:
            yield "  it does not tell which nodes and models it has: only rendering will"
        for fault in server["faults"]:
            yield from _told(fault, "  ")
        fine = [
            name for name in names if name not in {each["template"] for each in server["faults"]}
        ]
        if server["tells_nodes"] and fine:
            yield f"  has all that these templates need: {', '.join(fine)}"
    if document["shared_cache"]:
        yield from _shared_lines(document["shared_cache"])
    for broken in document["templates"]:
        if broken["error"]:
            yield from _told(broken["error"])


def _told(fault: Mapping[str, Any], where: str = "") -> Iterator[str]:
    yield f"{where}error: {fault['message']}"
    for line in fault.get("way_out", "").splitlines():
        yield f"    {line}"
