"""What the pages of a build ask for: front matter and templates in, bound workflows out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import HeroError, StyleNotFoundError, TemplateError
from mkdocs_comfy.pages.front_matter import KeyLines
from mkdocs_comfy.pages.spec import derived_seed, read_spec
from mkdocs_comfy.pages.styles import chosen, joined
from mkdocs_comfy.pipeline.blame import placed
from mkdocs_comfy.pipeline.sources import source_image
from mkdocs_comfy.text import choice_in
from mkdocs_comfy.workflows.binding import BoundWorkflow, Inputs, bind
from mkdocs_comfy.workflows.key import CacheKey, stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from mkdocs_comfy.pages.spec import HeroSpec, Place
    from mkdocs_comfy.pipeline.sources import SourceImage
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.library import Library


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSource:
    """One page, as a door sees it before anything is rendered.

    Attributes:
        path: Path relative to docs_dir, with ``/``.
        meta: Its front matter, inheritance included.
        title: Gives its title; called only where a prompt wants it.
        source: Gives its file as text; called only where an error needs a line.
        docs_dir: Where the files are that it may name; ``None`` for nowhere.
    """

    path: str
    meta: Mapping[str, object]
    title: Callable[[], str]
    source: Callable[[], str]
    docs_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHero:
    """One page's hero, before we know whether its image is at hand.

    Attributes:
        spec: What the page asks for.
        bound: The workflow that renders it.
        style: Names of the styles that went into it, in their order.
        key: Key of the image that the page shows: the pinned one, else that of ``bound``; of a
            stand-in where the embedded server is to render it.
        place: Where on the page it goes.
        renderable: False where the pinned image is not the one that rendering would give.
        page_text: Gives the page's file as text.
        source: The image that the workflow starts from, or ``None``.
    """

    spec: HeroSpec
    bound: BoundWorkflow
    style: tuple[str, ...]
    key: CacheKey
    place: Place
    renderable: bool
    page_text: Callable[[], str]
    source: SourceImage | None = None

    @property
    def pinned(self) -> bool:
        """True where the page names the image itself."""
        return self.spec.pin is not None

    @property
    def real_key(self) -> CacheKey:
        """The key, but never a stand-in's: what is looked for among the frozen images."""
        return CacheKey(self.spec.pin) if self.spec.pin else self.bound.key

    def line(self, key: str = "hero_prompt") -> int:
        """Line of a front-matter key in the page's file, counted from 1; 1 where it is inherited.

        Reads the page: for findings only.
        """
        return KeyLines(self.page_text()).line(key) or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build is to show.

    Attributes:
        heroes: Page path → its hero, in the order of the pages.
        errors: Everything that keeps the build from being right, in the order of the pages.
        findings: What has no effect, worded for the author: text → pages that it concerns.
        notes: What is likely not meant, worded and told likewise, but no fault.
    """

    heroes: Mapping[str, PlannedHero]
    errors: Sequence[HeroError]
    findings: Mapping[str, Sequence[str]]
    notes: Mapping[str, Sequence[str]]


def plan_pages(pages: Iterable[PageSource], *, library: Library, settings: Settings) -> Plan:
    """Read every page's front matter and bind it to its template. Nothing is looked up yet.

    Errors are collected, not raised: an author sees all of them at once. One broken template is
    one error, however many pages use it.
    """
    heroes: dict[str, PlannedHero] = {}
    errors: dict[str, HeroError] = {}
    findings: dict[str, list[str]] = {}
    notes: dict[str, list[str]] = {}
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
            hero = plan_hero(
                reading.spec,
                library=library,
                settings=settings,
                docs_dir=page.docs_dir,
                page_text=page.source,
            )
        except (StyleNotFoundError, TemplateError) as error:
            blamed = placed(
                error,
                page=page,
                spec=reading.spec,
                names=_styles_of(reading.spec, settings),
                styles=settings.styles,
            )
            cause = error if isinstance(error, StyleNotFoundError) else blamed
            errors.setdefault(str(cause), blamed)
        else:
            heroes[page.path] = hero
            for finding in hero.bound.findings:
                findings.setdefault(finding, []).append(page.path)
            if choice_in(hero.bound.prompt) or choice_in(hero.bound.negative or ""):
                notes.setdefault(_CHOICE, []).append(page.path)
    return Plan(heroes=heroes, errors=tuple(errors.values()), findings=findings, notes=notes)


def plan_hero(
    spec: HeroSpec,
    *,
    library: Library,
    settings: Settings,
    docs_dir: Path | None = None,
    page_text: Callable[[], str] = str,
) -> PlannedHero:
    """Bind one page's wishes to its template, and see which image it shows.

    The page comes before its styles, a later style before an earlier one, these before the
    configuration, then the template. The derived seed is that of the page's own prompt. A pinned
    image stays whatever becomes of styles and template: then ``bound`` has no nodes.

    Args:
        spec: What the page asks for.
        library: The templates that there are.
        settings: The configuration.
        docs_dir: Where the source image of the page is; ``None`` for nowhere.
        page_text: Gives the page's file as text.

    Raises:
        StyleNotFoundError: The page names a style that there is not.
        TemplateError: The template is not there, not usable, or has no place for a value.
    """
    try:
        bound, source = _bound(spec, library, settings, docs_dir)
    except (StyleNotFoundError, TemplateError):
        if spec.pin is None:
            raise
        bound, source = _unbound(spec, settings), None
    key = stand_in(bound.key) if settings.embedded else bound.key
    return PlannedHero(
        spec=spec,
        bound=bound,
        style=_styles_of(spec, settings),
        key=CacheKey(spec.pin) if spec.pin else key,
        place=spec.place or settings.place,
        renderable=spec.pin is None or (spec.pin == key and bool(bound.graph)),
        page_text=page_text,
        source=source,
    )


def _bound(
    spec: HeroSpec, library: Library, settings: Settings, docs_dir: Path | None
) -> tuple[BoundWorkflow, SourceImage | None]:
    look = chosen(_styles_of(spec, settings), settings.styles)
    seed = look.seed if spec.seed is None else spec.seed
    template = library.template(spec.template or look.template or settings.template)
    source = None
    if spec.image_from is not None and template.image is not None:
        source = source_image(
            spec.image_from,
            page=spec.page,
            docs_dir=docs_dir,
            template=template.name,
            max_bytes=settings.max_bytes,
        )
    inputs = Inputs(
        prompt=joined(look.prefix, spec.prompt, look.suffix),
        seed=derived_seed(spec.prompt) if seed is None else seed,
        negative=look.negative if spec.negative is None else spec.negative,
        negative_required=spec.negative is not None,
        size=spec.size or look.size or settings.size,
        image=source.literal if source else spec.image_from,
        params={**look.params, **spec.params},
    )
    return bind(template, inputs), source


def _unbound(spec: HeroSpec, settings: Settings) -> BoundWorkflow:
    """What stands for a workflow where only the pinned image is left of it."""
    return BoundWorkflow(
        template=spec.template or settings.template,
        graph={},
        key=CacheKey(spec.pin or ""),
        output="",
        size=None,
        prompt=spec.prompt,
        seed=derived_seed(spec.prompt) if spec.seed is None else spec.seed,
        negative=spec.negative,
        findings=(),
    )


def _styles_of(spec: HeroSpec, settings: Settings) -> tuple[str, ...]:
    return settings.style if spec.styles is None else spec.styles


_CHOICE = (
    "{one|another} in a prompt is given to the model as it stands: only ComfyUI's canvas picks one"
)
