"""What the pages of a build ask for: front matter and templates in, bound workflows out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import AmbiguousTemplateError, BindingError, HeroError, TemplateError
from mkdocs_comfy.pages.front_matter import KeyLines
from mkdocs_comfy.pages.spec import derived_seed, read_spec
from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.key import stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mkdocs_comfy.pages.spec import HeroSpec, Place
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.binding import BoundWorkflow
    from mkdocs_comfy.workflows.key import CacheKey
    from mkdocs_comfy.workflows.library import Library


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSource:
    """One page, as a door sees it before anything is rendered.

    Attributes:
        path: Path relative to docs_dir, with ``/``.
        meta: Its front matter, inheritance included.
        title: Gives its title; called only where a prompt wants it.
        source: Gives its file as text; called only where an error needs a line.
    """

    path: str
    meta: Mapping[str, object]
    title: Callable[[], str]
    source: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHero:
    """One page's hero, before we know whether its image is at hand.

    Attributes:
        spec: What the page asks for.
        bound: The workflow that renders it.
        key: Key of the image; of a stand-in where the embedded server is to render it.
        place: Where on the page it goes.
    """

    spec: HeroSpec
    bound: BoundWorkflow
    key: CacheKey
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build is to show.

    Attributes:
        heroes: Page path → its hero, in the order of the pages.
        errors: Everything that keeps the build from being right, in the order of the pages.
        findings: What has no effect, worded for the author: text → pages that it concerns.
    """

    heroes: Mapping[str, PlannedHero]
    errors: Sequence[HeroError]
    findings: Mapping[str, Sequence[str]]


def plan_pages(pages: Iterable[PageSource], *, library: Library, settings: Settings) -> Plan:
    """Read every page's front matter and bind it to its template. Nothing is looked up yet.

    Errors are collected, not raised: an author sees all of them at once. One broken template is
    one error, however many pages use it.
    """
    heroes: dict[str, PlannedHero] = {}
    errors: dict[str, HeroError] = {}
    findings: dict[str, list[str]] = {}
    for page in pages:
        reading = read_spec(
            page.meta,
            page=page.path,
            title=page.title,
            source=page.source,
            max_pixels=settings.max_pixels,
        )
        for error in reading.errors:
            errors.setdefault(str(error), error)
        if reading.spec is None or reading.errors:
            continue
        try:
            hero = plan_hero(reading.spec, library=library, settings=settings)
        except TemplateError as error:
            placed = _on_page(error, page)
            errors.setdefault(str(placed), placed)
        else:
            heroes[page.path] = hero
            for finding in hero.bound.findings:
                findings.setdefault(finding, []).append(page.path)
    return Plan(heroes=heroes, errors=tuple(errors.values()), findings=findings)


def plan_hero(spec: HeroSpec, *, library: Library, settings: Settings) -> PlannedHero:
    """Bind one page's wishes to its template (DESIGN: page, configuration, template, graph).

    Raises:
        TemplateError: The template is not there, not usable, or has no place for a value.
    """
    template = library.template(spec.template or settings.template)
    bound = bind(
        template,
        Inputs(
            prompt=spec.prompt,
            seed=spec.seed if spec.seed is not None else derived_seed(spec.prompt),
            negative=spec.negative,
            negative_required=spec.negative is not None,
            size=spec.size or settings.size,
            params=spec.params,
        ),
    )
    return PlannedHero(
        spec=spec,
        bound=bound,
        key=stand_in(bound.key) if settings.embedded else bound.key,
        place=spec.place or settings.place,
    )


def _on_page(error: TemplateError, page: PageSource) -> HeroError:
    """The same error, with the page and line that ask for what cannot be had, if any does."""
    match error:
        case BindingError(parameter=asked):
            found = _asking(error, page, asked)
        case AmbiguousTemplateError(role=asked) if asked not in {"prompt", "output"}:
            found = _asking(error, page, asked)
        case _:
            found = None
    return found or _placed(error, page, "hero_template") or error


def _asking(error: TemplateError, page: PageSource, asked: str) -> HeroError | None:
    key = _FRONT_MATTER_KEYS.get(asked)
    return _placed(error, page, key) if key else _placed(error, page, "hero_params", asked)


def _placed(
    error: TemplateError, page: PageSource, key: str, name: str | None = None
) -> HeroError | None:
    """The error at the line of a key, or of an entry of the mapping that is its value."""
    value = page.meta.get(key)
    if value is None or (name is not None and not (isinstance(value, Mapping) and name in value)):
        return None
    line = KeyLines(page.source()).line(key, name) or 1
    return HeroError(f"{page.path}:{line}: {key}: {error.what}", way_out=error.way_out)


_FRONT_MATTER_KEYS = {
    "prompt": "hero_prompt",
    "negative": "hero_negative",
    "seed": "hero_seed",
    "size": "hero_size",
    "width": "hero_size",
    "height": "hero_size",
}
